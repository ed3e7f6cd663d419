"""Writing a version's files: text by split, and the narrow tables beside it.

Text is streamed part by part in row order; what became of each record comes from the tables of `decide`. Nothing here
decides anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.record import SPLITS, Turns
from dataprep.sqlfiles import read_sql
from dataprep.store.config import OutputConfig
from dataprep.store.data_shapes import Shape, choose_shape, message_extras, shape_columns
from dataprep.store.files import TableWriter, make_folder, write_batches
from dataprep.store.meta_columns import MetaColumn
from dataprep.store.tables import LEDGER, PAIRS, RECORDS, REJECTS

_FATES: Final = (*SPLITS, "held", "dropped")
_ROW_GROUP: Final = 100_000


@dataclass(slots=True)
class Contents:
    """What a version's text files hold, decided before the first of them is opened."""

    shape: Shape
    extras: tuple[str, ...]
    has_tools: bool
    has_labels: bool
    meta: Sequence[MetaColumn]
    counts: dict[str, int]
    """Records by fate: train, validation, test, held, dropped."""

    @property
    def splits(self) -> dict[str, int]:
        """Records of each split that has some."""
        return {name: self.counts[name] for name in SPLITS if self.counts[name]}

    @property
    def totals(self) -> dict[str, Any]:
        """Counts for the manifest and the run's record."""
        splits = self.splits
        return {
            "kept": sum(splits.values()), "held": self.counts["held"], "dropped": self.counts["dropped"],
            "splits": splits,
        }  # fmt: skip


@dataclass(slots=True)
class Part:
    """One cached part: its records file and how many records it has."""

    records: Path
    size: int


@dataclass(slots=True)
class _Output:
    """One series of Parquet files, `name-00000-of-00002.parquet`, rotated by rows."""

    folder: Path
    name: str
    files: int
    rows_per_file: int
    options: dict[str, Any]
    number: int = 0
    rows: int = 0
    writer: TableWriter | None = field(default=None, repr=False)

    def write(self, table: pa.Table) -> None:
        """Append rows, opening the next file where this one is full."""
        while table.num_rows:
            room = self.rows_per_file - self.rows
            self._append(table.slice(0, room))
            table = table.slice(room)

    def _append(self, table: pa.Table) -> None:
        if self.writer is None:
            make_folder(self.folder)
            path = self.folder / f"{self.name}-{self.number:05d}-of-{self.files:05d}.parquet"
            self.writer = TableWriter(path, table.schema, **self.options)
        self.writer.write(table, _ROW_GROUP)
        self.rows += table.num_rows
        if self.rows >= self.rows_per_file:
            self.close()

    def close(self) -> None:
        """Finish the current file."""
        if self.writer is not None:
            self.writer.close()
            self.writer, self.rows, self.number = None, 0, self.number + 1

    def abandon(self) -> None:
        """Let go of a file that an error left unfinished."""
        if self.writer is not None:
            self.writer.abandon()


def parquet_options(output: OutputConfig, *, text: bool) -> dict[str, Any]:
    """Writer options of published files: page checksums, because a flipped bit is otherwise read as data.

    zstd at level 3 halves prose against pyarrow's level 1 for the same CPU; tables of numbers and digests cost twice as
    much at 3 and gain nothing.
    """
    options: dict[str, Any] = {"compression": output.compression, "write_page_checksum": True}
    if output.compression == "zstd":
        options["compression_level"] = 3 if text else 1
    return options


def describe_contents(con: duckdb.DuckDBPyConnection, meta: Sequence[MetaColumn], output: OutputConfig) -> Contents:
    """Look at the decided tables and say what the text files will hold."""
    counts = dict(con.sql("select coalesce(split, status), count(*) from outcome group by all").fetchall())
    layouts = [row[0] for row in con.sql(
        "select distinct layout from rows join outcome using (row) where status = 'kept' order by layout"
    ).fetchall()]  # fmt: skip
    shape = choose_shape(layouts, output.shape)
    has_tools, has_labels = con.sql(
        "select coalesce(bool_or(has_tools), false), coalesce(bool_or(label is not null), false) from rows"
    ).fetchall()[0]
    extras: set[str] = set()
    if shape == "messages":
        found = (
            con.sql(
                "select distinct extras_json from outcome join rows using (row) "
                "where status = 'kept' and extras_json is not null"
            )
            .to_arrow_table()["extras_json"]
            .to_pylist()
        )
        for text in found:
            extras |= message_extras(extra for extra in orjson.loads(text) if extra)
    return Contents(
        shape, tuple(sorted(extras)), has_tools, has_labels, meta, {fate: counts.get(fate, 0) for fate in _FATES}
    )


