"""The record: one row in the canonical shape, and its layout in Arrow.

Every format and shape becomes batches of `RECORD_SCHEMA`. `Turns` is the only place that knows Arrow's nested layout
and slice offsets: steps ask it for flat contents, byte offsets and row boundaries, and hand it new contents back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

Role = Literal["system", "user", "assistant", "tool", "text"]
ROLES: Final[tuple[str, ...]] = get_args(Role)
SPLITS: Final[tuple[str, ...]] = ("train", "validation", "test")

TURN_TYPE: Final = pa.struct([("role", pa.string()), ("content", pa.string()), ("extra", pa.string())])
TURNS_TYPE: Final = pa.list_(TURN_TYPE)

RECORD_SCHEMA: Final = pa.schema(
    [
        pa.field("digest", pa.binary(16), nullable=False),
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

MISSING_EXTRA: Final = '{"missing":true}'
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


def _digest(turns: Turns, salt: bytes, others: Sequence[Sequence[Any]]) -> list[bytes]:
    """128-bit BLAKE2b of each record: roles, extras, lengths and bytes of its contents, then the other values.

    A record's contents lie side by side in the Arrow buffer, so they are hashed in place as one slice.
    """
    offsets, data = turns.utf8()
    view = memoryview(data)
    bounds = offsets[turns.row_offsets].tolist() if turns.n_turns else [0] * (turns.n_rows + 1)
    firsts = turns.row_offsets.tolist()
    lengths = [
        length if valid else -1 for length, valid in zip(np.diff(offsets).tolist(), turns.valid.tolist(), strict=True)
    ]
    roles = turns.roles.tolist()
    extras = turns.extras.to_pylist() if turns.extras.null_count < turns.n_turns else None
    result = []
    for row, values in enumerate(zip(*others, strict=True)):
        first, end = firsts[row], firsts[row + 1]
        head = orjson.dumps((roles[first:end], lengths[first:end], extras and extras[first:end], values))
        hasher = blake2b(salt, digest_size=16)
        hasher.update(head)
        hasher.update(view[bounds[row] : bounds[row + 1]])
        result.append(hasher.digest())
    return result


def source_digests(source: str, batch: pa.RecordBatch) -> list[bytes]:
    """Identity of each record before cleaning: source name, turns, tools, label, group, time, split, id and meta.

    File names, lines and column order never enter, so it survives renamed, re-sharded and reordered files.
    """
    names = ("user_id", "tools", "label", "group_key", "time", "given_split", "meta")
    return _digest(Turns(batch["turns"]), b"source:" + source.encode(), [batch[name].to_pylist() for name in names])


def content_digests(batch: pa.RecordBatch) -> list[bytes]:
    """Digest of what a trainer would see of each record: turns, tools and label as they are now."""
    return _digest(Turns(batch["turns"]), b"content:", [batch[name].to_pylist() for name in ("tools", "label")])


def build_batch(source: str, records: Sequence[Record]) -> pa.RecordBatch:
    """Turn records into one Arrow batch of RECORD_SCHEMA.

    >>> batch = build_batch("s", [Record(turns=[Turn("user", "hi"), Turn("assistant", "hello")], meta={}, line=1)])
    >>> batch.num_rows, Turns(batch["turns"]).contents.to_pylist()
    (1, ['hi', 'hello'])
    """
    roles: list[str] = []
    contents: list[str | None] = []
    extras: list[str | None] = []
    bounds = np.zeros(len(records) + 1, np.int32)
    for index, record in enumerate(records):
        for turn in record.turns:
            roles.append(turn.role)
            contents.append(turn.content)
            extras.append(turn.extra)
        bounds[index + 1] = len(roles)
    turns = pa.StructArray.from_arrays(
        [pa.array(roles, pa.string()), pa.array(contents, pa.string()), pa.array(extras, pa.string())],
        fields=list(TURN_TYPE),
    )
    columns = {
        "digest": pa.array([bytes(16)] * len(records), pa.binary(16)),
        "user_id": pa.array([record.user_id for record in records], pa.string()),
        "turns": pa.ListArray.from_arrays(pa.array(bounds), turns),
        "tools": pa.array([record.tools for record in records], pa.string()),
        "label": pa.array([record.label for record in records], pa.string()),
        "group_key": pa.array([record.group_key for record in records], pa.string()),
        "time": pa.array([record.time for record in records], pa.string()),
        "given_split": pa.array([record.given_split for record in records], pa.string()),
        "meta": pa.array([orjson.dumps(record.meta, option=orjson.OPT_SORT_KEYS).decode() for record in records], pa.string()),
        "line": pa.array([record.line for record in records], pa.int64()),
    }
    batch = pa.record_batch([columns[field.name] for field in RECORD_SCHEMA], schema=RECORD_SCHEMA)
    digests = pa.array(source_digests(source, batch), pa.binary(16))
    return batch.set_column(0, RECORD_SCHEMA.field("digest"), digests)


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
        return codes.to_numpy(zero_copy_only=False).astype(np.uint8)

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
        found = pc.fill_null(pc.equal(self.extras, MISSING_EXTRA), False)
        return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)

    def utf8(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
        """Byte offsets, shape (m + 1,), and the UTF-8 bytes they point into. Null contents have length 0."""
        contents = self.contents
        if len(contents) == 0:
            return np.zeros(1, np.int32), np.empty(0, np.uint8)
        _, offset_buffer, data_buffer = contents.buffers()
        start = contents.offset
        offsets = np.frombuffer(offset_buffer, np.int32)[start : start + len(contents) + 1]
        data = np.empty(0, np.uint8) if data_buffer is None else np.frombuffer(data_buffer, np.uint8)
        return offsets, data

    def with_contents(self, contents: pa.StringArray) -> pa.ListArray:
        """The same turns with other contents (one per turn, in order)."""
        flat = pa.StructArray.from_arrays(
            [self._flat.field("role"), contents, self.extras], fields=list(TURN_TYPE)
        )
        return pa.ListArray.from_arrays(pa.array(self.row_offsets.astype(np.int32)), flat)
