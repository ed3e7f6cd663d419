"""How a CSV or TSV file is written: delimiter, quotes, header, judged by its first records.

Every delimiter is tried, and the one that gives the most records of one width wins. In tab-separated text quotes count
as ordinary characters where reading them as quotes would break more than it explains. A first row is a header unless
something speaks for data: numbers, a value that its column repeats, sentences. `csv.Sniffer` was not taken: of 16 real
files it read six with a space as delimiter, and mistook the first row of six. Where the answer matters and cannot be
had (names missing or twice, two header rows), the error says which option decides.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from dataprep.errors import InputError
from dataprep.ingest.config import CsvOptions
from dataprep.ingest.delimited import Dialect, split_records

DELIMITERS: Final = (",", ";", "\t", "|")
_RECORDS_LOOKED_AT = 1_000
_MIN_SHARE = 0.5
"""Share of records of one width below which a delimiter is taken for a character of the text."""

_NUMBER = re.compile(r"\s*[-+]?(\d[\d,_ ]*\.?\d*|\.\d+)([eE][-+]?\d+)?\s*%?\s*")
_DATE = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?")
_MISSING = frozenset(("", "-", "?", "n/a", "na", "nan", "none", "null", "nil", "unknown"))
_KNOWN_NAMES = frozenset(
    (
        *("text", "label", "category", "id", "prompt", "completion", "response", "question", "answer", "instruction"),
        *("input", "output", "messages", "content", "title", "source", "target", "class", "intent", "sentence", "name"),
        *("context", "utterance", "conversation", "system", "language", "lang", "date", "time", "url", "split"),
    )
)


@dataclass(frozen=True, slots=True)
class DetectedDialect:
    """A dialect and what was decided on the way."""

    dialect: Dialect
    header: bool
    """The first row (after those to skip) names the columns."""
    notes: tuple[str, ...] = ()
    """`no_header`, `unnamed_column_named`, `literal_quotes`."""


def detect_dialect(
    head: bytes, *, complete: bool, options: CsvOptions, tab_expected: bool, shown: str
) -> DetectedDialect:
    """The dialect of a file.

    Args:
        head: its first bytes, as UTF-8.
        complete: `head` is the whole file.
        options: what the user has said about it; overrules what is found.
        tab_expected: the name or the format says TSV.
        shown: the file as the user named it.

    Raises:
        InputError: names are missing or occur twice, there are two header rows, or the options do not fit the file.

    >>> found = detect_dialect(b'zip;town\\n02134;Boston\\n', complete=True, options=CsvOptions(), tab_expected=False,
    ...     shown="a.csv")
    >>> found.dialect.delimiter, found.dialect.columns, found.header
    (';', ('zip', 'town'), True)
    """
    _check_options(options, shown)
    newline = "\r" if b"\n" not in head and b"\r" in head.rstrip(b"\r") else "\n"
    if newline == "\r":
        head = head.replace(b"\r", b"\n")
    if not complete:
        head = head[: head.rfind(b"\n") + 1] or head
    delimiters = (options.delimiter,) if options.delimiter else ("\t", *DELIMITERS) if tab_expected else DELIMITERS
    trials = [_Trial(head, delimiter, options) for delimiter in delimiters]
    best = max(trials, key=lambda trial: trial.score)  # the first of equals
    if best.score < _MIN_SHARE:
        best = trials[0]
    found = _with_columns(best, options, shown)
    notes = (*found.notes, *(("literal_quotes",) if not best.dialect.quote and options.quote is None else ()))
    dialect = replace(found.dialect, newline=b"\r" if newline == "\r" else b"\n")
    return replace(found, dialect=dialect, notes=notes)


def _check_options(options: CsvOptions, shown: str) -> None:
    for key, character in (("delimiter", options.delimiter), ("quote", options.quote)):
        if character and (not character.isascii() or character in "\r\n\0"):
            raise InputError(
                f"{character!a} cannot be used here", file=shown, key=f"csv.{key}", hint="use , ; tab or |"
            )
    if options.delimiter and options.delimiter == options.quote:
        raise InputError("delimiter and quote are the same character", file=shown, key="csv.quote")
    names = options.column_names
    if names is not None and (len(set(names)) < len(names) or "" in names):
        raise InputError("a name is empty or occurs twice", file=shown, key="csv.column_names")


class _Trial:
    """The first records as one delimiter reads them."""

    def __init__(self, head: bytes, delimiter: str, options: CsvOptions) -> None:
        quote = _choose_quote(head, delimiter) if options.quote is None else options.quote
        self.dialect = Dialect(delimiter, quote)
        records = _records(head, self.dialect)[options.skip_rows :]
        self.rows = [self.dialect.fields(record) for record in records if record is not None]
        widths = Counter(map(len, self.rows)).most_common(1)
        self.width, n_regular = widths[0] if widths else (0, 0)
        self.score = n_regular / len(records) if self.width > 1 else 0.0


def _records(head: bytes, dialect: Dialect) -> list[str | None]:
    """The first records that are not blank; None for one with a misplaced quote."""
    records: list[str | None] = []
    for span in split_records(head, dialect, at_end=True, max_open_bytes=len(head)):
        raw = head[span.start : span.end].rstrip(b"\r\n")
        if raw.strip(b" "):
            records.append(None if span.fault else raw.decode("utf-8", "replace"))
        if len(records) == _RECORDS_LOOKED_AT:
            break
    return records


def _choose_quote(head: bytes, delimiter: str) -> str:
    """A double quote, or nothing where double quotes are ordinary characters.

    Only tab-separated text is thought to have literal quotes (its registered form has no others): there a quoted field
    that *needs* its quotes, because it holds a tab, a line break or a doubled quote, speaks for quoting, and a
    misplaced quote against it. Elsewhere a misplaced quote is a mistake, for its row to bear.
    """
    dialect = Dialect(delimiter, '"')
    if delimiter != "\t":
        return '"'
    records = _records(head, dialect)
    n_faults = sum(record is None for record in records)
    n_needed = sum(
        "\t" in field or "\n" in field or '""' in field[1:-1]
        for record in records
        if record is not None and '"' in record
        for field in dialect.quoted_fields(record)
    )
    return '"' if n_needed >= n_faults else ""


def _with_columns(trial: _Trial, options: CsvOptions, shown: str) -> DetectedDialect:
    """Decide about the header and name the columns."""
    rows, dialect = trial.rows, trial.dialect
    width = trial.width
    header = bool(rows) and (_looks_like_header(rows, width) if options.header is None else options.header)
    if header and options.header is None and options.column_names is None:
        _refuse_two_headers(rows, width, shown)
    dialect = replace(dialect, skip_rows=options.skip_rows + header)
    if options.column_names is not None:
        if rows and len(options.column_names) != width:
            message = f"{len(options.column_names)} names for {width} columns (delimiter {dialect.delimiter!a})"
            raise InputError(message, file=shown, key="csv.column_names", hint="name every column, in order")
        return DetectedDialect(replace(dialect, columns=options.column_names), header)
    if not header:
        columns = tuple(f"column{index}" for index in range(1, width + 1))
        return DetectedDialect(replace(dialect, columns=columns), header, ("no_header",) if rows else ())
    names = [name.replace("\0", "") for name in rows[0]]
    notes: tuple[str, ...] = ()
    if not names[0] and len(names) > 1 and "column1" not in names and all(_is_number(row[0]) for row in rows[1:]):
        names[0] = "column1"  # the index that pandas writes
        notes = ("unnamed_column_named",)
    _check_names(names, width, dialect.delimiter, shown)
    return DetectedDialect(replace(dialect, columns=tuple(names)), header, notes)


def _check_names(names: list[str], width: int, delimiter: str, shown: str) -> None:
    hint = (
        "set csv.skip_rows if a title comes before the header, name the columns with csv.column_names, or set "
        "csv.header: false if the first row is data"
    )
    if len(names) != width:
        message = f"the first row has {len(names)} fields, most rows have {width} (delimiter {delimiter!a})"
        hint = f"set csv.delimiter if it is another; {hint}"
        raise InputError(message, file=shown, line=1, key="csv.skip_rows", hint=hint)
    if "" in names:
        place = names.index("") + 1
        raise InputError(f"column {place} has no name", file=shown, line=1, key="csv.column_names", hint=hint)
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        message = f"two columns are named {twice[:100]!a}"
        raise InputError(message, file=shown, line=1, key="csv.column_names", hint=hint)


def _looks_like_header(rows: list[list[str]], width: int) -> bool:
    first = rows[0]
    rest = [row for row in rows[1:] if len(row) == width]
    if len(first) != width:
        return True  # and refused as one: the widths do not fit
    if any(map(_is_number, first)):
        return False
    columns = list(zip(*rest, strict=True)) if rest else []
    if any(name and _is_numeric(values) for name, values in zip(first, columns, strict=False)):
        return True
    if any(name.strip().lower() in _KNOWN_NAMES for name in first):
        return True
    if any(name and name in values for name, values in zip(first, columns, strict=False)):
        return False
    return not any(map(_is_sentence, first))


def _refuse_two_headers(rows: list[list[str]], width: int, shown: str) -> None:
    """Raise where the second row, too, has names (or units, or codes) over columns of numbers."""
    if len(rows) < 5 or len(rows[1]) != width:
        return
    second = rows[1]
    columns = list(zip(*(row for row in rows[2:] if len(row) == width), strict=True))
    over_numbers = [cell for cell, values in zip(second, columns, strict=False) if _is_numeric(values)]
    named = any(cell.strip().lower() not in _MISSING and not _is_number(cell) for cell in over_numbers)
    if second == rows[0] or (named and not any(map(_is_number, second))):
        hint = "set csv.skip_rows: 1 to leave out the first of them, or name the columns with csv.column_names"
        raise InputError("there seem to be two header rows", file=shown, line=2, key="csv.skip_rows", hint=hint)


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None or _DATE.fullmatch(cell) is not None


def _is_numeric(values: tuple[str, ...]) -> bool:
    """Whether a column holds numbers or dates, and at least one."""
    filled = [value for value in values if value.strip().lower() not in _MISSING]
    return bool(filled) and all(map(_is_number, filled))


def _is_sentence(cell: str) -> bool:
    words = cell.split()
    return len(words) > 6 or (len(words) > 2 and cell.rstrip().endswith((".", "?", "!")))
