"""Parquet and Arrow files in batches of bounded size.

A batch never holds more than a block's worth of *decoded* bytes: Parquet and Arrow write a repeated text once and refer
to it, so a file of a kilobyte can stand for a terabyte. Dictionaries are therefore kept while reading, sizes computed
from them, and batches cut to fit before anything is written out.

Checksums of Parquet pages are verified where the writer left them. Arrow files carry none; their offsets are checked
in full, because a wrong one would be read as memory. Files are never mapped into memory: one that is cut short while
it is read would end the process.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.errors import InputError
from dataprep.ingest.bytestream import check_expansion
from dataprep.ingest.columnvalues import ValueReader, decoded_bytes, unsupported_field, without_text
from dataprep.ingest.config import IngestLimits
from dataprep.ingest.rows import Block, Reject, RowError, Rows, reject_row, too_long

PARQUET_MAGIC = b"PAR1"
ARROW_FILE_MAGIC = b"ARROW1"
ARROW_STREAM_MAGIC = b"\xff\xff\xff\xff"

_MAX_BATCH_ROWS = 65_536
_BUFFER_BYTES = 1 << 20


class MeasuredFile(io.FileIO):
    """An open file for Arrow to read, bounded, with its size. Leaves the descriptor open for its owner.

    A damaged length in a file would make Python reserve that much memory at once, so reads end where the file does.
    """

    def __init__(self, file: io.FileIO) -> None:
        super().__init__(file.fileno(), closefd=False)
        self.size = self.seek(0, io.SEEK_END)
        """Bytes."""
        self.position = 0
        """Bytes up to where the rows read so far are stored, as `_Blocks` works it out."""
        self.seek(0)

    def read(self, size: int | None = -1) -> bytes:
        """At most the bytes there are."""
        rest = max(self.size - self.tell(), 0)
        return super().read(rest if size is None or size < 0 else min(size, rest)) or b""


@dataclass(frozen=True, slots=True)
class ColumnarBlock:
    """Some rows of a Parquet or Arrow file."""

    batch: pa.RecordBatch
    first_row: int
    """1-based number of the first row."""
    max_record_bytes: int

    def parse(self) -> Rows:
        """See `Block.parse`."""
        rows: list[Any] = []
        numbers: list[int] = []
        rejects: list[Reject] = []
        notes: Counter[str] = Counter()
        check_lengths = _decoded(self.batch) > self.max_record_bytes
        for start, some in self._sound_parts(self.batch, 0, notes, rejects, check_lengths):
            rows.extend(some)
            numbers.extend(range(start + self.first_row, start + self.first_row + len(some)))

        def raw_of(index: int) -> tuple[int | None, bytes]:
            return None, orjson.dumps(rows[index])

        return Rows(rows, numbers, raw_of, rejects, notes)

    def _sound_parts(
        self, batch: pa.RecordBatch, start: int, notes: Counter[str], rejects: list[Reject], check_lengths: bool
    ) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Rows and where they start, in order. A part that cannot be decoded is halved until the bad rows are alone."""
        size = _decoded(batch) if check_lengths else 0
        fits = size <= self.max_record_bytes
        error: RowError | None = None if fits else RowError("too_long", too_long(size, self.max_record_bytes))
        if fits:
            part_notes: Counter[str] = Counter()
            try:
                part = _rows_of(batch, ValueReader(part_notes))
            except UnicodeDecodeError as failure:
                error = RowError("invalid_utf8", f"text or binary that is not UTF-8 ({failure.reason})")
            except RowError as failure:
                error = failure
            else:
                notes += part_notes
                yield start, part
                return
        if batch.num_rows > 1:
            half = batch.num_rows // 2
            yield from self._sound_parts(batch.slice(0, half), start, notes, rejects, check_lengths)
            yield from self._sound_parts(batch.slice(half), start + half, notes, rejects, check_lengths)
        elif error is not None:
            shown = b"" if not fits else orjson.dumps(_rows_of(batch, ValueReader(Counter(), "backslashreplace"))[0])
            rejects.append(reject_row(start + self.first_row, None, error.reason, error.detail, shown))


