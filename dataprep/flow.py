"""The flow: from sources to a published version, readable from top to bottom.

    sources -> prepare (ingest, clean, measure, key) -> decide (rules, copies, splits) -> stage -> publish

`prepare` works on batches in threads, `decide` on narrow tables in a private DuckDB database; both leave everything
they found in the cache, and staging only writes what is said there. A run that fails at any point has published
nothing; what it finished is not done again by the next one.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from dataprep.against import prepare_against, resolve_against
from dataprep.asking import ask, read_stated, weigh
from dataprep.budgets.check import check_rule_names
from dataprep.budgets.page import BudgetError
from dataprep.budgets.stored import save_report
from dataprep.contaminated import resolve_benchmarks
from dataprep.decide import BUILT_IN, check_rules
from dataprep.decided import Decided, find_decided, make_decided
from dataprep.errors import Cancelled, DataprepError, InputError, MachineError, RefusedError
from dataprep.estimates import scratch_bytes
from dataprep.events import Reporter
from dataprep.file_job import PreparedFile
from dataprep.gather import gather
from dataprep.interrupts import interruptible
from dataprep.manifest import describe_version
from dataprep.near_summary import NearSummary, near_summary
from dataprep.pairing import find_pairs
from dataprep.pipeline.load import LoadedPipeline
from dataprep.pipeline.resolve import effective_rules, resolve
from dataprep.prepare import (
    DEFAULT_BLOCK_BYTES,
    check_any_record,
    check_reject_budgets,
    files_read,
    prepare_files,
    rows_read,
    steps_reused,
)
from dataprep.rejects import keep_rejects, load_rejects
from dataprep.sources import ResolvedSource, resolve_sources
from dataprep.store.card import dataset_card
from dataprep.store.catalog import rebuild
from dataprep.store.claims import claim
from dataprep.store.config import OutputConfig
from dataprep.store.files import (
    CommitPoint,
    commit_point,
    link_tree,
    machine_errors,
    remove_folder,
    write_file,
)
from dataprep.store.inventory import has_manifest
from dataprep.store.layout import Store
from dataprep.store.locks import Holder, dataset_lock, live_run
from dataprep.store.publish import point_latest, seal, staging_folder
from dataprep.store.runs import RunRecord, new_run_id
from dataprep.store.sweep import scratch_folder, sweep
from dataprep.store.version import Part, write_text


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run uses the machine; none of it changes the result."""

    workers: int = 2
    memory: str | None = None
    """DuckDB's memory limit, such as `4GB`; what does not fit spills to the store's disk."""
    block_bytes: int = DEFAULT_BLOCK_BYTES
    """Bytes of a source file handled at a time by one worker."""
    wait_seconds: float = 0.0
    """How long to wait for another run of the same dataset."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run gave.

    Attributes:
        dataset, version_id, number: the version, as in `support@3`.
        unchanged: the same version was the latest already.
        path: the version's folder.
        funnel: from rows read to splits, as in the SQL view of that name.
        notes: what could not be done as asked, in words.
        near: what was found of near duplicates; None where none were looked for.
        counts: rows, records, rejects, kept, held, dropped, splits.
    """

    dataset: str
    version_id: str
    number: int
    unchanged: bool
    path: Path
    run_id: str
    funnel: pl.DataFrame
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    near: NearSummary | None = None
    counts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def run_pipeline(loaded: LoadedPipeline, store: Store, options: RunOptions, reporter: Reporter) -> RunResult:
    """Run a pipeline to a published version. See `dataprep.run` for errors."""
    record = RunRecord(new_run_id(), loaded.pipeline.name, resolve(loaded))
    with machine_errors(store.root), live_run(store, record.run_id):
        record.save(store)
        reporter.run(f"{record.dataset}: run {record.run_id}", run_id=record.run_id, dataset=record.dataset)
        try:
            with machine_errors(store.root), _alone(store, record, options, reporter), _calm_collector():
                return _run(loaded, store, options, reporter, record)
        except (Cancelled, KeyboardInterrupt):
            record.finish(store, "interrupted", exit_code=130, message="interrupted")
            reporter.stopped("interrupted", exit_code=130, hint=None, budgets=None)
            raise
        except DataprepError as error:
            stopped = error.exit_code == 1
            record.finish(store, "stopped" if stopped else "failed", exit_code=error.exit_code, message=error.message)
            if stopped:
                with suppress(MachineError):  # the catalog can be built later; why the run stopped must be told now
                    rebuild(store)
            reporter.stopped(error.message, exit_code=error.exit_code, hint=error.hint, budgets=_page(error))
            raise
        except BaseException as error:
            record.finish(store, "failed", exit_code=70, message=f"{type(error).__name__}: {error}")
            reporter.stopped(f"a bug: {type(error).__name__}", exit_code=70, hint=None, budgets=None)
            raise


