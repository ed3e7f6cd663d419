"""The compiled engine: words, sketches, buckets and comparisons by kernels over Arrow's buffers."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.dedup.engine import Compared, Sketched, identify_short, label_seeds
from dataprep.dedup.scratch import KeyTable, ShingleSets
from dataprep.dedup.settings import MOST_COMPARED, MOST_REMEMBERED, NearSettings
from dataprep.dedup.texts import Ints, TextBatch
from dataprep.kernels.minhash import Sketches
from dataprep.kernels.staying import (
    Buckets,
    bucket_members,
    count_buckets,
    go_through,
    place_buckets,
    progress_for,
)
from dataprep.pairs.near import first_of
from dataprep.pairs.sketches import Sketcher, sets_of
from dataprep.pairs.words import Room, Words, words_at

_BLOCK_BYTES: Final = 2_000_000
"""Text that is looked at at a time."""
_STRETCH: Final = 20_000
"""Candidates after which memory of mapped files is given back."""


class KernelEngine:
    """See `Engine`."""

    name = "kernel"

    def __init__(self, settings: NearSettings, *, signatures: bool) -> None:
        self._settings = settings
        self._sketcher = Sketcher(settings)
        self._signatures = signatures
        self._thread = threading.local()

    def sketch(self, batch: TextBatch) -> Sketched:
        """Sketch each row of a batch."""
        seeds = label_seeds(batch)
        found: list[Sketches] = []
        first = 0
        for block in batch.blocks(_BLOCK_BYTES):
            words, record_texts = block_words(block, self._room())
            some = None if seeds is None else seeds[first : first + block.n_rows]
            found.append(self._sketcher.sketch(words, record_texts, seeds=some, signatures=self._signatures)[0])
            first += block.n_rows
        if not found:
            found = [self._sketcher.sketch(*block_words(batch, self._room()), signatures=self._signatures)[0]]
        identity = np.concatenate([each.identity for each in found])
        ngrams = np.concatenate([each.ngrams for each in found])
        identify_short(batch, np.flatnonzero(ngrams == 0), seeds, identity)
        return Sketched(
            identity=identity,
            ngrams=ngrams,
            keys=np.concatenate([each.keys for each in found], axis=1),
            signatures=np.concatenate([each.signatures for each in found]),
        )

    def firsts(self, identity: npt.NDArray[np.uint64], ngrams: npt.NDArray[np.uint8]) -> Ints:
        """For each row the first that is the same: word for word, or for short ones in normalised text."""
        comparable = ngrams > 0
        return np.where(comparable, first_of(identity, comparable), first_of(identity, ~comparable))

    def sets(self, batch: TextBatch, sizes: npt.NDArray[np.uint8]) -> list[tuple[Ints, npt.NDArray[np.uint64]]]:
        """The shingle sets of each row of a batch, block by block."""
        found = []
        first = 0
        for block in batch.blocks(_BLOCK_BYTES):
            words, record_texts = block_words(block, self._room())
            found.append(sets_of(words, record_texts, sizes[first : first + block.n_rows]))
            first += block.n_rows
        return found

    def nominate(self, keys: KeyTable, cells: Ints) -> tuple[Ints, Buckets, list[tuple[int, int]]]:
        """The candidates (places in `cells`), their buckets, and size and first cell of the larger buckets."""
        members, starts = [], []
        counts = np.zeros(len(cells), np.int64)
        large: dict[int, int] = {}
        for band in range(self._settings.bands):
            some, bounds = bucket_members(keys.band(band)[cells])
            count_buckets(some, counts)
            sizes = np.diff(bounds)
            for bucket in np.flatnonzero(sizes > MOST_REMEMBERED).tolist():
                first = int(some[bounds[bucket]])
                large[first] = max(large.get(first, 0), int(sizes[bucket]))
            members.append(some)
            starts.append(bounds)
        candidates = np.flatnonzero(counts)
        offsets = np.zeros(len(cells) + 1, np.int64)
        np.cumsum(counts, out=offsets[1:])
        places = offsets[:-1].copy()
        bucket_numbers = np.empty(offsets[-1], np.int32)
        n_buckets = 0
        for some, bounds in zip(members, starts, strict=True):
            place_buckets(some, bounds, n_buckets, places, bucket_numbers)
            n_buckets += len(bounds) - 1
        offsets = np.append(offsets[candidates], offsets[-1])
        boilerplate = sorted(((size, first) for first, size in large.items()), reverse=True)
        return candidates, Buckets(offsets, bucket_numbers, n_buckets), boilerplate

    def comparison(self, buckets: Buckets, sizes: npt.NDArray[np.uint8]) -> KernelComparison:
        """What goes through the candidates."""
        return KernelComparison(self._settings, buckets, sizes)

    def _room(self) -> Room:
        """This thread's room for words."""
        if not hasattr(self._thread, "room"):
            self._thread.room = Room()
        room: Room = self._thread.room
        return room


class KernelComparison:
    """See `Comparison`."""

    def __init__(self, settings: NearSettings, buckets: Buckets, sizes: npt.NDArray[np.uint8]) -> None:
        count = len(buckets.offsets) - 1
        self._settings = settings
        self._buckets = buckets
        self._sizes = sizes
        self._progress = progress_for(buckets)
        self._partner = np.full(count, -1, np.int64)
        self._similarity = np.zeros(count)
        self._pairs: list[tuple[Ints, Ints, npt.NDArray[np.float64]]] = []
        self._next = self._compared = self._uncompared = 0

    def go_on(self, last: int, sets: ShingleSets) -> npt.NDArray[np.bool_]:
        """See `Comparison`."""
        first, self._next = self._next, last
        earlier, later, near, compared, uncompared = go_through(
            first,
            last,
            self._buckets,
            self._progress,
            sets.offsets,
            sets.values,
            self._sizes,
            self._settings.threshold,
            self._settings.floor,
            MOST_REMEMBERED,
            MOST_COMPARED,
            self._partner,
            self._similarity,
        )
        self._pairs.append((earlier, later, near))
        self._compared += compared
        self._uncompared += uncompared
        if first // _STRETCH < last // _STRETCH:
            sets.release()
        return self._partner[first:last] < 0

    def result(self) -> Compared:
        """See `Comparison`."""
        nothing = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        earlier, later, near = (np.concatenate(columns) for columns in zip(nothing, *self._pairs, strict=True))
        return Compared(self._partner, self._similarity, earlier, later, near, self._compared, self._uncompared)


def block_words(block: TextBatch, room: Room) -> tuple[Words, Ints]:
    """The words of a block's texts, which are there until the room is used again, and each row's first text."""
    found: list[Words] = []
    for part in block.parts:
        found.append(words_at(part.starts, part.ends, part.data, room, len(found[-1].hashes) if found else 0))
    if len(found) == 1 and block.parts[0].rows is None:
        return found[0], np.arange(block.n_rows + 1)
    rows = np.concatenate(
        [np.arange(block.n_rows) if part.rows is None else part.rows for part in block.parts] or [np.empty(0, np.int64)]
    )
    order = np.argsort(rows, kind="stable")
    starts, ends = (
        np.concatenate([getattr(words, side) for words in found] or [np.empty(0, np.int64)])[order]
        for side in ("starts", "ends")
    )
    hashes = found[-1].hashes if found else np.empty(0, np.uint64)
    return Words(hashes, starts, ends), np.searchsorted(rows[order], np.arange(block.n_rows + 1))
