"""What an engine does, and what engines share."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dataprep.dedup.scratch import KeyTable, ShingleSets
from dataprep.dedup.texts import Ints, TextBatch

Hashes = npt.NDArray[np.uint64]
_IDENTITY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Sketched:
    """What is remembered of n rows. See `kernels.minhash.Sketches`."""

    identity: Hashes
    """128 bits, equal for equal rows; shape (n, 2)."""
    ngrams: npt.NDArray[np.uint8]
    """Words in a shingle; 0 for rows too short to be compared but by their normalised text: shape (n,)."""
    keys: Hashes
    """Shape (bands, n)."""
    signatures: npt.NDArray[np.uint32]
    """Shape (n, permutations), or (0, permutations) where they were not asked for."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of c candidates, which are numbered in order of rows."""

    partner: Ints
    """The first that stays and is near enough; -1 for those that stay themselves: shape (c,)."""
    similarity: npt.NDArray[np.float64]
    """Exact similarity with it: shape (c,)."""
    earlier: Ints
    """Of pairs at or above the floor: the one that stays, shape (p,)."""
    later: Ints
    """… and the one that was compared with it."""
    pair_similarity: npt.NDArray[np.float64]
    compared: int
    """Pairs that were compared."""
    uncompared: int
    """Pairs of one and another that stays in a bucket of its that were not, because there were too many in it."""


class Comparison(Protocol):
    """Goes through the candidates in order, as their sets come."""

    def go_on(self, last: int, sets: ShingleSets) -> npt.NDArray[np.bool_]:
        """Compare the candidates from the first that was not compared yet up to `last`; returns which of them stay."""
        ...

    def result(self) -> Compared:
        """What came of all of them."""
        ...


class Engine(Protocol):
    """Finds near duplicates. Cells are the first rows of each set of equal ones; candidates those of them that share a
    band with another.
    """

    name: str

    def sketch(self, batch: TextBatch) -> Sketched:
        """Sketch each row of a batch. Safe in any thread."""
        ...

    def firsts(self, identity: Hashes, ngrams: npt.NDArray[np.uint8]) -> Ints:
        """For each row the first that is the same; itself where there is none."""
        ...

    def nominate(self, keys: KeyTable, cells: Ints) -> tuple[Ints, Any, list[tuple[int, int]]]:
        """The candidates (places in `cells`), their buckets, and (size, first cell) of larger buckets."""
        ...

    def sets(self, batch: TextBatch, sizes: npt.NDArray[np.uint8]) -> list[tuple[Ints, Hashes]]:
        """The shingle sets of each row of a batch, some rows at a time: offsets, shape (n + 1,), and values."""
        ...

    def comparison(self, buckets: Any, sizes: npt.NDArray[np.uint8]) -> Comparison:
        """What goes through the candidates; `sizes` is the words in a shingle of each."""
        ...


def identify_short(batch: TextBatch, rows: Ints, seeds: Hashes | None, identity: Hashes) -> None:
    """Write into `identity` what tells short rows apart: the digest of their normalised text and label seed."""
    from dataprep.pairs.normal import normalize_text

    for row in rows.tolist():
        text = b" ".join(batch.texts_of(row))
        if text.isascii():  # what normalising comes to there
            normal = " ".join(text.decode().lower().split()).encode()
        else:
            normal = normalize_text(text.decode(errors="replace")).encode()
        key = b"" if seeds is None else int(seeds[row]).to_bytes(8, "little")
        identity[row] = np.frombuffer(blake2b(normal, digest_size=_IDENTITY_BYTES, key=key).digest(), np.uint64)


def label_seeds(batch: TextBatch) -> Hashes | None:
    """A number for each row's label, 0 for none: rows with different ones are never compared."""
    if batch.labels is None:
        return None
    encoded = batch.labels.dictionary_encode()
    values = [0 if value is None else _seed(value) for value in encoded.dictionary.to_pylist()]
    table = np.array([*values, 0], np.uint64)
    return np.asarray(table[encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)])


def _seed(label: object) -> int:
    return int.from_bytes(blake2b(str(label).encode(errors="surrogatepass"), digest_size=8).digest(), "little")
