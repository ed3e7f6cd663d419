"""What-if: what another threshold, budget or split would give, from what is stored, before anything is done.

The changed pipeline goes through the very `decide` of a run, on the gathered table of the last one; nothing is read,
cleaned or measured again. So the answer is what a run would give, not an estimate. Where something it would need is not
in the store (other cleaning, a new file), records whose fate depends on it are counted as undetermined: all of an
unprepared file, and of the others those that no rule of their own takes, since copies and splits depend on the rest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.budgets.config import BudgetConfig
from dataprep.budgets.report import BudgetReport
from dataprep.decide import check_rules
from dataprep.decided import find_decided
from dataprep.errors import InputError
from dataprep.file_job import PreparedFile
from dataprep.flow import ask, read_stated, weigh
from dataprep.gather import Gathered, find_gathered, gather
from dataprep.pipeline.load import LoadedPipeline
from dataprep.pipeline.resolve import effective_rules
from dataprep.prepare import look_up
from dataprep.record import ROLES, Turns
from dataprep.sources import resolve_sources
from dataprep.sqlfiles import parquet_list, read_sql
from dataprep.store.claims import reading_cache
from dataprep.store.files import machine_errors
from dataprep.store.inventory import known_digests
from dataprep.store.layout import Store

UNDETERMINED: Final = "undetermined"
_OWN_STEPS: Final = ("clean", "decisions", "rules")
"""Steps whose verdicts depend on the record alone."""
_FIELDS: Final = ("source", "label", "group_key")
_LINES: Final = 100
"""Values of a field that are listed at most, those that change most."""
_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Example:
    """A record that changes sides, with the beginning of its text."""

    record_id: str
    before: str
    after: str
    rule: str
    """What decides now or, where nothing does any more, decided before."""
    text: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What a run of the changed pipeline would give, beside what the pipeline as it stands gives.

    Attributes:
        dataset: the dataset's name.
        moves: records by `before` and `after`, each a split, held, dropped or undetermined; they sum to all records.
        by_rule: for each step and rule the records it takes before and after.
        by_source, by_label, by_group_key: for each value the records kept before and after, where these differ.
        changes: one line a record that changes sides, with the step and rule that decide before and after.
        examples: some of these, with text.
        undetermined: records whose fate cannot be known from what is stored.
        missing: files of which something would have to be computed first.
        budgets: what the changed run would measure; a run publishes nothing where one is over. None where the pipeline
            has none or records are undetermined.
        notes: what the changed run would say could not be done as asked.
    """

    dataset: str
    moves: pl.DataFrame
    by_rule: pl.DataFrame
    by_source: pl.DataFrame
    by_label: pl.DataFrame
    by_group_key: pl.DataFrame
    changes: pl.DataFrame
    examples: tuple[Example, ...] = ()
    undetermined: int = 0
    missing: tuple[str, ...] = ()
    budgets: BudgetReport | None = None
    notes: tuple[str, ...] = ()

    def kept(self, side: str) -> dict[str, int]:
        """Records of each split `before` or `after`."""
        found = self.moves.group_by(side).agg(pl.col("records").sum()).sort(side)
        return {name: records for name, records in found.iter_rows() if name in ("train", "validation", "test")}


def what_if(base: LoadedPipeline, changed: LoadedPipeline, store: Store, *, examples: int) -> WhatIf:
    """Compare a pipeline with a changed one. See `dataprep.whatif`."""
    check_rules(effective_rules(changed.pipeline))
    with reading_cache(store), machine_errors(Path(tempfile.gettempdir())):
        return _what_if(base, changed, store, examples)


def _what_if(base: LoadedPipeline, changed: LoadedPipeline, store: Store, examples: int) -> WhatIf:
    digests = known_digests(store, base.pipeline.name)
    before, after = (
        look_up(resolve_sources(loaded.pipeline, loaded.base), loaded.pipeline, store, digests)
        for loaded in (base, changed)
    )
    if before.missing:
        raise InputError(
            "nothing is stored yet of what this pipeline makes of the file",
            file=next(iter(before.missing)),
            hint="run the pipeline once as it is: `dataprep run`",
        )
    with _database() as con, tempfile.TemporaryDirectory(prefix="dataprep-whatif-") as folder:
        gathered, outcome, _, _ = _decide(base, before.prepared, store, Path(folder), weighed=False)
        con.register("stored_before", outcome)
        con.execute(f"create view rows as select * from read_parquet({parquet_list([gathered.table])})")
        notes: list[str] = []
        budgets: BudgetReport | None = None
        if after.prepared:
            other, outcome, notes, budgets = _decide(
                changed, after.prepared, store, Path(folder), weighed=not after.missing
            )
            if after.missing:
                outcome, notes = _undetermined(outcome), []
            con.register("stored_after", _renumbered(con, other, gathered, outcome))
        else:
            con.register("stored_after", outcome.slice(0, 0))
        con.execute(read_sql("whatif/both"))
        moves = con.sql(read_sql("whatif/moves")).pl()
        con.execute(f"create table changes as {read_sql('whatif/changes')}")
        changes = con.sql("select * from changes order by row").pl()
        fields = {name: _by_field(con, name) for name in _FIELDS}
        by_rule = con.sql(read_sql("whatif/by_rule")).pl()
    undetermined = moves.filter(pl.col("after") == UNDETERMINED)["records"].sum()
    return WhatIf(
        dataset=base.pipeline.name,
        moves=moves,
        by_rule=by_rule,
        by_source=fields["source"],
        by_label=fields["label"],
        by_group_key=fields["group_key"],
        changes=changes,
        examples=tuple(_examples(changes, before.prepared, examples)),
        undetermined=int(undetermined),
        missing=tuple(after.missing),
        budgets=budgets,
        notes=tuple(notes),
    )


