"""Plan: everything that can be known about a run before it, and a trial on a sample. Writes nothing into the store.

The sample goes through the very functions of a run, into a temporary store that is thrown away, so a plan cannot say
anything that a run would not do. What a sample cannot know (duplicates of rows that it does not hold) it
underestimates, and the plan says so.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.against import Against, prepare_against, resolve_against
from dataprep.asking import ask, read_stated
from dataprep.contaminated import Suite, find_contaminated, resolve_benchmarks
from dataprep.decide import Decision, decide, make_funnel
from dataprep.decided import find_decided
from dataprep.estimates import Estimate, estimate, measure_sample
from dataprep.events import Reporter
from dataprep.file_job import PreparedFile
from dataprep.gather import find_gathered, gather
from dataprep.known import find_known
from dataprep.near_plan import PlannedNear, plan_near
from dataprep.pairing import find_pairs, stored_pairs
from dataprep.pipeline.load import LoadedPipeline
from dataprep.pipeline.resolve import effective_rules
from dataprep.prepare import check_any_record, look_up, prepare_files
from dataprep.record import ROLES, Turns
from dataprep.rejects import load_rejects
from dataprep.sources import resolve_sources
from dataprep.store.inventory import known_digests
from dataprep.store.layout import Store

_SAMPLE_BLOCK_BYTES = 250_000
_EXAMPLE_CHARACTERS = 100
_NEAR_SHARE = 0.1
"""Share of the threshold within which a value counts as near; as in the query `near_misses`."""


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """What is known of one source."""

    name: str
    files: tuple[str, ...]
    bytes: int
    mapping: str
    """How rows become records, in words."""
    to_prepare: int
    """Files that must be read; the others' records are in the store."""
    to_compute: dict[str, int]
    """For each step (`prepare`, `keys`, families of signals) the files for which it must be computed."""
    sample_rows: int
    sample_rejects: dict[str, int]


@dataclass(frozen=True, slots=True)
class PlannedRule:
    """What a rule does, and what it did to the sample."""

    name: str
    action: str
    description: str
    fired: int
    """Records of the sample that it met."""
    took: int
    """Records of the sample that it decided."""
    example: str | None = None
    near_misses: int = 0
    """Records of the sample that it did not meet, with a value within 10 % of the threshold: what a slightly other
    threshold would change."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do."""

    dataset: str
    store: Path
    sources: tuple[PlannedSource, ...]
    rules: tuple[PlannedRule, ...]
    cleaners: dict[str, int]
    """Edits of each cleaner in the sample, by records."""
    near: PlannedNear | None
    """How near duplicates will be looked for; None where they are not."""
    split_mode: str
    funnel: pl.DataFrame
    """The sample's own funnel."""
    disk: Estimate
    """What a run would need on the store's disk."""
    decided: str | None = None
    """Id of the version that a run would give, where all of it was decided before."""
    notes: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())


def make_plan(loaded: LoadedPipeline, store: Store, *, sample_rows: int) -> Plan:
    """Check a pipeline against its data and try a sample. See `dataprep.plan`."""
    pipeline = loaded.pipeline
    sources = resolve_sources(pipeline, loaded.base)
    against = resolve_against(pipeline, loaded.base, store)
    suite = resolve_benchmarks(pipeline, loaded.base)
    digests = known_digests(store, pipeline.name)
    stored = look_up(sources, pipeline, store, digests)
    with tempfile.TemporaryDirectory(prefix="dataprep-plan-") as folder:
        prepared = prepare_files(
            sources,
            pipeline,
            Store(Path(folder)),
            workers=1,
            reporter=Reporter(),
            block_bytes=_SAMPLE_BLOCK_BYTES,
            sample_rows=sample_rows,
        )
        check_any_record(prepared)
        with duckdb.connect(config={"threads": 1}) as con:
            load_rejects(con, prepared)
            samples = [
                measure_sample(
                    source,
                    [item for item in prepared if item.source is source],
                    limits=pipeline.limits,
                    block_bytes=_SAMPLE_BLOCK_BYTES,
                    pending_files=stored.pending[source.index]["prepare"],
                    compression=pipeline.output.compression,
                )
                for source in sources
            ]
            gathered = gather(con, prepared, pipeline, Store(Path(folder)))
            gathered.attach(con)
            paired = find_pairs(prepared, gathered, pipeline.dedup.near, Store(Path(folder)))
            sampled = prepare_against(
                against,
                pipeline,
                Store(Path(folder)),
                workers=1,
                reporter=Reporter(),
                block_bytes=_SAMPLE_BLOCK_BYTES,
                sample_rows=sample_rows,
            )
            known = find_known(prepared, gathered, sampled, pipeline.dedup, store, Store(Path(folder)))
            near, trial = pipeline.dedup.near, Store(Path(folder))
            contaminated = find_contaminated(prepared, gathered, suite, pipeline.benchmarks, near, trial)
            decision = decide(
                con,
                pipeline,
                effective_rules(pipeline),
                gathered,
                paired=paired,
                known=known,
                contaminated=contaminated,
            )
            make_funnel(con, pipeline, decision, sum(item.summary.rows for item in prepared))
            funnel = con.sql("select * from funnel order by position").pl()
            counts = _firings(con)
            examples = _examples(con, prepared)
            planned_near = plan_near(pipeline.dedup.near, prepared)
            misses = _near_misses(con, decision)
    rules = tuple(
        PlannedRule(
            rule.name,
            rule.action,
            rule.describe(),
            *counts.get(rule.name, (0, 0)),
            examples.get(rule.name),
            misses.get(rule.name, 0),
        )
        for rule in decision.rules
    ) + tuple(
        PlannedRule(name, row["action"], f"{name}: {_BUILT_IN_WORDS.get(name, '')}", *counts[name], examples.get(name))
        for row in funnel.filter(pl.col("step").is_in(["dedup", "splits", "clean"])).iter_rows(named=True)
        if (name := row["rule"]) in counts
    )
    cleaners: dict[str, int] = {}
    for item in prepared:
        for name, edits in item.summary.edits.items():
            cleaners[name] = cleaners.get(name, 0) + edits
    return Plan(
        dataset=pipeline.name,
        store=store.root,
        sources=tuple(
            PlannedSource(
                name=source.name,
                files=tuple(file.shown for file in source.files),
                bytes=sum(file.size for file in source.files),
                mapping=source.mapping.describe(),
                to_prepare=stored.pending[source.index]["prepare"],
                to_compute=dict(stored.pending[source.index]),
                sample_rows=sum(item.summary.rows for item in prepared if item.source is source),
                sample_rejects=_reasons([item for item in prepared if item.source is source]),
            )
            for source in sources
        ),
        rules=rules,
        cleaners=cleaners,
        near=planned_near,
        split_mode=decision.mode,
        funnel=funnel,
        disk=estimate(samples, store.root),
        decided=None
        if stored.missing
        else _decided(loaded, stored.prepared, store, against.stored(pipeline, store, digests), suite),
        notes=tuple(decision.notes),
        assumed=loaded.assumed,
        warnings=(
            *(suite.found.warnings if suite else ()),
            *(warning for source in (*sources, *against.sources) for warning in source.warnings),
        ),
    )


