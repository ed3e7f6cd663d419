"""A file as one stream of UTF-8 bytes: compression, encoding and size guards live here and nowhere else.

`ByteStream.read` gives plain UTF-8 whatever the file is: gzip (several members, zero padding), zstd (several frames),
UTF-16/32 or a declared encoding. What cannot be decoded is not replaced: it comes out as bytes that are no UTF-8, so
that the one row it belongs to is refused by whoever reads rows. A stream that ends early or is damaged gives all bytes
before the damage first, then says so in `broken`; a decompression bomb raises at once.

Memory is a few buffers of the size asked for. Decompression and decoding run without the interpreter lock on the
large part of their work.
"""

from __future__ import annotations

import codecs
import io
import os
import stat
import zlib
from collections import Counter
from pathlib import Path
from typing import Final, Literal, Protocol

import pyarrow as pa

from dataprep.errors import InputError
from dataprep.ingest.config import IngestLimits

Compression = Literal["none", "gzip", "zstd"]

_CHUNK = 256 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after one byte 0x50..0x5f
_ZSTD_STEP = 64 * 1024
_BOMB_PROBE_BYTES = 16_000_000
_BOMB_SUSPICION = 50
"""Growth at which the rest of a file is looked at; text grows 3 to 20 times."""

BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def open_regular(path: Path, shown: str) -> io.FileIO:
    """Open a file for reading, unbuffered, never waiting for another process as opening a FIFO would.

    Raises:
        InputError: it is absent, unreadable or not a regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise InputError("the file does not exist (any more)", file=shown, hint="check the path") from None
    except PermissionError:
        raise InputError("no permission to read it", file=shown, hint="change its permissions") from None
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror}", file=shown) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError("not a regular file", file=shown, hint="name a file that holds data")
    return io.FileIO(descriptor)


def detect_compression(head: bytes) -> Compression:
    """Which compression a file's first bytes announce.

    >>> detect_compression(bytes.fromhex("1f8b0800")), detect_compression(b'{"a": 1}')
    ('gzip', 'none')
    """
    if head.startswith(_GZIP_MAGIC):
        return "gzip"
    if head.startswith(_ZSTD_MAGIC) or (head[1:4] == _ZSTD_SKIPPABLE and head[0] >> 4 == 5):
        return "zstd"
    return "none"


def check_encoding(name: str, shown: str) -> str:
    """The canonical name of a declared text encoding.

    Raises:
        InputError: there is no such encoding, or it does not turn bytes into text.
    """
    try:
        b"a".decode(name, "ignore")  # of no bytes at all, every encoding makes text
        canonical = codecs.lookup(name).name
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        message = f"there is no text encoding named {name!a}"
        hint = "use a name such as utf-8, cp1252, latin-1, utf-16 or shift_jis"
        raise InputError(message, file=shown, key="encoding", hint=hint) from None
    return "utf-8" if canonical == "utf-8-sig" else canonical


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    """Stand-ins for bytes that mean nothing in the declared encoding: lone surrogates, which are no UTF-8 either."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


_MARK: Final = "dataprep.mark_undecodable"
codecs.register_error(_MARK, _mark_undecodable)


