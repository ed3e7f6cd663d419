"""`dataprep export`: a version's kept records as files for other programs.

Only `data/` is exported, never what was dropped or held. Every file is written under a temporary name and renamed when
it is whole, so that a reader or a full disk never leaves half of one.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, Literal, TextIO, cast

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.errors import InputError
from dataprep.export_shapes import Row, Target, check, convert, target_schema
from dataprep.store.files import machine_errors, sync_file
from dataprep.store.reading import Version

FileFormat = Literal["parquet", "jsonl", "csv"]
FORMATS: Final = ("parquet", "jsonl", "csv")
_OTHER_FORMATS: Final = frozenset(
    (".arrow", ".db", ".duckdb", ".feather", ".gz", ".json", ".ndjson", ".tsv", ".txt", ".xls", ".xlsx", ".zip", ".zst")
)
"""Endings of files that nobody means as a folder's name."""

_BATCH: Final = 5_000
"""Records turned at a time; a long conversation becomes many examples."""
_EXECUTED: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""First characters that make a spreadsheet run a text cell, full-width forms included (OWASP, CSV injection)."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The files that were written, with rows by file."""

    files: dict[Path, int]


def export(
    version: Version,
    out: Path,
    *,
    to: Target | Literal["auto"] = "auto",
    file_format: FileFormat | None = None,
    splits: Sequence[str] | None = None,
    flat: bool = False,
    force: bool = False,
) -> Exported:
    """Write a version's kept records.

    Args:
        version: what to export.
        out: a folder, which gets one file per split; or a file name ending in `.parquet`, `.jsonl` or `.csv`, which
            gets all splits, told apart by a column `split`.
        to: the shape; `auto` keeps the version's own. Conversations become one example per answer as
            `prompt_completion`, with `parent_id` and `turn`.
        file_format: default as `out` ends, else Parquet.
        splits: which splits; default all that have records.
        flat: no nested columns, for BI tools: conversations become JSON text with a readable `text` beside it. CSV is
            always flat, and text that a spreadsheet would execute is defused by a leading `'` there.
        force: replace files that are there.

    Raises:
        InputError: a file is there, a split is not, or the shape cannot be made.
        MachineError: the files cannot be written.
    """
    single = out.suffix[1:] in FORMATS
    if out.suffix.lower() in _OTHER_FORMATS and not out.is_dir():
        hint = "name a folder, or a file ending in .parquet, .jsonl or .csv"
        raise InputError(f"{out.suffix} files are not written", file=str(out), hint=hint)
    chosen_format = _format(out, file_format, single=single)
    shape: str = version.manifest["shape"]
    target = cast("Target", shape) if to == "auto" else to
    check(shape, target)
    names = list(splits) if splits is not None else list(version.splits)
    flat = flat or chosen_format == "csv"
    parts = [_Part(name, version.split_files(name), shape, target, flat) for name in names]
    targets = {out: parts} if single else {out / f"{part.split}.{chosen_format}": [part] for part in parts}
    there = [path for path in targets if path.exists()]
    if there and not force:
        raise InputError("this file is there already", file=str(there[0]), hint="name another place, or add --force")
    with machine_errors(out):
        return Exported({path: _write(path, content, single, chosen_format) for path, content in targets.items()})


def defused(value: Any) -> Any:
    """A cell that a spreadsheet shows instead of executing; numbers stay numbers.

    >>> defused("=1+1"), defused("a=b"), defused(-1)
    ("'=1+1", 'a=b', -1)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_EXECUTED) else value


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], handle: TextIO) -> int:
    """Rows as CSV (RFC 4180) with defused cells; returns how many there were."""
    writer = csv.writer(handle)
    writer.writerow([defused(name) for name in columns])
    count = 0
    for row in rows:
        writer.writerow([str(value).lower() if isinstance(value, bool) else defused(value) for value in row])
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class _Part:
    """One split on its way into a file."""

    split: str
    paths: list[Path]
    shape: str
    target: Target
    flat: bool

    def schema(self, *, with_split: bool) -> pa.Schema:
        """Columns of the file; `split` first where the file holds several."""
        schema = target_schema(pq.read_schema(self.paths[0]), self.shape, self.target, flat=self.flat)
        return schema.insert(0, pa.field("split", pa.string())) if with_split else schema

    def rows(self) -> Iterator[Row]:
        """Rows in the wanted shape."""
        for path in self.paths:
            for batch in _batches(path):
                for row in convert(batch.to_pylist(), self.shape, self.target, flat=self.flat):
                    yield {"split": self.split, **row}


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield from file.iter_batches(_BATCH)
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's own errors keep their meaning; Arrow reports damaged pages as errors without a number
        hint = f"dataprep verify {path.parent.parent.name[:12]}"
        raise InputError(f"a file of the version is damaged: {error}", file=str(path), hint=hint) from error


def _format(out: Path, asked: FileFormat | None, *, single: bool) -> FileFormat:
    if not single:
        return asked or "parquet"
    suffix = cast("FileFormat", out.suffix[1:])
    if asked is not None and asked != suffix:
        raise InputError(f"the file name says {suffix}, the option says {asked}", key="--format", file=str(out))
    return suffix


def _write(path: Path, parts: Sequence[_Part], with_split: bool, file_format: FileFormat) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    rows = chain.from_iterable(part.rows() for part in parts)
    try:
        schema = parts[0].schema(with_split=with_split)
        count = _WRITERS[file_format](temporary, schema, rows)
        sync_file(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _write_parquet(path: Path, schema: pa.Schema, rows: Iterator[Row]) -> int:
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(islice(rows, _BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def _write_jsonl(path: Path, schema: pa.Schema, rows: Iterator[Row]) -> int:
    count = 0
    with path.open("wb") as handle:
        for row in rows:
            handle.write(orjson.dumps({name: row[name] for name in schema.names}, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


def _write_csv(path: Path, schema: pa.Schema, rows: Iterator[Row]) -> int:
    with path.open("w", encoding="utf-8", newline="") as handle:
        return write_csv(schema.names, ([row[name] for name in schema.names] for row in rows), handle)


_WRITERS: Final = {"parquet": _write_parquet, "jsonl": _write_jsonl, "csv": _write_csv}
