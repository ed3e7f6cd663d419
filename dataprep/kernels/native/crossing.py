"""How arguments and results cross between Python and machine code: as 64-bit words, in the order in which they stand.

An array is its address, its shape and its strides; a tuple its parts; a number itself. Before a result's array stands
the memory that it lies in, which counts its users: the array that Python gets gives its share back when it goes. An
array that lies in an argument has no such memory, and keeps that argument.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Layout = dict[str, Any]
"""What a result is, as JSON: `array` with its `dims`, `number`, `tuple` with its `class` if it has one, or nothing."""
Reader = Callable[[Sequence[Any], Any, Sequence[Any]], Any]
"""Makes a result of the words given, the room that they lie in, and the arguments that it may lie in."""

WORD_BYTES: Final = 8
_C_ORDER: Final = 0x1
_FORTRAN_ORDER: Final = 0x2
_ALIGNED: Final = 0x100
_WRITEABLE: Final = 0x400
_OF_THE_TYPE: Final = _C_ORDER | _FORTRAN_ORDER | _ALIGNED | _WRITEABLE
"""Those of numpy's flags that numba has types for."""
_ARRAYS: Final = (np.ndarray, np.memmap)
"""Not what else derives from arrays: a masked one is more than its values."""
_KINDS: Final = "biufmM"
"""Kinds of values whose name says all about them, as a structure's does not."""
_CODES: Final = {"bool": "q", "int": "q", "unsigned": "Q", "float": "d"}


def flatten(arguments: Sequence[Any], key: list[object], words: list[Any]) -> None:
    """Add to `key` what arguments are, and their words to `words`; machine code serves all that have the same key.

    Raises:
        TypeError: an argument is no array of numbers, number or tuple of such.
    """
    for argument in arguments:
        kind = type(argument)
        if kind in _ARRAYS:
            key.append((argument.dtype, argument.ndim, _flags(argument)))
            words.append(argument.ctypes.data)
            words.extend(argument.shape)
            words.extend(argument.strides)
        elif kind in (int, float, bool):
            key.append(kind)
            words.append(argument)
        elif issubclass(kind, tuple):
            key.append((kind, len(argument)))
            flatten(argument, key, words)
        elif issubclass(kind, np.number | np.bool) and argument.dtype.type is kind:
            key.append(kind)
            words.append(argument.item())
        else:
            raise TypeError(f"kernels take arrays, numbers and tuples of them, not {kind.__name__}")


def describe(arguments: Sequence[Any]) -> str:
    """The key of some arguments in words: the same in every process, and another for whatever has other machine code.

    Raises:
        TypeError: an argument is an array of what is no number or time.

    >>> describe((np.zeros((2, 3), np.int32), np.uint8(1), (True, 0.5)))
    '<i4[2]1281 numpy.uint8 builtins.tuple(builtins.bool builtins.float)'
    """
    parts = []
    for argument in arguments:
        kind = type(argument)
        if isinstance(argument, np.ndarray):
            if argument.dtype.kind not in _KINDS:
                raise TypeError(f"kernels take arrays of numbers and times, not of {argument.dtype}")
            parts.append(f"{argument.dtype.str}[{argument.ndim}]{_flags(argument)}")
        elif isinstance(argument, tuple):
            fields = getattr(kind, "_fields", ())
            parts.append(f"{_name(kind)}{''.join(f' {field}' for field in fields)}({describe(argument)})")
        else:
            parts.append(_name(kind))
    return " ".join(parts)


