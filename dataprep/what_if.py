"""What-if: what another threshold, budget or split would give, from what is stored, before anything is done.

The changed pipeline goes through the very `decide` of a run, on the gathered table of the last one; nothing is read,
cleaned or measured again. So the answer is what a run would give, not an estimate. Where something it would need is not
in the store (other cleaning, a new file), records whose fate depends on it are counted as undetermined: all of an
unprepared file, and of the others those that no rule of their own takes, since copies and splits depend on the rest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from dataprep.against import Against, prepare_against, resolve_against
from dataprep.asking import ask, read_stated, weigh
from dataprep.budgets.config import BudgetConfig
from dataprep.budgets.report import BudgetReport
from dataprep.contaminated import resolve_benchmarks
from dataprep.decide import check_rules
from dataprep.decided import find_decided
from dataprep.errors import InputError
from dataprep.events import Reporter
from dataprep.excerpts import excerpts
from dataprep.file_job import PreparedFile
from dataprep.gather import Gathered, find_gathered, gather
from dataprep.known_sources import resolve_known_sources
from dataprep.pairing import find_pairs, stored_pairs
from dataprep.pipeline.load import LoadedPipeline
from dataprep.pipeline.resolve import effective_rules
from dataprep.prepare import DEFAULT_BLOCK_BYTES, look_up
from dataprep.record import SPLITS
from dataprep.sqlfiles import read_sql
from dataprep.store.claims import reading_cache
from dataprep.store.files import machine_errors
from dataprep.store.inventory import known_digests
from dataprep.store.layout import Store

UNDETERMINED: Final = "undetermined"
_OWN_STEPS: Final = ("clean", "decisions", "rules")
"""Steps whose verdicts depend on the record alone."""
_FIELDS: Final = ("source", "label", "group_key")
_SIDES: Final = tuple(sorted((*SPLITS, "held", "dropped", UNDETERMINED)))
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
    check_rules(effective_rules(changed.pipeline), changed.pipeline.dedup.conflicts)
    with reading_cache(store), machine_errors(Path(tempfile.gettempdir())):
        return _what_if(base, changed, store, examples)


def _what_if(base: LoadedPipeline, changed: LoadedPipeline, store: Store, examples: int) -> WhatIf:
    digests = known_digests(store, base.pipeline.name)
    before, after = (
        look_up(resolve_known_sources(loaded.pipeline, loaded.base, store, digests), loaded.pipeline, store, digests)
        for loaded in (base, changed)
    )
    if before.missing:
        raise InputError(
            "nothing is stored yet of what this pipeline makes of the file",
            file=next(iter(before.missing)),
            hint="run the pipeline once as it is: `dataprep run`",
        )
    complete = not after.missing
    with _scratch() as aside, _scratch() as scratch, ThreadPoolExecutor(1) as beside:
        asked = beside.submit(_decide, base, before.prepared, store, aside, weighed=False)
        then = _decide(changed, after.prepared, store, scratch, weighed=complete) if after.prepared else None
        now = asked.result()
        notes, budgets = (then.notes, then.budgets) if then and complete else ((), None)
        then = _in_terms_of(now, then, complete=complete)
        table = now.gathered.table
        order = pl.read_parquet(table, columns=["row"], glob=False)["row"].to_numpy()
        changes = _changes(now, then, table, order)
        kept = pl.Series(now.kept[order])
        by_source, by_label, by_group_key = (_by_field(changes, table, kept, name) for name in _FIELDS)
    return WhatIf(
        dataset=base.pipeline.name,
        moves=_moves(now, then),
        by_rule=_by_rule(now, then),
        by_source=by_source,
        by_label=by_label,
        by_group_key=by_group_key,
        changes=changes,
        examples=tuple(_examples(changes, before.prepared, examples)),
        undetermined=int((then.side == _SIDES.index(UNDETERMINED)).sum()),
        missing=tuple(after.missing),
        budgets=budgets,
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one pipeline decides.

    Attributes:
        gathered: the records that it decides about.
        side: index into _SIDES for each row.
        taken: row, step and rule of the records that are dropped or held.
        notes: what could not be done as asked.
        budgets: how they fare, where that was asked.
    """

    gathered: Gathered
    side: npt.NDArray[np.uint8]
    taken: pl.DataFrame
    notes: Sequence[str]
    budgets: BudgetReport | None = None

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """Whether each record is in a split."""
        return np.isin(self.side, [_SIDES.index(split) for split in SPLITS])


