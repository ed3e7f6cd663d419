"""Sketching a batch of records: the configuration of near duplicates as numbers for the kernels, and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from dataprep.kernels.jaccard import shingle_sets
from dataprep.kernels.minhash import Sketches, sketch
from dataprep.pairs.words import Words

SCHEME: Final = "affine32"
"""datasketch's name of the permutations."""
SEED: Final = 1
"""datasketch's own."""


class SketchSettings(Protocol):
    """What a sketch depends on: a `NearConfig`, or anything that has the same numbers."""

    @property
    def least_words(self) -> int:
        """Words that a record must have."""
        ...

    @property
    def short_below(self) -> int:
        """Words from which on a record is long."""
        ...

    @property
    def short_ngram(self) -> int:
        """Words in a shingle of short records."""
        ...

    @property
    def ngram(self) -> int:
        """Words in a shingle of long ones."""
        ...

    @property
    def permutations(self) -> int:
        """Values in a signature."""
        ...

    @property
    def bands(self) -> int:
        """Bands of a signature."""
        ...

    @property
    def rows(self) -> int:
        """Values in a band."""
        ...


@dataclass(frozen=True)
class Sketcher:
    """Sketches records as a configuration says.

    >>> import datasketch
    >>> from dataprep.pairs.config import NearConfig
    >>> sketcher = Sketcher(NearConfig())
    >>> oracle = datasketch.MinHash(sketcher.config.permutations, seed=SEED, scheme=SCHEME).permutations
    >>> bool((oracle[0] == sketcher.permutations[0]).all() and (oracle[1] == sketcher.permutations[1]).all())
    True
    """

    config: SketchSettings

    @cached_property
    def permutations(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
        """Odd factors and shifts modulo 2^32, as `datasketch.MinHash(scheme="affine32", seed=1)` draws them."""
        generator = np.random.RandomState(SEED)
        count = self.config.permutations
        factors = generator.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
        return factors, generator.randint(0, 1 << 32, count, dtype=np.uint32)

    def sketch(
        self,
        words: Words,
        record_texts: npt.NDArray[np.int64],
        input_ends: npt.NDArray[np.int64] | None = None,
        seeds: npt.NDArray[np.uint64] | None = None,
        *,
        signatures: bool = False,
    ) -> tuple[Sketches, Sketches]:
        """Sketch n records, whole and by their input side; the latter of no records without `input_ends`.

        Args:
            words: of their texts.
            record_texts: index of each record's first text, and the end: shape (n + 1,).
            input_ends: the text at which each record's input side ends: shape (n,).
            seeds: records whose seeds differ are not compared as whole ones: shape (n,).
            signatures: whether to give these as well.
        """
        config, count = self.config, len(record_texts) - 1
        factors, shifts = self.permutations
        return sketch(
            words.hashes,
            words.starts,
            words.ends,
            record_texts,
            record_texts[1:] if input_ends is None else input_ends,
            np.zeros(count, np.uint64) if seeds is None else seeds,
            (config.least_words, config.short_below, config.short_ngram, config.ngram),
            factors,
            shifts,
            config.bands,
            config.rows,
            input_ends is not None,
            signatures,
        )


def sets_of(
    words: Words, record_texts: npt.NDArray[np.int64], sizes: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """The shingle sets of n records side by side, with offsets of shape (n + 1,).

    Args:
        words, record_texts: as for `Sketcher.sketch`.
        sizes: words in a shingle of each record: shape (n,).
    """
    return shingle_sets(words.hashes, words.starts, words.ends, record_texts, sizes)
