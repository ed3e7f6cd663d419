"""One source file on its way into the cache: what is there is used, what is missing is made, part by part.

A file's parts are written under a temporary name and renamed when complete, so a killed run leaves nothing that a later
one could mistake for finished work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.errors import InputError
from dataprep.events import Reporter
from dataprep.fingerprints import (
    fingerprint,
    keys_fingerprint,
    measure_fingerprint,
    near_fingerprint,
    prepare_fingerprint,
)
from dataprep.ingest.bytestream import open_regular
from dataprep.ingest.discover import SourceFile
from dataprep.ingest.formats import open_blocks
from dataprep.ingest.rows import RAW_LIMIT, Block, Reject
from dataprep.ordered import in_order
from dataprep.pairs.near_keys import NearKeys
from dataprep.parts import (
    PartSettings,
    PartSummary,
    key_part,
    measure_part,
    part_file,
    prepare_block,
    write_rejects,
)
from dataprep.pipeline.models import Pipeline
from dataprep.signals import families
from dataprep.sources import ResolvedSource
from dataprep.store.claims import claim
from dataprep.store.files import file_digest, remove_folder, take_place, temporary_folder, write_file
from dataprep.store.layout import Store
from dataprep.store.points import CommitPoint, commit_point
from dataprep.unfinished import Unfinished

DONE = "done.json"
"""Marks a finished step of a file; holds its counts."""


@dataclass(slots=True)
class PreparedFile:
    """One source file's finished parts in the cache."""

    source: ResolvedSource
    file: SourceFile
    sha256: str
    prepare: Path
    keys: Path
    measures: dict[str, Path]
    near: Path | None
    """None where no near duplicates are looked for."""
    summary: PartSummary = field(default_factory=PartSummary)
    reused: list[str] = field(default_factory=list)

    def reject_files(self) -> list[Path]:
        """The files of rejects; a file set aside whole has one, though it has no parts."""
        return sorted(self.prepare.glob("rejects-*.parquet"))

    def part_files(self, folder: Path, table: str) -> list[Path]:
        """The files of one table, in order of parts."""
        return [part_file(folder, table, index) for index in range(len(self.summary.part_records))]


