"""JSON Lines, CSV, TSV and plain text: rows as `dataprep run` reads them, kept rows as the very bytes they were.

A row becomes a record by the same readers and shapes as in a run, so the same rows are refused, for the same reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from dataprep.dedup.texts import Ints, Kept, TextBatch, Texts
from dataprep.errors import InputError, RefusedError
from dataprep.ingest.bytestream import ByteStream
from dataprep.ingest.config import IngestLimits, SourceConfig, Template
from dataprep.ingest.delimited import DelimitedBlock
from dataprep.ingest.discover import data_suffix
from dataprep.ingest.formats import DetectedFormat, FileKind, detect_format, open_blocks
from dataprep.ingest.jsonlines import JsonLinesBlock
from dataprep.ingest.plaintext import TextBlock
from dataprep.ingest.rows import Block, Reject, Rows, parse_block, reject_row
from dataprep.ingest.shapes import Converter, Mapping, detect
from dataprep.record import RecordColumns

_BLOCK_BYTES: Final = 2_000_000
_SAMPLE_ROWS: Final = 1_000
_SAMPLE_BYTES: Final = 1_000_000
_SYSTEM: Final = "system"
_NO_ROWS: Final = Mapping("text", {"text": "text"})

_COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_SUFFIXES: Final[dict[FileKind, tuple[str, ...]]] = {
    "json": (".jsonl", ".ndjson", ".json"),
    "csv": (".csv", ".tsv", ".tab"),
    "text": (".txt", ""),
    # nothing says which it would be
    "empty": (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".tab", ".txt", ""),
}

LineBlock = JsonLinesBlock | TextBlock | DelimitedBlock


@dataclass(frozen=True, slots=True)
class _Parsed:
    """One block: its texts, where its rows lie in its bytes, and what was refused."""

    batch: TextBatch
    starts: Ints
    ends: Ints
    rejects: list[Reject]


@dataclass(frozen=True, slots=True)
class Lines:
    """The bytes of a block, and where its rows lie in them."""

    data: bytes
    starts: Ints
    ends: Ints


def open_lines(path: Path, output: Path, shown: str, text: Sequence[str]) -> LineSource:
    """A text file as a source of rows.

    Raises:
        InputError: it is of a format that is not read here, or the output is named as another one.
    """
    found = detect_format(path, SourceConfig(path=str(path)), limits=IngestLimits(), shown=shown)
    if found.json is not None and found.json.kind != "lines":
        hint = "write it with one row a line, such as: jq -c '.[]' IN.json > IN.jsonl"
        raise InputError("is one JSON document, not JSON Lines", file=shown, hint=hint)
    compression = _COMPRESSIONS.get(output.suffix.lower())
    suffix = data_suffix(output.name)
    others = {each for kind, some in _SUFFIXES.items() if kind != found.kind for each in some if each}
    if suffix in (others | {".parquet", ".pq", ".arrow", ".feather", ".ipc"}) - set(_SUFFIXES[found.kind]):
        hint = f"end it in {' or '.join(_SUFFIXES[found.kind])}"
        raise InputError(f"rows of {found.kind} are written as {found.kind}", file=str(output), key="-o", hint=hint)
    return LineSource(path, shown, found, text, compression)


class LineSource:
    """A text file of one row a line (in CSV a record may have several).

    Args:
        path: the file.
        shown: as the user named it.
        found: what it is.
        text: columns to compare; those of the shape that its rows have if none are named.
        compression: of what is written: `gzip`, `zstd` or None.

    Raises:
        InputError: no shape fits, or a named column is not there.
    """

    def __init__(
        self, path: Path, shown: str, found: DetectedFormat, text: Sequence[str], compression: str | None
    ) -> None:
        self._path = path
        self._shown = shown
        self._found = found
        self._compression = compression
        self._limits = IngestLimits()
        sample = self._sample()
        self._source = _configured(path, text, sample, shown)
        try:
            self._mapping = detect(sample, self._source, shown=shown) if sample else _NO_ROWS
        except InputError as error:
            error.key = "--text"
            if not text:
                error.hint = "name the columns to compare: --text COLUMN"
            raise
        self._converter = Converter(self._mapping, self._source, self._limits)
        self.rejects: list[Reject] = []
        """Rows that could not be read, known once `batches` has been gone through."""

    def describe(self) -> str:
        """What is compared, in words."""
        return self._mapping.describe().replace("; other columns are kept in meta", "")

    def batches(self) -> Iterator[TextBatch]:
        """The texts of all rows.

        Raises:
            RefusedError: after the last, if more rows were refused than `dataprep run` allows by default.
        """
        self.rejects.clear()
        records = 0
        for block in self._blocks(self._source):
            parsed = self._parse(block)
            self.rejects += parsed.rejects
            if isinstance(block, LineBlock):
                records += parsed.batch.n_rows
                yield parsed.batch
        self._check_rejects(records)

    def rows(self) -> Iterator[tuple[TextBatch, Lines]]:
        """The texts of all rows, and the lines that they are."""
        for block in self._blocks(self._source):
            if isinstance(block, LineBlock):
                parsed = self._parse(block)
                yield parsed.batch, Lines(block.lines.data, parsed.starts, parsed.ends)

    @contextmanager
    def writer(self, output: Path) -> Iterator[Callable[[Lines, Kept], None]]:
        """What writes the kept rows: their bytes up to and with the line end."""
        with pa.output_stream(str(output), compression=self._compression) as sink:
            if self._found.csv is not None:
                sink.write(self._header())

            def write(lines: Lines, kept: Kept) -> None:
                chosen = np.flatnonzero(kept)
                data = memoryview(lines.data)
                for start, end in _runs(lines.starts[chosen], lines.ends[chosen]):
                    sink.write(data[start:end])

            yield write

    def write_rejects(self, output: Path, /) -> int:
        """Write the rows that could not be read, one JSON object each; returns how many."""
        if self.rejects:
            with output.open("wb") as sink:
                for reject in self.rejects:
                    told = asdict(reject) | {"raw": reject.raw.decode("utf-8", "backslashreplace")}
                    sink.write(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
        return len(self.rejects)

    def _blocks(self, source: SourceConfig, block_bytes: int = _BLOCK_BYTES) -> Iterator[Block]:
        return open_blocks(
            self._path,
            format=source.format,
            source=source,
            limits=self._limits,
            block_bytes=block_bytes,
            shown=self._shown,
        )

    def _sample(self) -> list[Any]:
        rows: list[Any] = []
        for block in self._blocks(SourceConfig(path=str(self._path)), _SAMPLE_BYTES):
            rows += block.parse().rows[: _SAMPLE_ROWS - len(rows)]
            if len(rows) >= _SAMPLE_ROWS:
                break
        return rows

    def _parse(self, block: Block) -> _Parsed:
        rows = parse_block(block, self._converter.text_keys)
        columns, refused = self._converter.convert_block(rows)
        rejects = list(rows.rejects)
        for place, error in refused:
            offset, raw = rows.raw(place)
            rejects.append(reject_row(rows.lines[place], offset, error.reason, error.detail, raw))
        rejects.sort(key=lambda reject: reject.line)
        gone = {place for place, _ in refused}
        places = [place for place in range(len(rows.rows)) if place not in gone]
        starts, ends = _places(block, rows, places)
        return _Parsed(_text_batch(columns), starts, ends, rejects)

    def _header(self) -> bytes:
        """What stands before the first record of a CSV file."""
        with ByteStream(self._path, shown=self._shown, limits=self._limits, encoding=self._source.encoding) as stream:
            first = next((block for block in self._blocks(self._source) if isinstance(block, DelimitedBlock)), None)
            if first is None:
                return b""
            end = first.spans[0].start if first.spans else len(first.lines.data)
            return first.lines.data[:end] if stream.broken is None else b""

    def _check_rejects(self, records: int) -> None:
        budget = self._limits.rejects
        rows = records + len(self.rejects)
        allowed = max(int(budget.share * rows), budget.rows)
        if len(self.rejects) > allowed or (self.rejects and not records):
            first = self.rejects[0]
            raise RefusedError(
                f"{len(self.rejects)} of {rows} rows cannot be read (line {first.line}: {first.detail}); "
                f"{allowed} are let pass",
                file=self._shown,
                hint="mend the file",
            )


def _configured(path: Path, text: Sequence[str], sample: Sequence[Any], shown: str) -> SourceConfig:
    """What to tell the detection of shapes where the user names columns."""
    if not text:
        return SourceConfig(path=str(path))
    if len(text) == 1:
        values = [row[text[0]] for row in sample if isinstance(row, dict) and row.get(text[0]) is not None]
        if values and isinstance(values[0], list):
            return SourceConfig(path=str(path), columns={"messages": text[0]})
        return SourceConfig(path=str(path), shape="text", columns={"text": text[0]})
    braces = next((name for name in text if "{" in name or "}" in name), None)
    if braces is not None:
        message = f"column {braces!r} has a brace in its name and cannot be compared together with others"
        raise InputError(message, file=shown, key="--text", hint="rename the column, or compare one column")
    return SourceConfig(path=str(path), template=Template(text="\n".join(f"{{{name}}}" for name in text)))


def _text_batch(columns: RecordColumns) -> TextBatch:
    """What is compared of some records: all turns but system prompts; the label."""
    count = len(columns)
    contents = columns.contents
    turns = contents if isinstance(contents, pa.Array) else pa.array(contents, pa.large_string())
    rows = np.repeat(np.arange(count), np.diff(columns.bounds))
    if columns.order is not None:
        place = np.empty(count, np.int64)
        place[np.array(columns.order, np.int64)] = np.arange(count)
        rows = place[rows]
    texts = Texts.of(turns, rows)
    chosen = np.argsort(rows, kind="stable")
    if _SYSTEM in columns.roles:
        said = np.array([role != _SYSTEM for role in columns.roles])
        chosen = chosen[said[chosen]]
    texts = Texts(texts.starts[chosen], texts.ends[chosen], texts.data, rows[chosen])
    values = columns.fields["label"]
    labels = None
    if values is not None:
        labels = pa.array(values, pa.string())
        labels = labels if columns.order is None else labels.take(pa.array(columns.order, pa.int64()))
    return TextBatch(count, [texts], labels)


def _places(block: Block, rows: Rows, places: Sequence[int]) -> tuple[Ints, Ints]:
    """Where some rows lie in their block's bytes, with their line ends."""
    if not isinstance(block, LineBlock) or not places:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    lines = np.array(rows.lines, np.int64)[places] - block.lines.first_line
    if isinstance(block, DelimitedBlock):
        spans = {span.line: span for span in block.spans}
        found = [spans[line] for line in lines.tolist()]
        return np.array([span.start for span in found]), np.array([span.end for span in found])
    starts, ends = block.lines.spans()
    return starts[lines], np.minimum(ends[lines] + 1, len(block.lines.data))


def _runs(starts: Ints, ends: Ints) -> Iterator[tuple[int, int]]:
    """Spans with those that touch made one; a line that several rows share counts once."""
    if not len(starts):
        return
    breaks = np.flatnonzero(starts[1:] > ends[:-1]) + 1
    firsts = np.append(0, breaks)
    lasts = np.append(breaks, len(starts)) - 1
    yield from zip(starts[firsts].tolist(), ends[lasts].tolist(), strict=True)
