"""What a file is, and the reader that fits: the one place that knows all formats.

The content decides, never the name alone: magic bytes first, then what the first megabyte looks like, then the suffix
for what both leave open (plain text and CSV look alike). A file whose name promises something else is read as what it
is, and noted.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from dataprep.errors import InputError
from dataprep.ingest.bytestream import ByteStream, Compression, open_regular
from dataprep.ingest.columnar import (
    ARROW_FILE_MAGIC,
    ARROW_STREAM_MAGIC,
    PARQUET_MAGIC,
    MeasuredFile,
    read_arrow,
    read_parquet,
)
from dataprep.ingest.config import Format, IngestLimits, SourceConfig
from dataprep.ingest.csvdialect import DetectedDialect, detect_dialect
from dataprep.ingest.delimited import read_delimited
from dataprep.ingest.discover import data_suffix, displayable
from dataprep.ingest.jsonarray import read_json_values
from dataprep.ingest.jsonlayout import JsonLayout, detect_json_layout
from dataprep.ingest.jsonlines import JsonOptions, read_json_lines
from dataprep.ingest.linecut import Newline
from dataprep.ingest.plaintext import read_text
from dataprep.ingest.rows import Block, ReadyBlock

FileKind = Literal["json", "csv", "parquet", "arrow", "arrow_stream", "text", "empty"]

_HEAD_BYTES = 1_000_000
_JSON_SUFFIXES = frozenset((".jsonl", ".ndjson", ".json"))
_JSON_LINES_SUFFIXES = frozenset((".jsonl", ".ndjson"))
_CSV_SUFFIXES = frozenset((".csv", ".tsv", ".tab"))
_COLUMNAR_SUFFIXES = frozenset((".parquet", ".pq", ".arrow", ".feather", ".ipc"))
_KIND_OF_FORMAT: Final[dict[Format, tuple[FileKind, ...]]] = {
    "jsonl": ("json",),
    "json": ("json",),
    "csv": ("csv",),
    "tsv": ("csv",),
    "parquet": ("parquet",),
    "arrow": ("arrow", "arrow_stream"),
    "text": ("text",),
}
_FOREIGN_MAGIC: Final = (
    (b"PK\x03\x04", "a zip archive or an Excel or Word document", "unpack it, or save it as CSV"),
    (b"PK\x05\x06", "an empty zip archive", "unpack it"),
    (b"BZh", "bzip2", "decompress it: bunzip2 FILE"),
    (b"\xfd7zXZ\x00", "xz", "decompress it: unxz FILE"),
    (b"\x04\x22\x4d\x18", "lz4", "decompress it: unlz4 FILE"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"),
    (b"%PDF-", "PDF", "extract its text first"),
    (b"SQLite format 3\x00", "an SQLite database", "export its table as CSV"),
    (b"\x89PNG", "an image", "leave it out"),
    (b"\xff\xd8\xff", "an image", "leave it out"),
    (b"FEA1", "Feather version 1", "write it again with a recent library, as Feather 2 or Parquet"),
    (b"Obj\x01", "Avro", "convert it to Parquet"),
    (b"ORC", "ORC", "convert it to Parquet"),
)


@dataclass(frozen=True, slots=True)
class DetectedFormat:
    """What a file is."""

    kind: FileKind
    compression: Compression = "none"
    encoding: str = "utf-8"
    """Python's name of the text encoding; `utf-8` for formats that have none."""
    json: JsonLayout | None = None
    csv: DetectedDialect | None = None
    newline: Newline = b"\n"
    """For text: what ends a line."""
    notes: tuple[str, ...] = ()
    """`wrong_extension`, `empty_file`, `no_header`, …"""


def detect_format(
    path: Path, source: SourceConfig, *, limits: IngestLimits | None = None, shown: str | None = None
) -> DetectedFormat:
    """Find out what a file is, from its first megabyte.

    Args:
        path: the file.
        source: what the user has said about it (`format`, `encoding`, `csv`), which overrules what is found.
        limits: when compressed data counts as a bomb.
        shown: the file as the user named it, for errors.

    Raises:
        InputError: it cannot be opened, is of a kind that is not read, or contradicts what the user said.
    """
    shown = displayable(path) if shown is None else shown
    with ByteStream(path, shown=shown, limits=limits or IngestLimits(), encoding=source.encoding) as stream:
        head = stream.read(_HEAD_BYTES)
        complete = len(head) < _HEAD_BYTES and stream.broken is None
        found = _detect(head, complete, data_suffix(path.name), source, stream, shown)
    found = replace(found, compression=stream.compression, encoding=stream.encoding)
    if _contradicts(found, data_suffix(path.name)):
        found = replace(found, notes=(*found.notes, "wrong_extension"))
    return found


