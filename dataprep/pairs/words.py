"""The words that near duplicates are compared by: those of the normalised text, as hashes.

Words are runs of letters, digits and marks; in scripts without spaces (Chinese, Japanese kana, Thai, Lao, Khmer,
Burmese) every character is one. In a text of ASCII they are the words that the scan of the text itself found, because
normalising only changes case and white space there. So they are where all other code points are known to stay as they
are (quotation marks, é, most of Chinese); the other texts are normalised, and looked at once more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.kernels import read_only
from dataprep.kernels.codepoints import CLASSES
from dataprep.kernels.scan import CHARS, Scan
from dataprep.kernels.wordhashes import hash_words
from dataprep.pairs.folding import TABLE_SIZE, known_folding, normalize_at

_EVERY: Final = np.ones(TABLE_SIZE, np.uint8)
"""For texts that are normalised already. Not marked as not writable, which would compile a kernel once more."""


@dataclass(frozen=True, slots=True)
class Words:
    """Hashes of the words of m texts.

    Attributes:
        hashes: hash of each word.
        starts, ends: where the words of each text lie in it: shape (m,).
    """

    hashes: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    def where(self, chosen: npt.NDArray[np.bool_]) -> Words:
        """The same, with the texts that are not chosen left without words."""
        return replace(self, ends=np.where(chosen, self.ends, self.starts))


class Room:
    """Memory for hashes of words, used again and again: to take fresh memory costs a quarter of what hashing does.

    Args:
        hashes: what is there already.
    """

    def __init__(self, hashes: npt.NDArray[np.uint64] | None = None) -> None:
        self._hashes = np.empty(0, np.uint64) if hashes is None else hashes

    def after(self, count: int, more: int) -> npt.NDArray[np.uint64]:
        """All of it, with what its first `count` places hold and room for so many more."""
        if count + more > len(self._hashes):
            larger = np.empty(count + more, np.uint64)
            larger[:count] = self._hashes[:count]
            self._hashes = larger
        return self._hashes


def words_of(offsets: npt.NDArray[np.int32], data: npt.NDArray[np.uint8], scanned: Scan | None = None) -> Words:
    """The words of m texts that stand side by side.

    Args:
        offsets: where each text begins in `data`, and the end: shape (m + 1,).
        data: UTF-8.
        scanned: the scan of these texts, where there is one already.

    >>> texts = ["Straße 5!", "STRASSE\\u00a05", "你好"]
    >>> encoded = [text.encode() for text in texts]
    >>> bounds = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    >>> words = words_of(bounds, np.frombuffer(b"".join(encoded), np.uint8))
    >>> (words.ends - words.starts).tolist()
    [2, 2, 2]
    >>> bool((words.hashes[words.starts[0] : words.ends[0]] == words.hashes[words.starts[1] : words.ends[1]]).all())
    True
    """
    text_starts, text_ends = offsets[:-1].astype(np.int64), offsets[1:].astype(np.int64)
    if scanned is None:
        return words_at(text_starts, text_ends, data)
    words = Words(scanned.token_hashes, scanned.token_offsets[:-1].copy(), scanned.token_offsets[1:].copy())
    foreign = np.flatnonzero(scanned.counts[:, CHARS] < np.diff(offsets))
    return _with_normalized(words, foreign, text_starts, text_ends, data, Room(words.hashes))


def words_at(
    text_starts: npt.NDArray[np.int64],
    text_ends: npt.NDArray[np.int64],
    data: npt.NDArray[np.uint8],
    room: Room | None = None,
    before: int = 0,
) -> Words:
    """The words of m texts that lie anywhere in some bytes.

    Args:
        text_starts, text_ends: where each text lies: shape (m,).
        data: UTF-8.
        room: where their hashes go, after the first `before`; what is given is part of it.
    """
    room = room or Room()
    direct = known_folding().direct  # texts with code points that nobody has looked up yet are normalised
    hashes = room.after(before, _most_words(text_starts, text_ends))
    found = hash_words(read_only(data), text_starts, text_ends, CLASSES, direct, hashes, before)
    starts, ends, left_out, count = found
    words = Words(hashes[:count], starts, ends)
    return _with_normalized(words, np.flatnonzero(left_out), text_starts, text_ends, data, room)


def _with_normalized(
    words: Words,
    foreign: npt.NDArray[np.int64],
    text_starts: npt.NDArray[np.int64],
    text_ends: npt.NDArray[np.int64],
    data: npt.NDArray[np.uint8],
    room: Room,
) -> Words:
    """The same with the words of normalised copies for some of the texts.

    Args:
        words: their words, which are replaced.
        foreign: those texts.
        text_starts, text_ends, data: all texts.
        room: what begins with the hashes of `words`.
    """
    if not len(foreign):
        return words
    copies = normalize_at(text_starts[foreign], text_ends[foreign], data)
    bounds, text = copies.bounds, copies.data
    if copies.contextual:
        whole = copies.to_list()
        bounds, text = np.cumsum([0, *map(len, whole)]), np.frombuffer(b"".join(whole), np.uint8)
    starts, ends = bounds[:-1].astype(np.int64), bounds[1:].astype(np.int64)
    count = len(words.hashes)
    hashes = room.after(count, _most_words(starts, ends))
    starts, ends, _, count = hash_words(read_only(text), starts, ends, CLASSES, _EVERY, hashes, count)
    words.starts[foreign] = starts
    words.ends[foreign] = ends
    return replace(words, hashes=hashes[:count])


def _most_words(starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> int:
    """The most words that texts can have: between two of one byte there is another byte."""
    return int(((ends - starts + 1) >> 1).sum())