def _decide(
    loaded: LoadedPipeline, prepared: Sequence[PreparedFile], store: Store, scratch: Path, *, weighed: bool
) -> _Answer:
    """What one pipeline decides; from the cache where it was run."""
    pipeline = loaded.pipeline
    weighed = weighed and pipeline.budgets != BudgetConfig()
    gathered = find_gathered(prepared, pipeline, store)
    with duckdb.connect() as con:
        if not gathered.table.exists():
            gathered = gather(con, prepared, pipeline, Store(scratch))
        near = pipeline.dedup.near
        paired = stored_pairs(prepared, gathered, near, store) or find_pairs(prepared, gathered, near, Store(scratch))
        against = _against(loaded, store, scratch)
        suite = resolve_benchmarks(pipeline, loaded.base)
        question = ask(loaded, prepared, gathered, paired, read_stated(loaded), against, suite).with_parent(store)
        decided = find_decided(store, question)
        if decided is not None:
            fates = pl.read_parquet(decided.fates, columns=["fate"], glob=False)["fate"]
            taken = _taken(pl.scan_parquet(decided.record_files, glob=False))
            budgets = weigh(question, decided.record_files, gathered.meta) if weighed else None
            return _Answer(gathered, _codes(fates), taken, decided.notes, budgets)
        decision = question.with_compared(prepared, store, scratch=Store(scratch)).decide(con)
        split, status = (decision.outcome[name].cast(pl.Enum(_SIDES), strict=False) for name in ("split", "status"))
        side, taken = _codes(split.zip_with(split.is_not_null(), status)), _taken(decision.outcome.lazy())
        if not weighed:  # writing down what budgets are measured on takes a second a million
            return _Answer(gathered, side, taken, decision.notes)
        records_file = scratch / "records.parquet"
        con.sql(read_sql("whatif/records")).write_parquet(str(records_file))
        return _Answer(gathered, side, taken, decision.notes, weigh(question, [records_file], gathered.meta))


def _taken(outcome: pl.LazyFrame) -> pl.DataFrame:
    taken = outcome.filter(pl.col("rule").is_not_null())
    return taken.select(pl.col("row").cast(pl.Int64), pl.col("step", "rule").cast(pl.String)).collect()


def _against(loaded: LoadedPipeline, store: Store, scratch: Path) -> Against:
    """What exists already; files that were never prepared are, for this question alone."""
    pipeline = loaded.pipeline
    against = resolve_against(pipeline, loaded.base, store)
    stored = against.stored(pipeline, store, known_digests(store, pipeline.name))
    if stored is not None:
        return stored
    return prepare_against(
        against, pipeline, Store(scratch), workers=1, reporter=Reporter(), block_bytes=DEFAULT_BLOCK_BYTES
    )


def _codes(sides: pl.Series) -> npt.NDArray[np.uint8]:
    codes: npt.NDArray[np.uint8] = sides.cast(pl.Enum(_SIDES)).to_physical().to_numpy()
    return codes


def _in_terms_of(now: _Answer, then: _Answer | None, *, complete: bool) -> _Answer:
    """What the changed pipeline decides about the records that there are now, as far as that can be known.

    Args:
        now, then: what both decide; None where no file is prepared as the changed pipeline wants it.
        complete: whether all files are. Else only what records are alone to blame for is known.
    """
    side = np.full_like(now.side, _SIDES.index(UNDETERMINED))
    if then is None:
        return replace(now, side=side, taken=now.taken.clear())
    taken = then.taken
    if then.gathered.fingerprint == now.gathered.fingerprint:
        side = then.side
    else:
        theirs, mine = (
            pl.scan_parquet(answer.gathered.table, glob=False).select("record_id", pl.col("row").alias(name))
            for answer, name in ((then, "row"), (now, "place"))
        )
        places = theirs.join(mine, on="record_id").select("row", "place").collect()
        side[places["place"].to_numpy()] = then.side[places["row"].to_numpy()]
        taken = taken.join(places, on="row").select("step", "rule", row="place")
    if not complete:
        own = taken.filter(pl.col("step").is_in(_OWN_STEPS))["row"].to_numpy()
        known = np.full_like(side, _SIDES.index(UNDETERMINED))
        known[own] = side[own]
        side = known
    return replace(then, side=side, taken=taken)


