"""The flow: from sources to a published version, readable from top to bottom.

    sources -> prepare (ingest, clean, measure, key) -> decide (rules, copies, splits) -> stage -> publish

`prepare` works on batches in threads, `decide` on narrow tables in a private DuckDB database; both leave everything
they found in tables, and staging only writes what those tables say. A run that fails at any point has published
nothing; what it finished stays in the cache for the next one.
"""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from dataprep.decide import Decision, check_promises, check_rules, decide
from dataprep.errors import Cancelled, DataprepError, InputError, RefusedError
from dataprep.events import Reporter
from dataprep.file_job import PreparedFile
from dataprep.pipeline.load import LoadedPipeline
from dataprep.pipeline.resolve import effective_rules, resolve
from dataprep.prepare import check_any_record, check_reject_budgets, prepare_files
from dataprep.signals import families, signal_columns
from dataprep.sources import ResolvedSource, resolve_sources
from dataprep.sqlfiles import read_sql
from dataprep.store.card import dataset_card
from dataprep.store.catalog import rebuild
from dataprep.store.files import machine_errors
from dataprep.store.layout import FORMAT_VERSION, Store
from dataprep.store.publish import now, packages, point_latest, seal, staging_folder, version_id
from dataprep.store.runs import RunRecord, new_run_id
from dataprep.store.version import Part, describe_contents, write_tables, write_text

DEFAULT_BLOCK_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run uses the machine; none of it changes the result."""

    workers: int = 2
    memory: str | None = None
    """DuckDB's memory limit, such as `4GB`; what does not fit spills to the store's disk."""
    block_bytes: int = DEFAULT_BLOCK_BYTES
    """Bytes of a source file handled at a time by one worker."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run gave.

    Attributes:
        dataset, version_id, number: the version, as in `support@3`.
        unchanged: the same version was the latest already.
        path: the version's folder.
        funnel: from rows read to splits, as in the SQL view of that name.
        notes: what could not be done as asked, in words.
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
    counts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def run_pipeline(loaded: LoadedPipeline, store: Store, options: RunOptions, reporter: Reporter) -> RunResult:
    """Run a pipeline to a published version. See `dataprep.run` for errors."""
    pipeline = loaded.pipeline
    record = RunRecord(new_run_id(), pipeline.name, resolve(loaded))
    with machine_errors(store.root):
        record.save(store)
        reporter.run(f"{pipeline.name}: run {record.run_id}", run_id=record.run_id, dataset=pipeline.name)
        try:
            with _calm_collector():
                result = _run(loaded, store, options, reporter, record)
        except (Cancelled, KeyboardInterrupt):
            record.finish(store, "interrupted", exit_code=130, message="interrupted")
            reporter.stopped("interrupted", exit_code=130, hint=None)
            raise
        except DataprepError as error:
            stopped = error.exit_code == 1
            record.finish(store, "stopped" if stopped else "failed", exit_code=error.exit_code, message=str(error))
            if stopped:
                rebuild(store)
            reporter.stopped(error.message, exit_code=error.exit_code, hint=error.hint)
            raise
        except BaseException as error:
            record.finish(store, "failed", exit_code=70, message=f"{type(error).__name__}: {error}")
            reporter.stopped(f"a bug: {type(error).__name__}", exit_code=70, hint=None)
            raise
    return result


