"""Prepare: every source file becomes cached parts (records, edits, rejects, keys, signals), block by block in threads.

The reader runs in the calling thread and only cuts blocks; parsing, cleaning, keys and signals run in workers. Kernels
and Parquet writing release the interpreter lock; JSON parsing does not, which is why more than a few workers bring
little and why blocks are large.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from dataprep.errors import RefusedError
from dataprep.events import Reporter
from dataprep.file_job import FileJob, PreparedFile
from dataprep.parts import PartSummary
from dataprep.pipeline.models import Pipeline
from dataprep.sources import ResolvedSource
from dataprep.store.layout import Store

DEFAULT_BLOCK_BYTES: Final = 16_000_000
"""Of a source that are parsed at a time by one worker."""


def prepare_files(
    sources: Sequence[ResolvedSource],
    pipeline: Pipeline,
    store: Store,
    *,
    workers: int,
    reporter: Reporter,
    block_bytes: int,
    sample_rows: int | None = None,
    owner: str | None = None,
) -> list[PreparedFile]:
    """Bring every file's parts into the cache and return them in order of sources and files.

    Args:
        sources, pipeline, store: what to prepare, how, and where the cache is.
        workers, block_bytes: how the machine is used.
        reporter: hears about progress and may stop the run.
        sample_rows: read no more than about so many rows of a source; for trials in a store of their own.
        owner: the run; None in a store that is thrown away.

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
                job = FileJob(source, file, pipeline, store, block_bytes, left, owner)
                for position, summary in job.run(pool, workers, reporter):
                    rows += summary.rows
                    left = None if left is None else left - summary.rows
                    reporter.progress(done + min(position, file.size), total, rows)
                done += file.size
                prepared.append(job.result)
                reporter.progress(done, total, rows)
    return prepared


@dataclass(slots=True)
class Stored:
    """What the cache has of a pipeline's files.

    Attributes:
        prepared: the files of which it has everything, in order.
        missing: of each other file the steps that must be computed, by the file's name.
        pending: for each source (by index) and step, how many files must be computed.
    """

    prepared: list[PreparedFile] = field(default_factory=list)
    missing: dict[str, list[str]] = field(default_factory=dict)
    pending: dict[int, Counter[str]] = field(default_factory=dict)


def look_up(
    sources: Sequence[ResolvedSource], pipeline: Pipeline, store: Store, digests: Mapping[tuple[str, int, int], str]
) -> Stored:
    """Find out what need not be computed again; computes and writes nothing.

    Args:
        sources, pipeline, store: what would be prepared, and where the cache is.
        digests: SHA-256 of files that need not be read to know it; see `inventory.known_digests`.
    """
    stored = Stored(pending={source.index: Counter() for source in sources})
    for source in sources:
        for file in source.files:
            job = FileJob(source, file, pipeline, store, 0, digests=digests)
            found = job.stored()
            if found is not None:
                stored.prepared.append(found)
            else:
                stored.missing[file.shown] = job.missing()
                stored.pending[source.index].update(job.missing())
    return stored


def files_read(prepared: Sequence[PreparedFile]) -> list[dict[str, Any]]:
    """What the run's record says of the files it read; see `inventory.known_digests`."""
    return [
        {"path": item.file.shown, "bytes": item.file.size, "mtime_ns": item.file.mtime_ns, "sha256": item.sha256}
        for item in prepared
    ]


def rows_read(prepared: Sequence[PreparedFile]) -> dict[str, Any]:
    """Counts of rows, records and rejects."""
    return {
        "rows": sum(item.summary.rows for item in prepared),
        "records": sum(item.summary.records for item in prepared),
        "rejects": sum(item.summary.rejects for item in prepared),
    }


def steps_reused(prepared: Sequence[PreparedFile]) -> dict[str, int]:
    """For each step the files for which it was in the cache."""
    reused: dict[str, int] = {}
    for item in prepared:
        for step in item.reused:
            reused[step] = reused.get(step, 0) + 1
    return reused


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
