"""Tables on the way out: for a person at a terminal, for a file, for a program."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Literal

from dataprep.errors import InputError

if TYPE_CHECKING:
    import polars as pl

TableFormat = Literal["table", "csv", "json", "parquet"]

_DEFAULT_WIDTH = 100


def terminal_width() -> int | None:
    """Columns of the terminal; None where output goes to a file or another program, which gets everything in full."""
    return get_terminal_size((_DEFAULT_WIDTH, 24)).columns if sys.stdout.isatty() else None


def reading_width() -> int:
    """Columns to wrap prose at: the terminal's, at most 120 for the eye's sake, 100 in a file."""
    return min(terminal_width() or _DEFAULT_WIDTH, 120)


def write_lines(lines: list[str]) -> None:
    """Lines to standard output; what cannot be encoded there is escaped."""
    write_text("".join(f"{line}\n" for line in lines))


def write_text(text: str) -> None:
    """Text to standard output as UTF-8, whatever the locale says."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", errors="backslashreplace"))
    sys.stdout.buffer.flush()


def write_json(value: Any) -> None:
    """A value as one JSON document, with the exact text that tables only show."""
    import orjson

    from dataprep.console import plain

    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    write_text(orjson.dumps(value, default=plain, option=options).decode())


def write_frame(frame: pl.DataFrame, file_format: TableFormat, output: Path | None = None) -> None:
    """A table in the format asked for, to a file or to standard output."""
    if output is not None:
        if output.exists():
            raise InputError("this file is there already", file=str(output), hint="name another file")
        output.write_bytes(_as_bytes(frame, "csv" if file_format == "table" else file_format))
    elif file_format == "json":
        write_json(frame.to_dicts())
    elif file_format == "table":
        from dataprep.console import table

        lines = table(frame.columns, frame.rows(), width=terminal_width()) if frame.width else []
        write_lines([*lines, *([] if frame.height else ["(no rows)"])])
    elif file_format == "parquet" and sys.stdout.isatty():
        raise InputError("Parquet is not for a terminal", key="--format", hint="add -o FILE.parquet")
    else:
        sys.stdout.buffer.write(_as_bytes(frame, file_format))
        sys.stdout.buffer.flush()


def _as_bytes(frame: pl.DataFrame, file_format: TableFormat) -> bytes:
    import io

    import orjson

    from dataprep.console import plain
    from dataprep.export import write_csv

    if file_format == "parquet":
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        return buffer.getvalue()
    if file_format == "json":
        return orjson.dumps(frame.to_dicts(), default=plain, option=orjson.OPT_APPEND_NEWLINE)
    text = io.StringIO(newline="")
    rows = ([_flat(value) for value in row] for row in frame.iter_rows())
    write_csv(frame.columns, rows, text)
    return text.getvalue().encode("utf-8", errors="backslashreplace")


def _flat(value: Any) -> Any:
    import orjson

    from dataprep.console import plain

    if isinstance(value, list | dict):
        return orjson.dumps(value, default=plain).decode()
    return plain(value) if isinstance(value, bytes) else value
