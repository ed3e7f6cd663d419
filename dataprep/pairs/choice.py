"""Which duplicates stay: exact copies and near duplicates in one pass over the records in the stated order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.kernels.greedy import COPY, NEAR, NONE, Choice, Graph, choose

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


_ROUNDS: Final = 64
_NOBODY: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is known of how near records are to each other. Records are numbered from 0 on, in any order.

    Attributes:
        cells: for each record the first that is the same word for word, -1 for one that is too short: shape (n,).
        earlier, later, similarity: verified pairs of such firsts: shape (p,).
        giants: the members of each giant bucket, firsts too.
        set_rows: the firsts whose shingle sets are here, ascending: all members of giant buckets.
        set_offsets, set_values: these sets.
        answer_offsets, answer_values: the sets of their answers; all empty where answers are not compared alone.
    """

    cells: npt.NDArray[np.integer]
    earlier: npt.NDArray[np.integer]
    later: npt.NDArray[np.integer]
    similarity: Floats
    giants: Sequence[Ints]
    set_rows: Ints
    set_offsets: Ints
    set_values: npt.NDArray[np.uint64]
    answer_offsets: Ints
    answer_values: npt.NDArray[np.uint64]

    @classmethod
    def unknown(cls, records: int) -> Likeness:
        """Nothing: every one of n records is compared by its exact key only."""
        none = np.empty(0, np.int64)
        return cls.of_pairs(np.full(records, -1), none, none, np.empty(0))

    @classmethod
    def of_pairs(
        cls,
        cells: npt.NDArray[np.integer],
        earlier: npt.NDArray[np.integer],
        later: npt.NDArray[np.integer],
        similarity: Floats,
    ) -> Likeness:
        """Verified pairs and no giant bucket."""
        no_sets = np.zeros(1, np.int64), np.empty(0, np.uint64)
        return cls(cells, earlier, later, similarity, [], np.empty(0, np.int64), *no_sets, *no_sets)


def choose_duplicates(
    order: Ints, copy_sets: Ints, must_stay: npt.NDArray[np.bool_], likeness: Likeness, threshold: float
) -> Choice:
    """Decide about some records.

    Args:
        order: their numbers in the stated order, the most preferred first: shape (m,).
        copy_sets: their sets of exact copies, any number; negative for none: shape (m,).
        must_stay: those that stay though they are duplicates: shape (m,).
        likeness: all that is known.
        threshold: similarity from which on a record is a near duplicate.

    >>> chain = Likeness.of_pairs(np.arange(3), np.array([0, 1]), np.array([1, 2]), np.array([0.9, 0.8]))
    >>> chosen = choose_duplicates(np.arange(3), np.full(3, -1), np.zeros(3, bool), chain, 0.8)
    >>> chosen.kind.tolist(), chosen.partner.tolist()
    ([0, 2, 0], [-1, 0, -1])
    """
    if not (likeness.cells[order] >= 0).any():
        return _copies(copy_sets)
    close = likeness.similarity >= threshold
    earlier, later = likeness.earlier[close], likeness.later[close]
    own = likeness.cells[order]
    firsts = np.unique(np.concatenate([own[own >= 0], *likeness.giants, earlier, later]).astype(np.int64))
    left, right = np.searchsorted(firsts, earlier), np.searchsorted(firsts, later)
    members = [np.searchsorted(firsts, giant) for giant in likeness.giants]
    pair_offsets, pair_cells, similarity = _adjacent(
        np.concatenate([left, right]),
        np.concatenate([right, left]),
        len(firsts),
        np.tile(likeness.similarity[close], 2),
    )
    giant_numbers = np.repeat(np.arange(len(members)), [len(giant) for giant in members])
    giant_cells = np.concatenate(members) if members else np.empty(0, np.int64)
    giant_offsets, giants, _ = _adjacent(giant_cells, giant_numbers, len(firsts))
    set_of = np.full(len(firsts), -1, np.int64)
    set_of[np.searchsorted(firsts, likeness.set_rows)] = np.arange(len(likeness.set_rows))
    graph = Graph(
        pair_offsets,
        pair_cells,
        similarity,
        giant_offsets,
        giants,
        len(members),
        set_of,
        likeness.set_offsets,
        likeness.set_values,
        likeness.answer_offsets,
        likeness.answer_values,
    )
    compact = np.full(len(order), -1, np.int64)
    copied = copy_sets >= 0
    compact[copied] = np.unique(copy_sets[copied], return_inverse=True)[1]
    cells = np.where(own >= 0, np.searchsorted(firsts, own), -1)
    stays = None if members else _in_rounds(cells, compact, must_stay, graph)
    if stays is None:
        return choose(cells, compact, must_stay, graph, threshold, threshold)
    return _partners(cells, compact, stays, graph)


