"""Compiled kernels over Arrow buffers.

A kernel is a plain function under `@kernel`: compiled by numba when it is first called with arguments of some types,
run without the interpreter lock, kept on disk as machine code for the next process.

Importing a kernel imports neither numba nor LLVM: many commands only ask what is stored. A call loads machine code
that is there already (LLVM's linker: 0.05 s, once) and otherwise compiles, with all that the kernel calls and the few
instructions that are written for LLVM (`instruction`). What goes wrong there is a `CompileError`, whatever it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from threading import RLock
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

from dataprep.kernels.native import crossing
from dataprep.kernels.native.errors import CompileError, compiling
from dataprep.kernels.native.store import cache_folder, find, first_compile_pending, keep

if TYPE_CHECKING:
    from dataprep.kernels.native.load import MachineCode

__all__ = ["CompileError", "cache_folder", "first_compile_pending", "instruction", "kernel"]

P = ParamSpec("P")
R = TypeVar("R")

_COMPILING: Final = RLock()
"""numba's compiler is not for several threads, and these may call kernels for the first time together."""


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Make machine code of a function, for each combination of types that it is called with.

    Arguments and results are arrays, numbers and (named) tuples of them. Integer arithmetic wraps as in C, division is
    unchecked as in numpy, and int64 mixed with uint64 gives float64: constants of hash code are `np.uint64`.

    >>> import numpy as np
    >>> from dataprep.kernels.codepoints import CLASSES
    >>> from dataprep.kernels.scan import scan      # a kernel, called like any function
    >>> scan(np.frombuffer(b"two words", np.uint8), np.array([0, 9], np.int32), CLASSES).token_chars.tolist()
    [3, 5]
    """
    return cast("Callable[P, R]", _Kernel(function))


def instruction(generator: Callable[..., Any]) -> Any:
    """A function for kernels that is written in LLVM's instructions: numba's `intrinsic`, made when it is needed.

    Args:
        generator: gets numba's typing context and the types of the arguments; returns a signature and a function that
            writes the instructions. It imports numba's types itself.
    """
    return _Instruction(generator)


class _Kernel:
    """See `kernel`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self._function = function
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        self._codes: dict[tuple[object, ...], MachineCode] = {}
        self._inner: Any = None

    def __call__(self, *arguments: Any) -> Any:
        key: list[object] = []
        words: list[Any] = []
        crossing.flatten(arguments, key, words)
        signature = tuple(key)
        code = self._codes.get(signature) or self._made(signature, arguments)
        return code.call(words, arguments)

    def inner(self) -> Any:
        """What compiles this kernel into others that call it."""
        if self._inner is None:
            from dataprep.kernels.native.build import dispatcher

            self._inner = dispatcher(self._with_callees())
        return self._inner

    def _made(self, signature: tuple[object, ...], arguments: tuple[Any, ...]) -> MachineCode:
        """The machine code for arguments like these, kept if it was made before.

        Raises:
            CompileError: it can neither be loaded nor made.
        """
        with _COMPILING:
            if signature not in self._codes:
                described = crossing.describe(arguments)
                made = find(self._name, described)
                if made is None:
                    with compiling():
                        from dataprep.kernels.native.build import build
                    made = build(self._with_callees(), arguments)
                    keep(self._name, described, made)
                with compiling():
                    from dataprep.kernels.native.load import MachineCode

                    self._codes[signature] = MachineCode(self._name, made, arguments)
        return self._codes[signature]

    def _with_callees(self) -> Callable[..., Any]:
        """The function as numba must see it: what it calls is looked up among its module's names, and must be made."""
        function = cast("FunctionType", self._function)
        names = dict(function.__globals__)
        for name in function.__code__.co_names:
            called = names.get(name)
            if isinstance(called, _Kernel | _Instruction):
                names[name] = called.inner()
        seen = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
        return update_wrapper(seen, function)


class _Instruction:
    """See `instruction`."""

    def __init__(self, generator: Callable[..., Any]) -> None:
        self._generator = generator
        self._inner: Any = None

    def inner(self) -> Any:
        """What numba writes the instructions with."""
        if self._inner is None:
            from numba.extending import intrinsic

            self._inner = intrinsic(self._generator)
        return self._inner