def open_blocks(
    path: Path,
    *,
    format: Format,  # noqa: A002 - the key of the pipeline file
    source: SourceConfig,
    limits: IngestLimits,
    block_bytes: int = 8_000_000,
    shown: str,
) -> FileBlocks:
    """The blocks of a file, in order. Cheap to iterate; the work is in each block's `parse`.

    Args:
        path: the file.
        format: its format, or `auto`.
        source: encoding and CSV options, and whether rows may be arrays.
        limits: what is too long, too deep, or a bomb.
        block_bytes: about how many bytes a block holds.
        shown: the file as the user named it, for errors.

    Raises:
        InputError: the file cannot be read or changed meanwhile. Where it is damaged, the blocks before the damage come
            first, and the error says how many good rows they hold.
    """
    if format != source.format:
        source = source.model_copy(update={"format": format})
    return FileBlocks(path, source, limits, block_bytes, shown)


class FileBlocks(Iterator[Block]):
    """The blocks of one file, and how far it has been read. See `open_blocks`."""

    def __init__(self, path: Path, source: SourceConfig, limits: IngestLimits, block_bytes: int, shown: str) -> None:
        self._path = path
        self._source = source
        self._limits = limits
        self._block_bytes = block_bytes
        self._shown = shown
        self._opened: ByteStream | MeasuredFile | None = None
        self._blocks = self._read()

    def __next__(self) -> Block:
        return next(self._blocks)

    @property
    def position(self) -> int:
        """Bytes of the file, as it is stored (compressed, that is), that have been read for the blocks so far."""
        return 0 if self._opened is None else self._opened.position

    def _read(self) -> Iterator[Block]:
        before = _fingerprint(self._path, self._shown)
        found = detect_format(self._path, self._source, limits=self._limits, shown=self._shown)
        if found.notes:
            yield ReadyBlock(notes=tuple((note, 1) for note in found.notes))
        if found.kind in ("parquet", "arrow", "arrow_stream"):
            with open_regular(self._path, self._shown) as file:
                self._opened = MeasuredFile(file)
                yield from self._columnar(self._opened, found.kind)
        else:
            with ByteStream(self._path, shown=self._shown, limits=self._limits) as stream:
                stream.refuse_bomb()
            broken = yield from self._text(found)
            if broken is not None:
                n_good = sum(len(block.parse().rows) for block in self._text(found))
                message = f"{broken} after {n_good} good rows"
                raise InputError(message, file=self._shown, hint="write or fetch the file again")
        if _fingerprint(self._path, self._shown) != before:
            hint = "run again once nothing writes to it"
            raise InputError("the file changed while it was read", file=self._shown, hint=hint)

    def _columnar(self, file: MeasuredFile, kind: FileKind) -> Iterator[Block]:
        if kind == "parquet":
            return read_parquet(file, block_bytes=self._block_bytes, limits=self._limits, shown=self._shown)
        return read_arrow(
            file,
            stream=kind == "arrow_stream",
            block_bytes=self._block_bytes,
            limits=self._limits,
            shown=self._shown,
        )

    def _text(self, found: DetectedFormat) -> Generator[Block, None, str | None]:
        """The blocks of a file that is no columnar one; returns why it ended before its end, if it did."""
        limits, block_bytes, max_bytes = self._limits, self._block_bytes, self._limits.max_record_bytes
        with ByteStream(self._path, shown=self._shown, limits=limits, encoding=self._source.encoding) as stream:
            self._opened = stream
            if found.json is not None:
                arrays = found.json.arrays or self._source.shape == "text_label_pair"
                options = JsonOptions(max_bytes, limits.max_depth, arrays)
                if found.json.kind == "lines":
                    yield from read_json_lines(stream, options, block_bytes=block_bytes, newline=found.json.newline)
                else:
                    yield from read_json_values(stream, found.json, options, block_bytes=block_bytes, shown=self._shown)
            elif found.csv is not None:
                dialect = found.csv.dialect
                yield from read_delimited(stream, dialect, block_bytes=block_bytes, max_record_bytes=max_bytes)
            else:
                yield from read_text(stream, block_bytes=block_bytes, max_record_bytes=max_bytes, newline=found.newline)
            if stream.notes:
                yield ReadyBlock(notes=tuple(sorted(stream.notes.items())))
            return stream.broken


def _fingerprint(path: Path, shown: str) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        message = f"the file cannot be found (any more): {error.strerror}"
        raise InputError(message, file=shown, hint="check the path") from None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _detect(
    head: bytes, complete: bool, suffix: str, source: SourceConfig, stream: ByteStream, shown: str
) -> DetectedFormat:
    """The format of a file by its first bytes; compression and encoding are filled in by the caller."""
    wanted = source.format
    if not head:
        if stream.broken is None and (suffix in _COLUMNAR_SUFFIXES or wanted in ("parquet", "arrow")):
            raise InputError("the file is empty (0 bytes)", file=shown, hint="write or fetch the file again")
        return DetectedFormat("empty", notes=() if stream.broken else ("empty_file",))
    by_magic = _columnar_kind(head)
    if by_magic is not None and stream.compression != "none":
        message = f"{by_magic} inside {stream.compression} cannot be read in parts"
        raise InputError(message, file=shown, hint="decompress it first; such files are compressed inside")
    if wanted != "auto" and by_magic not in (None, *_KIND_OF_FORMAT[wanted]):
        message = f"looks like {by_magic}, but `format` says {wanted}"
        raise InputError(message, file=shown, key="format", hint="leave `format` out")
    if by_magic is not None:
        return DetectedFormat(by_magic)
    if wanted in ("parquet", "arrow"):
        message = f"not a {wanted} file: it starts with {head[:8]!r}"
        raise InputError(message, file=shown, key="format", hint="leave `format` out, or fetch the file again")
    _refuse_binary(head, suffix, shown)
    newline: Newline = b"\r" if b"\n" not in head and b"\r" in head.rstrip(b"\r") else b"\n"
    return _detect_text(head, complete, suffix, source, newline, shown)