def _rows_of(batch: pa.RecordBatch, reader: ValueReader) -> list[dict[str, Any]]:
    names = [name.replace("\0", "") for name in batch.schema.names]
    columns = [reader.values(column) for column in batch.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _decoded(batch: pa.RecordBatch) -> int:
    return sum(decoded_bytes(column) for column in batch.columns)


def read_parquet(file: MeasuredFile, *, block_bytes: int, limits: IngestLimits, shown: str) -> Iterator[Block]:
    """Blocks of a Parquet file, in order.

    Raises:
        InputError: no footer, cut short, damaged pages, or columns that have no form in JSON.
    """
    source = pa.PythonFile(file, mode="r")
    with _as_input_errors("Parquet", shown):
        metadata = pq.ParquetFile(source).metadata
        texts = {
            chunk.path_in_schema
            for group in range(metadata.num_row_groups)
            for chunk in map(metadata.row_group(group).column, range(metadata.num_columns))
            if chunk.physical_type == "BYTE_ARRAY"
        }
        parquet = pq.ParquetFile(
            source,
            read_dictionary=sorted(texts),
            page_checksum_verification=True,
            buffer_size=_BUFFER_BYTES,
        )
        _check_schema(parquet.schema_arrow, shown)

    def batches() -> Iterator[pa.RecordBatch]:
        for group in range(metadata.num_row_groups):
            stored = metadata.row_group(group)
            row_bytes = max(stored.total_byte_size // max(stored.num_rows, 1), 1)
            n_rows = min(max(block_bytes // row_bytes, 1), _MAX_BATCH_ROWS)
            yield from parquet.iter_batches(batch_size=n_rows, row_groups=[group], use_threads=False)

    blocks = _Blocks(file, block_bytes, limits, shown, n_promised=metadata.num_rows)
    yield from blocks.of(_guarded(batches, "Parquet", shown))
    if blocks.n_rows != metadata.num_rows:
        message = f"the Parquet footer promises {metadata.num_rows} rows, but {blocks.n_rows} could be read"
        raise InputError(message, file=shown, hint="write or fetch the file again")


def read_arrow(
    file: MeasuredFile, *, stream: bool, block_bytes: int, limits: IngestLimits, shown: str
) -> Iterator[Block]:
    """Blocks of an Arrow file (also Feather 2) or, with `stream`, of an Arrow stream, in order.

    Raises:
        InputError: cut short, damaged, or columns that have no form in JSON.
    """
    source = pa.PythonFile(file, mode="r")
    with _as_input_errors("Arrow", shown):
        reader = pa.ipc.open_stream(source) if stream else pa.ipc.open_file(source)
        _check_schema(reader.schema, shown)

    def batches() -> Iterator[pa.RecordBatch]:
        some = iter(reader) if stream else map(reader.get_batch, range(reader.num_record_batches))
        for batch in some:
            for column in batch.columns:
                column.view(without_text(column.type)).validate(full=True)
            yield batch

    yield from _Blocks(file, block_bytes, limits, shown).of(_guarded(batches, "Arrow", shown))


class _Blocks:
    """Cuts record batches into blocks of bounded decoded size, and keeps the file's position.

    Arrow files are read from start to end; Parquet is not (footer first, then columns by turns), so there the position
    is the share of the promised rows.
    """

    def __init__(
        self, file: MeasuredFile, block_bytes: int, limits: IngestLimits, shown: str, n_promised: int | None = None
    ) -> None:
        self.n_rows = 0
        self._file = file
        self._block_bytes = block_bytes
        self._limits = limits
        self._shown = shown
        self._n_promised = n_promised
        self._expanded = 0

    def of(self, batches: Iterator[pa.RecordBatch]) -> Iterator[Block]:
        for batch in batches:
            yield from self._cut(batch)

    def _cut(self, batch: pa.RecordBatch) -> Iterator[Block]:
        size = _decoded(batch)
        if size > self._block_bytes and batch.num_rows > 1:
            half = batch.num_rows // 2
            yield from self._cut(batch.slice(0, half))
            yield from self._cut(batch.slice(half))
        elif batch.num_rows:
            self._expanded += size
            check_expansion(self._expanded, self._file.size, self._limits, self._shown)
            first_row = self.n_rows + 1
            self.n_rows += batch.num_rows
            promised = self._n_promised
            self._file.position = self._file.size * self.n_rows // promised if promised else self._file.tell()
            yield ColumnarBlock(batch, first_row, self._limits.max_record_bytes)


def _check_schema(schema: pa.Schema, shown: str) -> None:
    if not schema.names:
        raise InputError("the table has no columns", file=shown, hint="write it again with its columns")
    names = Counter(name.replace("\0", "") for name in schema.names)
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise InputError(f"two columns are named {twice[:100]!a}", file=shown, hint="rename one of them")
    for field in schema:
        if problem := unsupported_field(field.name, field.type):
            raise InputError(problem, file=shown, hint="leave the column out or convert it")


def _guarded(batches: Callable[[], Iterator[pa.RecordBatch]], what: str, shown: str) -> Iterator[pa.RecordBatch]:
    """The batches; what goes wrong while reading them is an InputError, what goes wrong with their user is not."""
    iterator = batches()
    while True:
        with _as_input_errors(what, shown):
            batch = next(iterator, None)
        if batch is None:
            return
        yield batch


@contextmanager
def _as_input_errors(what: str, shown: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        message = f"not a readable {what} file: {lines[0][:300]}"
        raise InputError(message, file=shown, hint="it may be cut short or damaged; write or fetch it again") from error
