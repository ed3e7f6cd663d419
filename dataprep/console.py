"""Text of unknown origin on a terminal: visible, harmless, aligned.

Everything a dataset holds may try to drive the terminal (escape sequences), to look like something else (direction
overrides, invisible characters) or to take forever (100,000 accents on one letter). `printable` shows such characters
as escapes; the machine-readable outputs (`--json`, Parquet) carry the exact text instead.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

_INVISIBLE: Final = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and line feed, DEL, C1
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, joiners and fillers
    "\u200b-\u200f\u2028-\u202f\u205f-\u206f"  # zero-width, line separators, direction marks and overrides
    "\u3164\ufeff\uffa0\ufff0-\ufffb"  # fillers, byte-order mark, annotation marks
    "\ud800-\udfff"  # lone surrogates
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # musical formatting, tag characters
    "]"
)
_MARKS: Final = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u06d6-\u06ed\u0e34-\u0e3a\u0e47-\u0e4e"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
)
_MAX_MARKS: Final = 8
"""Combining marks in a row that are shown; no script stacks more."""
_MARK_RUN: Final = re.compile(f"([{_MARKS}]{{{_MAX_MARKS}}})([{_MARKS}]+)")
_SHORT: Final = {"\n": "\\n", "\t": "\\t"}


def printable(text: str) -> str:
    r"""The text with what is invisible or drives a terminal shown as escapes; line feeds and tabs stay.

    >>> print(printable("a\x1b[31mb\u202ec"))
    a\x1b[31mb\u202ec
    >>> printable("e" + "\u0301" * 100)[9:]
    '[+92 combining marks]'
    """
    if text.isascii() and text.isprintable():
        return text
    text = _MARK_RUN.sub(lambda run: f"{run[1]}[+{len(run[2]):,} combining marks]", text)
    return _INVISIBLE.sub(lambda found: _escape(found[0]), text)


def one_line(text: str) -> str:
    r"""The same on one line: line feeds and tabs are escaped too.

    >>> print(one_line("a\nb"))
    a\nb
    """
    return printable(text).replace("\n", _SHORT["\n"]).replace("\t", _SHORT["\t"])


def cell(value: Any) -> str:
    """Any value as one line for a table. Nothing is shown for null, so that it differs from the text `null`.

    Text of spaces alone is quoted: four removed spaces and one differ, and both would look like nothing.

    >>> cell(0.30000000000000004), cell(None), cell([1, {"a": "x"}]), cell("  ")
    ('0.3', '', '[1, {"a": "x"}]', '"  "')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return f'"{value}"' if value.strip(" ") == "" != value else one_line(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bytes):
        return one_line(value.decode("utf-8", errors="backslashreplace"))
    if isinstance(value, list | dict):
        return one_line(json.dumps(value, ensure_ascii=False, default=plain))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return one_line(str(value))


def plain(value: Any) -> Any:
    """What JSON has for a value that it has no type for: bytes as text, decimals as numbers, the rest as text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def counted(count: int, thing: str) -> str:
    """A count with its word.

    >>> counted(1, "record"), counted(2_500, "record")
    ('1 record', '2,500 records')
    """
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def file_size(size: int) -> str:
    """Bytes in the unit that gives one to three figures before the point.

    >>> file_size(812), file_size(49_000), file_size(15_535_049)
    ('812 bytes', '49.0 kB', '15.5 MB')
    """
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if size >= 1_000**power:
            return f"{size / 1_000**power:,.1f} {unit}"
    return counted(size, "byte")


def width_of(text: str) -> int:
    """Columns that a text takes on a terminal: two for wide characters, none for combining marks.

    >>> width_of("abc"), width_of("日本"), width_of("e\u0301")
    (3, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def clip(text: str, width: int) -> str:
    """The text cut to a width in columns, with `…` where something is missing.

    >>> clip("abcdef", 4), clip("abc", 4)
    ('abc…', 'abc')
    """
    if width_of(text) <= width:
        return text
    taken, used = [], 0
    for char in text:
        used += _char_width(char)
        if used > width - 1:
            break
        taken.append(char)
    return "".join(taken) + "…"


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """A text in lines of at most `width` columns, broken at spaces where possible; its own line breaks stay.

    >>> wrap("one two three", 8, "> ")
    ['> one', '> two', '> three']
    """
    room = max(width - width_of(indent), 1)
    lines: list[str] = []
    for paragraph in printable(text).expandtabs(4).split("\n"):
        lines += [(indent + line).rstrip() for line in _wrap_line(paragraph, room)]
    return lines


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, width: int | None = None) -> list[str]:
    """A table as lines of text, numbers to the right.

    Args:
        columns: names.
        rows: values; every one is shown on one line.
        width: of the terminal, to which the widest columns are cut; None to show everything.

    >>> print(*table(["rule", "records"], [["too_short", 12], ["empty", 3]]), sep="\\n")
    rule       records
    ---------  -------
    too_short       12
    empty            3
    """
    names = [one_line(name) for name in columns]
    cells = [[cell(value) for value in row] for row in rows]
    right = [
        any(row[index] is not None for row in rows)
        and all(isinstance(row[index], int | float | Decimal | None) and row[index] is not True for row in rows)
        for index in range(len(names))
    ]
    widths = [max(map(width_of, [name, *(row[index] for row in cells)])) for index, name in enumerate(names)]
    if width is not None:
        widths = _fit(widths, width)
    lines = [_line(names, widths, right), "  ".join("-" * size for size in widths)]
    return lines + [_line(row, widths, right) for row in cells]


def _line(values: Iterable[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for value, size, to_right in zip(values, widths, right, strict=True):
        shown = clip(value, size)
        space = " " * (size - width_of(shown))
        padded.append(space + shown if to_right else shown + space)
    return "  ".join(padded).rstrip()


def _fit(widths: list[int], total: int) -> list[int]:
    """Cut the widest columns, evenly, until the table fits; none below 8 columns."""
    room = total - 2 * (len(widths) - 1)
    low, high = 8, max(widths, default=8)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sum(min(size, middle) for size in widths) <= room else (low, middle - 1)
    return [min(size, low) for size in widths]


def _wrap_line(line: str, room: int) -> list[str]:
    if width_of(line) <= room:
        return [line.rstrip()]
    lines: list[str] = []
    current, used = "", 0
    for word in re.findall(r"\S+\s*|\s+", line):
        size = width_of(word.rstrip())
        if used and used + size > room:
            lines.append(current.rstrip())
            current, used = "", 0
        while width_of(word.rstrip()) > room:
            head = clip(word, room + 1)[:-1] or word[0]
            lines.append(head)
            word = word[len(head) :]
        current += word
        used = width_of(current)
    return [*lines, current.rstrip()] if current.strip() or not lines else lines


def _char_width(char: str) -> int:
    if char < "\u0300":
        return 1
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