def _moves(now: _Answer, then: _Answer) -> pl.DataFrame:
    """Records by where they are and where they would be."""
    counts = np.bincount(now.side.astype(np.int64) * len(_SIDES) + then.side)
    pairs = np.flatnonzero(counts)
    before, after = ([_SIDES[index] for index in indexes.tolist()] for indexes in divmod(pairs, len(_SIDES)))
    return pl.DataFrame({"before": before, "after": after, "records": counts[pairs]})


def _by_rule(now: _Answer, then: _Answer) -> pl.DataFrame:
    """For each rule that takes records on either side, how many before and after."""
    known = pl.Series(then.side[then.taken["row"].to_numpy()] != _SIDES.index(UNDETERMINED))
    before, after = (
        taken.group_by("step", "rule").agg(pl.len().cast(pl.Int64).alias(name))
        for name, taken in (("before", now.taken), ("after", then.taken.filter(known)))
    )
    return (
        before.join(after, on=["step", "rule"], how="full", coalesce=True)
        .with_columns(pl.col("before", "after").fill_null(0))
        .with_columns(change=pl.col("after") - pl.col("before"))
        .sort(-pl.col("change").abs(), "step", "rule")
    )


def _changes(now: _Answer, then: _Answer, table: Path, order: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Records that change sides, in order of rows.

    Args:
        now, then: what both pipelines decide about the same records.
        table: the gathered table.
        order: the row of each of its lines.
    """
    moved = pl.Series((now.side != then.side)[order])
    about = pl.scan_parquet(table, glob=False).select("row", "record_id", *_FIELDS).filter(moved).collect()
    rows = about["row"].to_numpy()
    for name, answer in (("before", now), ("after", then)):
        side = pl.Series(name, answer.side[rows]).cat.to(pl.Enum(_SIDES)).cast(pl.String)
        verdicts = answer.taken.rename({"step": f"step_{name}", "rule": f"rule_{name}"})
        about = about.with_columns(side).join(verdicts, on="row", how="left")
    verdicts_last = [f"{what}_{name}" for name in ("before", "after") for what in ("step", "rule")]
    return about.sort("row").select("row", "record_id", *_FIELDS, "before", "after", *verdicts_last)


def _by_field(changes: pl.DataFrame, table: Path, kept: pl.Series, name: str) -> pl.DataFrame:
    """Values of a field whose kept records change in number, with how many these are; those that change most first.

    Args:
        changes: records that change sides.
        table: the gathered table.
        kept: for each of its lines whether the record is kept now.
        name: the field.
    """
    change = pl.col("after").is_in(SPLITS).cast(pl.Int64) - pl.col("before").is_in(SPLITS).cast(pl.Int64)
    moved = (
        changes.group_by(value=name)
        .agg(change=change.sum())
        .filter(pl.col("change") != 0)
        .sort(-pl.col("change").abs(), "value", nulls_last=False)
        .head(_LINES)
    )
    counted = (
        pl.scan_parquet(table, glob=False)
        .select(value=name)
        .filter(kept)
        .join(moved.lazy().select("value"), on="value", how="semi", nulls_equal=True)
        .group_by("value")
        .agg(kept_before=pl.len().cast(pl.Int64))
        .collect()
    )
    return moved.join(counted, on="value", how="left", nulls_equal=True, maintain_order="left").select(
        "value",
        pl.col("kept_before").fill_null(0),
        kept_after=pl.col("kept_before").fill_null(0) + pl.col("change"),
        change="change",
    )


def _examples(changes: pl.DataFrame, prepared: Sequence[PreparedFile], limit: int) -> Iterator[Example]:
    """The first records of every kind of change in turn, until there are `limit`."""
    kind = ["before", "after", "rule_before", "rule_after"]
    chosen = (
        changes.with_columns(pl.int_range(pl.len()).over(kind).alias("place"))
        .sort("place", "row")
        .head(limit)
        .sort("before", "after", "row")
    )
    texts = excerpts(prepared, chosen["row"].to_list(), _CHARACTERS)
    for line in chosen.iter_rows(named=True):
        rule = line["rule_after"] or line["rule_before"] or ""
        yield Example(line["record_id"], line["before"], line["after"], rule, texts.get(line["row"], ""))


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dataprep-whatif-") as folder:
        yield Path(folder)


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