class FileJob:
    """Prepares one file: what is in the cache is used, what is missing is made from blocks or from cached records.

    Args:
        source, file, pipeline: what to prepare, and how.
        store: where the cache is.
        block_bytes: bytes of the file that a worker takes at a time.
        sample_rows: read no more than about so many rows; for a store of its own.
        owner: the run whose name unfinished folders carry, and which claims what it looks for; None for a store that
            is thrown away.
        digests: SHA-256 of files by name, size and time of the last change, for those whose bytes need not be read.
    """

    def __init__(
        self,
        source: ResolvedSource,
        file: SourceFile,
        pipeline: Pipeline,
        store: Store,
        block_bytes: int,
        sample_rows: int | None = None,
        owner: str | None = None,
        digests: Mapping[tuple[str, int, int], str] | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._store = store
        self._owner = owner
        self._block_bytes = block_bytes
        self._sample_rows = sample_rows
        self._near_keys = NearKeys(pipeline.dedup.near)
        self._unreadable: InputError | None = None
        sha256 = ""
        try:
            known = (digests or {}).get((file.shown, file.size, file.mtime_ns))
            sha256 = known or file_digest(file.path)
        except OSError as error:
            message = f"the file cannot be read (any more): {error.strerror}"
            self._unreadable = InputError(message, file=file.shown, hint="check the file, then run again")
        split_hint = file.split_hint if source.use_split_hints else None
        self._settings = PartSettings(
            source_name=source.name,
            source=source.config,
            mapping=source.mapping,
            limits=pipeline.limits,
            clean=pipeline.clean,
            dedup=pipeline.dedup,
            given_split=split_hint,
        )
        prepare = prepare_fingerprint(
            sha256=sha256,
            source_name=source.name,
            source=source.config,
            mapping=source.mapping,
            split_hint=split_hint,
            limits=pipeline.limits,
            clean=pipeline.clean,
        )
        self.result = PreparedFile(
            source=source,
            file=file,
            sha256=sha256,
            prepare=store.step("prepare", prepare),
            keys=store.step("keys", keys_fingerprint(prepare, pipeline.dedup)),
            measures={
                family.name: store.step("measure", measure_fingerprint(prepare, family, pipeline.clean))
                for family in families()
            },
            near=store.step("near", near_fingerprint(prepare, pipeline.dedup.near)) if pipeline.dedup.near.on else None,
        )

    def missing(self) -> list[str]:
        """The steps that must be computed for this file: `prepare`, `keys`, `near` or names of families of signals."""
        finished = self._finished()
        return [name for name in self._outputs() if name not in finished]

    def stored(self) -> PreparedFile | None:
        """The file as the cache has it; None where anything would have to be computed."""
        finished = self._finished()
        if self._unreadable is not None or len(finished) < len(self._outputs()):
            return None
        self.result.summary, self.result.reused = finished["prepare"], sorted(finished)
        return self.result

    def run(self, pool: ThreadPoolExecutor, workers: int, reporter: Reporter) -> Iterator[tuple[int, PartSummary]]:
        """Make what is missing; yields, as parts are done, the stored bytes of the file up to there and their counts.

        Raises:
            InputError: the file cannot be read, unless its source says `on_bad_file: quarantine`.
        """
        self._claim(self._outputs().values())
        try:
            if self._unreadable is not None:
                raise self._unreadable
            yield from self._make_missing(pool, workers, reporter)
        except InputError as error:
            if self.result.source.config.on_bad_file == "fail":
                raise
            yield self.result.file.size, self._quarantine(error)

    def _claim(self, folders: Iterable[Path]) -> None:
        """Keep `gc` away from steps, before looking whether they are there."""
        if self._owner is not None:
            claim(self._store, self._owner, folders)

    def _outputs(self) -> dict[str, Path]:
        """Where each step's parts belong; `prepare` first, because the others follow its cuts."""
        result = self.result
        near = {} if result.near is None else {"near": result.near}
        return {"prepare": result.prepare, "keys": result.keys, **result.measures, **near}

    def _finished(self) -> dict[str, PartSummary]:
        """The steps that are in the cache, with their counts.

        One that was cut in other places than `prepare` (whose folder somebody deleted, say) does not count: their rows
        would not stand side by side. `prepare` is looked at last: whoever makes parts publishes it first.
        """
        found = {}
        for name, folder in reversed(self._outputs().items()):
            with suppress(FileNotFoundError):  # also where `gc` takes it at this moment, while a plan looks
                found[name] = PartSummary.from_json(orjson.loads((folder / DONE).read_bytes()))
        prepared = found.get("prepare")
        cuts = None if prepared is None else prepared.part_records
        return {name: summary for name, summary in found.items() if summary.part_records == cuts}

    def _make_missing(
        self, pool: ThreadPoolExecutor, workers: int, reporter: Reporter
    ) -> Iterator[tuple[int, PartSummary]]:
        result, outputs, finished = self.result, self._outputs(), self._finished()
        result.reused = sorted(finished)
        if "prepare" in finished:
            result.summary = finished["prepare"]
        if len(finished) == len(outputs):
            yield result.file.size, result.summary
            return
        missing = {name: folder for name, folder in outputs.items() if name not in finished}
        cut = f"blocks of {self._block_bytes} bytes" if "prepare" in missing else "as in the cache"
        made = Unfinished.begin(self._store, missing, cut, self._owner)
        try:
            tasks = self._from_blocks(pool, made) if "prepare" in missing else self._from_cache(pool, made)
            summary = PartSummary()
            for position, part in in_order(tasks, workers, reporter):
                summary.add(part)
                yield position, part
            self._check_unchanged()
            self._check_columns(summary)
            agreed = self._publish(made, summary if "prepare" in missing else result.summary)
        except InputError:  # the file is wrong; after all else that is complete stays, and the next run goes on with it
            made.remove()
            raise
        made.remove()
        if not agreed:
            yield from self._make_missing(pool, workers, reporter)

    def _from_blocks(self, pool: ThreadPoolExecutor, made: Unfinished) -> Iterator[tuple[int, Future[PartSummary]]]:
        file, config = self.result.file, self.result.source.config
        blocks = open_blocks(
            file.path,
            format=config.format,
            source=config,
            limits=self._pipeline.limits,
            block_bytes=self._block_bytes,
            shown=file.shown,
        )
        for index, block in enumerate(blocks):
            task = made.ready(index) or pool.submit(self._make_part, block, made, index)
            yield blocks.position, task
            if self._sample_rows is not None:
                self._sample_rows -= task.result().rows
                if self._sample_rows <= 0:
                    return

    def _make_part(self, block: Block, made: Unfinished, index: int) -> PartSummary:
        batch, summary = prepare_block(block, self._settings, made.folders["prepare"], index)
        self._add_derived(batch, made.folders, index)
        made.mark(index, summary)
        commit_point(CommitPoint.PART_WRITTEN)
        return summary

    def _from_cache(self, pool: ThreadPoolExecutor, made: Unfinished) -> Iterator[tuple[int, Future[PartSummary]]]:
        cuts = self.result.summary.part_records
        for index, records in enumerate(cuts):
            position = self.result.file.size * (index + 1) // len(cuts)
            yield position, made.ready(index) or pool.submit(self._derive_part, made, index, records)

    def _derive_part(self, made: Unfinished, index: int, records: int) -> PartSummary:
        table = pq.read_table(part_file(self.result.prepare, "records", index)).combine_chunks()
        batch = table.to_batches(max_chunksize=max(records, 1))[0] if records else table.slice(0, 0).to_batches()[0]
        self._add_derived(batch, made.folders, index)
        made.mark(index, PartSummary())
        commit_point(CommitPoint.PART_WRITTEN)
        return PartSummary()

    def _add_derived(self, batch: pa.RecordBatch, made: dict[str, Path], index: int) -> None:
        """Keys and signals of a cleaned batch, as far as they are missing."""
        if "keys" in made:
            key_part(batch, self._settings.dedup, made["keys"], index)
        measures = {name: folder for name, folder in made.items() if name in self.result.measures}
        near = (self._near_keys, made["near"]) if "near" in made else None
        if measures or near:
            measure_part(batch, self._settings.clean, measures, near, index)

    def _check_unchanged(self) -> None:
        """Refuse a file that is not what its digest was taken of."""
        file = self.result.file
        try:
            status = file.path.stat()
        except FileNotFoundError:
            raise InputError("the file vanished during the run", file=file.shown, hint="run again") from None
        if (status.st_size, status.st_mtime_ns) != (file.size, file.mtime_ns):
            raise InputError("the file changed during the run", file=file.shown, hint="run again when it is complete")

    def _check_columns(self, summary: PartSummary) -> None:
        """A mapped column that a whole file lacks is a mistake about the file, not about its rows."""
        source = self.result.source
        if not summary.parsed or "prepare" in self.result.reused:
            return
        parts = [part for part in source.mapping.parts() if part.required]
        absent = [part.column for part in parts if part.column not in summary.columns_found]
        if absent:
            seen = ", ".join(sorted(summary.columns_found | summary.meta_kinds.keys())) or "none"
            others = ", ".join(dict.fromkeys(part.column for part in parts))
            raise InputError(
                f"no row has a fitting value in column {absent[0]!r}; source {source.name!r} reads: {others} "
                f"(as in {source.files[0].shown}); this file has: {seen}",
                file=self.result.file.shown,
                hint="put files with other columns into a source of their own, or set `columns:`",
            )

    def _publish(self, made: Unfinished, summary: PartSummary) -> bool:
        """Give finished parts their place in the cache; False where another run was first with parts cut elsewhere.

        Two runs may prepare one file at the same time. The first keeps its place; the other goes on with what is there,
        and makes what follows `prepare` anew unless its own parts have the same cuts.
        """
        marker = orjson.dumps(summary.to_json())
        outputs = self._outputs()
        made.unmark()
        for name, folder in made.folders.items():
            write_file(folder / DONE, marker)
            if take_place(folder, outputs[name]):
                commit_point(CommitPoint.STEP_PUBLISHED)
                continue
            there = PartSummary.from_json(orjson.loads((outputs[name] / DONE).read_bytes()))
            if there.part_records == summary.part_records:
                continue
            if name == "prepare":
                return False
            remove_folder(outputs[name])  # left over from parts that are no longer there
            take_place(folder, outputs[name])
        self.result.summary = summary
        return True

    def _quarantine(self, error: InputError) -> PartSummary:
        """Set the whole file aside as one reject, in place of whatever parts were made.

        It has a place of its own in the cache: a source that does not quarantine must not find it.
        """
        result = self.result
        name = fingerprint("quarantine", result.prepare.name, result.sha256, error.message)
        try:
            with open_regular(result.file.path, result.file.shown) as file:
                head = file.read(RAW_LIMIT) or b""
        except (InputError, OSError):
            head = b""
        reject = Reject(0, 0, "bad_file", error.message, head, result.file.size, result.sha256)
        result.prepare = result.prepare.parent.parent / "quarantine" / name
        result.summary = PartSummary(rows=1, rejects=1)
        result.summary.reasons[reject.reason] += 1
        self._claim([result.prepare])
        folder = temporary_folder(result.prepare, self._owner or "sample")
        write_rejects([reject], folder, 0)
        if not take_place(folder, result.prepare):
            remove_folder(folder)
        return result.summary
