"""Near duplicates: bands nominate, the exact Jaccard similarity of shingle sets decides.

Works on *cells*: records that are the same word for word (and the same words their answer) count once. Cells are
numbered in the stated order in which records are preferred, so that the earlier of two is the one that would stay.
Within a bucket (cells with an equal band key) every pair is compared, unless the bucket is a giant: then its members
are compared with the first few and with those that are like none of these, and what nobody compared is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from dataprep.kernels.buckets import first_equals, nominate, packed
from dataprep.kernels.jaccard import compare_pairs, compare_with_first

if TYPE_CHECKING:  # at run time it would bring pydantic along, for those who need none
    from dataprep.pairs.config import NearConfig

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Sets = tuple[Ints, Hashes]

MODERATE: Final = 128
"""Members up to which all pairs of a bucket are compared."""
_LEAST_FIRSTS: Final = 8
"""Members that stand for a giant bucket, whatever they are like."""
_MOST_FIRSTS: Final = 32
_ENOUGH: Final = 3
"""Earlier ones that a member of giant buckets must be known to be like: it goes when one of them stays."""
_AT_ONCE: Final = 1 << 24
"""Nominated pairs that are held before those that several bands found are made one."""
_LOW: Final = np.uint64(0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """A giant bucket."""

    members: int
    first: int
    """Its first cell."""


@dataclass(frozen=True, slots=True)
class NearPairs:
    """Verified pairs of cells and what finding them took.

    Attributes:
        earlier, later: cells of each pair, in order: shape (p,).
        similarity: exact similarity, at or above the floor: shape (p,).
        nominated: pairs that bands nominated, each once, without those of giant buckets.
        giants: the giant buckets.
        uncompared: pairs of members of giant buckets that were not compared.
    """

    earlier: Ints
    later: Ints
    similarity: npt.NDArray[np.float64]
    nominated: int
    giants: list[Boilerplate]
    uncompared: int


def first_of(identity: Hashes, comparable: npt.NDArray[np.bool_]) -> Ints:
    """For each record the first one that is the same word for word; itself for the others, and if not comparable.

    Args:
        identity: `Sketches.identity`, shape (n, 2).
        comparable: whether a record is long enough, shape (n,).

    >>> first_of(np.array([[1, 1], [2, 1], [1, 1], [1, 1]], np.uint64), np.array([True, True, True, False])).tolist()
    [0, 1, 0, 3]
    """
    first = np.arange(len(identity))
    chosen = np.flatnonzero(comparable)
    words, bits = packed(identity[chosen, 0], chosen, len(identity))
    first_equals(words, bits, identity, first)
    return first


class Candidates:
    """What the bands nominate among n cells.

    Args:
        config: bands.
        cells: number of cells.
        band: gives the keys of one band for all cells: shape (n,).
        comparable: whether a cell is long enough: shape (n,).
    """

    def __init__(
        self, config: NearConfig, cells: int, band: Callable[[int], Hashes], comparable: npt.NDArray[np.bool_]
    ) -> None:
        chosen = np.flatnonzero(comparable)
        everything = len(chosen) == cells
        found: list[Hashes] = []
        held = 0
        self.giants: list[Ints] = []
        """Members of each giant bucket in order; buckets with the same members once."""
        seen: set[bytes] = set()
        for index in range(config.bands):
            keys = band(index)
            words, bits = packed(keys if everything else keys[chosen], chosen, cells)
            pairs, giants = nominate(words, bits, MODERATE)
            low = np.uint64((1 << bits) - 1)
            for start, end in giants.tolist():
                members = (words[start:end] & low).astype(np.int64)
                if (name := members.tobytes()) not in seen:
                    seen.add(name)
                    self.giants.append(members)
            found.append(pairs)
            held += len(pairs)
            if held > _AT_ONCE:
                found = [np.unique(np.concatenate(found))]
                held = len(found[0])
        pairs = np.unique(np.concatenate(found)) if found else np.empty(0, np.uint64)
        self.earlier: Ints = (pairs >> np.uint64(32)).astype(np.int64)
        self.later: Ints = (pairs & _LOW).astype(np.int64)

    def cells(self) -> Ints:
        """All cells that some pair or giant bucket has, in order."""
        return np.unique(np.concatenate([self.earlier, self.later, *self.giants]))


def verify(config: NearConfig, candidates: Candidates, cells: Ints, sets: Sets) -> NearPairs:
    """Compare what was nominated.

    Args:
        config: threshold.
        candidates: what was nominated.
        cells: `candidates.cells()`.
        sets: the shingle set of each of these, in the same order.
    """
    offsets, values = sets
    earlier, later = np.searchsorted(cells, candidates.earlier), np.searchsorted(cells, candidates.later)
    similarity = compare_pairs(offsets, values, earlier, later, config.floor)
    chosen = similarity > 0
    parts = [(earlier[chosen], later[chosen], similarity[chosen])]
    matches = np.zeros(len(cells), np.uint8)
    uncompared = 0
    for members in candidates.giants:
        left, right, similar, skipped = compare_with_first(
            offsets,
            values,
            np.searchsorted(cells, members),
            matches,
            config.threshold,
            config.floor,
            _LEAST_FIRSTS,
            _MOST_FIRSTS,
            _ENOUGH,
        )
        parts.append((left, right, similar))
        uncompared += skipped
    left, right, similar = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    codes, places = np.unique(left.astype(np.uint64) << np.uint64(32) | right.astype(np.uint64), return_index=True)
    return NearPairs(
        earlier=cells[(codes >> np.uint64(32)).astype(np.int64)],
        later=cells[(codes & _LOW).astype(np.int64)],
        similarity=similar[places],
        nominated=len(candidates.earlier),
        giants=[Boilerplate(len(members), int(members[0])) for members in candidates.giants],
        uncompared=uncompared,
    )


def with_answers(config: NearConfig, found: NearPairs, cells: Ints, answers: Sets) -> tuple[NearPairs, NearPairs]:
    """The same pairs with the lesser of their similarity and that of their answers, as far as it reaches the floor.

    And beside them, as they are, those whose answers are less similar: what they share would leak from split to split,
    most of all where one asks what the other answers (a summary of an article, an article from its summary).

    Args:
        config: the floor.
        found: pairs, compared as whole records.
        cells: all cells that these have, and maybe others, in order.
        answers: the shingle set of the answer of each of these, empty for one without answer or with a short one.
    """
    offsets, values = answers
    left, right = np.searchsorted(cells, found.earlier), np.searchsorted(cells, found.later)
    similarity = np.minimum(found.similarity, compare_pairs(offsets, values, left, right, config.floor))
    near, apart = similarity > 0, similarity < found.similarity
    return (
        replace(found, earlier=found.earlier[near], later=found.later[near], similarity=similarity[near]),
        replace(found, earlier=found.earlier[apart], later=found.later[apart], similarity=found.similarity[apart]),
    )
