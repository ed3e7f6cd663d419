"""Which rows stay: rows in order, each compared with those of its buckets that stay already, until one is near enough.

Greedy by construction: a row goes because of one that stays and with their exact similarity, so nothing goes through a
chain. Only rows that stay are ever compared with, so a bucket of 100,000 copies costs no more than one of two; what
`pairs.near` does for a whole run, where rules may bring any record back, needs every pair instead.

A bucket remembers the first few that stay in it. Of those that all buckets of a row remember, the row is compared with
at most as many as a limit says, those that it shares most bands with; what was left out is counted. So a cluster
of 100,000 variants of one text, half of which stay, costs a fixed time a row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel
from dataprep.kernels.grow import doubled
from dataprep.kernels.jaccard import fill_table, largest, similarity
from dataprep.kernels.repeats import find_first_equals, table_slots
from dataprep.kernels.sorting import ascending
from dataprep.kernels.utf8 import Hashes, Int32s, Int64s

Floats = npt.NDArray[np.float64]

_PART = 1 << 13
"""Keys whose table stays in the processor's cache."""


class Buckets(NamedTuple):
    """The buckets of two or more among c candidates, which are numbered in order of their rows."""

    offsets: Int64s
    """Index of each candidate's first bucket, and the end: shape (c + 1,)."""
    numbers: Int32s
    """Its buckets, of all bands."""
    n_buckets: int


