"""Reading UTF-8 inside kernels: one code point, the span without blanks, a hash of a span, eight bytes at a time.

Arrow promises valid UTF-8. A damaged byte still must not make a kernel read outside its arrays: it decodes as U+FFFD.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel
from dataprep.kernels.bits import load_word
from dataprep.kernels.codepoints import BLANK

Bytes: TypeAlias = npt.NDArray[np.uint8]
Int32s: TypeAlias = npt.NDArray[np.int32]
Int64s: TypeAlias = npt.NDArray[np.int64]
Hashes: TypeAlias = npt.NDArray[np.uint64]

HASH_SEED = np.uint64(0x2545_F491_4F6C_DD1D)

_REPLACEMENT = 0xFFFD
_ALL_ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_HIGH_BITS = np.uint64(0x8080_8080_8080_8080)
_MIX_1 = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIX_2 = np.uint64(0xBF58_476D_1CE4_E5B9)
_SHIFT = np.uint64(32)
_TWO = np.uint64(2)


@kernel
def decode(data: Bytes, index: int, end: int) -> tuple[int, int]:
    """The code point that begins at `index`, and its number of bytes."""
    first = int(data[index])
    if first < 0x80:
        return first, 1
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if first < 0xC0 or index + size > end:
        return _REPLACEMENT, 1
    if size == 2:
        return (first & 0x1F) << 6 | (data[index + 1] & 0x3F), 2
    if size == 3:
        return (first & 0x0F) << 12 | (data[index + 1] & 0x3F) << 6 | (data[index + 2] & 0x3F), 3
    high = (first & 0x07) << 18 | (data[index + 1] & 0x3F) << 12
    return high | (data[index + 2] & 0x3F) << 6 | (data[index + 3] & 0x3F), 4


@kernel
def word_at(data: Bytes, index: int) -> np.uint64:
    """Eight bytes from `index` on, zeros beyond the end of the array."""
    if index + 8 <= data.size:
        return load_word(data, index)
    word = np.uint64(0)
    for place in range(data.size - index):
        word |= np.uint64(data[index + place]) << np.uint64(8 * place)
    return word


@kernel
def first_bytes(count: int) -> np.uint64:
    """A mask of the lowest `count` bytes of a word, for 1 to 8."""
    return _ALL_ONES >> np.uint64(64 - 8 * count)


@kernel
def hash_block(mixed: np.uint64, block: np.uint64) -> np.uint64:
    """The state of a hash after eight more bytes; it begins as HASH_SEED."""
    mixed = (mixed ^ block) * _MIX_1
    return mixed ^ (mixed >> _SHIFT)


@kernel
def finish_hash(mixed: np.uint64, length: int) -> np.uint64:
    """The hash, from the state after all bytes and their number."""
    mixed = (mixed ^ np.uint64(length)) * _MIX_2
    return mixed ^ (mixed >> _SHIFT)


@kernel
def hash_span(data: Bytes, start: int, end: int, fold: bool) -> np.uint64:
    """64-bit hash of the bytes start..end, of their ASCII-lower-case form where `fold` and all ASCII is alphanumeric.

    Little-endian blocks of eight bytes, the last padded with zeros. From h = HASH_SEED, for each block h = (h ^ block)
    * M1, h ^= h >> 32; at the end h = (h ^ length) * M2, h ^= h >> 32. Not for adversaries. Whatever stores values made
    from it needs a new version when it changes.
    """
    mixed = HASH_SEED
    index = start
    while index < end:
        block = word_at(data, index)
        if fold:  # bit 0x20 is set in digits and lower-case letters already; bytes beyond ASCII stay
            block |= (~block & _HIGH_BITS) >> _TWO
        if end - index < 8:
            block &= first_bytes(end - index)
        mixed = hash_block(mixed, block)
        index += 8
    return finish_hash(mixed, end - start)


@kernel
def trim(data: Bytes, start: int, end: int, classes: Bytes) -> tuple[int, int]:
    """The span without the blanks (white space, zero-width characters) at both of its ends."""
    while start < end:
        code, size = decode(data, start, end)
        if classes[code] != BLANK:
            break
        start += size
    while start < end:
        last = end - 1
        while last > start and (data[last] & 0xC0) == 0x80:
            last -= 1
        code, _ = decode(data, last, end)
        if classes[code] != BLANK:
            break
        end = last
    return start, end