def write_text(
    fates: Path, parts: Sequence[Part], contents: Contents, output: OutputConfig, folder: Path
) -> Iterator[int]:
    """Write `data/`, `held/` and `removed/`; yields the number of records handled after each part.

    Args:
        fates: Parquet file of record_id, source and fate of all records, in the order of the parts.
        parts: where the text is.
        contents, output: what the files hold, and how.
        folder: the version under construction.
    """
    options = parquet_options(output, text=True)
    outputs = {}
    for fate, count in contents.counts.items():
        if not count or (fate == "dropped" and output.keep_removed == "none"):
            continue
        where, name = {"held": ("held", "held"), "dropped": ("removed", "removed")}.get(fate, ("data", fate))
        files = math.ceil(count / output.rows_per_file)
        outputs[fate] = _Output(folder / where, name, files, output.rows_per_file, options)
    done = 0
    try:
        for part, part_fates in zip(parts, slices(fates, [part.size for part in parts]), strict=True):
            fate_of = part_fates["fate"].to_numpy()
            table = pq.read_table(part.records)
            for fate, target in outputs.items():
                chosen = np.flatnonzero(fate_of == fate)
                if len(chosen):
                    picked = pa.array(chosen)
                    target.write(
                        _text_table(table.take(picked), part_fates.take(picked), contents, kept=fate in SPLITS)
                    )
            done += part.size
            yield done
        for target in outputs.values():
            target.close()
    finally:
        for target in outputs.values():
            target.abandon()


def slices(path: Path, sizes: Sequence[int]) -> Iterator[pa.Table]:
    """A Parquet file's rows as consecutive tables of the given sizes."""
    batches = pq.ParquetFile(path).iter_batches()
    at_hand: pa.Table | None = None
    for size in sizes:
        while at_hand is None or at_hand.num_rows < size:
            batch = next(batches, None)
            if batch is None:
                break
            table = pa.Table.from_batches([batch])
            at_hand = table if at_hand is None else pa.concat_tables([at_hand, table])
        if at_hand is not None:
            yield at_hand.slice(0, size)
            at_hand = at_hand.slice(size)


def _text_table(table: pa.Table, fates: pa.Table, contents: Contents, *, kept: bool) -> pa.Table:
    turns = table["turns"].combine_chunks()
    columns: dict[str, Any] = {"record_id": fates["record_id"]}
    if kept:
        columns.update(shape_columns(Turns(turns), contents.shape, contents.extras))
    else:
        columns["turns"] = turns
    if contents.has_tools:
        columns["tools"] = table["tools"]
    if contents.has_labels:
        columns["label"] = table["label"]
    columns["source"] = fates["source"]
    if contents.meta:
        values = [orjson.loads(text) for text in table["meta"].to_pylist()]
        for column in contents.meta:
            columns[column.name] = column.column(values)
    return pa.table(columns)


def write_tables(con: duckdb.DuckDBPyConnection, output: OutputConfig, folder: Path) -> None:
    """Write `records/`, `ledger/`, `signals/`, `pairs/`, `rejects/` and `funnel/` from the decided tables."""
    statements = {
        "records": (read_sql("steps/write_records"), RECORDS),
        "ledger": (read_sql("steps/write_ledger"), LEDGER),
        "pairs": (read_sql("steps/write_pairs"), PAIRS),
        "rejects": ("select * from rejects order by source, path, line", REJECTS),
        "funnel": ("select * from funnel order by position", None),
        "signals": (read_sql("steps/write_signals"), None),
    }
    for name, (statement, schema) in statements.items():
        reader = con.sql(statement).to_arrow_reader(_ROW_GROUP)
        target_schema = schema or reader.schema
        make_folder(folder / name)
        path = folder / name / f"{name}-00000.parquet"
        options = parquet_options(output, text=False)
        write_batches(path, reader, target_schema, row_group_size=_ROW_GROUP, **options)