def _page(error: DataprepError) -> dict[str, Any] | None:
    return error.report.as_dict() if isinstance(error, BudgetError) else None


@contextmanager
def _alone(store: Store, record: RunRecord, options: RunOptions, reporter: Reporter) -> Iterator[None]:
    """Hold the dataset for this run, and clear away what killed runs left."""
    told = False

    def wait(holder: Holder | None, _waited_seconds: float) -> None:
        nonlocal told
        reporter.checkpoint()
        if not told:
            reporter.note(f"waiting for {holder or 'another run'}, which prepares {record.dataset!r}")
        told = True

    holding = dataset_lock(store, record.dataset, record.run_id, wait_seconds=options.wait_seconds, on_wait=wait)
    with holding as died:
        if died is not None:
            reporter.note(f"{died} did not finish; what it finished is used")
        sweep(store)
        yield


def _run(loaded: LoadedPipeline, store: Store, options: RunOptions, reporter: Reporter, record: RunRecord) -> RunResult:
    pipeline = loaded.pipeline
    for assumption in loaded.assumed:
        reporter.note(f"assumed: {assumption}")
    rules = effective_rules(pipeline)
    check_rules(rules, pipeline.dedup.conflicts)
    check_rule_names(pipeline.budgets, [*rules, *dict.fromkeys(rule for _, _, rule, _ in BUILT_IN)])
    decisions = read_stated(loaded)
    reporter.step("sources", "looking at sources")
    sources = resolve_sources(pipeline, loaded.base)
    against = resolve_against(pipeline, loaded.base, store)
    suite = resolve_benchmarks(pipeline, loaded.base, workers=options.workers, reporter=reporter)
    warnings = [*(suite.found.warnings if suite else ())]
    warnings += [warning for source in (*sources, *against.sources) for warning in source.warnings]
    reporter.step("prepare", _reading(sources))
    prepared = prepare_files(
        sources,
        pipeline,
        store,
        workers=options.workers,
        reporter=reporter,
        block_bytes=options.block_bytes,
        owner=record.run_id,
    )
    record.counts = rows_read(prepared)
    record.reused = steps_reused(prepared)
    warnings += _emptiness(prepared)
    against = prepare_against(
        against,
        pipeline,
        store,
        workers=options.workers,
        reporter=reporter,
        block_bytes=options.block_bytes,
        owner=record.run_id,
    )
    warnings += against.warnings()
    record.files = files_read([*prepared, *against.files])

    with _scratch_database(store, record.run_id, options, record.counts["records"]) as con:
        load_rejects(con, prepared)
        try:
            check_reject_budgets(prepared, pipeline)
            check_any_record(prepared)
        except DataprepError:
            keep_rejects(con, store, record.run_id)
            raise
        reporter.step("pair", "ids, copies, near duplicates")
        gathered = gather(con, prepared, pipeline, store, record.run_id)
        paired = find_pairs(prepared, gathered, pipeline.dedup.near, store, record.run_id)
        question = ask(loaded, prepared, gathered, paired, decisions, against, suite).with_parent(store)
        if suite is not None:
            reporter.step("benchmarks", "looking for benchmark items")
        question = question.with_compared(
            prepared, store, owner=record.run_id, workers=options.workers, reporter=reporter
        )
        reporter.step("decide", "rules, duplicates, splits")
        decided = find_decided(store, question, record.run_id) or make_decided(con, store, question, record.run_id)
    record.reused |= question.reused() | {"decide": int(decided.reused)}
    record.counts |= decided.contents.totals
    report = weigh(question, decided.record_files, decided.contents.meta)
    save_report(store, record.run_id, report)
    warnings += report.warnings
    for warning in warnings:
        reporter.warn(warning)
    try:
        check_anything_kept(decided)
        if report.over:
            raise BudgetError(report, record.run_id)
    except DataprepError:
        link_tree(decided.tables, store.run(record.run_id) / "tables")
        raise

    claim(store, record.run_id, [store.version(decided.identity)])
    if not has_manifest(store, decided.identity):
        manifest = describe_version(question, decided, sources, prepared, record, warnings)
        _stage(store, manifest, prepared, decided, pipeline.output, record.run_id, reporter)
    near = near_summary(decided, gathered, prepared)
    return _publish(store, decided, record, reporter, [*decided.notes, *report.notes], warnings, near)


