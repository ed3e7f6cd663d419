"""Which of many old records a few new ones may be like: one pass over the old ones' stored keys, band by band.

The new keys make a small table of truth values, 16 to 32 places a key; an old key whose place is empty is left behind
at once, which is 9 of 10 and more of those that match nothing. So the cost is one look a stored key, and sorting is
done with the new keys and the few old ones that are left. The alternative, sorting all old keys, takes five times as
long for ten old records on each new one, and holds them all in memory.

Within a bucket (equal band keys) each new record is compared with every old one, unless the bucket is a giant: then
with the first few in an order that depends on the records' words alone, and what nobody compared is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.pairs.near import MODERATE

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

MOST_OLD: Final = 32
"""Old records of a giant bucket that each new one is compared with."""
_PLACES_A_KEY: Final = 16
_MOST_BITS: Final = 30
_AT_ONCE: Final = 1 << 24
"""Nominated pairs that are held before those that several bands found are made one."""
_LOW: Final = np.uint64(0xFFFF_FFFF)


class Sought:
    """Keys that many others are looked up among.

    Args:
        keys: of n records, with well-mixed lower bits; equal ones make a bucket: shape (n,).

    Attributes:
        keys: the distinct ones, ascending: shape (b,).

    >>> sought = Sought(np.array([7, 5, 7], np.uint64))
    >>> sought.hits([np.array([1, 7], np.uint64), np.array([5, 9], np.uint64)])
    (array([1, 2]), array([1, 0]))
    """

    def __init__(self, keys: Hashes) -> None:
        self.keys, places = np.unique(keys, return_inverse=True)
        self._members = np.argsort(places, kind="stable")
        self._starts = np.searchsorted(places[self._members], np.arange(len(self.keys) + 1))
        bits = min(max(_PLACES_A_KEY * len(keys), 16).bit_length(), _MOST_BITS)
        self._mask = np.uint64((1 << bits) - 1)
        self._filled = np.zeros(1 << bits, np.bool_)
        self._filled[self._slots(self.keys)] = True

    def likely(self, keys: Hashes) -> Ints:
        """Places of those keys that may be among the sought ones: all that are, and few others."""
        return np.flatnonzero(self._filled[self._slots(keys)])

    def hits(self, chunks: Iterable[Hashes]) -> tuple[Ints, Ints]:
        """Which of many keys are sought: their numbers, counted on over all chunks, and the bucket of each."""
        found, buckets = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        done = 0
        for keys in chunks:
            places = self.likely(keys)
            bucket = np.minimum(np.searchsorted(self.keys, keys[places]), max(len(self.keys) - 1, 0))
            equal = self.keys[bucket] == keys[places]
            found.append(done + places[equal])
            buckets.append(bucket[equal])
            done += len(keys)
        return np.concatenate(found), np.concatenate(buckets)

    def sizes(self, buckets: Ints) -> Ints:
        """How many records each bucket has."""
        return np.asarray(self._starts[buckets + 1] - self._starts[buckets])

    def members(self, buckets: Ints) -> Ints:
        """The records of some buckets, bucket after bucket."""
        sizes = self.sizes(buckets)
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.asarray(self._members[np.repeat(self._starts[buckets], sizes) + within])

    def _slots(self, keys: Hashes) -> Ints:
        return (keys & self._mask).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Nominated:
    """Pairs of a new and an old record that some band nominates, each once.

    Attributes:
        new, old: numbers of the records: shape (p,).
        uncompared: pairs of giant buckets that are left out.
    """

    new: Ints
    old: Ints
    uncompared: int


def nominate(
    bands: int,
    new_keys: Callable[[int], Hashes],
    old_keys: Callable[[int], Iterable[Hashes]],
    old_order: Hashes,
) -> Nominated:
    """Find pairs of a new and an old record that have an equal band key.

    Args:
        bands: how many there are.
        new_keys: gives the keys of one band of all n new records: shape (n,).
        old_keys: gives those of all k old records, in chunks.
        old_order: the order in which old records of giant buckets are chosen: shape (k,).

    >>> new, old = np.array([[1, 2]], np.uint64), np.array([[3, 2, 2]], np.uint64)
    >>> found = nominate(1, new.__getitem__, lambda band: [old[band]], np.arange(3, dtype=np.uint64))
    >>> list(zip(found.new.tolist(), found.old.tolist()))
    [(1, 1), (1, 2)]
    """
    found = [np.empty(0, np.uint64)]
    held = uncompared = 0
    giants: set[bytes] = set()
    for band in range(bands):
        sought = Sought(new_keys(band))
        old, buckets = sought.hits(old_keys(band))
        order = np.lexsort((old, old_order[old], buckets))
        old, buckets = old[order], buckets[order]
        _, starts, olds = np.unique(buckets, return_index=True, return_counts=True)
        within = np.arange(len(old)) - np.repeat(starts, olds)
        giant = olds + sought.sizes(buckets[starts]) > MODERATE
        for start, count in zip(starts[giant].tolist(), olds[giant].tolist(), strict=True):
            members = sought.members(buckets[start : start + 1])
            name = members.tobytes() + b"|" + old[start : start + count].tobytes()
            if count > MOST_OLD and name not in giants:
                giants.add(name)
                uncompared += len(members) * (count - MOST_OLD)
        chosen = ~np.repeat(giant, olds) | (within < MOST_OLD)
        old, buckets = old[chosen], buckets[chosen]
        pairs = sought.members(buckets).astype(np.uint64) << np.uint64(32)
        pairs |= np.repeat(old, sought.sizes(buckets)).astype(np.uint64)
        found.append(pairs)
        held += len(pairs)
        if held > _AT_ONCE:
            found = [np.unique(np.concatenate(found))]
            held = len(found[0])
    codes = np.unique(np.concatenate(found))
    return Nominated((codes >> np.uint64(32)).astype(np.int64), (codes & _LOW).astype(np.int64), uncompared)