def _run(loaded: LoadedPipeline, store: Store, options: RunOptions, reporter: Reporter, record: RunRecord) -> RunResult:
    pipeline = loaded.pipeline
    for assumption in loaded.assumed:
        reporter.note(f"assumed: {assumption}")
    check_rules(effective_rules(pipeline))
    reporter.step("sources", "looking at sources")
    sources = resolve_sources(pipeline, loaded.base)
    warnings = [warning for source in sources for warning in source.warnings]
    reporter.step("prepare", _reading(sources))
    prepared = prepare_files(
        sources, pipeline, store, workers=options.workers, reporter=reporter, block_bytes=options.block_bytes
    )
    warnings += _emptiness(prepared)
    for warning in warnings:
        reporter.warn(warning)
    record.counts = _read_counts(prepared)
    record.reused = _reused(prepared)

    with _scratch_database(store, record.run_id, options) as con:
        rejects = load_rejects(con, prepared)
        try:
            check_reject_budgets(prepared, pipeline)
            check_any_record(prepared)
        except DataprepError:
            keep_rejects(con, store, record.run_id)
            raise
        reporter.step("decide", "rules, duplicates, splits")
        decision = decide(con, pipeline, effective_rules(pipeline), prepared)
        check_promises(con, record.counts["rows"], rejects)
        con.execute(f"create table funnel as {read_sql('steps/funnel')}", {"rows": record.counts["rows"]})
        try:
            check_anything_kept(con)
        except DataprepError:
            write_tables(con, pipeline.output, store.run(record.run_id) / "tables")
            raise

        reporter.step("stage", "writing the version")
        identity = version_id(con)
        folder = staging_folder(store)
        try:
            manifest = _stage(con, loaded, sources, prepared, decision, folder, identity, record, reporter, warnings)
            reporter.step("publish", "publishing")
            seal(folder, manifest, store)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        funnel = con.sql("select * from funnel order by position").pl()

    number, new = point_latest(store, pipeline.name, identity, record.run_id)
    record.version_id, record.number, record.counts = identity, number, manifest["counts"]
    record.seconds = reporter.step_seconds
    record.finish(store, "published" if new else "unchanged", exit_code=0)
    rebuild(store)
    result = RunResult(
        dataset=pipeline.name,
        version_id=identity,
        number=number,
        unchanged=not new,
        path=store.version(identity),
        run_id=record.run_id,
        funnel=funnel,
        notes=tuple(decision.notes),
        warnings=tuple(warnings),
        counts=manifest["counts"],
        seconds=dict(reporter.step_seconds),
    )
    reporter.finished(
        f"{pipeline.name}@{number} {'is unchanged' if not new else 'published'}",
        dataset=result.dataset,
        version_id=result.version_id,
        number=result.number,
        unchanged=result.unchanged,
        path=str(result.path),
        counts=result.counts,
        notes=list(result.notes),
    )
    return result


def _reading(sources: Sequence[ResolvedSource]) -> str:
    files = sum(len(source.files) for source in sources)
    return "reading 1 file" if files == 1 else f"reading {files} files"


def _stage(
    con: duckdb.DuckDBPyConnection,
    loaded: LoadedPipeline,
    sources: Sequence[ResolvedSource],
    prepared: Sequence[PreparedFile],
    decision: Decision,
    folder: Path,
    identity: str,
    record: RunRecord,
    reporter: Reporter,
    warnings: Sequence[str],
) -> dict[str, Any]:
    """Write the version's files but the manifest, which is returned."""
    pipeline = loaded.pipeline
    contents = describe_contents(con, decision.meta, pipeline.output)
    parts = _parts(prepared)
    total = sum(part.size for part in parts)
    for done in write_text(con, parts, contents, pipeline.output, folder):
        reporter.progress(done, total, done)
    write_tables(con, pipeline.output, folder)
    splits = {name: contents.counts[name] for name in ("train", "validation", "test") if contents.counts[name]}
    counts = record.counts | {
        "kept": sum(splits.values()),
        "held": contents.counts["held"],
        "dropped": contents.counts["dropped"],
        "splits": splits,
    }
    manifest = {
        "format": FORMAT_VERSION,
        "version_id": identity,
        "dataset": pipeline.name,
        "parent": None,
        "created_at": now(),
        "run_id": record.run_id,
        "pipeline": record.pipeline,
        "sources": [_source_entry(source, prepared) for source in sources],
        "counts": counts,
        "shape": contents.shape,
        "split_mode": decision.mode,
        "meta_columns": {column.name: {"type": column.type, "key": column.key} for column in decision.meta},
        "rules": [rule.describe() for rule in decision.rules],
        "signals": {
            "versions": {family.name: family.version for family in families()},
            "columns": {name: column.description for name, column in signal_columns().items()},
        },
        "packages": packages(),
        "notes": list(decision.notes),
        "warnings": list(warnings),
    }
    (folder / "README.md").write_text(dataset_card(manifest), encoding="utf-8")
    return manifest


def _source_entry(source: ResolvedSource, prepared: Sequence[PreparedFile]) -> dict[str, Any]:
    return {
        "name": source.name,
        "mapping": source.mapping.to_dict(),
        "files": [
            {
                "path": item.file.shown,
                "sha256": item.sha256,
                "bytes": item.file.size,
                "rows": item.summary.rows,
                "records": item.summary.records,
                "rejects": item.summary.rejects,
                "notes": dict(sorted(item.summary.notes.items())),
            }
            for item in prepared
            if item.source is source
        ],
    }


