"""Benchmark files become items: found, recognised and cleaned as the files of a source are.

Cleaned as well, because the records that they are compared with are: a test question with a broken encoding, or with
`<|endoftext|>` at its end, would not be found otherwise. Each file has a shape of its own; several benchmarks are never
one source. A row that cannot be read is an error here, not a reject: it would be an item that nobody looks for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from dataprep.clean import clean_batch
from dataprep.clean.config import CleanConfig
from dataprep.errors import InputError, ManyInputErrors
from dataprep.events import Reporter
from dataprep.ingest.config import IngestLimits, SourceConfig
from dataprep.ingest.discover import SourceFile, discover
from dataprep.ingest.formats import FileBlocks, open_blocks
from dataprep.ingest.rows import Block, parse_block
from dataprep.ingest.shapes import Converter, Mapping, detect
from dataprep.ordered import Threads, threads
from dataprep.pairs.benchmarks import Items
from dataprep.pairs.config import BenchmarkConfig, BenchmarkFile
from dataprep.record import RECORD_SCHEMA, batch_of

_SOURCE: Final = "benchmark"
_SAMPLE_ROWS: Final = 1_000
_SAMPLE_BLOCK_BYTES: Final = 1_000_000
_BLOCK_BYTES: Final = 8_000_000
_ERRORS_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """The benchmark items of a run, and where they are from.

    Attributes:
        items: of all files, in the order of the configuration and of the files' names.
        files: the files, in that order.
        mappings: how the rows of each become items, by the file as the user named it.
        warnings: files that were passed over or named twice, in words.
    """

    items: Items
    files: tuple[SourceFile, ...]
    mappings: dict[str, Mapping]
    warnings: tuple[str, ...]


def read_benchmarks(
    config: BenchmarkConfig,
    *,
    base: Path,
    limits: IngestLimits,
    clean: CleanConfig,
    key: str,
    workers: int = 1,
    reporter: Reporter | None = None,
) -> Benchmarks:
    """Read all benchmark files.

    Args:
        config: which.
        base: the folder that relative paths start from.
        limits: what is too long, too deep, or a bomb.
        clean: what the run's records are cleaned by.
        key: the key of the pipeline file that holds `files`, for errors.
        workers: threads.
        reporter: hears about progress, in bytes of the files and items, and may stop it.

    Raises:
        InputError: a path that names nothing readable, a file without rows, rows whose shape cannot be told, or a row
            that cannot be read, with file and line. Several such rows of a file are ManyInputErrors.
        Cancelled: the caller asked to stop.
    """
    readers: dict[Path, _Reader] = {}
    mappings: dict[str, Mapping] = {}
    warnings: list[str] = []
    names: list[str] = []
    batches: list[pa.RecordBatch] = []
    for entry in config.files:
        how = BenchmarkFile(path=entry) if isinstance(entry, str) else entry
        found, told = discover((how.path,), base=base, key=key)
        warnings += told
        for file in found:
            if file.path in readers:
                warnings.append(f"{file.shown}: named twice, read once")
                continue
            readers[file.path] = _Reader(file, SourceConfig.model_validate(how.model_dump()), limits)
    files = tuple(reader.file for reader in readers.values())
    total, done = sum(file.size for file in files), 0
    with threads(workers, reporter or Reporter(), "benchmarks") as some:
        for reader in readers.values():
            file = reader.file
            mappings[file.shown] = mapping = _mapping(reader, key)
            own: list[pa.RecordBatch] = []
            for position, batch in _batches(reader, mapping, clean, some):
                own.append(batch)
                items = len(names) + sum(each.num_rows for each in own)
                some.reporter.progress(done + min(position, file.size), total, items)
            done += file.size
            names += _names(file.shown, own)
            batches += own
            some.reporter.progress(done, total, len(names))
    table = pa.Table.from_batches(batches, RECORD_SCHEMA).combine_chunks()
    batch = table.to_batches()[0] if len(table) else pa.RecordBatch.from_pylist([], RECORD_SCHEMA)
    return Benchmarks(Items(tuple(names), batch), files, mappings, tuple(warnings))


@dataclass(frozen=True, slots=True)
class _Reader:
    """One file and how it is read."""

    file: SourceFile
    source: SourceConfig
    limits: IngestLimits

    def blocks(self, block_bytes: int) -> FileBlocks:
        return open_blocks(
            self.file.path,
            format=self.source.format,
            source=self.source,
            limits=self.limits,
            block_bytes=block_bytes,
            shown=self.file.shown,
        )


def _mapping(reader: _Reader, key: str) -> Mapping:
    """How the rows of a file become items, from the first of them."""
    sample: list[Any] = []
    for block in reader.blocks(_SAMPLE_BLOCK_BYTES):
        rows = block.parse()
        _refuse(reader.file.shown, [(reject.line, reject.detail) for reject in rows.rejects])
        sample += rows.rows[: _SAMPLE_ROWS - len(sample)]
        if len(sample) == _SAMPLE_ROWS:
            break
    if not sample:
        hint = "check the file, or leave it out: nothing would be looked for"
        raise InputError("the benchmark holds no items", file=reader.file.shown, key=key, hint=hint)
    try:
        return detect(sample, reader.source, shown=reader.file.shown)
    except InputError as error:
        error.key = f"{key}: {error.key}" if error.key else key
        if error.hint is not None:
            error.hint += "; in place of the path alone: `{path: …, columns: …}`"
        raise


def _batches(
    reader: _Reader, mapping: Mapping, clean: CleanConfig, some: Threads
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The cleaned items of a file, block by block, each with the stored bytes of the file up to there."""

    def make(cut: tuple[int, Block]) -> tuple[int, pa.RecordBatch]:
        position, block = cut
        converter = Converter(mapping, reader.source, reader.limits)
        rows = parse_block(block, converter.text_keys)
        columns, refused = converter.convert_block(rows)
        wrong = [(reject.line, reject.detail) for reject in rows.rejects]
        _refuse(reader.file.shown, wrong + [(rows.lines[index], error.detail) for index, error in refused])
        return position, clean_batch(batch_of(_SOURCE, columns), clean)[0]

    blocks = reader.blocks(_BLOCK_BYTES)
    return some.map(make, ((blocks.position, block) for block in blocks))


def _refuse(shown: str, wrong: list[tuple[int, str]]) -> None:
    """Raise the first errors of a file's rows, if there are any, in the order of lines."""
    hint = "mend the row or take it out: an item that cannot be read would be looked for in vain"
    errors = [InputError(detail, file=shown, line=line, hint=hint) for line, detail in sorted(wrong)[:_ERRORS_SHOWN]]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ManyInputErrors(errors)


def _names(shown: str, batches: Sequence[pa.RecordBatch]) -> Iterator[str]:
    """What people find each item of a file by; of several on one line, which one it is."""
    times: Counter[int] = Counter()
    for batch in batches:
        for line in batch["line"].to_pylist():
            times[line] += 1
            yield f"{shown}:{line}" if times[line] == 1 else f"{shown}:{line}#{times[line]}"
