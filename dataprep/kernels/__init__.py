"""Compiled kernels over Arrow buffers.

A kernel is a plain function under `@kernel`: compiled by numba when it is first called with arguments of some types,
run without the interpreter lock, kept on disk as machine code for the next process.

Importing a kernel imports neither numba nor LLVM: many commands only ask what is stored. A call loads machine code
that is there already (LLVM's linker: 0.05 s, once) and otherwise compiles, with all that the kernel calls and the few
instructions that are written for LLVM (`instruction`). What goes wrong there is a `CompileError`, whatever it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import update_wrapper
from threading import RLock
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

import numpy as np
import numpy.typing as npt

from dataprep.kernels.native import crossing
from dataprep.kernels.native.errors import CompileError, KernelError, compiling
from dataprep.kernels.native.store import ObjectCode, cache_folder, find, first_compile_pending, is_source, keep

if TYPE_CHECKING:
    from dataprep.kernels.native.load import MachineCode

__all__ = ["CompileError", "cache_folder", "first_compile_pending", "instruction", "kernel", "read_only"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound=np.generic)

_COMPILING: Final = RLock()
"""numba's compiler is not for several threads, and these may call kernels for the first time together."""
if hasattr(os, "register_at_fork"):  # a child that is made meanwhile would wait for a thread that it does not have
    os.register_at_fork(
        before=_COMPILING.acquire, after_in_parent=_COMPILING.release, after_in_child=_COMPILING.release
    )


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Make machine code of a function, for each combination of types that it is called with.

    Arguments, given by position, and results are arrays, numbers and (named) tuples of them; what a kernel calls are
    other kernels, by names of its module. Integer arithmetic wraps as in C, division is unchecked as in numpy, and
    int64 mixed with uint64 gives int64: constants of hash code are `np.uint64`.

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


def read_only(array: npt.NDArray[T]) -> npt.NDArray[T]:
    """The same array, marked as not writable: there is machine code for each combination of marks, so one is enough."""
    view = array.view()
    view.setflags(write=False)
    return view


class _Kernel:
    """See `kernel`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self._function = function
        self._name = f"{function.__module__}.{function.__qualname__}"
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
        """The machine code for arguments like these.

        Raises:
            CompileError: it can neither be loaded nor made.
            TypeError: there can be none for them.
        """
        with _COMPILING:
            if signature not in self._codes:
                self._codes[signature] = self._found_or_built(arguments)
        return self._codes[signature]

    def _found_or_built(self, arguments: tuple[Any, ...]) -> MachineCode:
        code = cast("FunctionType", self._function).__code__
        if len(arguments) != code.co_argcount:
            raise TypeError(f"{self._name} takes {code.co_argcount} arguments, not {len(arguments)}")
        described = crossing.describe(arguments)
        lasting = is_source(code.co_filename)
        if lasting and (found := find(self._name, described)):
            return self._loaded(found, arguments)
        with compiling():
            from dataprep.kernels.native.build import build
        built = build(self._with_callees(), arguments)
        loaded = self._loaded(built, arguments)
        if lasting:
            keep(self._name, described, built)
        return loaded

    def _loaded(self, made: ObjectCode, arguments: tuple[Any, ...]) -> MachineCode:
        with compiling():
            from dataprep.kernels.native.load import MachineCode

            return MachineCode(self._name, made, arguments)

    def _with_callees(self) -> Callable[..., Any]:
        """The function as numba must see it: what it calls is looked up among its module's names, and must be made."""
        function = cast("FunctionType", self._function)
        names = dict(function.__globals__)
        for name in function.__code__.co_names:
            called = names.get(name)
            if called is self:
                raise KernelError(f"kernels do not call themselves: {self._name}")
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
