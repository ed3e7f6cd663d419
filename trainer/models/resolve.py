"""Where a model lies on this machine. Nothing is downloaded unless that was asked for in words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted

_HUB_NAME: Final = re.compile(r"[\w.-]+/[\w.-]+|[\w.-]+")
_WEIGHTS: Final = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "*.jinja")
"""What is fetched: no pickles."""


def resolve(path: str, base: Path, *, revision: str | None = None, allow_download: bool = False) -> Path:
    """The folder of a model.

    Args:
        path: a folder, or a name on the Hub.
        base: what a relative folder is relative to.
        revision: of a name on the Hub.
        allow_download: whether a name that is not in the local cache may be fetched.

    Raises:
        InputError: there is no such folder, or the name is not in the cache and may not be fetched, or cannot be.
    """
    folder = base / path
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            hint = "name the folder that `save_pretrained` wrote: it has config.json and *.safetensors"
            raise InputError("holds no model: config.json is missing", file=str(folder), key="model.path", hint=hint)
        return folder
    if not _HUB_NAME.fullmatch(path) or path.startswith("."):
        hint = "name a folder (relative to the recipe), or a name on the Hub such as org/model"
        raise InputError(f"there is no folder {quoted(path)}", key="model.path", hint=hint)
    return _cached(path, revision) or _fetched(path, revision, allow_download)


def _cached(name: str, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        found = Path(snapshot_download(name, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError):
        return None
    return found if (found / "config.json").is_file() else None


def _unreachable(error: BaseException) -> bool:
    """Whether no answer came at all: what the library says then is that the name is not in the cache."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    cause = error.__cause__ or error.__context__
    return isinstance(error, LocalEntryNotFoundError) and cause is not None and not isinstance(cause, HfHubHTTPError)


def _fetched(name: str, revision: str | None, allow_download: bool) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    if not allow_download or constants.HF_HUB_OFFLINE:
        hint = (
            f"name a folder that holds it, or fetch it once into the local cache: the same command with "
            f"--allow-download, without HF_HUB_OFFLINE, or `hf download {name}`"
        )
        message = f"{quoted(name)} is no folder here, and not in the local cache"
        raise InputError(message, key="model.path", hint=hint)
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(_WEIGHTS)))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if _unreachable(error):
            reason = "huggingface.co cannot be reached"
            hint = (
                "check the network and its proxy; or fetch it where there is one, and name the folder in `model.path`"
            )
        else:
            hint = "check the name, the revision and your access to it"
        raise InputError(f"{quoted(name)} cannot be fetched: {reason}", key="model.path", hint=hint) from error
