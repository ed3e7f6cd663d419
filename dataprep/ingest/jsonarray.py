"""JSON that is not one value a line: arrays, arrays wrapped in an object, pretty-printed or concatenated values.

A file is cut into values by a small resumable scan (`kernels.lines.split_values`) over windows of bytes, so that an
array of any size needs the memory of one block and one record; `json.load` of the whole file would need ten times the
file. Each value is then parsed as a line of JSON Lines would be, with the same checks and the same reasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from dataprep.errors import InputError
from dataprep.ingest.bytestream import ByteStream
from dataprep.ingest.jsonlayout import JsonLayout
from dataprep.ingest.jsonlines import JsonOptions, parse_spans
from dataprep.ingest.linecut import Lines
from dataprep.ingest.rows import RAW_LIMIT, Block, LongRow, ReadyBlock, Rows, reject_row
from dataprep.kernels.lines import CLOSED, DEPTH, START, STATE_SIZE, split_values

_SPANS_A_CALL = 65_536
_MAX_TAIL_BYTES = 1_000_000
"""The most that may follow the array of `{"data": [...], ...}`."""

Spans = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class JsonValuesBlock:
    """Some values of a JSON file, each with its place."""

    lines: Lines
    starts: Spans
    ends: Spans
    options: JsonOptions
    in_array: bool
    """The values are elements of an array, with commas between them."""
    cut_off: bool = False
    """The file ended within the last value."""

    def parse(self) -> Rows:
        """See `Block.parse`."""
        newlines = np.flatnonzero(np.frombuffer(self.lines.data, np.uint8) == 0x0A)
        numbers = (np.searchsorted(newlines, self.starts) + self.lines.first_line).tolist()
        rows = parse_spans(self.lines, self.starts, self.ends, numbers, self.options, cut_off=self.cut_off)
        if not self.in_array:
            gaps = zip((0, *self.ends.tolist()), (*self.starts.tolist(), len(self.lines.data)), strict=True)
            if commas := sum(self.lines.data.count(b",", end, start) for end, start in gaps):
                rows.notes["commas_between_values"] += commas
        return rows


def read_json_values(
    stream: ByteStream, layout: JsonLayout, options: JsonOptions, *, block_bytes: int, shown: str
) -> Iterator[Block]:
    """Blocks of a JSON file that is an array (bare or wrapped) or a sequence of values, in order.

    Raises:
        InputError: behind the array there are more rows, or a second list.
    """
    cutter = _ValueCutter(stream, layout, options, block_bytes)
    yield from cutter.blocks()
    if stream.broken is not None:
        return
    yield from cutter.tail(shown)


class _ValueCutter:
    """A window that moves over the stream. It starts with the value that is being read, if there is one."""

    def __init__(self, stream: ByteStream, layout: JsonLayout, options: JsonOptions, block_bytes: int) -> None:
        self._stream = stream
        self._layout = layout
        self._options = options
        self._block_bytes = block_bytes
        self._in_array = layout.kind != "values"
        self._state = np.array([0, 0, -1, 0], np.int64)
        assert len(self._state) == STATE_SIZE  # noqa: S101 - an invariant of two files, not a user's mistake
        self._found_starts = np.empty(_SPANS_A_CALL, np.int64)
        self._found_ends = np.empty(_SPANS_A_CALL, np.int64)
        self._window = b""
        self._position = 0  # where the scan goes on, in the window
        self._line = 1
        self._offset = stream.start

    def blocks(self) -> Iterator[Block]:
        self._skip_opening()
        while not self._state[CLOSED]:
            if self._position >= len(self._window):
                chunk = self._stream.read(self._block_bytes)
                if not chunk:
                    break
                self._window += chunk
            yield self._cut()
            if self._state[START] >= 0 and len(self._window) > self._options.max_record_bytes:
                rejected = self._measure_long_value()
                if rejected is None:
                    return
                yield rejected
        if not self._state[CLOSED] and self._stream.broken is None:
            yield from self._end_of_file()

    def _skip_opening(self) -> None:
        """Move behind the bracket that opens the array."""
        while len(self._window) < self._layout.start and (chunk := self._stream.read(self._block_bytes)):
            self._window += chunk
        self._move_to(self._layout.start)

    def _move_to(self, start: int) -> None:
        """Let the window begin at `start`."""
        self._line += self._window.count(b"\n", 0, start)
        self._offset += start
        self._window = self._window[start:]
        self._position = max(self._position - start, 0)
        if self._state[START] >= 0:
            self._state[START] -= start

    def _cut(self) -> Block:
        """A block of the values that end within the window."""
        codes = np.frombuffer(self._window, np.uint8)
        starts: list[Spans] = []
        ends: list[Spans] = []
        while self._position < len(codes) and not self._state[CLOSED]:
            found, self._position = split_values(
                codes, self._position, self._in_array, self._state, self._found_starts, self._found_ends
            )
            starts.append(self._found_starts[:found].copy())
            ends.append(self._found_ends[:found].copy())
        start = int(self._state[START])
        cut = start if start >= 0 else min(self._position, len(codes))
        lines = Lines(self._window[:cut], self._line, None if self._stream.transcoded else self._offset)
        block = JsonValuesBlock(lines, _joined(starts), _joined(ends), self._options, self._in_array)
        self._move_to(cut)
        return block

    def _measure_long_value(self) -> ReadyBlock | None:
        """Let a value over the limit pass by; None where the stream broke within it."""
        row = LongRow(line=self._line, byte_offset=None if self._stream.transcoded else self._offset)
        limit = self._options.max_record_bytes
        while True:
            row.feed(self._window)
            self._move_to(len(self._window))
            self._state[START] = 0
            self._window = self._stream.read(self._block_bytes)
            if not self._window:
                self._state[START] = -1
                if self._stream.broken is not None:
                    return None
                self._state[CLOSED] = 1  # the file ended within the value: nothing is left to say about its end
                return ReadyBlock(rejects=(row.finish(limit=limit),))
            codes = np.frombuffer(self._window, np.uint8)
            found, self._position = split_values(
                codes, self._position, self._in_array, self._state, self._found_starts[:1], self._found_ends[:1]
            )
            if found:
                end = int(self._found_ends[0])
                row.feed(memoryview(self._window)[:end])
                self._move_to(end)
                return ReadyBlock(rejects=(row.finish(limit=limit),))

    def _end_of_file(self) -> Iterator[Block]:
        """The file ended, and no bracket has closed the array or the last value."""
        offset = None if self._stream.transcoded else self._offset
        if self._state[START] >= 0:
            lines = Lines(self._window, self._line, offset)
            whole = np.array([0], np.int64), np.array([len(self._window)], np.int64)
            cut_off = self._in_array or bool(self._state[DEPTH] > 0)
            yield JsonValuesBlock(lines, *whole, self._options, self._in_array, cut_off)
        elif self._in_array:
            detail = "the array is never closed: the file seems to be cut off, and rows may be missing"
            yield ReadyBlock(rejects=(reject_row(self._line, offset, "truncated_row", detail, b""),))

    def tail(self, shown: str) -> Iterator[Block]:
        """What follows the closing bracket."""
        if not self._state[CLOSED]:
            return
        self._move_to(self._position)
        while not (rest := self._window.lstrip()):
            self._move_to(len(self._window))
            self._window = self._stream.read(self._block_bytes)
            if not self._window:
                return  # also where a wrapper lacks its closing brace: all rows were there
        self._move_to(len(self._window) - len(rest))
        while len(rest) <= _MAX_TAIL_BYTES and (chunk := self._stream.read(_MAX_TAIL_BYTES)):
            rest += chunk
        if self._stream.broken is not None:
            return
        if self._layout.kind == "wrapped" and (fields := _fields_of_tail(rest)) is not None:
            for key, value in fields.items():
                if isinstance(value, list | dict) and value:
                    message = f"holds more than one list or object of rows: {self._layout.key!a} and {key!a}"
                    raise InputError(message, file=shown, hint="write each list into a file of its own")
            ignored = len(fields) + self._layout.keys_before
            yield ReadyBlock(notes=(("wrapper_keys_ignored", ignored),) if ignored else ())
            return
        detail = "there is more data behind the end of the array"
        if len(rest) > RAW_LIMIT or b"\n" in rest.rstrip():  # it may be any number of rows
            hint = "keep one array a file, or write one object a line"
            raise InputError(detail, file=shown, line=self._line, hint=hint)
        offset = None if self._stream.transcoded else self._offset
        yield ReadyBlock(rejects=(reject_row(self._line, offset, "trailing_data", detail, rest.rstrip()),))


def _joined(parts: list[Spans]) -> Spans:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _fields_of_tail(tail: bytes) -> dict[str, Any] | None:
    """The keys behind the array in `{"data": [...], "version": 1}`; None where it is not the end of an object."""
    if len(tail) > _MAX_TAIL_BYTES:
        return None
    try:
        fields: dict[str, Any] = orjson.loads(b'{"":0' + tail)
    except orjson.JSONDecodeError:
        return None
    fields.pop("")
    return fields
