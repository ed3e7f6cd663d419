"""What a near duplicate is, as plain numbers.

The numbers are those of `pairs.config.NearConfig`, which a test holds this to. They stand here once more because a
pydantic model takes 0.15 s to import, a tenth of what the whole job takes for 50 MB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dataprep.errors import InputError

LEAST_THRESHOLD: Final = 0.5
MOST_NGRAM: Final = 15
MOST_REMEMBERED: Final = 32
"""Rows that stay that a bucket remembers, for others to be compared with."""
MOST_COMPARED: Final = 32
"""Of these, with how many a row is compared."""


@dataclass(frozen=True, slots=True)
class NearSettings:
    """Threshold, shingles and bands of one job; see `NearConfig` for each.

    Raises:
        InputError: a number that no job can have.

    >>> NearSettings(threshold=0.9).floor, NearSettings(ngram=2).short_ngram
    (0.8, 2)
    """

    threshold: float = 0.8
    ngram: int = 5
    short_below: int = 20
    least_words: int = 5
    permutations: int = 128
    bands: int = 21
    rows: int = 6

    def __post_init__(self) -> None:
        if not LEAST_THRESHOLD <= self.threshold <= 1.0:
            raise InputError(
                f"{self.threshold} is no threshold for near duplicates",
                key="--threshold",
                hint=f"give a Jaccard similarity from {LEAST_THRESHOLD} to 1",
            )
        if not 1 <= self.ngram <= MOST_NGRAM:
            raise InputError(
                f"shingles of {self.ngram} words cannot be compared",
                key="--ngram",
                hint=f"give 1 to {MOST_NGRAM} words",
            )

    @property
    def short_ngram(self) -> int:
        """Words in a shingle of short records."""
        return min(self.ngram, 3)

    @property
    def floor(self) -> float:
        """Similarity from which on pairs are written down."""
        return round(self.threshold - 0.1, 10)

    def recall(self, similarity: float) -> float:
        """Chance that two records of a similarity are compared: 1 - (1 - s^rows)^bands."""
        return float(1.0 - (1.0 - similarity**self.rows) ** self.bands)
