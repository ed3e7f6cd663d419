"""How arguments and results cross between Python and machine code: as 64-bit words, in the order in which they stand.

An array is its address, its shape and its strides; a tuple its parts; a number itself. Before a result's array stands
the memory that it lies in, which counts its users: the array that Python gets gives its share back when it goes. An
array that lies in an argument has no such memory, and keeps the arguments.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np

Layout = dict[str, Any]
"""What a result is, as JSON: `array` with its `dims`, `number`, `tuple` with its `class` if it has one, or nothing."""
Words = Iterator[Any]
Reader = Callable[[Words, Sequence[Any]], Any]
"""Makes a result of words; the arguments are those that it may lie in."""

_C_ORDER: Final = 0x1
_FORTRAN_ORDER: Final = 0x2
_ALIGNED: Final = 0x100
_WRITEABLE: Final = 0x400
_OF_THE_TYPE: Final = _C_ORDER | _FORTRAN_ORDER | _ALIGNED | _WRITEABLE
"""Those of numpy's flags that numba has types for."""
_CODES: Final = {"bool": "q", "int": "q", "unsigned": "Q", "float": "d"}


def flatten(arguments: Sequence[Any], key: list[object], words: list[Any]) -> None:
    """Add to `key` what arguments are, and their words to `words`; machine code serves all that have the same key.

    Raises:
        TypeError: an argument is no array, number or tuple.
    """
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            key.append((argument.dtype, argument.ndim, _flags(argument)))
            words.append(argument.ctypes.data)
            words.extend(argument.shape)
            words.extend(argument.strides)
        elif isinstance(argument, tuple):
            key.append((type(argument), len(argument)))
            flatten(argument, key, words)
        elif isinstance(argument, np.generic):
            key.append(type(argument))
            words.append(argument.item())
        elif isinstance(argument, bool | int | float):
            key.append(type(argument))
            words.append(argument)
        else:
            raise TypeError(f"kernels take arrays, numbers and tuples of them, not {type(argument).__name__}")


def describe(arguments: Sequence[Any]) -> str:
    """The key of some arguments in words, the same in every process.

    >>> describe((np.zeros((2, 3), np.int32), np.uint8(1), (True, 0.5)))
    '<i4[2]1281 uint8 builtins.tuple(bool float)'
    """
    parts = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            parts.append(f"{argument.dtype.str}[{argument.ndim}]{_flags(argument)}")
        elif isinstance(argument, tuple):
            parts.append(f"{type(argument).__module__}.{type(argument).__qualname__}({describe(argument)})")
        else:
            parts.append(type(argument).__name__)
    return " ".join(parts)


def packing(arguments: Sequence[Any]) -> str:
    """How their words are packed, in the language of `struct`.

    >>> packing((np.zeros((2, 3)), np.uint8(1), (True, 0.5)))
    'QqqqqQqd'
    """
    parts = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            parts.append("Q" + 2 * argument.ndim * "q")
        elif isinstance(argument, tuple):
            parts.append(packing(argument))
        elif isinstance(argument, float | np.floating):
            parts.append("d")
        else:
            parts.append("Q" if isinstance(argument, np.unsignedinteger) else "q")
    return "".join(parts)


def unpacking(layout: Layout) -> str:
    """How the words of a result are packed."""
    if "array" in layout:
        return "QQ" + 2 * int(layout["dims"]) * "q"
    if "tuple" in layout:
        return "".join(map(unpacking, layout["tuple"]))
    return _CODES[layout["number"]] if layout else ""


def reader(layout: Layout, give_back: Callable[[int], None]) -> Reader:
    """What makes the result of words.

    Args:
        layout: of the result.
        give_back: takes a share of some memory back.
    """
    if "array" in layout:
        return _array_reader(layout["array"], layout["dims"], give_back)
    if "tuple" in layout:
        return _tuple_reader([reader(part, give_back) for part in layout["tuple"]], layout["class"])
    if not layout:
        return lambda _words, _arguments: None
    if layout["number"] == "bool":
        return lambda words, _arguments: bool(next(words))
    return lambda words, _arguments: next(words)


class _Memory:
    """What an array lies in: memory of a kernel, given back when no array lies in it any more, or its arguments."""

    __slots__ = ("__array_interface__", "_address", "_arguments", "_give_back")

    def __init__(
        self, interface: dict[str, Any], address: int, give_back: Callable[[int], None], arguments: Sequence[Any]
    ) -> None:
        self.__array_interface__ = interface
        self._address = address
        self._give_back = give_back
        self._arguments = () if address else arguments

    def __del__(self) -> None:
        if self._address:
            self._give_back(self._address)


def _array_reader(dtype: str, dims: int, give_back: Callable[[int], None]) -> Reader:
    def read(words: Words, arguments: Sequence[Any]) -> Any:
        address, data = next(words), next(words)
        shape = tuple(islice(words, dims))
        interface = {
            "version": 3,
            "typestr": dtype,
            "data": (data, False),
            "shape": shape,
            "strides": tuple(islice(words, dims)),
        }
        return np.asarray(_Memory(interface, address, give_back, arguments))

    return read


def _tuple_reader(parts: Sequence[Reader], name: str | None) -> Reader:
    if name is None:
        return lambda words, arguments: tuple(part(words, arguments) for part in parts)
    module, _, kind = name.partition(":")
    make = getattr(importlib.import_module(module), kind)._make
    return lambda words, arguments: make(part(words, arguments) for part in parts)


def _flags(array: np.ndarray[Any, Any]) -> int:
    flags = array.flags.num & _OF_THE_TYPE
    return flags & ~_FORTRAN_ORDER if flags & _C_ORDER else flags
