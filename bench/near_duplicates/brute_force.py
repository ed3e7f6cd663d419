"""All pairs of rows at or above a similarity, found without sketches, bands or hashes: what quality is judged by.

Shares with the product what a word is and which length classes there are, nothing else: words are found by a regular
expression over normalised text, shingles are numbered by sorting, and every pair whose similarity can reach the
threshold at all is counted out.

Method: prefix filter (Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant, "Scaling up all pairs similarity
search", 2007). With shingles in one order, rare ones first, two sets of similarity t or more share one of the first
|s| - ceil(t |s|) + 1 shingles of each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

from dataprep.kernels.codepoints import BLANK, CLASSES, MARK, SOLO
from dataprep.pairs.config import NearConfig
from dataprep.pairs.folding import normalize_text

Ints = npt.NDArray[np.int64]

_ROUNDING: Final = 1e-9
"""What a product of a threshold and a number of shingles may be off by."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows, each once, with their exact similarity."""

    left: Ints
    right: Ints
    similarity: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sets:
    """The shingle sets of n rows.

    Attributes:
        ngrams: words in a shingle of each row: its length class; 0 for rows that are too short: shape (n,).
        offsets, shingles: numbers of each row's shingles, ascending; equal numbers are equal words. Rare ones are low.
    """

    ngrams: Ints
    offsets: Ints
    shingles: Ints

    def similarity(self, left: int, right: int) -> float:
        """Exact Jaccard similarity of two rows; 0 across length classes and for rows that are too short."""
        if not self.ngrams[left] or self.ngrams[left] != self.ngrams[right]:
            return 0.0
        one, other = (self.shingles[self.offsets[row] : self.offsets[row + 1]] for row in (left, right))
        common = len(np.intersect1d(one, other, assume_unique=True))
        return common / (len(one) + len(other) - common)


def words(text: str) -> list[str]:
    """The words of a text: runs of letters, digits and marks; each letter of a script without spaces is one.

    >>> words("Straße 5! 你好")
    ['strasse', '5', '你', '好']
    """
    return _word().findall(normalize_text(text))


def sets_of(texts: Sequence[str], config: NearConfig) -> Sets:
    """The shingle sets of some texts."""
    numbers: dict[str, int] = {}
    found = [[numbers.setdefault(word, len(numbers)) for word in words(text)] for text in texts]
    sizes = np.array([len(row) for row in found], np.int64)
    ids = np.array([number for row in found for number in row], np.int64)
    ngrams = np.where(sizes < config.short_below, config.short_ngram, config.ngram)
    ngrams[sizes < config.least_words] = 0
    rows, shingles = [], []
    first = 0
    for size in sorted({config.short_ngram, config.ngram}):
        owners, numbered = _shingles(ids, sizes, np.flatnonzero(ngrams == size), size)
        rows.append(owners)
        shingles.append(numbered + first)
        first += int(numbered.max(initial=-1)) + 1
    owners, numbered = np.divmod(np.unique(np.concatenate(rows) * first + np.concatenate(shingles)), max(first, 1))
    ranks = np.empty(first, np.int64)
    ranks[np.argsort(np.bincount(numbered, minlength=first), kind="stable")] = np.arange(first)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(texts)))])
    return Sets(ngrams, offsets, np.sort(owners * first + ranks[numbered]) % max(first, 1))


def all_pairs(sets: Sets, threshold: float) -> Pairs:
    """Every pair of rows of one length class with at least this similarity."""
    sizes = np.diff(sets.offsets)
    order = np.argsort(sizes, kind="stable")
    order = order[sizes[order] > 0]
    left, right, similarity = _kernel()(
        sets.offsets, sets.shingles, order, int(sets.shingles.max(initial=0)) + 1, threshold
    )
    return Pairs(np.minimum(left, right), np.maximum(left, right), similarity)


def _shingles(ids: Ints, sizes: Ints, rows: Ints, size: int) -> tuple[Ints, Ints]:
    """Owner and number of each shingle of some rows; numbers grow word by word, so that equal ones are equal words."""
    starts = np.concatenate([[0], np.cumsum(sizes)])[rows]
    counts = sizes[rows] - size + 1
    owners = np.repeat(rows, counts)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    places = np.repeat(starts - offsets[:-1], counts) + np.arange(offsets[-1])
    numbers = np.zeros(len(places), np.int64)
    for place in range(size):
        following = ids[places + place]
        numbers = np.unique(numbers * (ids.max(initial=0) + 1) + following, return_inverse=True)[1].astype(np.int64)
    return owners, numbers


@cache
def _word() -> re.Pattern[str]:
    codes = CLASSES[:0x110000]
    plain = _ranges((codes > BLANK) & (codes != SOLO))
    solo, mark = _ranges(codes == SOLO), _ranges(codes == MARK)
    return re.compile(f"[{solo}][{mark}]*|[{plain}]+")


def _ranges(chosen: npt.NDArray[np.bool_]) -> str:
    edges = np.flatnonzero(np.diff(chosen, prepend=False, append=False)).reshape(-1, 2).tolist()
    return "".join(f"\\U{first:08x}-\\U{last - 1:08x}" for first, last in edges)


@cache
def _kernel() -> Any:
    return numba.njit(nogil=True)(_find)


def _find(
    offsets: Ints, shingles: Ints, order: Ints, n_shingles: int, threshold: float
) -> tuple[Ints, Ints, npt.NDArray[np.float64]]:
    """Rows in ascending order of size, each looked up among the smaller ones by the beginning of its set."""
    head = np.full(n_shingles, -1, np.int64)
    following = np.empty(shingles.size, np.int64)
    owner = np.empty(shingles.size, np.int64)
    entries = 0
    seen = np.full(offsets.size, -1, np.int64)
    left = np.empty(1024, np.int64)
    right = np.empty(1024, np.int64)
    similarity = np.empty(1024, np.float64)
    found = 0
    for place in range(order.size):
        row = order[place]
        begin, end = offsets[row], offsets[row + 1]
        size = end - begin
        prefix = size - int(np.ceil(threshold * size - _ROUNDING)) + 1
        for index in range(begin, begin + prefix):
            entry = head[shingles[index]]
            while entry >= 0:
                other = owner[entry]
                first, last = offsets[other], offsets[other + 1]
                if last - first < threshold * size - _ROUNDING:
                    break  # those that follow are smaller still
                entry = following[entry]
                if seen[other] == row:
                    continue
                seen[other] = row
                common, here, there = 0, begin, first
                while here < end and there < last:
                    if shingles[here] == shingles[there]:
                        common += 1
                        here += 1
                        there += 1
                    elif shingles[here] < shingles[there]:
                        here += 1
                    else:
                        there += 1
                value = common / (size + last - first - common)
                if value < threshold:
                    continue
                if found == left.size:
                    left = np.append(left, np.empty_like(left))
                    right = np.append(right, np.empty_like(right))
                    similarity = np.append(similarity, np.empty_like(similarity))
                left[found], right[found], similarity[found] = row, other, value
                found += 1
        for index in range(begin, begin + prefix):
            owner[entries] = row
            following[entries] = head[shingles[index]]
            head[shingles[index]] = entries
            entries += 1
    return left[:found], right[:found], similarity[:found]