def _detect_text(
    head: bytes, complete: bool, suffix: str, source: SourceConfig, newline: Newline, shown: str
) -> DetectedFormat:
    wanted = source.format
    notes = ("cr_line_ends",) if newline == b"\r" else ()
    named_json = suffix in _JSON_SUFFIXES or wanted in ("json", "jsonl")
    if wanted in ("json", "jsonl") or (wanted == "auto" and (named_json or head.lstrip()[:1] in (b"{", b"["))):
        lines_expected = wanted == "jsonl" or (wanted == "auto" and suffix in _JSON_LINES_SUFFIXES)
        layout = detect_json_layout(
            head, complete=complete, named_json=named_json, lines_expected=lines_expected, shown=shown
        )
        if layout is not None:
            return DetectedFormat("json", json=layout, notes=notes)
        if named_json and head.strip():
            raise InputError(
                "named as JSON, but no line of it is",
                file=shown,
                key="format",
                hint="if it is another format, set it: format: csv, or format: text",
            )
    if wanted in ("csv", "tsv") or (wanted == "auto" and suffix in _CSV_SUFFIXES and head.strip()):
        tab_expected = wanted == "tsv" or suffix in (".tsv", ".tab")
        dialect = detect_dialect(head, complete=complete, options=source.csv, tab_expected=tab_expected, shown=shown)
        return DetectedFormat("csv", csv=dialect, newline=newline, notes=(*notes, *dialect.notes))
    if wanted == "auto" and suffix in _COLUMNAR_SUFFIXES:
        message = f"named as {suffix[1:]}, but holds text"
        raise InputError(message, file=shown, key="format", hint="set what it is: format: csv, or format: text")
    return DetectedFormat("text", newline=newline, notes=notes)


def _columnar_kind(head: bytes) -> FileKind | None:
    if head.startswith(PARQUET_MAGIC):
        return "parquet"
    if head.startswith(ARROW_FILE_MAGIC):
        return "arrow"
    return "arrow_stream" if head.startswith(ARROW_STREAM_MAGIC) else None


_TEXT_CONTROLS: Final = b"\t\n\x0b\x0c\r\x1b\x1c\x1d\x1e\x1f"
_CONTROLS: Final = bytes(code for code in (*range(1, 32), 127) if code not in _TEXT_CONTROLS)
_BINARY_SHARE = 0.05
"""Share of control characters above which bytes are no text; text with stray NULs stays far below."""
_FEW_CONTROLS = 16
"""As many are let pass in a file of any size."""


def _refuse_binary(head: bytes, suffix: str, shown: str) -> None:
    """Raise for what is no text: formats that are not read, UTF-16 that does not say so, noise."""
    sample = head[:65_536]
    n_nul = sample.count(0)
    n_controls = len(sample) - len(sample.translate(None, _CONTROLS))
    foreign = next((known for known in _FOREIGN_MAGIC if head.startswith(known[0])), None)
    if foreign is not None and (n_nul + n_controls or len(sample) - len(sample.decode("utf-8", "ignore").encode())):
        raise InputError(f"looks like {foreign[1]}", file=shown, hint=foreign[2])
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if 0.3 * len(sample) < n_nul < 0.8 * len(sample) and (even == 0 or odd == 0):
        guess = "utf-16-le" if even == 0 else "utf-16-be"
        message = "looks like UTF-16 without a byte-order mark"
        raise InputError(message, file=shown, key="encoding", hint=f"set encoding: {guess}")
    if n_nul + n_controls > max(_BINARY_SHARE * len(sample), _FEW_CONTROLS):
        what = f"not a readable {suffix[1:]} file" if suffix in _COLUMNAR_SUFFIXES else "binary data, not text"
        message = f"{what}: it starts with {head[:8]!r}"
        raise InputError(message, file=shown, hint="it may be damaged or of a format that is not read")


def _contradicts(found: DetectedFormat, suffix: str) -> bool:
    """Whether a file is something else than its suffix says."""
    if found.kind == "empty":
        return False
    suffixes: dict[str, frozenset[str]] = {
        "json": _JSON_SUFFIXES,
        "csv": _CSV_SUFFIXES,
        "parquet": frozenset((".parquet", ".pq")),
        "arrow": frozenset((".arrow", ".feather", ".ipc")),
        "arrow_stream": frozenset((".arrow", ".feather", ".ipc")),
        "text": frozenset((".txt",)),
    }
    promised = [kind for kind, some in suffixes.items() if suffix in some]
    return bool(promised) and found.kind not in promised
