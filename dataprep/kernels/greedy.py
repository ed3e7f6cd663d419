"""Which of several duplicates stay: records in the stated order, each compared with those that stay already.

The kept set is the lexicographically first one in which no two nominated records are duplicates (the greedy maximal
independent set). A record goes only because of one that stays, with their exact similarity, so nothing goes through a
chain. Pairs of moderate buckets are known beforehand; members of giant ones are compared here, with the first few of
their bucket that stay, because only here it is known which these are. Their answers are compared only where the whole
records are near enough.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel
from dataprep.kernels.jaccard import fill_table, largest, similarity
from dataprep.kernels.repeats import table_slots
from dataprep.kernels.utf8 import Hashes, Int64s

NONE, COPY, NEAR = range(3)
"""What a record is of one that stays: nothing, an exact copy, a near duplicate."""
MOST_FIRSTS = 32
"""Members of a giant bucket that others are compared with."""


class Graph(NamedTuple):
    """What is known of c cells: records that are the same word for word."""

    pair_offsets: Int64s
    """Index of each cell's first partner, and the end: shape (c + 1,)."""
    pair_cells: Int64s
    pair_similarity: npt.NDArray[np.float64]
    """Its partners at or above the threshold, in both directions."""
    giant_offsets: Int64s
    """Index of each cell's first giant bucket, and the end: shape (c + 1,)."""
    giants: Int64s
    """Its giant buckets."""
    n_giants: int
    set_of: Int64s
    """Index of each cell's shingle set, -1 for cells in no giant bucket: shape (c,)."""
    set_offsets: Int64s
    set_values: Hashes
    """The shingle sets of the members of giant buckets."""
    answer_offsets: Int64s
    answer_values: Hashes
    """Those of their answers, in the same order; all empty where answers are not compared alone."""


class Choice(NamedTuple):
    """What becomes of n records, in the order given."""

    kind: npt.NDArray[np.uint8]
    """NONE, COPY or NEAR: whether it is a duplicate of one that stays. It goes then, unless it must stay."""
    partner: Int64s
    """Place of the record that it is a duplicate of; -1 for none."""
    similarity: npt.NDArray[np.float64]
    """Exact similarity with it."""
    uncompared: int
    """Pairs of records in a giant bucket that stay and were not compared."""


@kernel
def choose(
    cells: Int64s, copy_sets: Int64s, must_stay: npt.NDArray[np.bool_], graph: Graph, threshold: float, floor: float
) -> Choice:
    """Go through n records in the stated order.

    Args:
        cells: cell of each record, -1 for one that is compared by its exact key only: shape (n,).
        copy_sets: number of its set of exact copies, from 0 on; -1 for none: shape (n,).
        must_stay: records that stay though they are duplicates: shape (n,).
        graph: the cells.
        threshold: similarity from which on a member of a giant bucket goes.
        floor: below it, similarities need not be known.
    """
    n_records = cells.size
    kind = np.zeros(n_records, np.uint8)
    partner = np.full(n_records, -1, np.int64)
    similar = np.zeros(n_records, np.float64)
    kept_of_cell = np.full(graph.pair_offsets.size, -1, np.int64)
    kept_of_copies = np.full(n_records + 1, -1, np.int64)
    firsts = np.empty((graph.n_giants, MOST_FIRSTS), np.int64)
    n_firsts = np.zeros(graph.n_giants, np.int64)
    n_kept = np.zeros(graph.n_giants, np.int64)
    scratch = np.empty(table_slots(max(largest(graph.set_offsets), 1)), np.uint64)
    answer_scratch = np.empty(table_slots(max(largest(graph.answer_offsets), 1)), np.uint64)
    uncompared = 0
    for record in range(n_records):
        cell = cells[record]
        copies = copy_sets[record]
        found = NONE
        best = -1
        value = 0.0
        if copies >= 0 and kept_of_copies[copies] >= 0:
            found, best, value = COPY, kept_of_copies[copies], 1.0
        elif cell >= 0 and kept_of_cell[cell] >= 0:
            found, best, value = NEAR, kept_of_cell[cell], 1.0
        elif cell >= 0:
            for place in range(graph.pair_offsets[cell], graph.pair_offsets[cell + 1]):
                kept = kept_of_cell[graph.pair_cells[place]]
                here = graph.pair_similarity[place]
                if kept >= 0 and (here > value or (here == value and kept < best)):
                    found, best, value = NEAR, kept, here
            first_giant, last_giant = graph.giant_offsets[cell], graph.giant_offsets[cell + 1]
            if best < 0 and first_giant < last_giant:
                own = graph.set_of[cell]
                begin, end = graph.set_offsets[own], graph.set_offsets[own + 1]
                table = fill_table(scratch, graph.set_values, begin, end)
                first_answer, last_answer = graph.answer_offsets[own], graph.answer_offsets[own + 1]
                answer = answer_scratch[:1]
                filled = False
                for place in range(first_giant, last_giant):
                    giant = graph.giants[place]
                    for index in range(n_firsts[giant]):
                        kept = firsts[giant, index]
                        other = graph.set_of[cells[kept]]
                        here = similarity(
                            table,
                            end - begin,
                            graph.set_values,
                            graph.set_offsets[other],
                            graph.set_offsets[other + 1],
                            floor,
                        )
                        if here < threshold or here < value:
                            continue
                        if not filled:
                            answer = fill_table(answer_scratch, graph.answer_values, first_answer, last_answer)
                            filled = True
                        alone = similarity(
                            answer,
                            last_answer - first_answer,
                            graph.answer_values,
                            graph.answer_offsets[other],
                            graph.answer_offsets[other + 1],
                            floor,
                        )
                        here = min(here, alone)
                        if here >= threshold and (here > value or (here == value and kept < best)):
                            found, best, value = NEAR, kept, here
                    if best >= 0:
                        break
        kind[record] = found
        partner[record] = best
        similar[record] = value
        if found != NONE and not must_stay[record]:
            continue
        if copies >= 0 and kept_of_copies[copies] < 0:
            kept_of_copies[copies] = record
        if cell >= 0 and kept_of_cell[cell] < 0:
            kept_of_cell[cell] = record
            for place in range(graph.giant_offsets[cell], graph.giant_offsets[cell + 1]):
                giant = graph.giants[place]
                uncompared += n_kept[giant] - n_firsts[giant]
                n_kept[giant] += 1
                if n_firsts[giant] < MOST_FIRSTS:
                    firsts[giant, n_firsts[giant]] = record
                    n_firsts[giant] += 1
    return Choice(kind, partner, similar, uncompared)
