"""JSON's strings: where they end, whether they are sound, and their text as UTF-8.

Eight bytes at a time as far as nothing but plain characters comes; between two escapes a text is copied by the
processor's own means. `check_text` says of a string all that `unescape` relies on. What JSON or UTF-8 forbids, half a
surrogate pair and NUL are refused without a reason: an exact parser gives that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from dataprep.kernels import instruction, kernel
from dataprep.kernels.bits import load_word, trailing_zeros
from dataprep.kernels.utf8 import word_at

Bytes: TypeAlias = npt.NDArray[np.uint8]
Int64s: TypeAlias = npt.NDArray[np.int64]

_QUOTE, _BACKSLASH, _SLASH = 0x22, 0x5C, 0x2F
_TAB, _NEWLINE, _RETURN, _BACKSPACE, _FORM_FEED = 0x09, 0x0A, 0x0D, 0x08, 0x0C
_LOWER_B, _LOWER_F, _LOWER_N, _LOWER_R, _LOWER_T, _LOWER_U = 0x62, 0x66, 0x6E, 0x72, 0x74, 0x75
_HIGH_SURROGATE, _LOW_SURROGATE, _AFTER_SURROGATES = 0xD800, 0xDC00, 0xE000

_ONES = np.uint64(0x0101_0101_0101_0101)
_HIGH_BITS = np.uint64(0x8080_8080_8080_8080)
_QUOTES = np.uint64(0x2222_2222_2222_2222)
_BACKSLASHES = np.uint64(0x5C5C_5C5C_5C5C_5C5C)
_SPACES = np.uint64(0x2020_2020_2020_2020)
_NO_BITS = np.uint64(0)


def _copy_bytes(_typing_context: Any, source: Any, _start: Any, _end: Any, target: Any, _filled: Any) -> Any:
    from numba import types
    from numba.core import cgutils

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, start, end, _, filled = arguments
        from_, to = (context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in (0, 3))
        size = builder.sub(end, start)
        memcpy: Any = cgutils.raw_memcpy
        memcpy(builder, builder.gep(to, [filled]), builder.gep(from_, [start]), size, 1)
        return builder.add(filled, size)

    return types.int64(source, types.int64, types.int64, target, types.int64), generate


copy = cast("Callable[[Bytes, int, int, Bytes, int], int]", instruction(_copy_bytes))
"""Copy `source[start:end]` to `target` from `filled` on; gives where the copy ends. Both lie inside the arrays."""


@kernel
def _specials(word: np.uint64) -> np.uint64:
    """The high bit of each byte of a word that is a quote or a backslash; those above the lowest may be wrong."""
    quotes, backslashes = word ^ _QUOTES, word ^ _BACKSLASHES
    return ((quotes - _ONES) & ~quotes | (backslashes - _ONES) & ~backslashes) & _HIGH_BITS


@kernel
def _controls(word: np.uint64) -> np.uint64:
    """The high bit of each byte of a word below a space; those above the lowest may be wrong."""
    return (word - _SPACES) & ~word & _HIGH_BITS


@kernel
def string_end(data: Bytes, position: int, end: int) -> int:
    """Where the string that began before `position` has its closing quote; -1 where it has none."""
    while position < end:
        special = _specials(word_at(data, position))
        if special == _NO_BITS:
            position += 8
            continue
        position += trailing_zeros(special) >> 3
        if position < end and data[position] == _QUOTE:
            return position
        position += 2
    return -1


@kernel
def check_text(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Closing quote of the string from `start` on, and its size without escapes; -1 for one that is not to be taken."""
    position, size = start, 0
    seen = _NO_BITS
    while True:
        plain = position
        special = _NO_BITS
        while position < end:
            word = word_at(data, position)
            seen |= word
            special = _specials(word) | _controls(word)
            if special != _NO_BITS:
                position += trailing_zeros(special) >> 3
                break
            position += 8
        if position >= end:
            return -1, 0
        size += position - plain
        if data[position] == _QUOTE:
            break
        if data[position] != _BACKSLASH:
            return -1, 0
        _, length, width = _escape(data, position, end)
        if width == 0:
            return -1, 0
        position += length
        size += width
    if seen & _HIGH_BITS != _NO_BITS and not _is_utf8(data, start, position):
        return -1, 0
    return position, size


