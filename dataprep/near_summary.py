"""What a run tells of the near duplicates that it removed: how similar, a few for human eyes, what was not compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from dataprep.decided import Decided
from dataprep.excerpts import excerpts
from dataprep.file_job import PreparedFile
from dataprep.gather import Gathered

_CHARACTERS: Final = 160
_GIANTS: Final = 5


@dataclass(frozen=True, slots=True)
class NearPair:
    """A near duplicate that went, beside the record that stays."""

    record_id: str
    kept_id: str
    similarity: float
    text: str
    kept_text: str


@dataclass(frozen=True, slots=True)
class NearSummary:
    """Near duplicates of a run.

    Attributes:
        removed: records that went as near duplicates.
        profile: by lower bound of the similarity with the record that stays, how many.
        doubtful: the least similar of them.
        chained: records that went because of one that went itself: computed, and 0.
        boilerplate: members of the largest giant buckets: records that share much of their text.
        uncompared: pairs of these that stay and were not compared.
    """

    removed: int
    profile: dict[str, int]
    doubtful: tuple[NearPair, ...]
    chained: int
    boilerplate: tuple[int, ...]
    uncompared: int

    def lines(self) -> Iterator[str]:
        """For the terminal."""
        bounds = ", ".join(f"{bound}+ {count:,}" for bound, count in self.profile.items())
        yield f"near duplicates: {self.removed:,} removed ({bounds}), {self.chained} of them through a chain"
        for pair in self.doubtful:
            yield f"  {pair.similarity:.3f}  {pair.record_id[:12]}  {pair.text}"
            yield f"    stays  {pair.kept_id[:12]}  {pair.kept_text}"
        if self.boilerplate:
            sizes = ", ".join(f"{size:,}" for size in self.boilerplate)
            yield f"boilerplate: buckets of {sizes} records that share much of their text"
        if self.uncompared:
            yield f"not compared: {self.uncompared:,} pairs of records in such buckets that stay"

    def as_dict(self) -> dict[str, Any]:
        """As JSON-able values."""
        return asdict(self)


def near_summary(decided: Decided, gathered: Gathered, prepared: Sequence[PreparedFile]) -> NearSummary | None:
    """What to tell; None where no near duplicates are looked for."""
    found = decided.near
    if not found:
        return None
    rows = [row for line in found["doubtful"] for row in line[:2]]
    texts = excerpts(prepared, rows, _CHARACTERS)
    frame = pl.scan_parquet(gathered.table, glob=False).filter(pl.col("row").is_in(rows)).select("row", "record_id")
    ids = dict(frame.collect().iter_rows())
    return NearSummary(
        removed=found["removed"],
        profile=found["profile"],
        doubtful=tuple(
            NearPair(ids[row], ids[kept], similarity, texts[row], texts[kept])
            for row, kept, similarity in found["doubtful"]
        ),
        chained=found["chained"],
        boilerplate=tuple(found["giants"][:_GIANTS]),
        uncompared=found["uncompared"],
    )