@kernel
def bucket_members(keys: Hashes) -> tuple[Int32s, Int64s]:
    """The places of keys that occur more than once, those of equal ones together and rising.

    Keys are parted by their upper bits first, so that the table that finds equal ones stays in the processor's cache:
    8 ns a key, where sorting takes 45.

    Returns:
        The places; where each bucket begins among them, and the end.
    """
    bits = 0
    while keys.size >> bits > _PART:
        bits += 1
    shift = np.uint64(64 - bits)
    ends = np.zeros((1 << bits) + 1, np.int64)
    if bits > 0:
        for key in keys:
            ends[np.int64(key >> shift) + 1] += 1
    else:
        ends[1] = keys.size
    for part in range(1 << bits):
        ends[part + 1] += ends[part]
    most = max(largest(ends), 1)
    parted = np.empty(keys.size, np.uint64)
    places = np.empty(keys.size, np.int32)
    at = ends[:-1].copy()
    for place in range(keys.size):
        home = np.int64(keys[place] >> shift) if bits > 0 else np.int64(0)
        parted[at[home]] = keys[place]
        places[at[home]] = place
        at[home] += 1
    table = np.empty(table_slots(most), np.int32)
    firsts = np.empty(most, np.int32)
    times = np.empty(most, np.int32)
    next_places = np.empty(most, np.int64)
    members = np.empty(keys.size, np.int32)
    starts = np.empty(keys.size // 2 + 1, np.int64)
    n_members = 0
    n_buckets = 0
    for part in range(1 << bits):
        begin = ends[part]
        count = ends[part + 1] - begin
        find_first_equals(parted[begin : begin + count], count, table, firsts, times)
        for place in range(count):
            if times[firsts[place]] > 1:
                if firsts[place] == place:
                    starts[n_buckets] = n_members
                    n_buckets += 1
                    next_places[place] = n_members
                    n_members += times[place]
                members[next_places[firsts[place]]] = places[begin + place]
                next_places[firsts[place]] += 1
    starts[n_buckets] = n_members
    return members[:n_members].copy(), starts[: n_buckets + 1].copy()


@kernel
def count_buckets(members: Int32s, counts: Int64s) -> None:
    """Add to `counts` for each cell the buckets of one band that it is in."""
    for member in members:
        counts[member] += 1


@kernel
def place_buckets(members: Int32s, starts: Int64s, first: int, places: Int64s, numbers: Int32s) -> None:
    """Write the numbers of one band's buckets, from `first` on, to the places of their members, and move these on."""
    for bucket in range(starts.size - 1):
        for index in range(starts[bucket], starts[bucket + 1]):
            member = members[index]
            numbers[places[member]] = first + bucket
            places[member] += 1


class Progress(NamedTuple):
    """What going through the candidates remembers from one stretch to the next."""

    heads: Int32s
    """First node of each bucket's list of those that stay, -1 for none: shape (b,). A node is a place in `numbers`."""
    tails: Int32s
    lengths: Int32s
    nexts: Int32s
    """The node after each: shape of `numbers`."""
    owners: Int32s
    """Candidate of each node: shape of `numbers`."""
    seen: Int32s
    """The last candidate that each was put on the list for: shape (c,)."""
    shared: Int32s
    """Buckets that it shares with that one: shape (c,)."""


def progress_for(buckets: Buckets) -> Progress:
    """Nobody has been looked at yet."""
    candidates = len(buckets.offsets) - 1
    owners = np.repeat(np.arange(candidates, dtype=np.int32), np.diff(buckets.offsets))
    return Progress(
        heads=np.full(buckets.n_buckets, -1, np.int32),
        tails=np.full(buckets.n_buckets, -1, np.int32),
        lengths=np.zeros(buckets.n_buckets, np.int32),
        nexts=np.full(len(buckets.numbers), -1, np.int32),
        owners=owners,
        seen=np.full(candidates, -1, np.int32),
        shared=np.zeros(candidates, np.int32),
    )


@kernel
def choose_most(listed: Int32s, count: int, shared: Int32s, limit: int) -> int:
    """Put the first `count` listed in the order in which to compare with them; returns with how many.

    In order of rows, if there are no more than the limit. Otherwise those that share most buckets first: they are
    likely to be nearest.
    """
    if count <= limit:
        ascending(listed, count)
        return count
    most = 0
    for index in range(count):
        most = max(most, shared[listed[index]])
    times = np.zeros(most + 1, np.int64)
    for index in range(count):
        times[shared[listed[index]]] += 1
    least = most
    above = 0
    while above + times[least] < limit:
        above += times[least]
        least -= 1
    ranked = np.empty(above + times[least], np.int64)
    kept = 0
    for index in range(count):
        here = np.int64(shared[listed[index]])
        if here >= least:
            ranked[kept] = (most - here) << 32 | listed[index]
            kept += 1
    ascending(ranked, kept)
    for index in range(limit):
        listed[index] = ranked[index] & 0xFFFF_FFFF
    return limit


@kernel
def go_through(
    first: int,
    last: int,
    buckets: Buckets,
    progress: Progress,
    set_offsets: Int64s,
    set_values: Hashes,
    sizes: npt.NDArray[np.uint8],
    threshold: float,
    floor: float,
    most: int,
    limit: int,
    partner: Int64s,
    partner_similarity: Floats,
) -> tuple[Int64s, Int64s, Floats, int, int]:
    """Go through the candidates `first` to `last`.

    Args:
        buckets: of all candidates.
        progress: carried on from the stretch before.
        set_offsets, set_values: their shingle sets.
        sizes: words in a shingle of each: shape (c,).
        threshold: similarity from which on a candidate goes.
        floor: similarity from which on a pair is given, for candidates that are compared with all there are.
        most: how many that stay a bucket remembers.
        limit: with how many of these a candidate is compared.
        partner, partner_similarity: results: the first that stays and is near enough, -1 for those that stay
            themselves, and the exact similarity with it: shape (c,).

    Returns:
        Pairs (earlier, later, similarity), the number compared, and the number left out.
    """
    heads, tails, lengths, nexts, owners, seen, shared = progress
    scratch = np.empty(table_slots(max(largest(set_offsets[first : last + 1]), 1)), np.uint64)
    found_earlier = np.empty(1024, np.int64)
    found_later = np.empty(1024, np.int64)
    found_similarity = np.empty(1024, np.float64)
    listed = np.empty(1024, np.int32)
    found = 0
    compared = 0
    uncompared = 0
    for candidate in range(first, last):
        count = 0
        for place in range(buckets.offsets[candidate], buckets.offsets[candidate + 1]):
            bucket = buckets.numbers[place]
            node = heads[bucket]
            while node >= 0:
                other = owners[node]
                if seen[other] == candidate:
                    shared[other] += 1
                else:
                    seen[other] = candidate
                    shared[other] = 1
                    if sizes[other] == sizes[candidate]:
                        if count == listed.size:
                            listed = doubled(listed)
                        listed[count] = other
                        count += 1
                node = nexts[node]
        begin, end = set_offsets[candidate], set_offsets[candidate + 1]
        partner[candidate] = -1
        if count > 0:
            near_misses = count <= limit
            uncompared += max(count - limit, 0)
            count = choose_most(listed, count, shared, limit)
            table = fill_table(scratch, set_values, begin, end)
            for index in range(count):
                other = listed[index]
                compared += 1
                value = similarity(
                    table,
                    end - begin,
                    set_values,
                    set_offsets[other],
                    set_offsets[other + 1],
                    floor if near_misses else threshold,
                )
                if value > 0.0:
                    if found == found_earlier.size:
                        found_earlier = doubled(found_earlier)
                        found_later = doubled(found_later)
                        found_similarity = doubled(found_similarity)
                    found_earlier[found], found_later[found], found_similarity[found] = other, candidate, value
                    found += 1
                if value >= threshold:
                    partner[candidate] = other
                    partner_similarity[candidate] = value
                    break
        if partner[candidate] >= 0:
            continue
        for place in range(buckets.offsets[candidate], buckets.offsets[candidate + 1]):
            bucket = buckets.numbers[place]
            if lengths[bucket] >= most:
                uncompared += lengths[bucket] - most
                lengths[bucket] += 1
                continue
            lengths[bucket] += 1
            if heads[bucket] < 0:
                heads[bucket] = place
            else:
                nexts[tails[bucket]] = place
            tails[bucket] = place
    return found_earlier[:found], found_later[:found], found_similarity[:found], compared, uncompared
