"""What text becomes in a duplicate key: NFKC, case-folded, white space collapsed to single spaces and trimmed.

`normalize_text` is the definition. `Folding` gives the kernel what it needs to do the same without Python: for each
code point what it becomes, where that does not depend on its neighbours. It is learnt from `unicodedata` as code points
turn up (2 µs each, some hundred in English, some thousand in Chinese), because asking for all 1.1 million takes 3 s.

Only copies are normalised; stored text never is.
"""

from __future__ import annotations

import sys
import threading
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.kernels import read_only
from dataprep.kernels.codepoints import BLANK as PARTING
from dataprep.kernels.codepoints import CLASSES
from dataprep.kernels.normalize import BLANK, CONTEXTUAL, FIRST_PIECE, SAME, normalize
from dataprep.pairs.normal import fold_stages, normalize_text

__all__ = [
    "Folding",
    "NormalizedTexts",
    "known_folding",
    "normalize_at",
    "normalize_text",
    "normalize_texts",
    "piece_of",
]


TABLE_SIZE: Final = 1 << 21
"""Entries of the table: beyond the last code point, because damaged UTF-8 can decode to more."""
_MOST_PIECES: Final = 1 << 15
"""Room for pieces; Unicode 14 has 6,110 of them."""
_PIECE_BYTES: Final = 16
"""The most that one takes; texts with what becomes more, one ligature of a whole phrase, are left to Python."""


def _stands_alone(text: str) -> bool:
    """Whether the text, decomposed, begins with a character that neither combines with nor moves before what precedes.

    Then the normal form of anything followed by this text is the two normal forms side by side. Marks are left out
    altogether, which is more than needed and simple to check; jamo vowels and finals join the syllable before them.
    """
    first = unicodedata.normalize("NFKD", text)[0]
    return unicodedata.category(first)[0] != "M" and not (
        unicodedata.combining(first) or 0x1160 <= ord(first) <= 0x11FF
    )


def piece_of(char: str) -> str | None:
    """What a character becomes wherever it stands; None if that depends on its neighbours.

    >>> piece_of("É"), piece_of("\\u0301"), piece_of("\\u3000")
    ('é', None, ' ')
    """
    stages = fold_stages(char)
    if not all(map(_stands_alone, {char, *stages})):
        return None
    piece = stages[-1]
    if piece.isspace():
        return " "
    return None if any(part.isspace() for part in piece[1:]) or len(piece.encode()) > _PIECE_BYTES else piece


class Folding:
    """What is known of code points so far, as arrays for the kernels, shared by all threads.

    It grows in place, for a copy of the arrays takes longer (3 ms) than what a batch of texts brings. Entries are
    written once, and a piece before the entry that refers to it, so a kernel that reads meanwhile finds a code point
    either known, with all that belongs to it, or unknown. That never changes a result, only who computes it.

    Attributes:
        becomes: SAME, BLANK, CONTEXTUAL, a piece, or 0 where nothing is known: shape (TABLE_SIZE,).
        direct: 1 where a code point is known to make the same words before and after: it stays as it is, or both it and
            what becomes of it only part words, as `…` and `...` do.
        piece_offsets: where each piece begins in `pieces`, and the end.
        pieces: UTF-8.
    """

    def __init__(self) -> None:
        self.becomes = np.zeros(TABLE_SIZE, np.int32)
        self.direct = np.zeros(TABLE_SIZE, np.uint8)
        self.piece_offsets = np.zeros(_MOST_PIECES + 1, np.int32)
        self.pieces = np.zeros(_MOST_PIECES * _PIECE_BYTES, np.uint8)
        self._n_pieces = 0
        self._learning = threading.Lock()
        self._writing = threading.Lock()

    def learn(self, codes: Iterable[int]) -> None:
        """Look up code points, those that nobody has looked up before."""
        with self._learning:
            for code in codes:
                if not self.becomes[code]:
                    target, direct = self._look_up(code)
                    with self._writing:  # taken after the piece is written: what comes after is not seen before
                        self.direct[code] = direct
                        self.becomes[code] = target

    def _look_up(self, code: int) -> tuple[int, bool]:
        """What a code point becomes, and whether it is direct."""
        char = chr(code) if _is_character(code) else None
        piece = None if char is None else piece_of(char)
        if char is None or piece is None:
            return CONTEXTUAL, False
        encoded = piece.encode()
        parts = CLASSES[code] <= PARTING and all(CLASSES[ord(each)] <= PARTING for each in piece)
        direct = bool(piece == char or parts)
        if self._n_pieces == _MOST_PIECES:
            return CONTEXTUAL, direct
        if piece == " ":
            return BLANK, direct
        return (SAME, direct) if piece == char else (FIRST_PIECE + self._add(encoded), direct)

    def _add(self, piece: bytes) -> int:
        """Write a piece; returns its number."""
        with self._writing:
            number = self._n_pieces
            start = int(self.piece_offsets[number])
            self.pieces[start : start + len(piece)] = np.frombuffer(piece, np.uint8)
            self.piece_offsets[number + 1] = start + len(piece)
            self._n_pieces += 1
        return number


