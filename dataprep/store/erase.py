"""Rewriting files without what must go: whole rows where a row is the text, single values where the row must stay.

A table that is not known here loses the whole rows of a forgotten record, and of a table that is known every column of
text goes but those named: so a table or a column that a later release adds is erased until somebody decides otherwise.
Parquet cannot be edited in place; a file is written anew row group by row group, so memory holds one of them. The
alternative, masks that readers apply, would leave the bytes on the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep.store.config import OutputConfig
from dataprep.store.files import TableWriter, changing, sync_file, sync_folder
from dataprep.store.version import parquet_options

_WITH_TEXT: Final = frozenset({"data", "held", "removed"})
_STAYS: Final = {
    "records": frozenset(
        {"record_id", "source", "path", "status", "split", "step", "rule", "partner_id", "group_id", "given_split"}
        | {"digest", "content_digest", "input_key", "layout"}
    ),
    "ledger": frozenset({"record_id", "step", "rule", "action", "partner_id"}),
    "signals": frozenset({"record_id"}),
    "rejects": frozenset({"source", "path", "reason", "digest"}),
}
"""Tables whose rows stay, with the columns of text that stay; numbers and truth values stay in any case."""
_EMPTIED: Final = {"meta": "{}"}
"""What stands in place of a forgotten value where null is not what readers expect."""
BAD_FILE: Final = "bad_file"
"""Reason of a reject that stands for a whole file; its raw bytes are the file's beginning."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What must go from the tables of one version or run.

    Attributes:
        record_ids: records.
        reject_digests: rejects, by the SHA-256 of their row.
        paths: source files that held one of the records; the beginning of such a file, kept by a reject that stands
            for the whole file, goes as well.
    """

    record_ids: frozenset[str]
    reject_digests: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.record_ids or self.reject_digests or self.paths)


def holds(path: Path, table: str, marks: Marks) -> bool:
    """Whether a Parquet file has rows that the marks name; reads their keys alone."""
    file = pq.ParquetFile(path)
    keys = [name for name in _keys(table) if name in file.schema_arrow.names]
    return any(pc.any(_mask(batch, table, marks)).as_py() for batch in file.iter_batches(columns=keys))


def rewrite(path: Path, target: Path, table: str, marks: Marks) -> int:
    """Write a Parquet file without what the marks name, with the codec of the old one.

    Args:
        path: the file as it is.
        target: where the new one is written; not there afterwards if no row is left.
        table: the table it belongs to, which says what goes; a name not known loses whole rows.
        marks: what must go.

    Returns:
        Rows of the new file.

    Raises:
        MachineError: the disk is full or cannot be written.
    """
    file = pq.ParquetFile(path)
    rows = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with TableWriter(target, file.schema_arrow, **_options(file, table)) as writer:
        for index in range(file.num_row_groups):
            group = file.read_row_group(index)
            left = _without(group, table, _mask(group, table, marks))
            if left.num_rows:
                writer.write(left, left.num_rows)
            rows += left.num_rows
    if not rows:
        target.unlink()
    return rows


def replace_rows(path: Path, marks: Marks) -> bool:
    """Take a record's rows out of a file beside the versions, where it has a column `record_id`; whether it had any.

    Parquet and JSON Lines are known; a reader sees the old file or the new one. A Parquet file may be left without
    rows, for a program that reads it by name.

    Raises:
        MachineError: the disk is full or cannot be written.
    """
    if path.suffix == ".jsonl":
        return _replace_lines(path, marks)
    if path.suffix != ".parquet" or "record_id" not in pq.read_schema(path).names or not holds(path, "", marks):
        return False
    temporary = path.with_name(f".{path.name}.tmp")
    if not rewrite(path, temporary, "", marks):
        with TableWriter(temporary, pq.read_schema(path)) as writer:
            writer.write(pq.read_schema(path).empty_table())
    move_over(temporary, path)
    return True


def move_over(new: Path, path: Path) -> None:
    """Give a finished file the name of an old one, after its bytes are on the disk."""
    sync_file(new)
    with changing("rename", path):
        new.replace(path)
    sync_folder(path.parent)


def _replace_lines(path: Path, marks: Marks) -> bool:
    with path.open("rb") as lines:
        if not any(names_line(line, marks.record_ids) for line in lines):
            return False
    temporary = path.with_name(f".{path.name}.tmp")
    with changing("write", temporary, path.stat().st_size), path.open("rb") as lines, temporary.open("wb") as left:
        left.writelines(line for line in lines if not names_line(line, marks.record_ids))
    move_over(temporary, path)
    return True


def names_line(line: bytes, record_ids: frozenset[str]) -> bool:
    """Whether a line of JSON is an object whose `record_id` is one of these."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and value.get("record_id") in record_ids


def _keys(table: str) -> Sequence[str]:
    return ("digest", "reason", "path") if table == "rejects" else ("record_id",)


def _mask(rows: pa.Table | pa.RecordBatch, table: str, marks: Marks) -> pa.Array | pa.ChunkedArray:
    """Which rows the marks name."""
    names = rows.schema.names
    if table == "rejects":
        beginnings = pc.and_(pc.equal(rows["reason"], BAD_FILE), _among(rows["path"], marks.paths))
        return pc.fill_null(pc.or_kleene(_among(rows["digest"], marks.reject_digests), beginnings), False)
    if "record_id" not in names:
        return pa.array([False] * rows.num_rows, pa.bool_())
    return _among(rows["record_id"], marks.record_ids)


def _among(column: pa.Array | pa.ChunkedArray, values: frozenset[str]) -> pa.Array | pa.ChunkedArray:
    return pc.is_in(column.cast(pa.string()), value_set=pa.array(sorted(values), pa.string()))


def _without(rows: pa.Table, table: str, mask: pa.ChunkedArray) -> pa.Table:
    """The rows less what goes: values where rows stay, else the rows."""
    if table not in _STAYS:
        return rows.filter(pc.invert(mask))
    for index, field in enumerate(rows.schema):
        number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_boolean(field.type)
        if not number and field.name not in _STAYS[table]:
            nothing = pa.scalar(_EMPTIED.get(field.name), field.type)
            rows = rows.set_column(index, field, pc.if_else(mask, nothing, rows.column(index)))
    return rows


def _options(file: pq.ParquetFile, table: str) -> dict[str, Any]:
    """Writer options as publishing has them, with the codec that the file has."""
    codec = file.metadata.row_group(0).column(0).compression.lower() if file.num_row_groups else "zstd"
    codec = "none" if codec == "uncompressed" else codec  # pyarrow writes it under another name than it reads
    plain = parquet_options(OutputConfig(), text=table in _WITH_TEXT)
    return (
        plain
        if codec == plain["compression"]
        else {"compression": codec, "write_page_checksum": plain["write_page_checksum"]}
    )
