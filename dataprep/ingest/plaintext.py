"""Plain text: one record a line. Paragraphs are not guessed: a blank line is only a blank line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from dataprep.ingest.bytestream import ByteStream
from dataprep.ingest.jsonvalue import describe_undecodable
from dataprep.ingest.linecut import Lines, Newline, count_crlf, cut_lines
from dataprep.ingest.rows import Block, Reject, Rows, reject_row, too_long


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Some lines of a text file."""

    lines: Lines
    max_record_bytes: int

    def parse(self) -> Rows:
        """One row `{"text": line}` for each line that is not blank. See `Block.parse`.

        >>> TextBlock(Lines(b"one\\r\\n\\ntwo", 1, 0), 100).parse().rows
        [{'text': 'one'}, {'text': 'two'}]
        """
        rows: list[dict[str, str]] = []
        numbers: list[int] = []
        offsets: list[int] = []
        rejects: list[Reject] = []
        notes: Counter[str] = Counter()
        lines = self.lines.data.split(b"\n")
        if not lines[-1]:
            lines.pop()  # behind the last line end there is no line
        offset = 0
        for number, line in enumerate(lines, self.lines.first_line):
            raw = line.rstrip(b"\r")
            place = self.lines.at(offset)
            if len(raw) > self.max_record_bytes:
                detail = too_long(len(raw), self.max_record_bytes)
                rejects.append(reject_row(number, place, "too_long", detail, raw))
            else:
                try:
                    text = raw.decode()
                except UnicodeDecodeError as error:
                    detail = describe_undecodable(error)
                    rejects.append(reject_row(number, place, "invalid_utf8", detail, raw))
                else:
                    if nuls := text.count("\0"):
                        text = text.replace("\0", "")
                        notes["nul_removed"] += nuls
                    if text and not text.isspace():
                        rows.append({"text": text})
                        numbers.append(number)
                        offsets.append(offset)
                    else:
                        notes["blank_lines"] += 1
            offset += len(line) + 1
        count_crlf(self.lines.data, notes)

        def raw_of(index: int) -> tuple[int | None, bytes]:
            start = offsets[index]
            end = self.lines.data.find(b"\n", start)
            raw = self.lines.data[start:] if end < 0 else self.lines.data[start:end]
            return self.lines.at(start), raw.rstrip(b"\r")

        return Rows(rows, numbers, raw_of, rejects, notes)


def read_text(
    stream: ByteStream, *, block_bytes: int, max_record_bytes: int, newline: Newline = b"\n"
) -> Iterator[Block]:
    """Blocks of a text file, in order."""
    for lines in cut_lines(stream, block_bytes=block_bytes, max_record_bytes=max_record_bytes, newline=newline):
        yield TextBlock(lines, max_record_bytes) if isinstance(lines, Lines) else lines
