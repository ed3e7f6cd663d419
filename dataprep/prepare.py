"""Prepare: every source file becomes cached parts (records, edits, rejects, keys, signals), block by block in threads.

The reader runs in the calling thread and only cuts blocks; parsing, cleaning, keys and signals run in workers. Kernels
and Parquet writing release the interpreter lock; JSON parsing does not, which is why more than a few workers bring
little and why blocks are large.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from dataprep.errors import RefusedError
from dataprep.events import Reporter
from dataprep.file_job import FileJob, PreparedFile
from dataprep.parts import PartSummary
from dataprep.pipeline.models import Pipeline
from dataprep.sources import ResolvedSource
from dataprep.store.layout import Store


def prepare_files(
    sources: Sequence[ResolvedSource],
    pipeline: Pipeline,
    store: Store,
    *,
    workers: int,
    reporter: Reporter,
    block_bytes: int,
    sample_rows: int | None = None,
) -> list[PreparedFile]:
    """Bring every file's parts into the cache and return them in order of sources and files.

    Args:
        sources, pipeline, store: what to prepare, how, and where the cache is.
        workers, block_bytes: how the machine is used.
        reporter: hears about progress and may stop the run.
        sample_rows: read no more than about so many rows of a source; for trials in a store of their own.

    Raises:
        InputError: a file that cannot be read, unless its source says `on_bad_file: quarantine`.
        RefusedError: a source with more rejects than its budget.
    """
    prepared: list[PreparedFile] = []
    total = sum(file.size for source in sources for file in source.files)
    done = rows = 0
    with ThreadPoolExecutor(workers, thread_name_prefix="prepare") as pool:
        for source in sources:
            left = sample_rows
            for file in source.files:
                if left is not None and left <= 0:
                    break
                job = FileJob(source, file, pipeline, store, block_bytes, left)
                for position, summary in job.run(pool, workers, reporter):
                    rows += summary.rows
                    left = None if left is None else left - summary.rows
                    reporter.progress(done + min(position, file.size), total, rows)
                done += file.size
                prepared.append(job.result)
                reporter.progress(done, total, rows)
    return prepared


def pending_steps(sources: Sequence[ResolvedSource], pipeline: Pipeline, store: Store) -> dict[int, int]:
    """For each source (by index) how many files have a step that is not in the cache."""
    return {
        source.index: sum(FileJob(source, file, pipeline, store, 0).is_pending for file in source.files)
        for source in sources
    }


def check_reject_budgets(prepared: Sequence[PreparedFile], pipeline: Pipeline) -> None:
    """Stop the run where a source has more rejects than its budget allows."""
    budget = pipeline.limits.rejects
    by_source: dict[int, list[PreparedFile]] = {}
    for item in prepared:
        by_source.setdefault(item.source.index, []).append(item)
    for items in by_source.values():
        rows = sum(item.summary.rows for item in items)
        rejects = sum(item.summary.rejects for item in items)
        allowed = max(int(budget.share * rows), budget.rows)
        if rejects > allowed:
            raise RefusedError(
                f"{rejects} of {rows} rows of source {items[0].source.name!r} were rejected ({_commonest(items)}); "
                f"the budget is {allowed}",
                step="ingest",
                key="limits.rejects",
                hint='see them with `dataprep sql "from rejects"`, then mend the file or raise limits.rejects',
            )


def check_any_record(prepared: Sequence[PreparedFile]) -> None:
    """Stop the run where every row was rejected, whatever the budget: there is nothing to make a version of."""
    rejects = sum(item.summary.rejects for item in prepared)
    if not any(item.summary.records for item in prepared):
        raise RefusedError(
            f"no row became a record: all {rejects} were rejected ({_commonest(prepared)})",
            step="ingest",
            hint='see them with `dataprep sql "from rejects"`, then mend the files',
        )


def _commonest(items: Sequence[PreparedFile]) -> str:
    """The commonest reasons of rejects, with their counts."""
    reasons = sum((item.summary.reasons for item in items), start=PartSummary().reasons)
    return ", ".join(f"{reason} {count}" for reason, count in reasons.most_common(3))