class _Source(Protocol):
    """Decompressed bytes of a file."""

    consumed: int
    """Compressed bytes read so far."""
    broken: str | None
    """Why the stream ended before its end, once it has."""

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; empty at the end."""
        ...


class _PlainSource:
    def __init__(self, file: io.FileIO) -> None:
        self.consumed = 0
        self.broken: str | None = None
        self._file = file

    def read(self, size: int) -> bytes:
        data = self._file.read(size) or b""
        self.consumed += len(data)
        return data


class _GzipSource:
    """Members one after the other, as gzip itself reads them (RFC 1952), with zero padding behind the last."""

    def __init__(self, file: io.FileIO, notes: Counter[str]) -> None:
        self.consumed = 0
        self.broken: str | None = None
        self._file = file
        self._notes = notes
        self._decoder = zlib.decompressobj(wbits=31)
        self._pending = b""  # compressed bytes not yet taken by the decoder

    def read(self, size: int) -> bytes:
        while self.broken is None:
            if self._decoder.eof and not self._next_member():
                break
            self._pending = self._pending or self._more()
            at_end = not self._pending
            if data := self._decompress(size):
                return data
            if at_end and not self._decoder.eof:
                self.broken = "gzip ended early"
        return b""

    def _decompress(self, size: int) -> bytes:
        compressed, before = self._pending, self._decoder.copy()
        try:
            data = self._decoder.decompress(compressed, size)
        except zlib.error:
            self.broken = "gzip is damaged"
            return _until_damage(before, compressed)
        self._pending = self._decoder.unused_data if self._decoder.eof else self._decoder.unconsumed_tail
        return data

    def _next_member(self) -> bool:
        """Whether another member follows the one that has ended; if so it is made the current one."""
        self._pending = self._pending or self._more()
        if self._pending.startswith(b"\0"):
            self._notes["trailing_gzip_padding"] += 1
            while self._pending and not self._pending.strip(b"\0"):
                self._pending = self._more()
            self._pending = self._pending.lstrip(b"\0")
        if len(self._pending) == 1:
            self._pending += self._more()
        if not self._pending:
            return False
        if not self._pending.startswith(_GZIP_MAGIC):
            self.broken = "gzip data is followed by bytes that are no gzip"
            return False
        self._decoder = zlib.decompressobj(wbits=31)
        return True

    def _more(self) -> bytes:
        data = self._file.read(_CHUNK) or b""
        self.consumed += len(data)
        return data


def _until_damage(decoder: zlib._Decompress, compressed: bytes) -> bytes:
    """What can be had from a damaged gzip chunk, up to the very byte: a failing call gives back none of its output."""
    good = bytearray()
    try:
        for index in range(len(compressed)):
            good += decoder.decompress(compressed[index : index + 1])
    except zlib.error:
        return bytes(good)
    return bytes(good)


class _ZstdSource:
    """Frames one after the other, through Arrow's decoder.

    A read that fails gives back none of the bytes it had already decompressed. So after a failure the file is gone
    through again, byte by byte over the last stretch.
    """

    def __init__(self, file: io.FileIO) -> None:
        self.consumed = 0
        self.broken: str | None = None
        self._file = file
        self._stream = self._open()
        self._given = 0
        self._step = _ZSTD_STEP

    def read(self, size: int) -> bytes:
        if self.broken is not None:
            return b""
        try:
            data: bytes = self._stream.read(min(size, self._step))
        except OSError as error:
            if self._step == 1:
                truncated = "truncated" in str(error).lower()
                self.broken = "zstd ended early" if truncated else "zstd data is damaged"
                return b""
            self._stream = self._open()
            self._step = 1
            skipped = 0
            while skipped < self._given:
                skipped += len(self._stream.read(min(self._given - skipped, _ZSTD_STEP)))
            return self.read(size)
        self._given += len(data)
        self.consumed = self._file.tell()
        return data

    def _open(self) -> pa.NativeFile:
        self._file.seek(0)
        shared = io.FileIO(self._file.fileno(), closefd=False)  # Arrow closes what it has read from
        return pa.CompressedInputStream(pa.PythonFile(shared, mode="r"), "zstd")


class ByteStream:
    """A file's content as UTF-8 bytes, read once from start to end.

    Args:
        path: the file, plain or compressed; the first bytes decide, never the name.
        shown: the file as the user named it, for errors.
        encoding: the declared encoding; a byte-order mark overrules it.
        limits: when growth counts as a decompression bomb.

    >>> import gzip, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.jsonl")
    ...     _ = path.write_bytes(gzip.compress(codecs.BOM_UTF8 + b'{"a": 1}'))
    ...     with ByteStream(path, shown="a.jsonl", limits=IngestLimits()) as stream:
    ...         stream.read(100), stream.start, dict(stream.notes)
    (b'{"a": 1}', 3, {'bom_removed': 1})
    """

    def __init__(self, path: Path, *, shown: str, limits: IngestLimits, encoding: str | None = None) -> None:
        self.notes: Counter[str] = Counter()
        """What was normalised so far."""
        self._shown = shown
        self._limits = limits
        declared = check_encoding(encoding, shown) if encoding else "utf-8"
        self._file = open_regular(path, shown)
        head = self._file.read(4) or b""
        self._file.seek(0)
        self.compression: Compression = detect_compression(head)
        self._source: _Source
        if self.compression == "gzip":
            self._source = _GzipSource(self._file, self.notes)
        elif self.compression == "zstd":
            self._source = _ZstdSource(self._file)
        else:
            self._source = _PlainSource(self._file)
        self._produced = 0
        self._held = self._take(4)
        mark, by_mark = next(((m, e) for m, e in BYTE_ORDER_MARKS if self._held.startswith(m)), (b"", None))
        self.encoding: str = by_mark or declared
        """Python's name of the encoding."""
        self.start: int = len(mark) if self.encoding == "utf-8" else 0
        """Offset of the first byte that `read` gives (after a byte-order mark)."""
        self._decoder: codecs.IncrementalDecoder | None = None
        if self.encoding != "utf-8":
            self._decoder = codecs.getincrementaldecoder(self.encoding)(_MARK)
            self.notes[f"{self.encoding.replace('-', '').replace('_', '')}_decoded"] += 1
        if mark:
            self._held = self._held[self.start :]
            self.notes["bom_removed"] += 1

    def __enter__(self) -> ByteStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def broken(self) -> str | None:
        """Why the stream ended before its end ("gzip ended early"); None while it is sound."""
        return self._source.broken

    @property
    def position(self) -> int:
        """Bytes of the file, as it is stored, that have been read so far."""
        return self._source.consumed

    @property
    def transcoded(self) -> bool:
        """Whether the bytes differ from the file's (after decompression), so that offsets mean nothing."""
        return self._decoder is not None

    def read(self, size: int) -> bytes:
        """The next bytes, about `size` at most; empty at the end or where the stream broke.

        Raises:
            InputError: the file grows like a decompression bomb.
        """
        if self._decoder is None:
            return self._raw(size)
        while raw := self._raw(size):
            if text := self._decoder.decode(raw):
                return text.encode("utf-8", "surrogatepass")
        if self.broken is not None:
            return b""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest.encode("utf-8", "surrogatepass")

    def refuse_bomb(self) -> None:
        """Go through a file that grows suspiciously and hand out nothing; the stream is used up afterwards.

        Decompressing alone finds a bomb in a second or two, turning a gigabyte of it into rows first would take
        minutes. Ordinary files, which grow less than fiftyfold, are left after 16 MB (0.05 s).

        Raises:
            InputError: the file is a decompression bomb.
        """
        if self.compression == "none":
            return
        while self._take(_BOMB_PROBE_BYTES):
            if self._produced < _BOMB_SUSPICION * self._source.consumed:
                return

    def _raw(self, size: int) -> bytes:
        held, self._held = self._held, b""
        return held + self._take(size - len(held)) if held else self._take(size)

    def _take(self, size: int) -> bytes:
        """As much as was asked for, but for the end: small blocks would cost their reader dear."""
        parts: list[bytes] = []
        while size > 0 and (data := self._source.read(size)):
            parts.append(data)
            size -= len(data)
            self._produced += len(data)
            if self.compression != "none":
                check_expansion(self._produced, self._source.consumed, self._limits, self._shown)
        return b"".join(parts)


def check_expansion(expanded_bytes: int, stored_bytes: int, limits: IngestLimits, shown: str) -> None:
    """Refuse a decompression bomb: data that grows beyond both limits.

    Raises:
        InputError: it does.
    """
    if expanded_bytes > limits.max_expanded_bytes and expanded_bytes > limits.max_expansion * max(stored_bytes, 1):
        raise InputError(
            f"grows to more than {limits.max_expansion} times its size and {limits.max_expanded_bytes} bytes "
            "when decompressed; it looks like a decompression bomb",
            file=shown,
            hint="if it is genuine, raise limits.max_expanded_bytes or limits.max_expansion",
        )