def _decide(
    loaded: LoadedPipeline, prepared: Sequence[PreparedFile], store: Store, scratch: Path, *, weighed: bool
) -> tuple[Gathered, pa.Table, list[str], BudgetReport | None]:
    """Gathered table, outcome of each row, notes and budgets of one pipeline; from the cache where it was run."""
    pipeline = loaded.pipeline
    weighed = weighed and pipeline.budgets != BudgetConfig()
    gathered = find_gathered(prepared, pipeline, store)
    with _database() as con:
        if not gathered.table.exists():
            gathered = gather(con, prepared, pipeline, Store(scratch))
        question = ask(loaded, prepared, gathered, read_stated(loaded)).with_parent(store)
        decided = find_decided(store, question)
        columns = "row, status, split, step, rule"
        if decided is not None:
            records = parquet_list(decided.record_files)
            table = con.sql(f"select {columns} from read_parquet({records})").to_arrow_table()
            budgets = weigh(question, decided.record_files, gathered.meta) if weighed else None
            return gathered, table, list(decided.notes), budgets
        decision = question.decide(con)
        table = con.sql(f"select {columns} from outcome").to_arrow_table()
        if not weighed:  # writing down what budgets are measured on takes a second a million
            return gathered, table, decision.notes, None
        records_file = scratch / "records.parquet"
        con.sql(read_sql("whatif/records")).write_parquet(str(records_file))
        return gathered, table, decision.notes, weigh(question, [records_file], gathered.meta)


def _undetermined(outcome: pa.Table) -> pa.Table:
    """The outcome with what depends on records that are not there taken back."""
    frame = pl.DataFrame(outcome)
    own = pl.col("step").is_in(_OWN_STEPS)
    known: pa.Table = frame.with_columns(pl.when(own).then(pl.col("status")).alias("status")).to_arrow()
    return known


def _renumbered(con: duckdb.DuckDBPyConnection, other: Gathered, gathered: Gathered, outcome: pa.Table) -> pa.Table:
    """An outcome with the row numbers of `gathered`; records that are not in it are left out."""
    if other.fingerprint == gathered.fingerprint:
        return outcome
    con.register("outcome", outcome)
    table = con.sql(
        "select mine.row, outcome.* exclude (row) from outcome "
        f"join read_parquet({parquet_list([other.table])}) as theirs using (row) "
        "join rows as mine on mine.record_id = theirs.record_id"
    ).to_arrow_table()
    con.unregister("outcome")
    return table


def _by_field(con: duckdb.DuckDBPyConnection, name: str) -> pl.DataFrame:
    found: pl.DataFrame = con.sql(read_sql("whatif/by_field").replace("{field}", name), params={"limit": _LINES}).pl()
    return found


def _examples(changes: pl.DataFrame, prepared: Sequence[PreparedFile], limit: int) -> Iterator[Example]:
    """The first records of every kind of change in turn, until there are `limit`."""
    kind = ["before", "after", "rule_before", "rule_after"]
    chosen = (
        changes.with_columns(pl.int_range(pl.len()).over(kind).alias("place"))
        .sort("place", "row")
        .head(limit)
        .sort("before", "after", "row")
    )
    texts = _texts(prepared, chosen["row"].to_list())
    for line in chosen.iter_rows(named=True):
        rule = line["rule_after"] or line["rule_before"] or ""
        yield Example(line["record_id"], line["before"], line["after"], rule, texts.get(line["row"], ""))


def _texts(prepared: Sequence[PreparedFile], rows: Sequence[int]) -> dict[int, str]:
    """The beginning of the text of some records."""
    texts: dict[int, str] = {}
    base = 0
    for item in prepared:
        for path, size in zip(item.part_files(item.prepare, "records"), item.summary.part_records, strict=True):
            wanted = [row for row in rows if base <= row < base + size]
            if wanted:
                turns = pq.read_table(path, columns=["turns"])["turns"].combine_chunks()
                texts |= {row: _beginning(turns, row - base) for row in wanted}
            base += size
    return texts


def _beginning(turns: pa.ListArray, row: int) -> str:
    flat = Turns(turns.slice(row, 1))
    said = [
        f"{ROLES[role]}: {'(null)' if content is None else ' '.join(content.split())}"
        for role, content in zip(flat.roles.tolist(), flat.contents.to_pylist(), strict=True)
    ]
    text = " | ".join(said)
    return text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…"


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
    con = duckdb.connect()
    try:
        yield con
    finally:
        con.close()


def as_json(found: WhatIf) -> dict[str, Any]:
    """The comparison as JSON-able values."""
    frames = {
        name: getattr(found, name).to_dicts() for name in ("moves", "by_rule", *(f"by_{name}" for name in _FIELDS))
    }
    return {
        "dataset": found.dataset,
        **frames,
        "changed_records": found.changes.height,
        "examples": [{name: getattr(example, name) for name in Example.__slots__} for example in found.examples],
        "undetermined": found.undetermined,
        "missing": list(found.missing),
        "budgets": None if found.budgets is None else found.budgets.as_dict(),
        "notes": list(found.notes),
    }
