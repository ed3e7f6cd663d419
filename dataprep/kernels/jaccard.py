"""Exact Jaccard similarity of shingle sets: what decides where bands only nominate.

A set is the distinct hashes of a record's shingles, in no order. To compare one with many, its hashes go into a small
table once, and each partner's are looked up there: 2 ns a hash, and a pair that cannot reach the floor any more is left
early. Two different shingles of a pair have equal 64-bit hashes with a chance of 10^-15.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel
from dataprep.kernels.grow import doubled
from dataprep.kernels.minhash import most_words, record_words, shingle
from dataprep.kernels.repeats import table_slots
from dataprep.kernels.utf8 import Hashes, Int64s

Floats = npt.NDArray[np.float64]

_NOTHING = np.uint64(0)
_INSTEAD = np.uint64(1)
"""Stands for a hash that is zero, which marks empty slots."""


@kernel
def put(table: Hashes, value: np.uint64) -> bool:
    """Put a hash into a table whose size is a power of two; whether it was new."""
    last = table.size - 1
    slot = np.int64(value) & last
    while table[slot] != _NOTHING:
        if table[slot] == value:
            return False
        slot = (slot + 1) & last
    table[slot] = value
    return True


@kernel
def has(table: Hashes, value: np.uint64) -> bool:
    """Whether a hash is in a table."""
    last = table.size - 1
    slot = np.int64(value) & last
    while table[slot] != _NOTHING:
        if table[slot] == value:
            return True
        slot = (slot + 1) & last
    return False


@kernel
def shingle_sets(
    hashes: Hashes, starts: Int64s, ends: Int64s, record_texts: Int64s, sizes: npt.NDArray[np.uint8]
) -> tuple[Int64s, Hashes]:
    """The shingle set of each of n records.

    Args:
        hashes, starts, ends: as for `minhash.sketch`.
        record_texts: index of each record's first text, and the end: shape (n + 1,).
        sizes: words in a shingle of each record, not 0: shape (n,).

    Returns:
        Offsets, shape (n + 1,), and the sets' hashes side by side.
    """
    n_records = record_texts.size - 1
    most = max(most_words(starts, ends, record_texts), 1)
    total = 0
    for text in range(record_texts[0], record_texts[n_records]):
        total += ends[text] - starts[text]
    room = np.empty(most, np.uint64)
    shingles = np.empty(most, np.uint64)
    scratch = np.empty(table_slots(most), np.uint64)
    offsets = np.zeros(n_records + 1, np.int64)
    values = np.empty(total, np.uint64)
    filled = 0
    for record in range(n_records):
        words = record_words(hashes, starts, ends, record_texts[record], record_texts[record + 1], room)
        count = shingle(words, words.size, sizes[record], shingles)
        table = scratch[: table_slots(count)]
        table[:] = _NOTHING
        for place in range(count):
            value = max(shingles[place], _INSTEAD)
            if put(table, value):
                values[filled] = value
                filled += 1
        offsets[record + 1] = filled
    return offsets, values[:filled].copy()


@kernel
def fill_table(scratch: Hashes, values: Hashes, first: int, last: int) -> Hashes:
    """A table of one set, in scratch that is large enough."""
    table = scratch[: table_slots(last - first)]
    table[:] = _NOTHING
    for place in range(first, last):
        put(table, values[place])
    return table


@kernel
def similarity(table: Hashes, size: int, values: Hashes, first: int, last: int, floor: float) -> float:
    """Jaccard similarity of the set in a table, of `size` hashes, with another; 0 where it is below the floor.

    Two empty sets are equal: their similarity is 1.
    """
    other = last - first
    if size + other == 0:
        return 1.0
    needed = floor * (size + other) / (1.0 + floor) - 1e-6
    if min(size, other) < needed:
        return 0.0
    common = 0
    left = other
    for place in range(first, last):
        if has(table, values[place]):
            common += 1
        left -= 1
        if common + left < needed:
            return 0.0
    found = common / (size + other - common)
    return found if found >= floor else 0.0


@kernel
def largest(offsets: Int64s) -> int:
    """Size of the largest set."""
    most = 0
    for index in range(offsets.size - 1):
        most = max(most, offsets[index + 1] - offsets[index])
    return most


@kernel
def compare_pairs(offsets: Int64s, values: Hashes, left: Int64s, right: Int64s, floor: float) -> Floats:
    """Similarity of each pair of sets, 0 where it is below the floor. Fast where equal `left` stand together."""
    scratch = np.empty(table_slots(max(largest(offsets), 1)), np.uint64)
    table = scratch[:1]
    result = np.empty(left.size, np.float64)
    at = -1
    for pair in range(left.size):
        if left[pair] != at:
            at = left[pair]
            table = fill_table(scratch, values, offsets[at], offsets[at + 1])
        other = right[pair]
        size = offsets[at + 1] - offsets[at]
        result[pair] = similarity(table, size, values, offsets[other], offsets[other + 1], floor)
    return result


@kernel
def compare_with_first(
    offsets: Int64s,
    values: Hashes,
    members: Int64s,
    matches: npt.NDArray[np.uint8],
    threshold: float,
    floor: float,
    least_firsts: int,
    most_firsts: int,
    enough: int,
) -> tuple[Int64s, Int64s, Floats, int]:
    """Compare the members of one giant bucket with few of them: the first ones, and those that are like none of these.

    Args:
        offsets, values: the sets.
        members: the bucket's members in the stated order: shape (k,).
        matches: for each set how many earlier ones it is known to reach the threshold with; added to.
        threshold, floor: what a match must reach, what a pair must reach to be returned.
        least_firsts, most_firsts: how many stand for the bucket whatever they are like, and at most.
        enough: matches after which a member is compared no further.

    Returns:
        The pairs at or above the floor: earlier, later, similarity; and the number of pairs of members that nobody
        compared.
    """
    most = 1
    for member in members:
        most = max(most, offsets[member + 1] - offsets[member])
    slots = table_slots(most)
    scratch = np.empty((most_firsts, slots), np.uint64)
    firsts = np.empty(most_firsts, np.int64)
    n_firsts = 0
    earlier = np.empty(2 * members.size + 16, np.int64)
    later = np.empty_like(earlier)
    similarities = np.empty(earlier.size, np.float64)
    found = 0
    compared = 0
    for place in range(members.size):
        member = members[place]
        begin, end = offsets[member], offsets[member + 1]
        if found + most_firsts > earlier.size:
            earlier = doubled(earlier)
            later = doubled(later)
            similarities = doubled(similarities)
        alike = False
        for index in range(n_firsts):
            if matches[member] >= enough:
                alike = True
                break
            first = firsts[index]
            size = offsets[first + 1] - offsets[first]
            value = similarity(scratch[index, : table_slots(size)], size, values, begin, end, floor)
            compared += 1
            if value > 0.0:
                earlier[found], later[found], similarities[found] = first, member, value
                found += 1
            if value >= threshold:
                alike = True
                matches[member] += 1
        if n_firsts < least_firsts or (n_firsts < most_firsts and not alike):
            fill_table(scratch[n_firsts], values, begin, end)
            firsts[n_firsts] = member
            n_firsts += 1
    total = members.size * (members.size - 1) // 2
    return earlier[:found], later[:found], similarities[:found], total - compared
