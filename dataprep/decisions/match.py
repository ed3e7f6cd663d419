"""Decisions about records, matched with the records of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from dataprep.console import counted
from dataprep.decisions.entries import Decisions
from dataprep.pipeline.quoting import quoted
from dataprep.sqlfiles import read_sql

MANUAL: Final = pa.schema(
    [("row", pa.int64()), ("decision", pa.string()), ("split", pa.string()), ("detail", pa.string())]
)
"""Columns of what people decided, by run-local row number; `detail` says who, when and why."""

_BY_HAND: Final = pa.schema([(name, pa.string()) for name in ("record_id", "digest", "decision", "split", "detail")])
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Matched:
    """What people decided about records of this run.

    Attributes:
        manual: one line a record, columns as in MANUAL.
        notes: decisions that meet no record, or one that has changed since, in words.
    """

    manual: pa.Table
    notes: tuple[str, ...] = ()


def load_decisions(con: duckdb.DuckDBPyConnection, decisions: Decisions) -> Matched:
    """Match decisions with the records of a run, by id and, where the decision names it, by digest.

    A record of the user's own id may have another text than the one that somebody read; it is not decided about, so
    that rules judge it like any other, and a note says so.

    Args:
        con: a database with the view `rows` (row, record_id, digest as bytes).
        decisions: the decisions in force.
    """
    entries = [entry for _, entry in sorted(decisions.records.items())]
    if not entries:
        return Matched(MANUAL.empty_table())
    columns = [
        [entry.record for entry in entries],
        [entry.digest for entry in entries],
        [entry.decision for entry in entries],
        [entry.to for entry in entries],
        [entry.detail for entry in entries],
    ]
    con.register("by_hand", pa.table([pa.array(values, pa.string()) for values in columns], schema=_BY_HAND))
    try:
        found = con.sql(read_sql("steps/decided_by_hand")).to_arrow_table()
    finally:
        con.unregister("by_hand")
    here = set(found["record_id"].to_pylist())
    changed = sorted(found.filter(found["changed"])["record_id"].to_pylist())
    absent = [entry.record for entry in entries if entry.record not in here]
    notes = [
        f"{counted(len(records), 'decision')} {what}: {_named(records)}"
        for records, what in (
            (absent, "about records that are not in the data"),
            (changed, "not applied, because the records have changed since"),
        )
        if records
    ]
    manual = found.filter(pc.invert(found["changed"])).select(MANUAL.names).cast(MANUAL)
    return Matched(manual, tuple(notes))


def _named(records: Sequence[str]) -> str:
    more = f" and {len(records) - _NAMED:,} more" if len(records) > _NAMED else ""
    return ", ".join(map(quoted, records[:_NAMED])) + more