def packing(arguments: Sequence[Any]) -> str:
    """How the words of all arguments with this key are packed, in the language of `struct`.

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


def room_for(layout: Layout, before: int, give_back: Callable[[int], None]) -> type[ctypes.Array[ctypes.c_uint64]]:
    """Zeros for `before` words and those of a result. What is given there and taken by no array goes with the room.

    A result is there before Python knows: an interrupt that comes in between would leave memory that nobody has.
    """
    places = [before + place for place in _memories(layout, 0)]

    class Room(ctypes.c_uint64 * (before + len(unpacking(layout)))):  # type: ignore[misc]  # a type made at run time
        def __del__(self) -> None:
            for place in places:
                if self[place]:
                    give_back(self[place])

    return Room


def reader(layout: Layout, before: int, give_back: Callable[[int], None]) -> Reader:
    """What makes the result of words.

    Args:
        layout: of the result.
        before: words in the room before its own.
        give_back: takes a share of some memory back.
    """
    return _reader(layout, 0, before, give_back)


class _Memory:
    """What an array lies in: memory of a kernel, given back when no array lies in it any more, or arguments."""

    __slots__ = ("__array_interface__", "_address", "_arguments", "_give_back")

    def __init__(
        self, interface: dict[str, Any], address: int, give_back: Callable[[int], None], arguments: Sequence[Any]
    ) -> None:
        self.__array_interface__ = interface
        self._address = address
        self._give_back = give_back
        self._arguments = arguments

    def __del__(self) -> None:
        if self._address:
            self._give_back(self._address)


def _reader(layout: Layout, place: int, before: int, give_back: Callable[[int], None]) -> Reader:
    """What makes the part of a result that begins at a place among its words."""
    if "array" in layout:
        return _array_reader(layout, place, before, give_back)
    if "tuple" in layout:
        parts = []
        for part in layout["tuple"]:
            parts.append(_reader(part, place, before, give_back))
            place += len(unpacking(part))
        return _tuple_reader(parts, layout["class"])
    if not layout:
        return lambda _words, _room, _arguments: None
    if layout["number"] == "bool":
        return lambda words, _room, _arguments: bool(words[place])
    return lambda words, _room, _arguments: words[place]


def _array_reader(layout: Layout, place: int, before: int, give_back: Callable[[int], None]) -> Reader:
    dtype, dims, readonly = layout["array"], layout["dims"], layout["readonly"]

    def read(words: Sequence[Any], room: Any, arguments: Sequence[Any]) -> Any:
        address, data = words[place], words[place + 1]
        shape, strides = words[place + 2 : place + 2 + dims], words[place + 2 + dims : place + 2 + 2 * dims]
        interface = {"version": 3, "typestr": dtype, "data": (data, readonly), "shape": shape, "strides": strides}
        kept = () if address else _holding(data, arguments)
        room[before + place] = 0  # first, for what is given back twice is worse than what is not given back
        return np.asarray(_Memory(interface, address, give_back, kept))

    return read


def _tuple_reader(parts: Sequence[Reader], name: str | None) -> Reader:
    if name is None:
        return lambda words, room, arguments: tuple(part(words, room, arguments) for part in parts)
    module, _, kind = name.partition(":")
    make = attrgetter(kind)(importlib.import_module(module))._make
    return lambda words, room, arguments: make(part(words, room, arguments) for part in parts)


def _memories(layout: Layout, place: int) -> Iterator[int]:
    """Where among the words of a result the memories of its arrays are."""
    if "array" in layout:
        yield place
    for part in layout.get("tuple", ()):
        yield from _memories(part, place)
        place += len(unpacking(part))


def _holding(data: int, arguments: Sequence[Any]) -> Sequence[Any]:
    """The arrays among some arguments in which an address lies; if none does, all arguments."""
    found = []
    for array in _arrays(arguments):
        first, end = np.lib.array_utils.byte_bounds(array)
        if first <= data <= end:
            found.append(array)
    return found or arguments


def _arrays(arguments: Sequence[Any]) -> Iterator[Array]:
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            yield argument
        elif isinstance(argument, tuple):
            yield from _arrays(argument)


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _flags(array: Array) -> int:
    flags = array.flags.num & _OF_THE_TYPE
    return flags & ~_FORTRAN_ORDER if flags & _C_ORDER else flags
