"""CSV and TSV: records after RFC 4180, one bad record at a time.

Python's csv module reads on through an unclosed quote and makes one huge field of the rest of the file; here a quoted
field must be closed, and followed by a delimiter or a line end. Where it is not, the lines up to the offending quote
are refused and reading goes on at the next line. Values stay text: no type is guessed, so ZIP codes keep their zeros,
and an empty field is "" (a row that lacks the field altogether is ragged, and refused).

Where records end is found with regular expressions whose repeats are possessive, so that they cannot backtrack. Fields
come from the csv module for blocks without any oddity, and from the same expressions for the others. Measured on
tweets (230 bytes a record) and short utterances (90 bytes), one core: 24 and 19 MB/s, where csv.DictReader alone reads
50 MB/s and checks nothing.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Literal, NamedTuple

from dataprep.ingest.bytestream import ByteStream
from dataprep.ingest.jsonvalue import describe_undecodable
from dataprep.ingest.linecut import Lines, Newline, count_crlf
from dataprep.ingest.rows import Block, LongRow, ReadyBlock, Reject, RowError, Rows, reject_row, too_long

Fault = Literal["unclosed_quote", "stray_quote"]


@dataclass(frozen=True)
class Dialect:
    """How a file is written.

    >>> dialect = Dialect(delimiter=",", quote='"')
    >>> dialect.fields('a,"b ""c"", d",')
    ['a', 'b "c", d', '']
    """

    delimiter: str
    """One ASCII character."""
    quote: str
    """One ASCII character, or empty where quotes are ordinary characters."""
    columns: tuple[str, ...] = ()
    """Names of the columns."""
    skip_rows: int = 0
    """Records before the data: those the user skips, and the header."""
    newline: Newline = b"\n"

    def fields(self, record: str) -> list[str]:
        """The fields of one well-formed record, without its line end."""
        if not self.quote or self.quote not in record:
            return record.split(self.delimiter)
        quote = self.quote
        return [
            quoted[1:-1].replace(quote + quote, quote) if quoted else plain
            for quoted, plain in self._field.findall(record + self.delimiter)
        ]

    def quoted_fields(self, record: str) -> list[str]:
        """The fields of a well-formed record that are quoted, with their quotes."""
        return [quoted for quoted, _ in self._field.findall(record + self.delimiter) if quoted]

    @cached_property
    def record(self) -> re.Pattern[bytes]:
        """A whole well-formed record with its line end; at the end of the data the line end may be absent."""
        return re.compile(self._records + rb"(?:\n|\Z)")

    @cached_property
    def before_fault(self) -> re.Pattern[bytes]:
        """The well-formed fields of a record that has a fault: what follows is the offending quote."""
        _, delimiter = self._parts
        return re.compile(rb"(?:%b%b)*+" % (self._one_field, delimiter))

    @cached_property
    def open_quote(self) -> re.Pattern[bytes]:
        """A quoted field that goes on beyond the end of the data, or whose closing quote is the last byte."""
        quote, _ = self._parts
        return re.compile(rb"%b(?:[^%b]++|%b%b)*+(?:%b\r?)?\Z" % ((quote,) * 5))

    @cached_property
    def quoted_field(self) -> re.Pattern[bytes]:
        """A quoted field, whatever follows it."""
        quote, _ = self._parts
        return re.compile(rb"%b(?:[^%b]++|%b%b)*+%b" % ((quote,) * 5))

    @cached_property
    def _field(self) -> re.Pattern[str]:
        quote, delimiter = re.escape(self.quote), re.escape(self.delimiter)
        quoted = f"{quote}(?:[^{quote}]++|{quote}{quote})*+{quote}"
        return re.compile(f"(?:({quoted})|([^{delimiter}]*+)){delimiter}")

    @property
    def _parts(self) -> tuple[bytes, bytes]:
        return re.escape(self.quote).encode(), re.escape(self.delimiter).encode()

    @property
    def _one_field(self) -> bytes:
        quote, delimiter = self._parts
        quoted = rb"%b(?:[^%b]++|%b%b)*+%b(?=%b|\r?\n|\r?\Z)" % ((quote,) * 5 + (delimiter,))
        return rb"(?:%b\r?|(?!%b)[^%b\n]*+)" % (quoted, quote, delimiter)

    @property
    def _records(self) -> bytes:
        _, delimiter = self._parts
        return rb"(?:%b%b)*+%b" % (self._one_field, delimiter, self._one_field)


class RecordSpan(NamedTuple):
    """A record's bytes `data[start:end]`, line end included."""

    start: int
    end: int
    line: int
    """Lines of the data before it."""
    fault: Fault | None = None
    fault_line: int = 0
    """Lines of the data before the offending quote."""


