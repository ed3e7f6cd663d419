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
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from dataprep.kernels.codepoints import BLANK as PARTING
from dataprep.kernels.codepoints import CLASSES
from dataprep.kernels.normalize import BLANK, CONTEXTUAL, FIRST_PIECE, SAME, normalize
from dataprep.kernels.wordhashes import find_unknown
from dataprep.pairs.normal import fold_stages, normalize_text

__all__ = [
    "Folding",
    "FoldingTable",
    "NormalizedTexts",
    "folding_of",
    "known_folding",
    "normalize_text",
    "normalize_texts",
    "piece_of",
]

T = TypeVar("T", bound=np.generic)

TABLE_SIZE: Final = 1 << 21
"""Entries of the table: beyond the last code point, because damaged UTF-8 can decode to more."""


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
    if not all(_stands_alone(stage) for stage in (char, *stages)):
        return None
    piece = stages[-1]
    if piece.isspace():
        return " "
    return None if any(part.isspace() for part in piece) else piece


@dataclass(frozen=True, slots=True, eq=False)
class Folding:
    """What is known of code points so far, as arrays for the kernel. Never changes; learning makes another one."""

    becomes: npt.NDArray[np.int32]
    """For the kernel: SAME, BLANK, CONTEXTUAL, a piece, or 0 where nothing is known."""
    direct: npt.NDArray[np.uint8]
    """1 where a code point is known to make the same words before and after: it stays as it is, or both it and what
    becomes of it only part words, as `…` and `...` do."""
    piece_offsets: npt.NDArray[np.int32]
    pieces: npt.NDArray[np.uint8]

    @classmethod
    def empty(cls) -> Folding:
        """Nothing known yet."""
        return cls(
            np.zeros(TABLE_SIZE, np.int32), np.zeros(TABLE_SIZE, np.uint8), np.zeros(1, np.int32), np.empty(0, np.uint8)
        )

    def with_codes(self, codes: Iterable[int]) -> Folding:
        """The same with more code points known."""
        becomes, direct = self.becomes.copy(), self.direct.copy()
        offsets = self.piece_offsets.tolist()
        added: list[bytes] = []
        for code in codes:
            piece = piece_of(chr(code)) if _is_character(code) else None
            if piece is not None:
                parts = CLASSES[code] <= PARTING and all(CLASSES[ord(each)] <= PARTING for each in piece)
                direct[code] = piece == chr(code) or parts
            if piece is None or len(piece.encode()) > len(chr(code).encode()):
                becomes[code] = CONTEXTUAL
            elif piece == " ":
                becomes[code] = BLANK
            elif piece == chr(code):
                becomes[code] = SAME
            else:
                becomes[code] = FIRST_PIECE + len(offsets) - 1
                added.append(piece.encode())
                offsets.append(offsets[-1] + len(added[-1]))
        pieces = np.concatenate([self.pieces, np.frombuffer(b"".join(added), np.uint8)])
        return Folding(becomes, direct, np.array(offsets, np.int32), pieces)


def _is_character(code: int) -> bool:
    return code <= sys.maxunicode and not 0xD800 <= code <= 0xDFFF


class FoldingTable:
    """The folding that all threads share and extend. What it knows never changes a result, only who computes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folding = Folding.empty()

    @property
    def folding(self) -> Folding:
        """All that is known now."""
        return self._folding

    def learn(self, codes: npt.NDArray[np.int64]) -> Folding:
        """Look up code points that nobody has looked up before, and return all that is known."""
        with self._lock:
            new = codes[self._folding.becomes[codes] == 0]
            if len(new):
                self._folding = self._folding.with_codes(new.tolist())
            return self._folding


_TABLE: Final = FoldingTable()


def known_folding() -> Folding:
    """What is known of code points so far."""
    return _TABLE.folding


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


def _read_only(array: npt.NDArray[T]) -> npt.NDArray[T]:
    """The same array, marked as not writable: numba compiles a kernel anew for each combination of marks."""
    view = array.view()
    view.setflags(write=False)
    return view


def folding_of(data: npt.NDArray[np.uint8]) -> Folding:
    """What is known of code points, once those of some UTF-8 have been looked up.

    Worth it for megabytes at a time: what is learnt from them all at once costs one copy of the table (3 ms).
    """
    unknown = _unknown()
    if not find_unknown(_read_only(data), _TABLE.folding.becomes, unknown):
        return _TABLE.folding
    folding = _TABLE.learn(np.flatnonzero(unknown))
    unknown[:] = False
    return folding


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
    folding = _TABLE.folding
    while True:
        unknown = _unknown()
        copies, bounds, contextual, strangers = normalize(
            _read_only(offsets), _read_only(data), folding.becomes, folding.piece_offsets, folding.pieces, unknown
        )
        if not strangers:
            break
        folding = _TABLE.learn(np.flatnonzero(unknown))
        unknown[:] = False
    by_python = {
        place: normalize_text(data[offsets[place] : offsets[place + 1]].tobytes().decode(errors="replace")).encode()
        for place in np.flatnonzero(contextual).tolist()
    }
    return NormalizedTexts(copies, bounds, by_python)
