"""Parquet and Arrow files: rows in, the texts compared, kept rows out as they were.

A file is read twice in small batches: for its texts, then for its rows. Holding it in between would cost more, in fresh
memory (0.4 s for 127 MB), than reading it again does (0.15 s).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.dedup.arrow import arrow
from dataprep.dedup.columns import Compared, detected_columns, named_columns, text_batch
from dataprep.dedup.texts import Kept, TextBatch
from dataprep.errors import InputError

_SAMPLE_ROWS: Final = 1_000
_BATCH_BYTES: Final = 4_000_000
_READ_BYTES: Final = 1_000_000
"""Of a column at a time; without it a row group's whole column is read at once."""
_WRITE_BYTES: Final = 32_000_000
_MOST_BATCH_ROWS: Final = 65_536


class ParquetSource:
    """A Parquet file.

    Args:
        path: the file.
        shown: as the user named it.
        text: columns to compare; by what they look like if none are named.
    """

    def __init__(self, path: Path, shown: str, text: Sequence[str]) -> None:
        self._path = path
        self._shown = shown
        with as_input_errors("Parquet", shown):
            self._file = pq.ParquetFile(
                path, pre_buffer=False, buffer_size=_READ_BYTES, page_checksum_verification=True
            )
            self._metadata = self._file.metadata
            self._schema = self._file.schema_arrow
        groups = [self._metadata.row_group(index) for index in range(self._metadata.num_row_groups)]
        self._group_rows = max((group.num_rows for group in groups), default=1)
        self.compared = _compared(self._schema, text, shown, self._sample)

    def describe(self) -> str:
        """What is compared, in words."""
        return self.compared.describe()

    def write_rejects(self, _output: Path, /) -> int:
        """Every row of a table can be read."""
        return 0

    def batches(self) -> Iterator[TextBatch]:
        """The texts of all rows."""
        wanted = [*self.compared.columns, *([] if self.compared.label is None else [self.compared.label])]
        for batch in self._batches(list(dict.fromkeys(wanted))):
            yield text_batch(batch, self.compared)

    def rows(self) -> Iterator[tuple[TextBatch, pa.RecordBatch]]:
        """The texts of all rows, and the rows."""
        for batch in self._batches(None):
            yield text_batch(batch, self.compared), batch

    @contextmanager
    def writer(self, output: Path) -> Iterator[Callable[[pa.RecordBatch, Kept], None]]:
        """What writes the kept rows, with the columns, types and compression that they had."""
        waiting: list[pa.RecordBatch] = []

        def write(rows: pa.RecordBatch, kept: Kept) -> None:
            waiting.append(rows.filter(arrow(kept)))
            count, size = sum(each.num_rows for each in waiting), sum(each.nbytes for each in waiting)
            if count >= self._group_rows or size >= _WRITE_BYTES:
                write_group()

        def write_group() -> None:
            table = pa.Table.from_batches(waiting, self._schema)
            if table.num_rows:
                file.write_table(table, row_group_size=self._group_rows)
            waiting.clear()

        with pq.ParquetWriter(output, self._schema, **self._writing()) as file:
            yield write
            write_group()

    def _batches(self, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
        names = set(self._schema.names if columns is None else columns)
        for index in range(self._metadata.num_row_groups):
            group = self._metadata.row_group(index)
            size = sum(
                chunk.total_uncompressed_size
                for chunk in map(group.column, range(group.num_columns))
                if chunk.path_in_schema.split(".")[0] in names
            )
            rows = min(max(_BATCH_BYTES * group.num_rows // max(size, 1), 1), _MOST_BATCH_ROWS)
            with as_input_errors("Parquet", self._shown):
                yield from self._file.iter_batches(rows, row_groups=[index], columns=columns, use_threads=False)

    def _sample(self) -> list[dict[str, object]]:
        with as_input_errors("Parquet", self._shown):
            batch = next(self._file.iter_batches(_SAMPLE_ROWS), None)
        return [] if batch is None else batch.to_pylist()

    def _writing(self) -> dict[str, object]:
        """Options of a writer that make the file what it was."""
        options: dict[str, object] = {"write_page_checksum": False}
        if not self._metadata.num_row_groups:
            return options
        group = self._metadata.row_group(0)
        chunks = [group.column(index) for index in range(group.num_columns)]
        codecs = {chunk.path_in_schema: chunk.compression.lower() for chunk in chunks}
        others = [chunk for chunk in chunks if chunk.path_in_schema.split(".")[0] not in self.compared.columns]
        dictionaries = [chunk.path_in_schema for chunk in others if chunk.has_dictionary_page]
        statistics = [chunk.path_in_schema for chunk in others if chunk.is_stats_set]  # of long texts they help nobody
        codecs = {path: "none" if codec == "uncompressed" else codec for path, codec in codecs.items()}
        return options | {
            "compression": codecs,
            "use_dictionary": dictionaries or False,
            "write_statistics": statistics or False,
        }


class ArrowSource:
    """An Arrow file (Feather 2) or stream."""

    def __init__(self, path: Path, shown: str, text: Sequence[str], *, stream: bool) -> None:
        self._path = path
        self._shown = shown
        self._stream = stream
        with self._open() as reader:
            self._schema = reader.schema
        self.compared = _compared(self._schema, text, shown, self._sample)

    def describe(self) -> str:
        """What is compared, in words."""
        return self.compared.describe()

    def write_rejects(self, _output: Path, /) -> int:
        """Every row of a table can be read."""
        return 0

    def batches(self) -> Iterator[TextBatch]:
        """The texts of all rows."""
        for batch in self._batches():
            yield text_batch(batch, self.compared)

    def rows(self) -> Iterator[tuple[TextBatch, pa.RecordBatch]]:
        """The texts of all rows, and the rows."""
        for batch in self._batches():
            yield text_batch(batch, self.compared), batch

    @contextmanager
    def writer(self, output: Path) -> Iterator[Callable[[pa.RecordBatch, Kept], None]]:
        """What writes the kept rows."""
        options = pa.ipc.IpcWriteOptions(unify_dictionaries=True)
        make = pa.ipc.new_stream if self._stream else pa.ipc.new_file
        repeated = any(pa.types.is_dictionary(field.type) for field in self._schema)
        chosen: list[pa.RecordBatch] = []
        with pa.OSFile(str(output), "wb") as sink, make(sink, self._schema, options=options) as file:

            def write(rows: pa.RecordBatch, kept: Kept) -> None:
                some = rows.filter(arrow(kept))
                if repeated:  # the file has one dictionary for all
                    chosen.append(some)
                else:
                    file.write_batch(some)

            yield write
            if chosen:
                file.write_table(pa.Table.from_batches(chosen, self._schema))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with as_input_errors("Arrow", self._shown), self._open() as reader:
            some = reader if self._stream else map(reader.get_batch, range(reader.num_record_batches))
            for batch in some:
                batch.validate(full=True)
                yield batch

    def _sample(self) -> list[dict[str, object]]:
        batch = next((batch for batch in self._batches() if batch.num_rows), None)
        return [] if batch is None else batch.slice(0, _SAMPLE_ROWS).to_pylist()

    @contextmanager
    def _open(self) -> Iterator[pa.ipc.RecordBatchFileReader]:
        with as_input_errors("Arrow", self._shown), pa.OSFile(str(self._path)) as file:
            yield pa.ipc.open_stream(file) if self._stream else pa.ipc.open_file(file)


def _compared(
    schema: pa.Schema, text: Sequence[str], shown: str, sample: Callable[[], list[dict[str, object]]]
) -> Compared:
    if text:
        return named_columns(schema, text, shown)
    rows = sample()
    return detected_columns(rows, schema, shown) if rows else Compared(())


@contextmanager
def as_input_errors(what: str, shown: str) -> Iterator[None]:
    """Turn what a reader complains of into an error of the file.

    Raises:
        InputError: in its place.
    """
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        message = f"not a readable {what} file: {lines[0][:300]}"
        raise InputError(message, file=shown, hint="it may be cut short or damaged; write or fetch it again") from error