@kernel
def _escape(data: Bytes, position: int, end: int) -> tuple[int, int, int]:
    """The code point of the escape at `position`, its length there and in UTF-8; 0 for one that is not to be taken."""
    byte = int(data[position + 1]) if position + 1 < end else 0
    if byte in (_QUOTE, _BACKSLASH, _SLASH):
        return byte, 2, 1
    if byte == _LOWER_N:
        return _NEWLINE, 2, 1
    if byte == _LOWER_T:
        return _TAB, 2, 1
    if byte == _LOWER_R:
        return _RETURN, 2, 1
    if byte == _LOWER_B:
        return _BACKSPACE, 2, 1
    if byte == _LOWER_F:
        return _FORM_FEED, 2, 1
    if byte != _LOWER_U:
        return 0, 0, 0
    code = _four_digits(data, position + 2, end)
    if code <= 0:  # NUL is no text
        return 0, 0, 0
    if code < 0x80:
        return code, 6, 1
    if code < 0x800:
        return code, 6, 2
    if code < _HIGH_SURROGATE or code >= _AFTER_SURROGATES:
        return code, 6, 3
    low = -1
    if position + 7 < end and data[position + 6] == _BACKSLASH and data[position + 7] == _LOWER_U:
        low = _four_digits(data, position + 8, end)
    if code >= _LOW_SURROGATE or low < _LOW_SURROGATE or low >= _AFTER_SURROGATES:
        return 0, 0, 0
    return 0x10000 + ((code - _HIGH_SURROGATE) << 10) + (low - _LOW_SURROGATE), 12, 4


@kernel
def _four_digits(data: Bytes, position: int, end: int) -> int:
    """The number that four hexadecimal digits give; -1 where there are none."""
    if position + 4 > end:
        return -1
    code = 0
    for place in range(position, position + 4):
        byte = int(data[place])
        letter = byte | 0x20
        if 0x30 <= byte <= 0x39:
            code = code << 4 | byte - 0x30
        elif 0x61 <= letter <= 0x66:
            code = code << 4 | letter - 0x57
        else:
            return -1
    return code


@kernel
def _is_utf8(data: Bytes, position: int, end: int) -> bool:
    """Whether the bytes are UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF (RFC 3629, section 4)."""
    while position < end:
        if position + 8 <= end and load_word(data, position) & _HIGH_BITS == _NO_BITS:
            position += 8
            continue
        first = data[position]
        if first < 0x80:
            position += 1
            continue
        size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
        if first < 0xC2 or first > 0xF4 or position + size > end:
            return False
        second = data[position + 1]
        lowest = 0xA0 if first == 0xE0 else 0x90 if first == 0xF0 else 0x80
        highest = 0x9F if first == 0xED else 0x8F if first == 0xF4 else 0xBF
        if second < lowest or second > highest:
            return False
        for place in range(position + 2, position + size):
            if data[place] & 0xC0 != 0x80:
                return False
        position += size
    return True


@kernel
def unescape(data: Bytes, starts: Int64s, ends: Int64s, offsets: Int64s) -> Bytes:
    r"""The texts at some spans one after another, as UTF-8 without escapes.

    Args:
        data: bytes of rows.
        starts: first byte of each text, which `check_text` has found sound.
        ends: the byte after its last, where the closing quote is.
        offsets: running sums of the sizes that `check_text` gave: where each text begins in the result, and where that
            ends. Shape (n + 1,).

    >>> data = np.frombuffer(b'"x\\u00e9" "y"', np.uint8)
    >>> unescape(data, np.array([1, 11]), np.array([8, 12]), np.array([0, 3, 4])).tobytes().decode()
    'xéy'
    """
    texts = np.empty(offsets[-1], np.uint8)
    for index in range(len(starts)):
        position, end, filled = starts[index], ends[index], offsets[index]
        while position < end:
            plain = position
            while position < end:
                backslashes = word_at(data, position) ^ _BACKSLASHES
                special = (backslashes - _ONES) & ~backslashes & _HIGH_BITS
                if special != _NO_BITS:
                    position += trailing_zeros(special) >> 3
                    break
                position += 8
            position = min(position, end)
            filled = copy(data, plain, position, texts, filled)
            if position < end:
                code, length, width = _escape(data, position, end)
                _encode(code, width, texts, filled)
                position += length
                filled += width
    return texts


@kernel
def _encode(code: int, width: int, target: Bytes, filled: int) -> None:
    """Write a code point as UTF-8 of `width` bytes."""
    for place in range(filled + width - 1, filled, -1):
        target[place] = 0x80 | code & 0x3F
        code >>= 6
    lead = 0 if width == 1 else 0xC0 if width == 2 else 0xE0 if width == 3 else 0xF0
    target[filled] = lead | code