def _parts(prepared: Sequence[PreparedFile]) -> list[Part]:
    parts, base_row = [], 0
    for item in prepared:
        files = item.part_files(item.prepare, "records")
        for path, size in zip(files, item.summary.part_records, strict=True):
            parts.append(Part(path, base_row, size))
            base_row += size
    return parts


def _read_counts(prepared: Sequence[PreparedFile]) -> dict[str, Any]:
    return {
        "rows": sum(item.summary.rows for item in prepared),
        "records": sum(item.summary.records for item in prepared),
        "rejects": sum(item.summary.rejects for item in prepared),
    }


def _reused(prepared: Sequence[PreparedFile]) -> dict[str, int]:
    reused: dict[str, int] = {}
    for item in prepared:
        for step in item.reused:
            reused[step] = reused.get(step, 0) + 1
    return reused


def _emptiness(prepared: Sequence[PreparedFile]) -> list[str]:
    """Warn of empty files; refuse when all of them are."""
    if not any(item.summary.rows for item in prepared):
        raise InputError(
            "all inputs are empty",
            file=", ".join(item.file.shown for item in prepared[:3]),
            hint="name files with rows",
        )
    return [f"{item.file.shown} has no rows" for item in prepared if not item.summary.rows]


def load_rejects(con: duckdb.DuckDBPyConnection, prepared: Sequence[PreparedFile]) -> int:
    """Make table `rejects` and its counts by reason, `rejected`; returns how many there are."""
    names = pa.table(
        {
            "file": [str(path) for item in prepared for path in item.reject_files()],
            "source": [item.source.name for item in prepared for _ in item.reject_files()],
            "path": [item.file.shown for item in prepared for _ in item.reject_files()],
        }
    )
    con.register("reject_files", names)
    con.execute(
        "create table rejects as select names.source, names.path, part.* exclude (filename) "
        "from read_parquet($files, filename = true) as part join reject_files as names on names.file = part.filename",
        {"files": names["file"].to_pylist()},
    )
    con.execute(
        "create table rejected as select reason, count(*) as rejects from rejects group by reason order by reason"
    )
    return int(con.sql("select count(*) from rejects").fetchall()[0][0])


def check_anything_kept(con: duckdb.DuckDBPyConnection) -> None:
    """Stop the run where no record is left: an empty version would only break whoever reads `latest` next.

    Raises:
        RefusedError: with the rules that took most.
    """
    if con.sql("select count(*) from outcome where status = 'kept'").fetchall()[0][0]:
        return
    took = con.sql(
        "select step || '.' || rule as taker, count(*) as records from outcome group by taker "
        "order by records desc, taker limit 3"
    ).fetchall()
    raise RefusedError(
        f"no record is left to publish; taken by {', '.join(f'{rule} {records}' for rule, records in took)}",
        step="decide",
        hint='see why with `dataprep sql "from ledger"`, then change the rules',
    )


def keep_rejects(con: duckdb.DuckDBPyConnection, store: Store, run_id: str) -> None:
    """Leave the rejects of a run that stops before deciding where SQL finds them."""
    folder = store.run(run_id) / "tables" / "rejects"
    folder.mkdir(parents=True, exist_ok=True)
    con.sql("select * from rejects order by source, path, line").write_parquet(str(folder / "rejects-00000.parquet"))


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
def _scratch_database(store: Store, run_id: str, options: RunOptions) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private DuckDB database in memory that spills beside the run's record and leaves nothing behind.

    Not a file: its tables are read a few times and thrown away, and compressing them for a file costs twice as much."""
    folder = Path(tempfile.mkdtemp(prefix="scratch-", dir=store.run(run_id)))
    config: dict[str, Any] = {"threads": options.workers, "temp_directory": str(folder)}
    if options.memory:
        config["memory_limit"] = options.memory
    con = duckdb.connect(config=config)
    try:
        yield con
    except RuntimeError as error:  # what DuckDB makes of Ctrl-C while it works
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        raise
    finally:
        con.close()
        shutil.rmtree(folder, ignore_errors=True)
