"""Writing a model and its tokenizer so that whoever may read one file of the folder may read all."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write weights, or adapters, and tokenizer into a folder.

    safetensors gives its files to their owner alone, whatever the umask says; the tokenizer's are written plainly.
    """
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    mode = stat.S_IMODE((folder / "tokenizer_config.json").stat().st_mode)
    for path in folder.iterdir():
        path.chmod(mode)
