"""Normalised copies of texts for duplicate keys: compatibility forms mapped, case-folded, white space collapsed.

One pass over the Arrow buffer into one output buffer. ASCII goes eight bytes at a time; a code point beyond it is
looked up in a table that says what it becomes, where that does not depend on its neighbours. A text with a code point
that does (combining marks, Hangul jamo) is left to `unicodedata`. `dataprep.pairs.folding` makes the table.

1.1 GB/s a core on English prompts, of which one in ten has curly quotes or accents; `unicodedata` on those, one Python
string at a time: 38 MB/s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from dataprep.kernels import instruction, kernel
from dataprep.kernels.bits import load_word
from dataprep.kernels.grow import doubled, larger
from dataprep.kernels.utf8 import decode

UNKNOWN: Final = 0
"""Not looked at yet; the caller finds out what it becomes and calls again."""
SAME: Final = 1
BLANK: Final = 2
"""White space, or becomes white space."""
CONTEXTUAL: Final = 3
"""What it becomes depends on its neighbours."""
FIRST_PIECE: Final = 4
"""Code points from this value on become the piece of that number (less FIRST_PIECE)."""

_SPACE = 0x20
_HIGH_BITS = np.uint64(0x8080_8080_8080_8080)
_NOT_CONTROL = np.uint64(0x6060_6060_6060_6060)
_SPACES = np.uint64(0x2020_2020_2020_2020)
_FROM_A = np.uint64(0x3F3F_3F3F_3F3F_3F3F)
_BEYOND_Z = np.uint64(0x2525_2525_2525_2525)
_FIRST_BYTE = np.uint64(0x80)
_TWO = np.uint64(2)
_EIGHT = np.uint64(8)
_LAST_BIT = np.uint64(63)
_ZERO = np.uint64(0)


def _store_word(_typing_context: Any, data: Any, index: Any, _word: Any) -> Any:
    from llvmlite import ir  # type: ignore[import-untyped]
    from numba import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        builder.store(arguments[2], builder.bitcast(pointer, ir.IntType(64).as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(data, index, types.uint64), generate


store_word = cast("Callable[[npt.NDArray[np.uint8], int, np.uint64], None]", instruction(_store_word))
"""Write eight bytes from `data[index]` on. The caller sees to it that they lie inside the array."""


@kernel
def normalize(
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    data: npt.NDArray[np.uint8],
    becomes: npt.NDArray[np.int32],
    piece_offsets: npt.NDArray[np.int32],
    pieces: npt.NDArray[np.uint8],
    unknown: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
    """Normalise m texts.

    Args:
        starts, ends: where each text lies in `data`: shape (m,).
        data: UTF-8.
        becomes: for each code point UNKNOWN, SAME, BLANK, CONTEXTUAL or a piece: shape (2**21,), which is
            as far as damaged UTF-8 can reach.
        piece_offsets: where each piece begins in `pieces`, and the end.
        pieces: UTF-8; a blank may be the first of one, and is left out after another.
        unknown: room to mark code points in, shape (2**21,), all False, before and after.

    Returns:
        Normalised UTF-8; the bounds of each text in it, shape (m + 1,); which texts have CONTEXTUAL code points (they
        are empty there), shape (m,); the UNKNOWN code points met, each once (if any, the rest means nothing).
    """
    count = len(starts)
    left = 8  # bytes of the texts that follow, and the most that is written past an end
    for text in range(count):
        left += ends[text] - starts[text]
    out = np.empty(left, np.uint8)
    bounds = np.zeros(count + 1, np.int64)
    contextual = np.zeros(count, np.bool_)
    strangers = np.empty(64, np.int32)
    n_strangers = 0
    at = 0
    for text in range(count):
        index = starts[text]
        end = ends[text]
        left -= end - index
        start = at
        after_blank = True  # nothing written yet: leading white space is dropped
        while index < end:
            if index + 8 <= end:
                word = load_word(data, index)
                if word & _HIGH_BITS == _ZERO:
                    blanks = (_HIGH_BITS - (word ^ _SPACES)) & _HIGH_BITS
                    plain = (word + _NOT_CONTROL) & _HIGH_BITS == _HIGH_BITS and blanks & (blanks << _EIGHT) == _ZERO
                    if plain and not (after_blank and blanks & _FIRST_BYTE != _ZERO):
                        upper = (word + _FROM_A) & ~(word + _BEYOND_Z) & _HIGH_BITS
                        store_word(out, at, word | (upper >> _TWO))
                        after_blank = blanks >> _LAST_BIT != _ZERO
                        at += 8
                    else:
                        for place in range(index, index + 8):
                            at, after_blank = _put_ascii(out, at, after_blank, data[place])
                    index += 8
                    continue
            if data[index] < 0x80:
                at, after_blank = _put_ascii(out, at, after_blank, data[index])
                index += 1
                continue
            code, code_bytes = decode(data, index, end)
            target = becomes[code]
            if target >= FIRST_PIECE:
                piece = piece_offsets[target - FIRST_PIECE]
                piece_end = piece_offsets[target - FIRST_PIECE + 1]
                room = piece_end - piece + end - index + left
                if at + room > out.size:  # the piece is longer than its code point
                    out = larger(out, at, 2 * (at + room))
                if after_blank and pieces[piece] == _SPACE:
                    piece += 1
                for place in range(piece, piece_end):
                    out[at] = pieces[place]
                    at += 1
                after_blank = False
            elif target == BLANK:
                at, after_blank = _put_ascii(out, at, after_blank, np.uint8(_SPACE))
            elif target == CONTEXTUAL:
                contextual[text] = True
                at = start
                break
            else:
                if target == UNKNOWN and not unknown[code]:
                    unknown[code] = True
                    if n_strangers == strangers.size:
                        strangers = doubled(strangers)
                    strangers[n_strangers] = code
                    n_strangers += 1
                for place in range(index, index + code_bytes):
                    out[at] = data[place]
                    at += 1
                after_blank = False
            index += code_bytes
        if at > start and out[at - 1] == _SPACE:
            at -= 1
        bounds[text + 1] = at
    for stranger in range(n_strangers):
        unknown[strangers[stranger]] = False
    return out, bounds, contextual, strangers[:n_strangers]


@kernel
def _put_ascii(out: npt.NDArray[np.uint8], at: int, after_blank: bool, byte: np.uint8) -> tuple[int, bool]:
    """Write one ASCII byte in lower case, or one space for a run of white space as `str.isspace` has it."""
    if byte == _SPACE or 0x09 <= byte <= 0x0D or 0x1C <= byte <= 0x1F:
        if after_blank:
            return at, True
        out[at] = _SPACE
        return at + 1, True
    out[at] = byte | 0x20 if 0x41 <= byte <= 0x5A else byte
    return at + 1, False