def _decided(
    loaded: LoadedPipeline,
    prepared: Sequence[PreparedFile],
    store: Store,
    against: Against | None,
    suite: Suite | None,
) -> str | None:
    if against is None:
        return None
    gathered = find_gathered(prepared, loaded.pipeline, store)
    paired = stored_pairs(prepared, gathered, loaded.pipeline.dedup.near, store)
    if not gathered.table.exists() or (paired is None and loaded.pipeline.dedup.near.on):
        return None
    question = ask(loaded, prepared, gathered, paired, read_stated(loaded), against, suite)
    decided = find_decided(store, question.with_parent(store))
    return None if decided is None else decided.identity


_BUILT_IN_WORDS = {
    "contains_test_item": "records that contain an item of what `benchmarks` names, or nearly are one",
    "known_before": "records that are, or nearly are, records of what `dedup.against` names",
    "exact_duplicate": "copies of a record that stays, equal after normalisation",
    "near_duplicate": "records whose words are nearly those of one that stays",
    "prefix_of_longer": "conversations that a longer one begins with, turn by turn",
    "conflicting_answer": "records that ask the same as others and answer differently, by text or by label",
    "boilerplate_answer": "records whose answer more others give than `dedup.answers.most` allows",
    "leaks_into_test": "records on the train side that share text, input or group with a test record, or nearly",
    "leaks_into_validation": "records on the train side that share them with a validation record, or nearly",
    "no_given_split": "records for which no split is given",
    "no_time": "records without a time",
    "cleaner_failed": "records on which a cleaner failed",
}


def _reasons(prepared: list[PreparedFile]) -> dict[str, int]:
    reasons: dict[str, int] = {}
    for item in prepared:
        for reason, count in item.summary.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    return dict(sorted(reasons.items()))


def _firings(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int]]:
    fired = con.sql("select rule, count(*) from verdicts group by rule").fetchall()
    took = dict(con.sql("select rule, count(*) from fate group by rule").fetchall())
    return {rule: (count, took.get(rule, 0)) for rule, count in fired}


def _near_misses(con: duckdb.DuckDBPyConnection, decision: Decision) -> dict[str, int]:
    """By rule, the records that it did not meet but whose value is nearly its threshold."""
    misses: dict[str, int] = {}
    for rule in decision.rules:
        near = rule.near_miss_sql(_NEAR_SHARE)
        if near is not None:
            condition, parameters = near
            statement = f"select count(*) from {decision.facts[rule.name]} as t where {condition}"
            misses[rule.name] = con.execute(statement, parameters).fetchall()[0][0]
    return misses


def _examples(con: duckdb.DuckDBPyConnection, prepared: list[PreparedFile]) -> dict[str, str]:
    """For each rule the text of the first record that it decided, shortened."""
    first: dict[str, int] = dict(con.sql("select rule, min(row) from fate group by rule").fetchall())
    texts: dict[str, str] = {}
    base = 0
    for item in prepared:
        files = item.part_files(item.prepare, "records")
        for path, size in zip(files, item.summary.part_records, strict=True):
            wanted = {rule: row - base for rule, row in first.items() if base <= row < base + size}
            if wanted:
                turns = pq.read_table(path, columns=["turns"])["turns"].combine_chunks()
                texts |= {rule: _shortened(turns, row) for rule, row in wanted.items()}
            base += size
    return texts


def _shortened(turns: pa.ListArray, row: int) -> str:
    flat = Turns(turns.slice(row, 1))
    pieces: list[Any] = []
    for role, content in zip(flat.roles.tolist(), flat.contents.to_pylist(), strict=True):
        text = "(null)" if content is None else " ".join(content.split())
        limit = _EXAMPLE_CHARACTERS // 2
        pieces.append(f"{ROLES[role]}: {text[:limit]}{'…' if len(text) > limit else ''}")
        if len(pieces) == 2:
            break
    return " | ".join(pieces)