def _is_character(code: int) -> bool:
    return code <= sys.maxunicode and not 0xD800 <= code <= 0xDFFF


_FOLDING: Final = Folding()


def known_folding() -> Folding:
    """What is known of code points so far."""
    return _FOLDING


@dataclass(frozen=True, slots=True)
class NormalizedTexts:
    """Normalised copies of m texts: UTF-8 side by side, with bounds of shape (m + 1,).

    `contextual` holds the places of texts that the kernel left to Python, with their copies; they are empty in `data`.
    """

    data: npt.NDArray[np.uint8]
    bounds: npt.NDArray[np.int64]
    contextual: dict[int, bytes]

    def to_list(self) -> list[bytes]:
        """All copies, in order."""
        bounds = self.bounds.tolist()
        whole = self.data.tobytes()
        copies = [whole[start:end] for start, end in pairwise(bounds)]
        for place, copy in self.contextual.items():
            copies[place] = copy
        return copies


_THREAD: Final = threading.local()


def _unknown() -> npt.NDArray[np.bool_]:
    """Room for the kernel to mark code points in, all False: one for each thread, for it takes 50 µs to make."""
    if not hasattr(_THREAD, "unknown"):
        _THREAD.unknown = np.zeros(TABLE_SIZE, np.bool_)
    marks: npt.NDArray[np.bool_] = _THREAD.unknown
    return marks


def normalize_texts(offsets: npt.NDArray[np.int32], data: npt.NDArray[np.uint8]) -> NormalizedTexts:
    """Normalise the texts of an Arrow string array.

    Args:
        offsets: where each text begins in `data`, and the end: shape (m + 1,).
        data: UTF-8; what is damaged counts as U+FFFD.

    >>> normalize_texts(np.array([0, 3, 9], np.int32), np.frombuffer("AÉ \u4f60 e".encode(), np.uint8)).to_list()
    [b'a\xc3\xa9', b'\xe4\xbd\xa0 e']
    """
    return normalize_at(offsets[:-1].astype(np.int64), offsets[1:].astype(np.int64), data)


def normalize_at(
    starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]
) -> NormalizedTexts:
    """Normalise texts that lie anywhere in some bytes.

    Args:
        starts, ends: where each text lies: shape (m,).
        data: UTF-8; what is damaged counts as U+FFFD.
    """
    known, plain, unknown = _FOLDING, read_only(data), _unknown()
    while True:
        copies, bounds, contextual, strangers = normalize(
            starts, ends, plain, known.becomes, known.piece_offsets, known.pieces, unknown
        )
        if not len(strangers):
            break
        known.learn(strangers.tolist())
    by_python = {
        place: _normalized(data[starts[place] : ends[place]].tobytes()) for place in np.flatnonzero(contextual).tolist()
    }
    return NormalizedTexts(copies, bounds, by_python)


def _normalized(text: bytes) -> bytes:
    """`normalize_text`, line by line: nothing combines with a line feed, and most lines are ASCII."""
    lines = text.lower().decode(errors="replace").split("\n")  # ASCII letters alone
    folded = [line if line.isascii() else fold_stages(line)[-1] for line in lines]
    return " ".join("\n".join(folded).split()).encode()
