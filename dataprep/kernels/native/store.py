"""Where machine code is kept between processes.

Nothing tells old code from new if a *callee* in another file has changed, so the folder's name holds a digest of all
kernel sources, of the compilers' versions and settings and of the processor. The price is one compile of everything
(half a minute) after any kernel has changed, which only developers and upgrades see. Kernels that are defined elsewhere
are not kept.

It goes to the first of these that can be written, below a folder named by the digest: `$NUMBA_CACHE_DIR` if set, so
that a container can bring its code along; `$XDG_CACHE_HOME/dataprep/kernels` (else `~/.cache/...`); a folder of the
same user, closed to others, in the system's temporary directory. A folder that others may write would let them run code
as this user, and is not used; without any folder nothing is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from dataprep.kernels.native.crossing import Layout
from dataprep.kernels.native.errors import compiling

_OWN: Final = "NUMBA_CACHE_DIR"
_SOURCES: Final = Path(__file__).parents[1]
_SUFFIX: Final = ".code"
_CHECK_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class ObjectCode:
    """A kernel for one signature, as the compiler gives it, and what it gives."""

    code: bytes
    layout: Layout


def find(kernel: str, signature: str) -> ObjectCode | None:
    """What was kept of a kernel for a signature; None if there is nothing whole."""
    path = _path(kernel, signature)
    if path is None:
        return None
    try:
        kept = path.read_bytes()
    except OSError:
        return None
    check, content = kept[:_CHECK_BYTES], kept[_CHECK_BYTES:]
    if check != _check(content):
        return None
    head, _, code = content.partition(b"\n")
    return ObjectCode(code, json.loads(head))


def keep(kernel: str, signature: str, made: ObjectCode) -> None:
    """Keep it for the next process, if there is room; whoever reads meanwhile finds all of it or nothing."""
    path = _path(kernel, signature)
    if path is None:
        return
    content = json.dumps(made.layout).encode() + b"\n" + made.code
    with suppress(OSError), tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        unfinished = Path(file.name)
        try:
            file.write(_check(content) + content)
            file.close()
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def is_source(path: str) -> bool:
    """Whether a file is one of those that the folder's name stands for; of others, nobody would see a change."""
    return Path(path).is_relative_to(_SOURCES)


def first_compile_pending() -> bool:
    """Whether this machine has no compiled kernels of these sources yet, so that the first use takes half a minute.

    True until the first kernel has been compiled; a program announces the wait when it is.

    Raises:
        CompileError: there will be none, because the compiler cannot be loaded.
    """
    folder = cache_folder()
    return folder is None or not _has_code(folder)


@cache
def cache_folder() -> Path | None:
    """The folder of this version's machine code, made if absent; None if there is none to be trusted or made."""
    name = _digest()
    for parent, chosen_by_user in _candidates():
        try:
            _make(parent)
            folder = parent / name
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            continue
        if _is_trusted(folder) and (chosen_by_user or _is_trusted(parent)):
            return folder
    return None


def _make(folder: Path) -> None:
    """Make a folder and those above it that are absent, all of them closed to others."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _has_code(folder: Path) -> bool:
    return next(folder.glob(f"*{_SUFFIX}"), None) is not None


def _path(kernel: str, signature: str) -> Path | None:
    folder = cache_folder()
    digest = hashlib.blake2b(f"{kernel} {signature}".encode(), digest_size=10).hexdigest()
    return folder and folder / f"{kernel.rpartition('.')[2]}-{digest}{_SUFFIX}"


def _check(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECK_BYTES).digest()


def _candidates() -> Iterator[tuple[Path, bool]]:
    """Folders to try, in order, and whether the user named it (and so answers for who may write there)."""
    if chosen := os.environ.get(_OWN):
        yield Path(chosen).absolute(), True
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111 - that one raises
    if home.is_absolute():  # a user without a home directory gets "~/.cache" back
        yield home / "dataprep" / "kernels", False
    user = os.getuid() if hasattr(os, "getuid") else "user"
    yield Path(tempfile.gettempdir(), f"dataprep-kernels-{user}"), False


def _is_trusted(folder: Path) -> bool:
    """Whether nobody but this user and root can write there (on Windows a profile's folders are private), and it is of
    use: new code can be put there, or some was brought along.
    """
    if not os.access(folder, os.R_OK | os.X_OK) or not (os.access(folder, os.W_OK) or _has_code(folder)):
        return False
    if not hasattr(os, "getuid"):
        return True
    status = folder.lstat()
    open_to_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid in (os.getuid(), 0) and not open_to_others


def _digest() -> str:
    """Name of the folder: digest of all kernel sources, of the compilers and their settings, and of the processor."""
    with compiling():
        from llvmlite import binding  # type: ignore[import-untyped] # numba's own: the name that it compiles for

        parts = [f"{package} {version(package)}" for package in ("numba", "llvmlite", "numpy")]
        parts += [binding.get_process_triple(), binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()]
    parts += [platform.python_version(), str(binding.llvm_version_info)]
    parts += sorted(
        f"{name}={value}" for name, value in os.environ.items() if name.startswith("NUMBA_") and name != _OWN
    )
    digest = hashlib.blake2b(digest_size=10)
    for path in sorted(_SOURCES.rglob("*.py")):
        digest.update(path.relative_to(_SOURCES).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()
