"""Reading a version's records back exactly, whatever became of them.

`data/` holds what trainers read, which is less than a record: a pair has no roles there, a message no unknown keys.
The roles follow from `records.layout`, the rest stands in `records.extras_json`. `held/` and `removed/` keep turns as
they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from dataprep.record import TURN_TYPE, TURNS_TYPE
from dataprep.sqlfiles import quote_literal
from dataprep.store import inventory
from dataprep.store.connect import connect
from dataprep.store.views import column_types, parquet

READ_SCHEMA: Final = pa.schema(
    [
        ("record_id", pa.string()),
        ("source", pa.string()),
        ("turns", TURNS_TYPE),
        ("tools", pa.string()),
        ("label", pa.string()),
        ("meta", pa.string()),
    ]
)
"""One batch of records read back. `turns` are the record's own after cleaning; `meta` is JSON of the user's columns."""

_ROLES: Final[dict[str, Sequence[str]]] = {"pair": ("user", "assistant"), "text": ("text",)}
"""Roles that a layout implies; `messages` shows a document as an assistant's, because trainers know no role `text`."""


def read_records(
    folder: Path, *, record_ids: Sequence[str] | None = None, split: str | None = None, rows_per_batch: int = 10_000
) -> Iterator[pa.RecordBatch]:
    """All records of a version as batches of READ_SCHEMA: kept ones split by split, then held, then dropped.

    Within each the order is that of the files. Dropped records are left out where their text was not kept.

    Args:
        folder: the version's folder.
        record_ids: only these records.
        split: only this one's.
        rows_per_batch: records of a batch, at most.

    Raises:
        InputError: the folder has no readable manifest.
    """
    files = inventory.version_files(folder, inventory.read_json(folder / inventory.MANIFEST))
    lineage = files.get("records", [])
    for table in ("data", "held", "removed") if split is None else ("data",):
        for path in files.get(table, []):
            if split is not None and split_of(path) != split:
                continue
            yield from _read_file(path, lineage, record_ids, rows_per_batch)


def split_of(path: Path) -> str:
    """The split that a file of `data/` belongs to.

    >>> split_of(Path("data/train-00000-of-00001.parquet"))
    'train'
    """
    return path.name.rsplit("-", 3)[0]


def _read_file(
    path: Path, lineage: list[Path], record_ids: Sequence[str] | None, rows_per_batch: int
) -> Iterator[pa.RecordBatch]:
    with connect() as con:
        wide = f"read_parquet([{quote_literal(str(path))}], hive_partitioning = false, file_row_number = true)"
        types = column_types(con, wide)
        content = next(name for name in ("turns", "messages", "prompt", "text") if name in types)
        columns = ["prompt", "completion"] if content == "prompt" else [content]
        tools = "wide.tools" if "tools" in types else "NULL::VARCHAR"
        chosen = "" if record_ids is None else "WHERE wide.record_id IN (SELECT unnest(?))"
        named = ", ".join(f"wide.{name}" for name in columns)
        query = (
            f"SELECT wide.record_id, narrow.source, {tools} AS tools, narrow.label, narrow.meta, "
            f"narrow.layout, narrow.extras_json, {named} "
            f"FROM {wide} AS wide JOIN {parquet(lineage)} AS narrow USING (record_id) {chosen} "
            "ORDER BY wide.file_row_number"
        )
        parameters = None if record_ids is None else [list(record_ids)]
        reader = con.sql(query, params=parameters).to_arrow_reader(rows_per_batch)
        for batch in reader:
            turns = batch["turns"].cast(TURNS_TYPE) if content == "turns" else _turns(batch, content)
            values = {name: batch[name] for name in ("record_id", "source", "tools", "label", "meta")} | {
                "turns": turns
            }
            yield pa.record_batch([values[field.name] for field in READ_SCHEMA], schema=READ_SCHEMA)


def _turns(batch: pa.RecordBatch, content: str) -> pa.ListArray:
    """The turns of kept records, from the columns of their shape and what `records/` adds."""
    if batch["extras_json"].null_count == len(batch) and content != "messages":
        return _plain_turns(batch, content)
    layouts = batch["layout"].to_pylist()
    if content == "messages":
        messages = [turns or [] for turns in batch["messages"].to_pylist()]
        contents = [[turn["content"] for turn in turns] for turns in messages]
        roles = [
            _ROLES.get(layout) or [turn["role"] for turn in turns]
            for layout, turns in zip(layouts, messages, strict=True)
        ]
    else:
        contents = [list(row) for row in zip(*(column.to_pylist() for column in _columns(batch, content)), strict=True)]
        roles = [_ROLES[layout] for layout in layouts]
    exact = [_exact(*row) for row in zip(roles, contents, batch["extras_json"].to_pylist(), strict=True)]
    return pa.array(exact, TURNS_TYPE)


def _exact(roles: Sequence[str], contents: list[str | None], extras_json: str | None) -> list[dict[str, Any]]:
    extras = [None] * len(roles) if extras_json is None else orjson.loads(extras_json)
    return [
        {"role": role, "content": content, "extra": extra}
        for role, content, extra in zip(roles, contents, extras, strict=True)
    ]


def _columns(batch: pa.RecordBatch, content: str) -> list[pa.Array]:
    names = ("text",) if content == "text" else ("prompt", "completion")
    return [batch[name] for name in names]


def _plain_turns(batch: pa.RecordBatch, content: str) -> pa.ListArray:
    """Turns of records that their layout describes fully, without touching a text in Python."""
    columns = _columns(batch, content)
    roles = _ROLES["text" if content == "text" else "pair"]
    count, width = len(batch), len(columns)
    order = np.arange(count * width).reshape(width, count).T.ravel()
    contents = pa.concat_arrays([column.cast(pa.string()) for column in columns]).take(pa.array(order))
    names = pa.array(list(roles) * count, pa.string())
    flat = pa.StructArray.from_arrays([names, contents, pa.nulls(count * width, pa.string())], fields=list(TURN_TYPE))
    return pa.ListArray.from_arrays(pa.array(np.arange(count + 1, dtype=np.int32) * width), flat)
