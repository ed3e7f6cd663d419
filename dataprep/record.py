"""The record: one row in the canonical shape, and its layout in Arrow.

Every format and shape becomes batches of `RECORD_SCHEMA`. `Turns` is the only place that knows Arrow's nested layout
and slice offsets: steps ask it for flat contents, byte offsets and row boundaries, and hand it new contents back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from dataprep.digests import DIGEST_BYTES, DIGEST_TYPE, TurnTexts, digest_array, record_digests, utf8_buffers

Role = Literal["system", "user", "assistant", "tool", "text"]
ROLES: Final[tuple[str, ...]] = get_args(Role)
SPLITS: Final[tuple[str, ...]] = ("train", "validation", "test")

TURN_TYPE: Final = pa.struct([("role", pa.string()), ("content", pa.string()), ("extra", pa.string())])
TURNS_TYPE: Final = pa.list_(TURN_TYPE)

RECORD_SCHEMA: Final = pa.schema(
    [
        pa.field("digest", DIGEST_TYPE, nullable=False),
        pa.field("user_id", pa.string()),
        pa.field("turns", TURNS_TYPE, nullable=False),
        pa.field("tools", pa.string()),
        pa.field("label", pa.string()),
        pa.field("group_key", pa.string()),
        pa.field("time", pa.string()),
        pa.field("given_split", pa.string()),
        pa.field("meta", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
    ]
)
"""One prepared batch. `digest` identifies the canonical record before cleaning (see `source_digests`); `tools`, `meta`
and a turn's `extra` are JSON text; `line` is the 1-based line (or row, for columnar files) in the source file."""

FIELDS: Final = ("user_id", "tools", "label", "group_key", "time", "given_split")
"""Fields of a record beside its turns and meta: a text each, or null. All enter its identity."""

TextColumn = list[str | None] | None
"""One text or null for each turn or record; None where all are null."""

MISSING_EXTRA: Final = '{"missing":true}'
_CALLS: Final = r'"(tool_calls":\[|function_call":)[{t]'
"""Finds calls in a turn's extra: a list with a call in it, or the older single one (`true` where the content is it)."""
"""`extra` of a turn whose field the row did not have at all. Its content is null, as is that of a field given as null;
the two stay apart because the default rules give them different reasons."""


@dataclass(slots=True)
class Turn:
    """One message of a record. `content` is None where the source had null or no such field (see MISSING_EXTRA).

    Not frozen: making a frozen one takes 0.38 µs instead of 0.14, twice for every row that is read.
    """

    role: Role
    content: str | None
    extra: str | None = None


@dataclass(slots=True)
class Record:
    """One row on its way into a batch, as a shape made it. `meta` holds every column the shape did not use."""

    turns: list[Turn]
    meta: dict[str, Any]
    line: int
    tools: str | None = None
    label: str | None = None
    group_key: str | None = None
    time: str | None = None
    given_split: str | None = None
    user_id: str | None = None


