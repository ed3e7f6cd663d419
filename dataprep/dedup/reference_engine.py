"""The reference engine: plain Python and datasketch, for machines without a compiler and for tests of the other one."""

from __future__ import annotations

from collections import Counter, defaultdict
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from dataprep.dedup.engine import Compared, Sketched, identify_short, label_seeds
from dataprep.dedup.scratch import KeyTable, ShingleSets
from dataprep.dedup.settings import MOST_COMPARED, MOST_REMEMBERED, NearSettings
from dataprep.dedup.texts import Ints, TextBatch
from dataprep.pairs.reference import jaccard, shingle_set, signature, word_hash, words_in

_EMPTY = 0xFFFF_FFFF


class ReferenceEngine:
    """See `Engine`."""

    name = "datasketch"

    def __init__(self, settings: NearSettings, *, signatures: bool) -> None:
        self._settings = settings
        self._signatures = signatures

    def sketch(self, batch: TextBatch) -> Sketched:
        """Sketch each row of a batch."""
        settings, count = self._settings, batch.n_rows
        seeds = label_seeds(batch)
        identity = np.zeros((count, 2), np.uint64)
        ngrams = np.zeros(count, np.uint8)
        keys = np.zeros((settings.bands, count), np.uint64)
        signatures = np.full((count, settings.permutations), _EMPTY, np.uint32)
        for row in range(count):
            words = self._words(batch, row)
            ngrams[row] = size = self._size(len(words))
            if not size:
                continue
            seed = (0 if seeds is None else int(seeds[row])).to_bytes(8, "little")
            identity[row] = np.frombuffer(_digest(seed, np.array(words, np.uint64).tobytes(), 16), np.uint64)
            signatures[row] = signature(shingle_set(words, size), settings.permutations)
            for band in range(settings.bands):
                values = signatures[row, band * settings.rows : (band + 1) * settings.rows]
                keys[band, row] = np.frombuffer(_digest(seed, bytes([size]) + values.tobytes(), 8), np.uint64)[0]
        identify_short(batch, np.flatnonzero(ngrams == 0), seeds, identity)
        return Sketched(identity, ngrams, keys, signatures if self._signatures else signatures[:0])

    def firsts(self, identity: npt.NDArray[np.uint64], ngrams: npt.NDArray[np.uint8]) -> Ints:
        """For each row the first that is the same."""
        seen: dict[tuple[bool, bytes], int] = {}
        found = [
            seen.setdefault((short, key.tobytes()), row)
            for row, (short, key) in enumerate(zip((ngrams == 0).tolist(), identity, strict=True))
        ]
        return np.array(found, np.int64)

    def nominate(self, keys: KeyTable, cells: Ints) -> tuple[Ints, list[list[int]], list[tuple[int, int]]]:
        """The candidates, the buckets of each, and size and first cell of larger buckets."""
        found: dict[int, list[int]] = defaultdict(list)
        large: dict[int, int] = {}
        n_buckets = 0
        for band in range(self._settings.bands):
            buckets: dict[int, list[int]] = defaultdict(list)
            for cell, key in enumerate(keys.band(band)[cells].tolist()):
                buckets[key].append(cell)
            for members in buckets.values():
                if len(members) > 1:
                    for cell in members:
                        found[cell].append(n_buckets)
                    n_buckets += 1
                if len(members) > MOST_REMEMBERED:
                    large[members[0]] = max(large.get(members[0], 0), len(members))
        candidates = sorted(found)
        boilerplate = sorted(((size, first) for first, size in large.items()), reverse=True)
        return np.array(candidates, np.int64), [found[cell] for cell in candidates], boilerplate

    def sets(self, batch: TextBatch, sizes: npt.NDArray[np.uint8]) -> list[tuple[Ints, npt.NDArray[np.uint64]]]:
        """The shingle sets of each row of a batch, all of them at once."""
        found = [shingle_set(self._words(batch, row), size) for row, size in enumerate(sizes.tolist())]
        offsets = np.cumsum([0, *map(len, found)])
        return [(offsets, np.array([value for values in found for value in values], np.uint64))]

    def comparison(self, buckets: list[list[int]], sizes: npt.NDArray[np.uint8]) -> ReferenceComparison:
        """What goes through the candidates."""
        return ReferenceComparison(self._settings, buckets, sizes)

    def _words(self, batch: TextBatch, row: int) -> list[int]:
        return [word_hash(word) for text in batch.texts_of(row) for word in words_in(text.decode(errors="replace"))]

    def _size(self, words: int) -> int:
        settings = self._settings
        if words < settings.least_words:
            return 0
        return settings.short_ngram if words < settings.short_below else settings.ngram


class ReferenceComparison:
    """See `Comparison` and `kernels.staying.go_through`."""

    def __init__(self, settings: NearSettings, buckets: list[list[int]], sizes: npt.NDArray[np.uint8]) -> None:
        self._settings = settings
        self._buckets = buckets
        self._sizes = sizes
        self._partner = np.full(len(buckets), -1, np.int64)
        self._similarity = np.zeros(len(buckets))
        self._remembered: dict[int, list[int]] = defaultdict(list)
        self._staying: dict[int, int] = defaultdict(int)
        self._pairs: list[tuple[int, int, float]] = []
        self._next = self._compared = self._uncompared = 0

    def go_on(self, last: int, sets: ShingleSets) -> npt.NDArray[np.bool_]:
        """See `Comparison`."""
        first, self._next = self._next, last
        for candidate in range(first, last):
            self._look_at(candidate, sets)
        return self._partner[first:last] < 0

    def result(self) -> Compared:
        """See `Comparison`."""
        earlier, later = (np.array([pair[side] for pair in self._pairs], np.int64) for side in (0, 1))
        values = np.array([pair[2] for pair in self._pairs], np.float64)
        return Compared(self._partner, self._similarity, earlier, later, values, self._compared, self._uncompared)

    def _look_at(self, candidate: int, sets: ShingleSets) -> None:
        threshold, floor = self._settings.threshold, self._settings.floor
        own = self._buckets[candidate]
        here = self._set(candidate, sets)
        shared = Counter(each for bucket in own for each in self._remembered[bucket])
        listed = sorted(other for other in shared if self._sizes[other] == self._sizes[candidate])
        if len(listed) > MOST_COMPARED:
            listed.sort(key=lambda other: -shared[other])
        self._uncompared += max(len(listed) - MOST_COMPARED, 0)
        least = floor if len(listed) <= MOST_COMPARED else threshold
        for other in listed[:MOST_COMPARED]:
            self._compared += 1
            value = jaccard(here, self._set(other, sets))
            if value >= least:
                self._pairs.append((other, candidate, value))
            if value >= threshold:
                self._partner[candidate], self._similarity[candidate] = other, value
                return
        for bucket in own:
            if len(self._remembered[bucket]) < MOST_REMEMBERED:
                self._remembered[bucket].append(candidate)
            else:
                self._uncompared += self._staying[bucket] - MOST_REMEMBERED
            self._staying[bucket] += 1

    @staticmethod
    def _set(candidate: int, sets: ShingleSets) -> set[int]:
        return set(sets.values[sets.offsets[candidate] : sets.offsets[candidate + 1]].tolist())


def _digest(seed: bytes, data: bytes, size: int) -> bytes:
    return blake2b(data, digest_size=size, key=seed).digest()
