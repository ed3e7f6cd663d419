"""Which turns of a batch a cleaner could change: the tables for the compiled scan, and the call.

The scan only ever saves work. What it may skip follows from the cleaners' own definitions: the ranges of
`control_characters`, the white space of `whitespace`, the markers of `end_of_text`, and ftfy's list of characters
that occur in mojibake. For the last one the pairs of neighbours that `ftfy.badness` looks for are widened to pairs of
classes; a test compares the two over all pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache, reduce
from operator import or_
from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.clean.base import UNICODE_SPACE, Cleaner
from dataprep.clean.control_characters import KEPT_IN_CONTEXT, NEVER_KEPT
from dataprep.kernels.textflags import (
    AFTER_LETTER,
    ALWAYS,
    C1,
    DAMAGED,
    HIDDEN,
    LEADER,
    LETTER,
    SPACE,
    text_flags,
)
from dataprep.record import Turns

_LETTERS: Final = ("upper_common", "lower_common", "upper_accented", "lower_accented", "kaomoji")
_ONLY_AFTER_LEADERS: Final = ("common",)
"""Dashes, apostrophe, ellipsis, no-break space: mojibake only after a leader, and too frequent to be more."""
_LEADERS: Final = "ŒœØÙÂÃÎÐ√"
_AFTER_LETTER: Final = "Ђ"
"""As in вЂ, the start of Windows-1251 mojibake of punctuation; beside accented capitals, as in àÉ inside a word."""


def flags(turns: Turns, indices: npt.NDArray[np.int64], markers: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Flags (see `dataprep.kernels.textflags`) of some turns. A null content has none.

    Args:
        turns: the turns of a batch.
        indices: the turns to look at, shape (k,).
        markers: the end markers that are looked for.

    Returns:
        One byte for each index, shape (k,).
    """
    offsets, data = turns.utf8()
    ends, texts = encoded(markers)
    last_bytes = np.zeros(256, np.bool_)
    last_bytes[texts[ends[1:] - 1]] = True
    found = text_flags(offsets, data, indices, classes(), last_bytes)
    found[turns.valid[indices]] |= ALWAYS
    return found


def wanted(cleaners: Iterable[Cleaner]) -> int:
    """The flags that any of the cleaners wants."""
    return reduce(or_, (cleaner.wants for cleaner in cleaners), 0)


@cache
def classes() -> npt.NDArray[np.uint8]:
    """Class bits of every code point of the basic plane, shape (65536,)."""
    from ftfy.badness import MOJIBAKE_CATEGORIES  # takes 0.05 s, which only those who clean should wait for

    damaged = "°" + "".join(
        ranges for name, ranges in MOJIBAKE_CATEGORIES.items() if name not in (*_LETTERS, *_ONLY_AFTER_LEADERS, "c1")
    )
    letters = "".join(MOJIBAKE_CATEGORIES[name] for name in _LETTERS)
    table = np.zeros(1 << 16, np.uint8)
    for bit, ranges in (
        (C1, MOJIBAKE_CATEGORIES["c1"]),
        (DAMAGED, damaged),
        (LETTER, letters),
        (LEADER, _LEADERS),
        (AFTER_LETTER, _AFTER_LETTER + MOJIBAKE_CATEGORIES["upper_accented"]),
        (HIDDEN, NEVER_KEPT + KEPT_IN_CONTEXT),
        (SPACE, UNICODE_SPACE),
    ):
        table[_code_points(ranges)] |= bit
    return table


def encoded(texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Byte offsets of n texts, shape (n + 1,), and their UTF-8."""
    encodings = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, encodings)], dtype=np.int64)
    return offsets, np.frombuffer(b"".join(encodings), np.uint8)


def _code_points(ranges: str) -> npt.NDArray[np.int64]:
    """The code points of the basic plane in a regular expression's character ranges."""
    plane = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x10000))))
    return np.fromiter((ord(char) for char in re.findall(f"[{ranges}]", plane)), np.int64)
