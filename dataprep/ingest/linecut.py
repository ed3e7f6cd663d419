"""Cuts a byte stream into blocks of whole lines, for the formats where a line end always ends a row.

A line ends at LF only (or, in files of the old Macintosh kind, at CR only): U+2028, U+0085 and the other line breaks
of Unicode are data, so `splitlines` is never used. A line over the limit passes by in pieces and is only measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from dataprep.ingest.bytestream import ByteStream
from dataprep.ingest.rows import LongRow, ReadyBlock

Newline = Literal[b"\n", b"\r"]


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines, LF between them; the file's last line may lack its end."""

    data: bytes
    first_line: int
    """1-based number of the first line."""
    offset: int | None
    """Where `data` starts in the decompressed file; None where it was transcoded."""

    def spans(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """First byte of each line, and the byte after its last (its line end not included).

        >>> starts, ends = Lines(b"ab\\n\\nc", 1, 0).spans()
        >>> starts.tolist(), ends.tolist()
        ([0, 3, 4], [2, 3, 5])
        """
        ends = np.flatnonzero(np.frombuffer(self.data, np.uint8) == 0x0A)
        if not self.data.endswith(b"\n"):
            ends = np.append(ends, len(self.data))
        starts = np.empty_like(ends)
        starts[:1] = 0
        starts[1:] = ends[:-1] + 1
        return starts, ends

    @property
    def unterminated(self) -> bool:
        """Whether the last line has no line end, as when a writer was cut off."""
        return not self.data.endswith(b"\n")

    def at(self, position: int) -> int | None:
        """Offset in the file of a position in `data`."""
        return None if self.offset is None else self.offset + position


def count_crlf(data: bytes, notes: Counter[str]) -> None:
    """Count line ends of the CRLF kind; the CR belongs to the line end, never to the row."""
    if b"\r" in data and (crlf := data.count(b"\r\n")):  # a search for one byte is ten times as fast as for two
        notes["crlf"] += crlf


def cut_lines(
    stream: ByteStream, *, block_bytes: int, max_record_bytes: int, newline: Newline = b"\n"
) -> Iterator[Lines | ReadyBlock]:
    """Blocks of about `block_bytes`, in file order. Memory: one block and one record at most.

    Where the stream breaks, the line that was being read is left out: it is not known whole.
    """
    kept: list[bytes] = []
    kept_bytes, line, offset = 0, 1, stream.start
    returned = b""
    while chunk := returned or stream.read(block_bytes):
        returned = b""
        if newline == b"\r":
            chunk = chunk.replace(b"\r", b"\n")  # a raw CR cannot be inside a JSON string, and ends a text line
        cut = chunk.rfind(b"\n") + 1
        if cut:
            data = b"".join((*kept, chunk[:cut]))
            yield Lines(data, line, None if stream.transcoded else offset)
            line += data.count(b"\n")
            offset += len(data)
            kept, kept_bytes = ([chunk[cut:]], len(chunk) - cut) if cut < len(chunk) else ([], 0)
        else:
            kept.append(chunk)
            kept_bytes += len(chunk)
        if kept_bytes > max_record_bytes:
            row = LongRow(line=line, byte_offset=None if stream.transcoded else offset)
            for piece in kept:
                row.feed(piece)
            returned = _skip_line(stream, row, block_bytes, newline)
            if stream.broken is not None:
                return
            rejected = row.finish(limit=max_record_bytes)
            yield ReadyBlock(rejects=(rejected,))
            line += 1
            offset += rejected.length + 1
            kept, kept_bytes = [], 0
    if kept and stream.broken is None:
        yield Lines(b"".join(kept), line, None if stream.transcoded else offset)


def _skip_line(stream: ByteStream, row: LongRow, size: int, newline: Newline) -> bytes:
    """Feed the rest of a line to `row`; returns what was read beyond its end."""
    while chunk := stream.read(size):
        end = chunk.find(newline)
        if end >= 0:
            row.feed(memoryview(chunk)[:end])
            return chunk[end + 1 :]
        row.feed(chunk)
    return b""