@dataclass(slots=True)
class RecordColumns:
    """Records on their way into a batch, column by column: what flat shapes make directly, and `of` from records.

    Turns stand one after another, `bounds` says where each record's begin. A column that is null throughout is None.
    """

    bounds: npt.NDArray[np.int32]
    """Turn index at which each record starts, and the end: shape (n + 1,)."""
    roles: list[Role]
    contents: list[str | None] | pa.StringArray
    """One for each turn; an array where the texts never were Python's."""
    extras: TextColumn
    fields: dict[str, TextColumn]
    """One column for each name in FIELDS."""
    meta: list[dict[str, Any]]
    lines: list[int]
    order: list[int] | None = None
    """For each place in the batch the index of its record here; None where they stand in order already."""

    def __len__(self) -> int:
        return len(self.lines)

    @classmethod
    def of(cls, records: Sequence[Record]) -> RecordColumns:
        """Take records apart.

        >>> RecordColumns.of([Record([Turn("text", "a")], meta={}, line=1, label="x")]).fields["label"]
        ['x']
        """
        turns = [turn for record in records for turn in record.turns]
        bounds = np.zeros(len(records) + 1, np.int32)
        np.cumsum([len(record.turns) for record in records], out=bounds[1:])
        return cls(
            bounds=bounds,
            roles=[turn.role for turn in turns],
            contents=[turn.content for turn in turns],
            extras=_unless_null([turn.extra for turn in turns]),
            fields={name: _unless_null(list(map(attrgetter(name), records))) for name in FIELDS},
            meta=[record.meta for record in records],
            lines=[record.line for record in records],
        )

    @classmethod
    def merged(cls, parts: Sequence[tuple[RecordColumns, Sequence[int]]]) -> RecordColumns:
        """Records from several parts, in the order of the places that each part's records have.

        >>> first, second = (RecordColumns.of([Record([Turn("text", text)], meta={}, line=1)]) for text in "ab")
        >>> batch_of("s", RecordColumns.merged([(first, [7]), (second, [3])]))["turns"].to_pylist()[0][0]["content"]
        'b'
        """
        parts = [(columns, places) for columns, places in parts if len(columns)]
        if len(parts) < 2:
            return parts[0][0] if parts else cls.of([])
        every = [columns for columns, _ in parts]
        places = [place for _, some in parts for place in some]
        turns, rows = [len(columns.roles) for columns in every], [len(columns) for columns in every]
        sizes = np.concatenate([np.diff(columns.bounds) for columns in every])
        return cls(
            bounds=np.append(0, np.cumsum(sizes)).astype(np.int32),
            roles=[role for columns in every for role in columns.roles],
            contents=_contents([columns.contents for columns in every]),
            extras=_end_to_end([columns.extras for columns in every], turns),
            fields={name: _end_to_end([columns.fields[name] for columns in every], rows) for name in FIELDS},
            meta=[values for columns in every for values in columns.meta],
            lines=[line for columns in every for line in columns.lines],
            order=sorted(range(len(places)), key=places.__getitem__),
        )


def _contents(parts: Sequence[list[str | None] | pa.StringArray]) -> list[str | None] | pa.StringArray:
    if any(isinstance(part, pa.StringArray) for part in parts):
        return pa.concat_arrays([_strings(part, len(part)) for part in parts])
    return [content for part in parts for content in part]


def _end_to_end(columns: Sequence[TextColumn], sizes: Sequence[int]) -> TextColumn:
    if all(column is None for column in columns):
        return None
    return [value for column, size in zip(columns, sizes, strict=True) for value in column or [None] * size]


def _unless_null(column: list[str | None]) -> TextColumn:
    return None if column.count(None) == len(column) else column


def build_batch(source: str, records: Sequence[Record]) -> pa.RecordBatch:
    """Turn records into one Arrow batch of RECORD_SCHEMA.

    >>> batch = build_batch("s", [Record(turns=[Turn("user", "hi"), Turn("assistant", "hello")], meta={}, line=1)])
    >>> batch.num_rows, Turns(batch["turns"]).contents.to_pylist()
    (1, ['hi', 'hello'])
    """
    return batch_of(source, RecordColumns.of(records))


def batch_of(source: str, columns: RecordColumns) -> pa.RecordBatch:
    """`build_batch` for records that are columns already."""
    count = len(columns)
    parts = (columns.roles, columns.contents, columns.extras)
    turns = pa.StructArray.from_arrays([_strings(part, len(columns.roles)) for part in parts], fields=list(TURN_TYPE))
    meta = [orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode() if values else "{}" for values in columns.meta]
    arrays = {
        "digest": pa.repeat(pa.scalar(bytes(DIGEST_BYTES), DIGEST_TYPE), count),
        "turns": pa.ListArray.from_arrays(pa.array(columns.bounds), turns),
        "meta": _strings(meta, count),
        "line": pa.array(columns.lines, pa.int64()),
        **{name: _strings(values, count) for name, values in columns.fields.items()},
    }
    batch = pa.record_batch([arrays[field.name] for field in RECORD_SCHEMA], schema=RECORD_SCHEMA)
    if columns.order is not None:
        batch = batch.take(pa.array(columns.order, pa.int64()))
    return batch.set_column(0, RECORD_SCHEMA.field("digest"), source_digests(source, batch))


