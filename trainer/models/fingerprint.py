"""What tells one base model from another: a digest of its configuration and weights, cheap enough for every start.

Up to 1 GiB every byte counts (2 s a GiB on a busy core). Of larger models the files' sizes and headers do, which hold
names, types and shapes of all tensors, and 4 KiB from the beginning, middle and end of each tensor: training or
quantising changes all of these, but a few numbers changed by hand in a large tensor can be missed. Which of both it was
stands in front of the digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

WHOLE_BYTES: Final = 1 << 30
"""Size of all weights up to which every byte counts."""
_BLOCK: Final = 4096
_CHUNK: Final = 1 << 22
_LENGTH: Final = 8
"""Bytes before a safetensors header: its length, little-endian."""


def fingerprint(folder: Path, *, whole_bytes: int = WHOLE_BYTES) -> str:
    """`all:` or `sampled:` and the SHA-256 of a model's `config.json` and safetensors.

    Args:
        folder: of the model.
        whole_bytes: size of all weights up to which every byte counts.
    """
    files = sorted(folder.glob("*.safetensors"))
    whole = sum(path.stat().st_size for path in files) <= whole_bytes
    digest = sha256((folder / "config.json").read_bytes())
    for path in files:
        digest.update(orjson.dumps([path.name, path.stat().st_size]))
        for block in _all(path) if whole else _sampled(path):
            digest.update(block)
    return f"{'all' if whole else 'sampled'}:{digest.hexdigest()}"


def _all(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as handle:
        while chunk := handle.read(_CHUNK):
            yield chunk


def _sampled(path: Path) -> Iterator[bytes]:
    with path.open("rb") as handle:
        length = int.from_bytes(handle.read(_LENGTH), "little")
        header = handle.read(length)
        yield header
        tensors: dict[str, Any] = orjson.loads(header)
        for name, tensor in sorted(tensors.items()):
            if name == "__metadata__":
                continue
            begin, end = tensor["data_offsets"]
            for place in (begin, (begin + end) // 2, max(begin, end - _BLOCK)):
                handle.seek(_LENGTH + length + place)
                yield handle.read(min(_BLOCK, end - place))
