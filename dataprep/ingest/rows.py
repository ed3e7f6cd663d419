"""What readers hand on: blocks of bytes that parse into rows and rejects.

Reading is cut in two so that it can use several cores and stay in order: a reader walks through the file, makes
blocks and does nothing else; `Block.parse` is pure and may run in any thread. Rows in the file = rows + rejects, and
whatever was normalised on the way is counted in `notes`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Protocol, runtime_checkable

import orjson

from dataprep.ingest.rowtexts import RowTexts, TextKeys

RAW_LIMIT: Final = 64 * 1024
"""Bytes of a rejected row that are kept."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not become a record."""

    line: int
    """1-based line of the row's first byte; the row number in columnar files."""
    byte_offset: int | None
    """Where the row starts in the file after decompression; None for columnar and transcoded files."""
    reason: str
    """A stable name, such as `invalid_json`."""
    detail: str
    """What is wrong, for people."""
    raw: bytes
    """The first RAW_LIMIT bytes of the row, without its line end."""
    length: int
    """Length of the whole row in bytes."""
    digest: str
    """SHA-256 of the whole row, in hex."""


class RowError(Exception):
    """A row that cannot be read or cannot become a record; it goes to the rejects, and the run goes on.

    Args:
        reason: stable snake_case name, such as `wrong_kind`.
        detail: one sentence for people; everything from the data in it is quoted and escaped.
        column: the column concerned, where there is one.

    >>> error = RowError("no_turns", "the conversation in column 'messages' is empty", column="messages")
    >>> error.reason, str(error)
    ('no_turns', "the conversation in column 'messages' is empty")
    """

    def __init__(self, reason: str, detail: str, *, column: str | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.column = column


def reject_row(line: int, byte_offset: int | None, reason: str, detail: str, raw: bytes) -> Reject:
    """A reject for a row whose bytes are at hand.

    >>> reject_row(3, 120, "invalid_json", "expected a value", b"oops").length
    4
    """
    return Reject(line, byte_offset, reason, detail, raw[:RAW_LIMIT], len(raw), sha256(raw).hexdigest())


class LongRow:
    """A row over the size limit, measured while its bytes pass by: memory stays at RAW_LIMIT, not the row's length.

    >>> row = LongRow(line=7, byte_offset=0)
    >>> row.feed(b"x" * 100_000); row.feed(b"x" * 100_000)
    >>> rejected = row.finish(limit=150_000)
    >>> rejected.length, len(rejected.raw), rejected.detail
    (200000, 65536, 'record of 200000 bytes over the limit of 150000')
    """

    def __init__(self, *, line: int, byte_offset: int | None) -> None:
        self.line = line
        self.byte_offset = byte_offset
        self.newlines = 0
        """Line breaks among the bytes so far, for the line number of what follows."""
        self._head = bytearray()
        self._length = 0
        self._digest = sha256()

    def feed(self, data: bytes | memoryview) -> None:
        """Take the row's next bytes."""
        if len(self._head) < RAW_LIMIT:
            self._head += data[: RAW_LIMIT - len(self._head)]
        self.newlines += bytes(data).count(b"\n")
        self._length += len(data)
        self._digest.update(data)

    def finish(self, *, limit: int) -> Reject:
        """The row as a reject. `limit` in bytes, as the user set it."""
        return self.finish_as("too_long", too_long(self._length, limit))

    def finish_as(self, reason: str, detail: str) -> Reject:
        """The row as a reject for another reason than its length."""
        digest = self._digest.hexdigest()
        return Reject(self.line, self.byte_offset, reason, detail, bytes(self._head), self._length, digest)


def too_long(length: int, limit: int) -> str:
    """What to say about a row over the limit; both in bytes."""
    return f"record of {length} bytes over the limit of {limit}"


def _no_raw(_: int) -> tuple[int | None, bytes]:
    return None, b""


@dataclass(slots=True)
class Rows:
    """One parsed block: rows in file order with their places, and what was refused or normalised beside them."""

    rows: list[Any] = field(default_factory=list)
    """JSON-like values, mostly dicts; lists where the source may hold `[text, label]` rows. Of a row that was taken
    apart, what is left of it."""
    lines: list[int] = field(default_factory=list)
    """1-based line (row number in columnar files) of each row."""
    raw: Callable[[int], tuple[int | None, bytes]] = _no_raw
    """Byte offset and bytes of row i, for rejects that are found later."""
    rejects: list[Reject] = field(default_factory=list)
    """Rows that could not be read, in file order."""
    notes: Counter[str] = field(default_factory=Counter)
    """What was normalised, counted: `crlf`, `blank_lines`, `nul_removed`, `bom_removed`, …"""
    texts: RowTexts | None = None
    """The texts of the rows that were taken apart, where the block was asked for that."""

    def whole(self, index: int) -> Any:
        """Row i, whether or not it was taken apart."""
        apart = self.texts is not None and index in self.texts
        return orjson.loads(self.raw(index)[1]) if apart else self.rows[index]


class Block(Protocol):
    """A part of a file that is parsed on its own. Holds its bytes."""

    def parse(self) -> Rows:
        """Read the rows. Pure: the same block always gives the same rows, in any thread."""
        ...


@runtime_checkable
class TextBlock(Block, Protocol):
    """A block that can leave texts out of Python's way."""

    def parse_apart(self, keys: TextKeys) -> Rows:
        """The same rows, rejects and notes as `parse`, with ordinary rows taken apart: see `Rows.texts`."""
        ...


def parse_block(block: Block, keys: TextKeys | None) -> Rows:
    """The rows of a block, taken apart where there are keys to look for and the block can do that."""
    return block.parse_apart(keys) if keys is not None and isinstance(block, TextBlock) else block.parse()


@dataclass(frozen=True, slots=True)
class ReadyBlock:
    """What the reader itself already knows: rejects of rows too long to keep, notes about the file."""

    rejects: tuple[Reject, ...] = ()
    notes: tuple[tuple[str, int], ...] = ()

    def parse(self) -> Rows:
        """Only rejects and notes; no rows."""
        return Rows(rejects=list(self.rejects), notes=Counter(dict(self.notes)))
