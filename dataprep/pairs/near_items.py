"""Records that are near duplicates of a benchmark item: equal band keys nominate, the exact Jaccard similarity decides.

Items are few and records many, so the items' keys are looked up for every record in memory, and text is read only of
the records that share one. Both sides are compared with the shingles and bands by which the run compares records with
each other, whole and by their input side. Answers are not compared alone: a record that has nearly the whole text of an
item gives it away, whatever it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataprep.kernels.contain import Lookup, known_keys, lookup_of
from dataprep.kernels.jaccard import compare_pairs
from dataprep.pairs.benchmarks import Items
from dataprep.pairs.config import NearConfig
from dataprep.pairs.near import MODERATE, Sets, first_of
from dataprep.pairs.near_keys import SIDES, KeyTexts, NearKeys, band_name
from dataprep.pairs.sketches import sets_of
from dataprep.record import Turns

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
_Met = tuple[Ints, Ints]
"""Records with a key that items have, and which of these keys."""

_ROWS_AT_ONCE: Final = 4096
"""Records whose shingle sets are in memory at a time."""
_PAIRS_AT_ONCE: Final = 1 << 24
"""Nominated pairs that are held before those that several bands found are made one."""
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class NearItems:
    """Records that are near duplicates of an item, each with the item that it is most similar to, of several the first.

    Attributes:
        rows: numbers of the records, ascending: shape (r,).
        items: numbers of the items: shape (r,).
        similarity: exact Jaccard similarity, at or above the floor: shape (r,).
        nominated: pairs that bands nominated, each once.
        uncompared: nominations by a key that more than MODERATE items share, of items after those.
    """

    rows: Ints
    items: Ints
    similarity: Floats
    nominated: int
    uncompared: int


@dataclass(frozen=True, slots=True)
class _Band:
    """One band of c items: the keys, and the first items that have each."""

    lookup: Lookup
    offsets: Ints
    members: Ints
    """Indices among the c items."""
    dropped: Ints
    """How many items of each key are left out."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of the c items that are long enough and not word for word the same as an earlier one.

    Attributes:
        items: their numbers, ascending: shape (c,).
        bands: their keys.
        sets: their shingle sets.
    """

    items: Ints
    bands: list[_Band]
    sets: Sets


class ItemSketches:
    """Sketches of benchmark items, as the run sketches its records. Never changes once made.

    Args:
        items: the items.
        config: of the run's near duplicates.
    """

    def __init__(self, items: Items, config: NearConfig) -> None:
        self.config = config
        keys = NearKeys(config)
        table = keys.table(items.texts(), items.batch["label"])
        self._sides = {side: _side(side, items, table, keys, config) for side in SIDES}

    def near_items(
        self,
        side: str,
        band: Callable[[int], Hashes],
        sizes: npt.NDArray[np.uint8],
        sets: Callable[[Ints], Sets],
        each: Callable[[Callable[[int], _Met], Iterable[int]], Iterable[_Met]] = map,
    ) -> NearItems:
        """The records of a run that are near duplicates of an item by one of their sides, `whole` or `input`.

        Args:
            side: which.
            band: gives the keys of one band for all records of the run: shape (n,).
            sizes: words in a shingle of each record, 0 for those that are too short: shape (n,).
            sets: gives the shingle sets of some records, whose numbers are ascending, side by side; called for no more
                than some thousand at a time, and only for records that share a key with an item.
            each: goes through the bands as `map` does; perhaps in threads.
        """
        own = self._sides[side]
        comparable = sizes > 0

        def meet(number: int) -> _Met:
            return known_keys(band(number), comparable, own.bands[number].lookup)

        codes, uncompared = _nominate(own.bands, each(meet, range(len(own.bands))))
        found = [self._best(own, some, sets) for some in _some_rows(codes)]
        found.append((np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)))
        rows, items, similarity = (np.concatenate(columns) for columns in zip(*found, strict=True))
        return NearItems(rows, items, similarity, len(codes), uncompared)

    def _best(self, own: _Side, codes: Hashes, sets: Callable[[Ints], Sets]) -> tuple[Ints, Ints, Floats]:
        """Of each record among some pairs the item that it is most similar to, where that reaches the floor."""
        rows, members = (codes >> _HALF).astype(np.int64), (codes & _LOW).astype(np.int64)
        chosen, left = np.unique(rows, return_inverse=True)
        offsets, values = sets(chosen)
        own_offsets, own_values = own.sets
        similarity = compare_pairs(
            np.concatenate([offsets, own_offsets[1:] + offsets[-1]]),
            np.concatenate([values, own_values]),
            left,
            members + len(chosen),
            self.config.floor,
        )
        order = np.lexsort((members, -similarity, left))
        best = order[np.unique(left[order], return_index=True)[1]]
        best = best[similarity[best] > 0]
        return rows[best], own.items[members[best]], similarity[best]


def _side(side: str, items: Items, table: pa.RecordBatch, keys: NearKeys, config: NearConfig) -> _Side:
    """One side of the items, from their table of sketches."""
    sizes = _column(table, side, "ngram").to_numpy(zero_copy_only=False)
    identities = _column(table, side, "identity")
    identity = np.frombuffer(b"".join(identities.to_pylist()), np.uint64).reshape(-1, 2)
    comparable = sizes > 0
    chosen = np.flatnonzero(comparable & (first_of(identity, comparable) == np.arange(len(items))))
    bands = [_band(_column(table, side, band_name(band)).to_numpy()[chosen]) for band in range(config.bands)]
    texts = KeyTexts.of(Turns(items.batch["turns"].take(pa.array(chosen))))
    return _Side(chosen, bands, sets_of(keys.side_words(texts, side), texts.row_offsets, sizes[chosen]))


def _column(table: pa.RecordBatch, side: str, name: str) -> pa.Array:
    """A column of one side; what is null there is as in the whole."""
    return pc.coalesce(table[f"{side}_{name}"], table[f"whole_{name}"])


def _band(keys: Hashes) -> _Band:
    """One band of some items, from their keys."""
    order = np.argsort(keys, kind="stable")
    known, firsts, counts = np.unique(keys[order], return_index=True, return_counts=True)
    kept = np.minimum(counts, MODERATE)
    offsets = np.append(0, np.cumsum(kept))
    members = order[np.arange(offsets[-1]) + np.repeat(firsts - offsets[:-1], kept)]
    return _Band(lookup_of(known), offsets, members, counts - kept)


def _nominate(bands: list[_Band], met: Iterable[_Met]) -> tuple[Hashes, int]:
    """Pairs that have a key in common, as row << 32 | member, ascending; and nominations that were left out."""
    found = [np.empty(0, np.uint64)]
    held = uncompared = 0
    for own, (rows, places) in zip(bands, met, strict=True):
        counts = np.diff(own.offsets)[places]
        first_of_rows = np.append(0, np.cumsum(counts))[:-1]
        members = own.members[np.arange(counts.sum()) + np.repeat(own.offsets[places] - first_of_rows, counts)]
        found.append(np.repeat(rows, counts).astype(np.uint64) << _HALF | members.astype(np.uint64))
        uncompared += int(own.dropped[places].sum())
        held += len(found[-1])
        if held > _PAIRS_AT_ONCE:
            found = [np.unique(np.concatenate(found))]
            held = len(found[0])
    return np.unique(np.concatenate(found)), uncompared


def _some_rows(codes: Hashes) -> Iterator[Hashes]:
    """The pairs of so many records at a time."""
    firsts = np.flatnonzero(np.diff(codes >> _HALF, prepend=np.uint64(1 << 32)))[::_ROWS_AT_ONCE]
    yield from np.split(codes, firsts[1:]) if len(codes) else ()