def split_records(data: bytes, dialect: Dialect, *, at_end: bool, max_open_bytes: int) -> Iterator[RecordSpan]:
    """The records of `data` in order, as far as they are whole.

    Args:
        data: bytes that start with a record.
        dialect: delimiter and quote.
        at_end: nothing follows `data`; otherwise the last record may be incomplete and is left out.
        max_open_bytes: a quoted field that is still open after so many bytes counts as never closed.

    >>> data = b'a,b\\n"never closed,1\\n2,"x\\ny"\\n'
    >>> [(span.start, span.line, span.fault) for span in
    ...     split_records(data, Dialect(",", '"'), at_end=True, max_open_bytes=1000)]
    [(0, 0, None), (4, 1, 'unclosed_quote'), (20, 2, None)]
    """
    quote = dialect.quote.encode()
    next_quote = data.find(quote) if quote else -1
    start, line = 0, 0
    while start < len(data):
        line_end = data.find(b"\n", start) + 1
        if line_end == 0:
            if not at_end:
                return
            line_end = len(data)
        if 0 <= next_quote < start:
            next_quote = data.find(quote, start)
        if next_quote < 0 or next_quote >= line_end:
            yield RecordSpan(start, line_end, line)
            start, line = line_end, line + 1
            continue
        match = dialect.record.match(data, start)
        if match is not None and (at_end or data[match.end() - 1] == 0x0A):
            span = RecordSpan(start, match.end(), line)
        else:
            found = None if match is not None else _faulty(data, start, line, dialect, at_end, max_open_bytes)
            if found is None:
                return
            span = found
        yield span
        start, line = span.end, line + data.count(b"\n", span.start, span.end)


def _faulty(
    data: bytes, start: int, line: int, dialect: Dialect, at_end: bool, max_open_bytes: int
) -> RecordSpan | None:
    """The span of a record with a misplaced quote; None if it may turn out well when more data comes."""
    before = dialect.before_fault.match(data, start)
    fault = start if before is None else before.end()
    is_open = dialect.open_quote.match(data, fault) is not None
    if is_open and not at_end and len(data) - start <= max_open_bytes:
        return None
    closed = dialect.quoted_field.match(data, fault)
    within_line = closed is not None and b"\n" not in closed.group()
    end = data.find(b"\n", fault) + 1 or len(data)
    fault_line = line + data.count(b"\n", start, fault)
    return RecordSpan(start, end, line, "stray_quote" if within_line else "unclosed_quote", fault_line)


@dataclass(frozen=True, slots=True)
class DelimitedBlock:
    """Some records of a CSV or TSV file."""

    lines: Lines
    spans: tuple[RecordSpan, ...]
    dialect: Dialect
    max_record_bytes: int

    def parse(self) -> Rows:
        """See `Block.parse`."""
        rows: list[dict[str, str]] = []
        kept: list[RecordSpan] = []
        rejects: list[Reject] = []
        notes: Counter[str] = Counter()
        columns = self.dialect.columns
        for span, fields in zip(self.spans, self._fields_at_once() or repeat(None)):  # noqa: B905 - the latter is endless
            if fields is not None and len(fields) == len(columns) > 1:
                rows.append(dict(zip(columns, fields, strict=True)))
                kept.append(span)
                continue
            raw = self._raw(span)
            if not raw.strip(b" "):
                notes["blank_lines"] += 1
                continue
            try:
                rows.append(self._row(raw, span, notes))
            except RowError as error:
                place = self.lines.at(span.start)
                rejects.append(reject_row(self._line(span), place, error.reason, error.detail, raw))
            else:
                kept.append(span)
        count_crlf(self.lines.data, notes)

        def raw_of(index: int) -> tuple[int | None, bytes]:
            return self.lines.at(kept[index].start), self._raw(kept[index])

        return Rows(rows, [self._line(span) for span in kept], raw_of, rejects, notes)

    def _raw(self, span: RecordSpan) -> bytes:
        return self.lines.data[span.start : span.end].rstrip(b"\r\n")

    def _line(self, span: RecordSpan) -> int:
        return self.lines.first_line + span.line

    def _fields_at_once(self) -> list[list[str]] | None:
        """Fields of all records, by the csv module, where nothing is in them that it would get wrong; else None.

        Faster than record by record; what decides about records (and so about quotes) has been decided.
        """
        spans = self.spans
        if not spans or any(span.fault or span.end - span.start > self.max_record_bytes for span in spans):
            return None
        data = self.lines.data[spans[0].start : spans[-1].end]
        if b"\0" in data or (b"\r" in data and data.count(b"\r") != data.count(b"\r\n")):
            return None
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if self.dialect.quote else csv.QUOTE_NONE
        delimiter, quote = self.dialect.delimiter, self.dialect.quote or None
        try:
            text = io.StringIO(data.decode(), newline="")
            fields = list(csv.reader(text, delimiter=delimiter, quotechar=quote, quoting=quoting))
        except (UnicodeDecodeError, csv.Error):  # csv.Error: a field over the module's own limit
            return None
        return fields if len(fields) == len(spans) else None

    def _row(self, raw: bytes, span: RecordSpan, notes: Counter[str]) -> dict[str, str]:
        if len(raw) > self.max_record_bytes:
            raise RowError("too_long", too_long(len(raw), self.max_record_bytes))
        if span.fault is not None:
            raise RowError(span.fault, self._describe(span))
        try:
            record = raw.decode()
        except UnicodeDecodeError as error:
            raise RowError("invalid_utf8", describe_undecodable(error)) from None
        fields = self.dialect.fields(record)
        columns = self.dialect.columns
        if len(fields) != len(columns):
            raise RowError("ragged_row", f"expected {len(columns)} fields, got {len(fields)}")
        if nuls := record.count("\0"):
            notes["nul_removed"] += nuls
            fields = [field.replace("\0", "") for field in fields]
        return dict(zip(columns, fields, strict=True))

    def _describe(self, span: RecordSpan) -> str:
        line = self.lines.first_line + span.fault_line
        if span.fault == "unclosed_quote":
            return f"the quote that opens a field in line {line} is never closed as it should be"
        return (
            f"in line {line} a quoted field goes on after its closing quote; quotes inside must be doubled "
            '(where quotes are ordinary characters, set `csv: {quote: ""}`)'
        )