def _in_rounds(cells: Ints, copies: Ints, must_stay: Flags, graph: Graph) -> Flags | None:
    """Which records stay, as `choose` has it, where there is no giant bucket; None if it took too many rounds.

    Each round decides every record that has no undecided earlier duplicate. Clusters take a few rounds; to load the
    compiled code takes longer than those of a million records. Only long chains of pairs take many.
    """
    n_records, n_cells = len(cells), len(graph.pair_offsets) - 1
    stays = np.zeros(n_records, np.bool_)
    open_ = np.arange(n_records)
    for _ in range(_ROUNDS):
        if not len(open_):
            return stays
        kept = np.flatnonzero(stays)
        blocked = np.zeros(len(open_), np.bool_)
        taken = np.zeros(len(open_), np.bool_)
        for keys, size in ((copies, n_records), (cells, n_cells)):
            first_open, first_kept = _firsts(keys, open_, size), _firsts(keys, kept, size)
            blocked |= first_open[keys[open_]] < open_
            taken |= first_kept[keys[open_]] < open_
            if keys is cells:  # and the cells beside
                blocked |= _least(first_open, graph)[cells[open_]] < open_
                taken |= _least(first_kept, graph)[cells[open_]] < open_
        decided = ~blocked | (taken & ~must_stay[open_])
        stays[open_[decided & (~taken | must_stay[open_])]] = True
        open_ = open_[~decided]
    return None if len(open_) else stays


def _firsts(keys: Ints, records: Ints, size: int) -> Ints:
    """The first of some records with each key; the last place, which is that of negative keys, is nobody's."""
    first = np.full(size + 1, _NOBODY)
    first[keys[records[::-1]]] = records[::-1]
    first[-1] = _NOBODY
    return first


def _least(values: Ints, graph: Graph) -> Ints:
    """The least value of the cells beside each cell."""
    starts, ends = graph.pair_offsets[:-1], graph.pair_offsets[1:]
    least = np.full(len(values), _NOBODY)
    some = np.flatnonzero(starts < ends)
    if len(some):
        least[some] = np.minimum.reduceat(values[graph.pair_cells], starts[some])
    return least


def _partners(cells: Ints, copies: Ints, stays: Flags, graph: Graph) -> Choice:
    """What every record is a duplicate of, once it is known which stay: of several the nearest, then the first."""
    n_records, n_cells = len(cells), len(graph.pair_offsets) - 1
    records, kept = np.arange(n_records), np.flatnonzero(stays)
    kind, partner, similar = np.zeros(n_records, np.uint8), np.full(n_records, -1), np.zeros(n_records)
    by_cell = _firsts(cells, kept, n_cells)
    for found, first in ((NEAR, by_cell[cells]), (COPY, _firsts(copies, kept, n_records)[copies])):
        earlier = first < records
        kind[earlier], partner[earlier], similar[earlier] = found, first[earlier], 1.0
    left = np.flatnonzero((kind == NONE) & (cells >= 0))
    starts, ends = graph.pair_offsets[cells[left]], graph.pair_offsets[cells[left] + 1]
    record = np.repeat(left, ends - starts)
    shift = np.repeat(starts - np.append(0, np.cumsum(ends - starts))[:-1], ends - starts)
    place = np.arange(len(record)) + shift
    first = by_cell[graph.pair_cells[place]]
    earlier = first < record
    record, first, value = record[earlier], first[earlier], graph.pair_similarity[place[earlier]]
    order = np.lexsort((first, -value, record))
    chosen, where = np.unique(record[order], return_index=True)
    kind[chosen], partner[chosen], similar[chosen] = NEAR, first[order][where], value[order][where]
    return Choice(kind, partner, similar, 0)


def _copies(copy_sets: Ints) -> Choice:
    """The choice where only copies are known: the first of each set stays. Needs no compiled code."""
    copied = np.flatnonzero(copy_sets >= 0)
    _, first, number = np.unique(copy_sets[copied], return_index=True, return_inverse=True)
    partner = np.full(len(copy_sets), -1, np.int64)
    partner[copied] = copied[first][number]
    partner[partner == np.arange(len(copy_sets))] = -1
    copies = partner >= 0
    return Choice(np.where(copies, COPY, NONE).astype(np.uint8), partner, copies.astype(np.float64), 0)


def _adjacent(sources: Ints, targets: Ints, size: int, values: Floats | None = None) -> tuple[Ints, Ints, Floats]:
    """For each source its targets side by side, with offsets, and with a value each."""
    order = np.argsort(sources, kind="stable")
    offsets = np.zeros(size + 1, np.int64)
    np.cumsum(np.bincount(sources, minlength=size), out=offsets[1:])
    return offsets, targets[order].astype(np.int64), np.empty(0) if values is None else values[order]
