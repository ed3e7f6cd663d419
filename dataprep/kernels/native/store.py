"""Where machine code is kept between processes.

Nothing tells old code from new if a *callee* in another file has changed, so the folder's name holds a digest of all
kernel sources, of the compilers' versions and of the processor. The price is one compile of everything (3-10 s) after
any kernel has changed, which only developers and upgrades see.

It goes to the first of these that can be written, below a folder named by the digest: `$NUMBA_CACHE_DIR` if set, so
that a container can bring its code along; `$XDG_CACHE_HOME/dataprep/kernels` (else `~/.cache/...`); a folder of the
same user, closed to others, in the system's temporary directory. A folder that others may write would let them run code
as this user, and is not used.
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

_SUFFIX: Final = ".code"
_CHECK_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class ObjectCode:
    """A kernel for one signature, as the compiler gives it, and what it gives."""

    code: bytes
    layout: Layout


def find(kernel: str, signature: str) -> ObjectCode | None:
    """What was kept of a kernel for a signature; None if there is nothing whole."""
    try:
        kept = _path(kernel, signature).read_bytes()
    except OSError:
        return None
    check, content = kept[:_CHECK_BYTES], kept[_CHECK_BYTES:]
    if check != _check(content):
        return None
    head, _, code = content.partition(b"\n")
    return ObjectCode(code, json.loads(head))


def keep(kernel: str, signature: str, made: ObjectCode) -> None:
    """Keep it for the next process, if there is room; whoever reads meanwhile finds all of it or nothing."""
    content = json.dumps(made.layout).encode() + b"\n" + made.code
    with suppress(OSError), tempfile.NamedTemporaryFile(dir=cache_folder(), delete=False) as file:
        unfinished = Path(file.name)
        try:
            file.write(_check(content) + content)
            file.close()
            unfinished.replace(_path(kernel, signature))
        finally:
            unfinished.unlink(missing_ok=True)


def first_compile_pending() -> bool:
    """Whether this machine has no compiled kernels of these sources yet, so that the first use takes 3-10 s.

    True until the first kernel has been compiled; a program announces the wait when it is.

    Raises:
        CompileError: there will be none, because the compiler cannot be loaded.
    """
    return next(cache_folder().glob(f"*{_SUFFIX}"), None) is None


@cache
def cache_folder() -> Path:
    """The folder of this version's machine code; made if absent."""
    name = _digest()
    for parent, chosen_by_user in _candidates():
        try:
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = parent / name
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            continue
        if _is_private(folder) and (chosen_by_user or _is_private(parent)):
            return folder
    return Path(tempfile.mkdtemp(prefix="dataprep-kernels-"))  # ours alone, for this process only


def _path(kernel: str, signature: str) -> Path:
    digest = hashlib.blake2b(signature.encode(), digest_size=8).hexdigest()
    return cache_folder() / f"{kernel}-{digest}{_SUFFIX}"


def _check(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECK_BYTES).digest()


def _candidates() -> Iterator[tuple[Path, bool]]:
    """Folders to try, in order, and whether the user named it (and so answers for who may write there)."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(chosen).absolute(), True
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111 - that one raises
    if home.is_absolute():  # a user without a home directory gets "~/.cache" back
        yield home / "dataprep" / "kernels", False
    user = os.getuid() if hasattr(os, "getuid") else "user"
    yield Path(tempfile.gettempdir(), f"dataprep-kernels-{user}"), False


def _is_private(folder: Path) -> bool:
    """Whether this user can write the folder and nobody else can (on Windows a profile's folders are private)."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    if not hasattr(os, "getuid"):
        return True
    status = folder.lstat()
    open_to_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not open_to_others


def _digest() -> str:
    """Name of the cache folder: digest of all kernel sources, the compilers' versions and the processor."""
    with compiling():
        from llvmlite import binding  # type: ignore[import-untyped] # numba's own: the name that it compiles for

        versions = [version(package) for package in ("numba", "llvmlite", "numpy")]
        processor = [binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()]
    digest = hashlib.blake2b(digest_size=10)
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for part in (*versions, platform.python_version(), platform.machine(), *processor):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()