def _strings(values: Sequence[str] | Sequence[str | None] | pa.StringArray | None, count: int) -> pa.StringArray:
    if isinstance(values, pa.StringArray):
        return values
    return pa.nulls(count, pa.string()) if values is None else pa.array(values, pa.string())


def source_digests(source: str, batch: pa.RecordBatch) -> pa.FixedSizeBinaryArray:
    """Identity of each record before cleaning: source name, turns, tools, label, group, time, split, id and meta.

    File names, lines and column order never enter, so it survives renamed, re-sharded and reordered files.
    """
    columns = [batch[name] for name in (*FIELDS, "meta")]
    return digest_array(record_digests(f"source:{source}", Turns(batch["turns"]).texts(), columns))


def content_digests(batch: pa.RecordBatch) -> pa.FixedSizeBinaryArray:
    """Digest of what a trainer would see of each record: turns, tools and label as they are now."""
    columns = [batch["tools"], batch["label"]]
    return digest_array(record_digests("content", Turns(batch["turns"]).texts(), columns))


class Turns:
    """The turns of a batch of n records, flattened: m turns with contents, roles, extras and row boundaries.

    Args:
        column: a list<struct<role, content, extra>> array, possibly a slice of a larger one.
    """

    def __init__(self, column: pa.ListArray | pa.ChunkedArray) -> None:
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        offsets = column.offsets.to_numpy()
        first, last = int(offsets[0]), int(offsets[-1])
        self._flat = column.values.slice(first, last - first)
        self.row_offsets: npt.NDArray[np.int64] = (offsets - first).astype(np.int64)
        """Turn index at which each record starts, and the end: shape (n + 1,)."""

    @property
    def n_rows(self) -> int:
        """Number of records."""
        return len(self.row_offsets) - 1

    @property
    def n_turns(self) -> int:
        """Number of turns over all records."""
        return len(self._flat)

    @cached_property
    def contents(self) -> pa.StringArray:
        """All contents, one per turn, null where the source had none. Shape (m,)."""
        return self._flat.field("content")

    @cached_property
    def roles(self) -> npt.NDArray[np.uint8]:
        """Index into ROLES for each turn. Shape (m,)."""
        codes = pc.index_in(self._flat.field("role"), value_set=pa.array(ROLES))
        return np.asarray(codes.to_numpy(zero_copy_only=False), np.uint8)

    @cached_property
    def extras(self) -> pa.StringArray:
        """All extras (JSON text or null), one per turn. Shape (m,)."""
        return self._flat.field("extra")

    @cached_property
    def rows(self) -> npt.NDArray[np.int64]:
        """Record index of each turn. Shape (m,)."""
        return np.repeat(np.arange(self.n_rows, dtype=np.int64), np.diff(self.row_offsets))

    @cached_property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Whether each turn has content (not null). Shape (m,)."""
        return np.asarray(pc.is_valid(self.contents).to_numpy(zero_copy_only=False), np.bool_)

    @cached_property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Whether each turn stands for a field that the row did not have at all. Shape (m,)."""
        return self._extras_where(pc.starts_with(self.extras, MISSING_EXTRA.removesuffix("}")))

    @cached_property
    def calls(self) -> npt.NDArray[np.bool_]:
        """Whether each turn calls a tool, which it may do without saying anything. Shape (m,)."""
        return self._extras_where(pc.match_substring_regex(self.extras, _CALLS))

    def _extras_where(self, found: pa.BooleanArray) -> npt.NDArray[np.bool_]:
        return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False), np.bool_)

    def utf8(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
        """Byte offsets, shape (m + 1,), and the UTF-8 bytes they point into. Null contents have length 0."""
        return utf8_buffers(self.contents)

    def texts(self) -> TurnTexts:
        """What digests cover of these turns."""
        return TurnTexts(self.row_offsets, self.roles, (self.contents, self.extras))

    def with_contents(self, contents: pa.StringArray) -> pa.ListArray:
        """The same turns with other contents (one per turn, in order)."""
        flat = pa.StructArray.from_arrays([self._flat.field("role"), contents, self.extras], fields=list(TURN_TYPE))
        return pa.ListArray.from_arrays(pa.array(self.row_offsets.astype(np.int32)), flat)
