"""JSON Lines: one value a line, fast where the line is ordinary and exact where it is not.

The hot path of ingest. A byte scan (`kernels.lines.inspect`) flags the rows that a fast parser would silently get
wrong; orjson parses the rest, `jsonvalue.parse_exact` the flagged ones and those that orjson refuses, which also gives
the reason for the refusal. Measured on 65 MB of instructions (1.2 kB a row), one core: orjson alone 1,090 MB/s,
json.loads alone 280 MB/s, exact parsing of every row 150 MB/s, this 350 MB/s (290 with reading the file).
DuckDB's and Arrow's readers are as fast but drop a bad line's reason and place, or the whole file.

Where the texts of rows only pass through, ordinary rows are taken apart first (see `rowtexts`), and only what is left
of them is parsed: 920 MB/s. Flags, parsers and reasons for the others are as above.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from dataprep.ingest.bytestream import ByteStream
from dataprep.ingest.jsonvalue import KIND, parse_exact
from dataprep.ingest.linecut import Lines, Newline, count_crlf, cut_lines
from dataprep.ingest.rows import Block, Reject, RowError, Rows, reject_row, too_long
from dataprep.ingest.rowtexts import TextKeys, take_apart
from dataprep.kernels.lines import BLANK, SUSPECT, TOO_DEEP, inspect

Spans = npt.NDArray[np.int64]

_APART: Final = 128
"""Flag of a row that was taken apart, beside those that `inspect` gives."""


@dataclass(frozen=True, slots=True)
class JsonOptions:
    """What counts as a row."""

    max_record_bytes: int
    max_depth: int
    allow_arrays: bool
    """Whether an array is a row (`["text", "label"]`); otherwise only objects are."""


@dataclass(frozen=True, slots=True)
class JsonLinesBlock:
    """Some lines of a JSON Lines file."""

    lines: Lines
    options: JsonOptions

    def parse(self) -> Rows:
        """See `Block.parse`."""
        return self._parse(None)

    def parse_apart(self, keys: TextKeys) -> Rows:
        """See `TextBlock.parse_apart`."""
        return self._parse(keys)

    def _parse(self, keys: TextKeys | None) -> Rows:
        starts, ends = self.lines.spans()
        numbers = range(self.lines.first_line, self.lines.first_line + len(starts))
        cut_off = self.lines.unterminated
        rows = parse_spans(self.lines, starts, ends, numbers, self.options, cut_off=cut_off, keys=keys)
        count_crlf(self.lines.data, rows.notes)
        return rows


def read_json_lines(
    stream: ByteStream, options: JsonOptions, *, block_bytes: int, newline: Newline = b"\n"
) -> Iterator[Block]:
    """Blocks of a JSON Lines file, in order."""
    for lines in cut_lines(stream, block_bytes=block_bytes, max_record_bytes=options.max_record_bytes, newline=newline):
        yield JsonLinesBlock(lines, options) if isinstance(lines, Lines) else lines


def parse_spans(
    lines: Lines,
    starts: Spans,
    ends: Spans,
    numbers: range | list[int],
    options: JsonOptions,
    *,
    cut_off: bool,
    keys: TextKeys | None = None,
) -> Rows:
    """Parse the JSON texts `data[start:end]`, each of which should be a row.

    Args:
        lines: the bytes.
        starts: first byte of each text.
        ends: the byte after each text.
        numbers: line number of each text.
        options: what counts as a row.
        cut_off: the last text was ended by the end of the file.
        keys: what to leave out of ordinary rows, see `Rows.texts`.
    """
    return _SpanParser(lines, options, cut_off).parse(starts, ends, numbers, keys)


class _SpanParser:
    """The rows of one block while they are collected."""

    def __init__(self, lines: Lines, options: JsonOptions, cut_off: bool) -> None:
        self._lines = lines
        self._cut_off = cut_off
        self._options = options
        self._rows: list[Any] = []
        self._numbers: list[int] = []
        self._places: list[tuple[int, int]] = []
        self._rejects: list[Reject] = []
        self._notes: Counter[str] = Counter()

    def parse(self, starts: Spans, ends: Spans, numbers: range | list[int], keys: TextKeys | None) -> Rows:
        data, depth = self._lines.data, self._options.max_depth
        over = ends - starts > self._options.max_record_bytes
        apart = None if keys is None else take_apart(data, starts, ends, over, keys, depth)
        whole = np.ones(len(starts), np.bool_) if apart is None else ~apart.taken
        flags = np.full(len(starts), _APART, np.uint8)
        flags[whole] = inspect(np.frombuffer(data, np.uint8), starts[whole], ends[whole], depth)
        flags[over] |= SUSPECT
        indexes = self._collect(starts, ends, numbers, flags, [] if apart is None else apart.rests)
        texts = None if apart is None else apart.texts(indexes)
        return Rows(self._rows, self._numbers, self._raw, self._rejects, self._notes, texts)

    def _collect(
        self, starts: Spans, ends: Spans, numbers: range | list[int], flags: npt.NDArray[np.uint8], rests: list[Any]
    ) -> list[int]:
        """Parse the rows that are whole, each in its place among the others; returns the indexes of those."""
        loads, view = orjson.loads, memoryview(self._lines.data)
        rows, row_numbers, row_places = self._rows, self._numbers, self._places
        places = zip(starts.tolist(), ends.tolist(), strict=True)
        next_rest = iter(rests).__next__
        indexes = []
        for place, number, flag in zip(places, numbers, flags.tolist(), strict=True):
            if flag == _APART:
                indexes.append(len(rows))
                rows.append(next_rest())
                row_numbers.append(number)
                row_places.append(place)
            elif flag == 0:
                try:
                    row = loads(view[place[0] : place[1]])
                except orjson.JSONDecodeError:
                    self._exact(place, number, flag)
                    continue
                if type(row) is dict:
                    rows.append(row)
                    row_numbers.append(number)
                    row_places.append(place)
                else:
                    self._accept(row, place, number)
            elif flag & BLANK:
                self._notes["blank_lines"] += 1
            else:
                self._exact(place, number, flag)
        return indexes

    def _raw(self, index: int) -> tuple[int | None, bytes]:
        start, end = self._places[index]
        return self._lines.at(start), self._lines.data[start:end].rstrip(b"\r")

    def _accept(self, row: Any, place: tuple[int, int], number: int) -> None:
        if isinstance(row, dict) or (isinstance(row, list) and self._options.allow_arrays):
            self._rows.append(row)
            self._numbers.append(number)
            self._places.append(place)
        else:
            self._reject(place, number, RowError("not_an_object", f"expected object, got {KIND[type(row)]}"))

    def _exact(self, place: tuple[int, int], number: int, flag: int) -> None:
        start, end = place
        raw = self._lines.data[start:end]
        notes: Counter[str] = Counter()
        limits = self._options
        if len(raw) > limits.max_record_bytes:
            self._reject(place, number, RowError("too_long", too_long(len(raw), limits.max_record_bytes)))
            return
        if flag & TOO_DEEP:
            self._reject(place, number, RowError("too_deep", f"nested deeper than {limits.max_depth} levels"))
            return
        try:
            row = parse_exact(raw, notes)
        except RowError as error:
            if error.reason == "invalid_json" and b"\r" in raw.strip(b"\r"):
                self._split_at_carriage_returns(place, number)
            else:
                self._reject(place, number, error)
            return
        self._notes += notes
        self._accept(row, place, number)

    def _split_at_carriage_returns(self, place: tuple[int, int], number: int) -> None:
        """A raw CR cannot be inside a JSON string: rows with CR between them among rows with LF between them."""
        start, end = place
        for piece in self._lines.data[start:end].split(b"\r"):
            if piece.strip():
                self._notes["lone_cr"] += 1
                self._exact((start, start + len(piece)), number, 0)
            start += len(piece) + 1

    def _reject(self, place: tuple[int, int], number: int, error: RowError) -> None:
        start, end = place
        raw = self._lines.data[start:end].rstrip(b"\r")
        reason, detail = error.reason, error.detail
        if reason == "invalid_json" and self._cut_off and end == len(self._lines.data):
            reason, detail = "truncated_row", f"the file ends within this record: {detail}"
        self._rejects.append(reject_row(number, self._lines.at(start), reason, detail, raw))
