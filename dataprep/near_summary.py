"""What a run tells of the near duplicates that it removed: how similar, a few for human eyes, what was not compared.

And of the answers that too many records give, which are duplicates on one side only. These are read from the ledger, so
that a decision that is in the cache tells them too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from dataprep.console import one_line
from dataprep.decided import Decided
from dataprep.excerpts import answers, excerpts
from dataprep.file_job import PreparedFile
from dataprep.gather import Gathered

_CHARACTERS: Final = 160
_GIANTS: Final = 5
_ANSWERS: Final = 5
_ANSWER_RULE: Final = "boilerplate_answer"
_TEXTS: Final = frozenset({"text", "kept_text"})


@dataclass(frozen=True, slots=True)
class NearPair:
    """A near duplicate that went, beside the record that stays."""

    record_id: str
    kept_id: str
    similarity: float
    text: str
    kept_text: str


@dataclass(frozen=True, slots=True)
class CommonAnswer:
    """An answer that more records give than may.

    Attributes:
        record_id: the first of them, which stays.
        records: how many give it, of those that were still in.
        text: its beginning, as the first record has it.
    """

    record_id: str
    records: int
    text: str


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
        answers: the commonest answers of which `dedup.answers` took some, or flagged them.
    """

    removed: int
    profile: dict[str, int]
    doubtful: tuple[NearPair, ...]
    chained: int
    boilerplate: tuple[int, ...]
    uncompared: int
    answers: tuple[CommonAnswer, ...] = ()

    def lines(self) -> Iterator[str]:
        """For the terminal."""
        bounds = ", ".join(f"{bound}+ {count:,}" for bound, count in self.profile.items())
        yield f"near duplicates: {self.removed:,} removed ({bounds}), {self.chained} of them through a chain"
        for pair in self.doubtful:
            yield f"  {pair.similarity:.3f}  {_id(pair.record_id)}  {one_line(pair.text)}"
            yield f"    stays  {_id(pair.kept_id)}  {one_line(pair.kept_text)}"
        if self.boilerplate:
            sizes = ", ".join(f"{size:,}" for size in self.boilerplate)
            yield f"boilerplate: buckets of {sizes} records that share much of their text"
        if self.uncompared:
            yield f"not compared: {self.uncompared:,} pairs of records in such buckets that stay"
        if self.answers:
            yield "boilerplate answers: given by more records than may"
        for answer in self.answers:
            yield f"  {answer.records:>7,}  {_id(answer.record_id)}  {one_line(answer.text)}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON-able values."""
        return asdict(self)

    def without_texts(self) -> dict[str, Any]:
        """The same for events, which never carry text of the dataset."""
        return asdict(self, dict_factory=lambda items: {name: value for name, value in items if name not in _TEXTS})


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
        answers=tuple(_common_answers(decided, gathered, prepared)),
    )


def _common_answers(decided: Decided, gathered: Gathered, prepared: Sequence[PreparedFile]) -> Iterator[CommonAnswer]:
    """The answers that most records give, of those that were too common; of equally common ones by the record's id."""
    ledger = sorted((decided.tables / "ledger").glob("*.parquet"))
    if not ledger:
        return
    most = (
        pl.scan_parquet(ledger, glob=False)
        .filter(pl.col("rule") == _ANSWER_RULE)
        .group_by(record_id="partner_id")
        .agg(records=pl.col("value").max().cast(pl.Int64))
        .sort("records", "record_id", descending=[True, False])
        .head(_ANSWERS)
        .collect()
    )
    table = pl.scan_parquet(gathered.table, glob=False).select("row", "record_id")
    rows = dict(
        table.filter(pl.col("record_id").is_in(most["record_id"].to_list()))
        .select("record_id", "row")
        .collect()
        .iter_rows()
    )
    texts = answers(prepared, list(rows.values()), _CHARACTERS)
    for name, records in most.iter_rows():
        yield CommonAnswer(name, records, texts[rows[name]])


def _id(record_id: str) -> str:
    return one_line(record_id[:12])
