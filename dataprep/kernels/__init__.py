"""Compiled kernels over Arrow buffers, and where their machine code is kept.

A kernel is a plain function under `@kernel`: compiled by numba at its first call, run without the interpreter lock,
kept on disk for the next process. numba's cache notices a changed function but not a changed *callee* in another file,
and then returns old results without a word; so the cache folder's name holds a digest of all kernel sources. The price
is one compile of everything (3-10 s) after any kernel has changed, which only developers and upgrades see.

Machine code goes to the first of these that can be written, below a folder named by the digest:
`$NUMBA_CACHE_DIR` if set, so that a container can bring its cache along; `$XDG_CACHE_HOME/dataprep/kernels`
(else `~/.cache/...`); a folder of the same user, closed to others, in the system's temporary directory. numba loads
cached code with pickle: a folder that others may write would let them run code as this user, and is not used.

Importing a kernel imports no numba (0.15 s; what a compile needs takes as much again): many commands only ask what is
stored, and it is the first call that compiles. A kernel's own callees, and the few instructions that are written for
LLVM (`instruction`), are compiled with it. What goes wrong there is a `CompileError`, whatever it was.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, update_wrapper
from importlib.metadata import version
from pathlib import Path
from threading import RLock
from typing import Any, Final, ParamSpec, TypeVar, cast

from dataprep.console import one_line
from dataprep.errors import MachineError

__all__ = ["CompileError", "cache_folder", "first_compile_pending", "instruction", "kernel"]

P = ParamSpec("P")
R = TypeVar("R")

_CAUSE_SHOWN: Final = 200
"""Characters of what the compiler said; numba's own errors take pages."""


class CompileError(MachineError):
    """A kernel cannot be compiled or loaded here: numba or its compiler is absent, broken, or not for this machine."""


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function with numba: without the interpreter lock, cached on disk, division unchecked as in numpy.

    Integer arithmetic wraps as in C, and int64 mixed with uint64 gives float64: constants of hash code are
    `np.uint64`. The cache folder is set for this one function, so that other users of numba in the process keep theirs.

    >>> import numpy as np
    >>> from dataprep.kernels.codepoints import CLASSES
    >>> from dataprep.kernels.scan import scan      # a kernel, called like any function
    >>> scan(np.frombuffer(b"two words", np.uint8), np.array([0, 9], np.int32), CLASSES).token_chars.tolist()
    [3, 5]
    """
    return cast("Callable[P, R]", _Later(function, _compile))


def instruction(generator: Callable[..., Any]) -> Any:
    """A function for kernels that is written in LLVM's instructions: numba's `intrinsic`, made when it is needed.

    Args:
        generator: gets numba's typing context and the types of the arguments; returns a signature and a function that
            writes the instructions. It imports numba's types itself.
    """
    return _Later(generator, _generate)


class _Later:
    """A function that is compiled when it is first called, or when one that calls it is compiled."""

    def __init__(self, function: Callable[..., Any], make: Callable[[Callable[..., Any]], Any]) -> None:
        update_wrapper(self, function)
        self._function = function
        self._make = make
        self._made: Any = None

    def __call__(self, *arguments: Any) -> Any:
        return (self._made or self.made())(*arguments)

    def made(self) -> Any:
        with _COMPILING:
            if self._made is None:
                with _compiling():
                    self._made = self._make(self._function)
        return self._made


_COMPILING: Final = RLock()
"""numba's settings are the process's own, and threads may call kernels for the first time together."""


@contextmanager
def _compiling() -> Iterator[None]:
    """Make one error of all that a compiler which does not work may raise.

    Raises:
        CompileError: for anything but a lack of memory: a part that is not there gives ImportError or OSError, LLVM
            RuntimeError, numba errors of its own, and versions that do not fit whatever they run into.
    """
    try:
        yield
    except (CompileError, MemoryError):
        raise
    except Exception as error:  # see above; data is not looked at here, so this hides no fault of a kernel's work
        lines = str(error).strip().splitlines() or [""]
        message = f"kernels cannot be compiled here: {type(error).__name__}: {one_line(lines[0][:_CAUSE_SHOWN])}"
        raise CompileError(message, hint="mend the installation of numba and llvmlite, then run again") from error


def _compile(function: Callable[..., Any]) -> Any:
    import numba
    from numba.core import config

    settings: Any = config  # its names are made at run time, from the environment
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(cache_folder())
    try:
        compiled = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    finally:
        settings.CACHE_DIR = before
    _load_lean(compiled)
    _tell_failures(compiled)
    return compiled


def _generate(generator: Callable[..., Any]) -> Any:
    from numba.extending import intrinsic

    return intrinsic(generator)


def _load_lean(compiled: Any) -> None:
    """Let a cached kernel be loaded without all that numba prepares for compiling (0.2 s of a command's start).

    numba reads every implementation that it has of anything before it looks whether there is machine code already.
    Machine code needs none of them, only the allocator; a compile that follows prepares itself.
    """
    from numba.core.runtime.nrt import rtsys

    loading = compiled._cache
    usual = loading.load_overload

    def load(signature: Any, target: Any) -> Any:
        rtsys.initialize(target)
        found = loading._load_overload(signature, target)
        if found is None:
            _make_callees(compiled.py_func)
            found = usual(signature, target)
        return found

    loading.load_overload = load


def _make_callees(function: Callable[..., Any]) -> None:
    """Make what a kernel calls: numba takes it from the kernel's module, and must find it made."""
    space = function.__globals__
    for name in function.__code__.co_names:
        if isinstance(called := space.get(name), _Later):
            space[name] = called.made()


def _tell_failures(compiled: Any) -> None:
    """Let what goes wrong when machine code is made be a `CompileError`.

    Types that a kernel does not know are a fault of whoever calls it, and stay what they are.
    """
    from numba.core.errors import ForceLiteralArg, TypingError

    usual = compiled.compile

    def compile_for(signature: Any) -> Any:
        with _compiling():
            try:
                return usual(signature)
            except (ForceLiteralArg, TypingError) as error:
                told = error
        raise told

    compiled.compile = compile_for


def first_compile_pending() -> bool:
    """Whether this machine has no compiled kernels of these sources yet, so that the first use takes 3-10 s.

    True until the first kernel has been compiled; a program announces the wait when it is.

    Raises:
        CompileError: there will be none, because the compiler cannot be loaded.
    """
    return next(cache_folder().rglob("*.nbi"), None) is None


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
    with _compiling():
        from llvmlite import binding  # type: ignore[import-untyped] # numba's own: the name that it compiles for

        versions = [version(package) for package in ("numba", "llvmlite", "numpy")]
        processor = binding.get_host_cpu_name()
    digest = hashlib.blake2b(digest_size=10)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for part in (*versions, platform.python_version(), platform.machine(), processor):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()
