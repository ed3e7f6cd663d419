"""Which duplicates stay: exact copies and near duplicates in one pass over the records in the stated order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataprep.kernels.greedy import COPY, NONE, Choice, Graph, choose

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is known of how near records are to each other. Records are numbered from 0 on, in any order.

    Attributes:
        cells: for each record the first that is the same word for word, -1 for one that is too short: shape (n,).
        earlier, later, similarity: verified pairs of such firsts: shape (p,).
        giants: the members of each giant bucket, firsts too.
        set_rows: the firsts whose shingle sets are here, ascending: all members of giant buckets.
        set_offsets, set_values: these sets.
    """

    cells: npt.NDArray[np.integer]
    earlier: npt.NDArray[np.integer]
    later: npt.NDArray[np.integer]
    similarity: Floats
    giants: Sequence[Ints]
    set_rows: Ints
    set_offsets: Ints
    set_values: npt.NDArray[np.uint64]

    @classmethod
    def unknown(cls, records: int) -> Likeness:
        """Nothing: every one of n records is compared by its exact key only."""
        none = np.empty(0, np.int64)
        cells = np.full(records, -1)
        return cls(cells, none, none, np.empty(0), [], none, np.zeros(1, np.int64), np.empty(0, np.uint64))


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

    >>> none = np.empty(0, np.int64)
    >>> chain = Likeness(np.arange(3), np.array([0, 1]), np.array([1, 2]), np.array([0.9, 0.8]), [], none,
    ...                  np.zeros(1, np.int64), np.empty(0, np.uint64))
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
    )
    compact = np.full(len(order), -1, np.int64)
    copied = copy_sets >= 0
    compact[copied] = np.unique(copy_sets[copied], return_inverse=True)[1]
    cells = np.where(own >= 0, np.searchsorted(firsts, own), -1)
    return choose(cells, compact, must_stay, graph, threshold, threshold)


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