def read_delimited(stream: ByteStream, dialect: Dialect, *, block_bytes: int, max_record_bytes: int) -> Iterator[Block]:
    """Blocks of a CSV or TSV file, in order, without the records that the dialect skips.

    Memory: one block and one record of the greatest length allowed.
    """
    yield from _RecordCutter(stream, dialect, block_bytes, max_record_bytes).blocks()


class _RecordCutter:
    """A window over the stream that starts with a record."""

    def __init__(self, stream: ByteStream, dialect: Dialect, block_bytes: int, max_record_bytes: int) -> None:
        self._stream = stream
        self._dialect = dialect
        self._block_bytes = block_bytes
        self._max_record_bytes = max_record_bytes
        self._to_skip = dialect.skip_rows
        self._window = b""
        self._line = 1
        self._offset = stream.start

    def blocks(self) -> Iterator[Block]:
        while chunk := self._read():
            self._window += chunk
            yield self._cut(at_end=False)
            if len(self._window) > self._max_record_bytes and b"\n" not in self._window:
                yield from self._measure_long_line()
        if self._window and self._stream.broken is None:
            yield self._cut(at_end=True)

    def _read(self) -> bytes:
        chunk = self._stream.read(self._block_bytes)
        return chunk.replace(b"\r", b"\n") if self._dialect.newline == b"\r" else chunk

    def _place(self) -> int | None:
        return None if self._stream.transcoded else self._offset

    def _cut(self, *, at_end: bool) -> Block:
        records = split_records(self._window, self._dialect, at_end=at_end, max_open_bytes=self._max_record_bytes)
        spans = list(records)
        end = spans[-1].end if spans else 0
        lines = Lines(self._window[:end], self._line, self._place())
        self._line += lines.data.count(b"\n")
        self._offset += end
        self._window = self._window[end:]
        first = 0
        while self._to_skip and first < len(spans):
            self._to_skip -= bool(lines.data[spans[first].start : spans[first].end].strip())
            first += 1
        return DelimitedBlock(lines, tuple(spans[first:]), self._dialect, self._max_record_bytes)

    def _measure_long_line(self) -> Iterator[Block]:
        row = LongRow(line=self._line, byte_offset=self._place())
        row.feed(self._window)
        self._offset += len(self._window)
        self._window = b""
        while chunk := self._read():
            end = chunk.find(b"\n") + 1
            self._offset += end or len(chunk)
            if end:
                row.feed(memoryview(chunk)[: end - 1])
                self._window = chunk[end:]
                break
            row.feed(chunk)
        self._line += 1
        if self._stream.broken is None:
            yield ReadyBlock(rejects=(row.finish(limit=self._max_record_bytes),))