def _stage(
    store: Store,
    manifest: dict[str, Any],
    prepared: Sequence[PreparedFile],
    decided: Decided,
    output: OutputConfig,
    run_id: str,
    reporter: Reporter,
) -> None:
    """Write the version under a temporary name and give it its own."""
    reporter.step("stage", "writing the version")
    folder = staging_folder(store, run_id)
    try:
        parts = _parts(prepared)
        total = sum(part.size for part in parts)
        link_tree(decided.tables, folder)
        for done in write_text(decided.fates, parts, decided.contents, output, folder):
            reporter.progress(done, total, done)
        write_file(folder / "README.md", dataset_card(manifest).encode())
        commit_point(CommitPoint.VERSION_STAGED)
        reporter.step("publish", "publishing")
        seal(folder, manifest, store)
    finally:
        remove_folder(folder)


def _publish(
    store: Store,
    decided: Decided,
    record: RunRecord,
    reporter: Reporter,
    notes: Sequence[str],
    warnings: Sequence[str],
    near: NearSummary | None,
) -> RunResult:
    """Give the finished version its number, close the run's record and tell everybody."""
    number, new = point_latest(store, record.dataset, decided.identity, record.run_id)
    record.version_id, record.number = decided.identity, number
    record.seconds = reporter.step_seconds
    record.finish(store, "published" if new else "unchanged", exit_code=0)
    rebuild(store)
    sweep(store)
    result = RunResult(
        dataset=record.dataset,
        version_id=decided.identity,
        number=number,
        unchanged=not new,
        path=store.version(decided.identity),
        run_id=record.run_id,
        funnel=decided.funnel(),
        notes=tuple(notes),
        warnings=tuple(warnings),
        near=near,
        counts=record.counts,
        seconds=dict(reporter.step_seconds),
    )
    reporter.finished(
        f"{record.dataset}@{number} {'is unchanged' if not new else 'published'}",
        dataset=result.dataset,
        version_id=result.version_id,
        number=result.number,
        unchanged=result.unchanged,
        path=str(result.path),
        counts=result.counts,
        notes=list(result.notes),
        near=None if near is None else near.without_texts(),
    )
    return result


def _reading(sources: Sequence[ResolvedSource]) -> str:
    files = sum(len(source.files) for source in sources)
    return "reading 1 file" if files == 1 else f"reading {files} files"


def _parts(prepared: Sequence[PreparedFile]) -> list[Part]:
    return [
        Part(path, size)
        for item in prepared
        for path, size in zip(item.part_files(item.prepare, "records"), item.summary.part_records, strict=True)
    ]


def _emptiness(prepared: Sequence[PreparedFile]) -> list[str]:
    """Warn of empty files; refuse when all of them are."""
    if not any(item.summary.rows for item in prepared):
        raise InputError(
            "all inputs are empty",
            file=", ".join(item.file.shown for item in prepared[:3]),
            hint="name files with rows",
        )
    return [f"{item.file.shown} has no rows" for item in prepared if not item.summary.rows]


def check_anything_kept(decided: Decided) -> None:
    """Stop the run where no record is left: an empty version would only break whoever reads `latest` next.

    Raises:
        RefusedError: with the rules that took most.
    """
    if decided.contents.splits:
        return
    taken = decided.funnel().filter(pl.col("action").is_in(["drop", "hold"]) & (pl.col("records") > 0))
    most = taken.sort("records", "step", "rule", descending=[True, False, False]).head(3)
    took = ", ".join(f"{step}.{rule} {records}" for step, rule, records in most["step", "rule", "records"].iter_rows())
    raise RefusedError(
        f"no record is left to publish; taken by {took}",
        step="decide",
        hint='see why with `dataprep sql "from ledger"`, then change the rules',
    )


@contextmanager
def _calm_collector() -> Iterator[None]:
    """Let Python's cycle collector run rarely while rows become batches: a quarter of that time goes to it otherwise.

    Rows and records hold no cycles, so it finds nothing. The thresholds are the process's own and are put back.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(200_000, 50, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


@contextmanager
def _scratch_database(
    store: Store, run_id: str, options: RunOptions, records: int
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private DuckDB database in memory that spills beside the run's record and leaves nothing behind.

    Not a file: its tables are read a few times and thrown away, and compressing them for a file costs twice as much."""
    folder = scratch_folder(store, run_id)
    config: dict[str, Any] = {
        "threads": options.workers,
        "temp_directory": str(folder),
        "max_temp_directory_size": f"{scratch_bytes(records)}B",
    }
    if options.memory:
        config["memory_limit"] = options.memory
    con = duckdb.connect(config=config)
    try:
        with interruptible(con):
            yield con
    finally:
        con.close()
        remove_folder(folder)
