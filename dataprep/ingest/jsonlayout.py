"""How a JSON file lays out its rows, judged by its first bytes.

`lines` (one value a line), `values` (pretty-printed or run together), `array` (`[{...}, {...}]`) and `wrapped`
(`{"data": [{...}], "version": 1}`) are read. A file that is one big object of something else (BOLD's group -> page ->
prompts, pandas' column -> values) holds no rows as it is, and gets an error that says how to reshape it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from dataprep.errors import InputError
from dataprep.ingest.linecut import Newline

JsonKind = Literal["lines", "values", "array", "wrapped"]

WRAPPER_KEYS: Final = frozenset(
    (
        *("data", "dataset", "rows", "records", "examples", "items", "instances", "samples", "entries", "results"),
        *("train", "validation", "test"),
    )
)
"""Keys under which tools put a whole data set's rows."""
TURN_KEYS: Final = frozenset(
    (
        *("messages", "conversations", "conversation", "turns", "dialog", "dialogue", "utterances", "chat"),
        *("tools", "history"),
    )
)
"""Keys under which one record has its turns: an object with one of these is a row, not a wrapper."""

_LINES_LOOKED_AT = 50
_ONE_LEVEL = "jq -c 'to_entries[] | {key: .key} + .value' FILE"
_TWO_LEVELS = (
    "jq -c 'to_entries[] | .key as $group | .value | to_entries[] | {group: $group, name: .key, text: .value[]}' FILE"
)
_WHITE = " \t\r\n\x1e"  # 0x1e separates records in RFC 7464
_KEY = re.compile(r'\s*("(?:[^"\\]|\\.)*+")\s*:\s*', re.DOTALL)
_GAP = re.compile(r"\s*")
_SEPARATOR = re.compile(r"\s*([,}])")
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class JsonLayout:
    """Where the rows of a JSON file are."""

    kind: JsonKind
    start: int = 0
    """For `array` and `wrapped`: bytes up to and including the opening bracket."""
    key: str | None = None
    """For `wrapped`: the key of the array."""
    keys_before: int = 0
    """For `wrapped`: how many other keys come before it."""
    arrays: bool = False
    """Whether rows are arrays (`["text", "label"]`)."""
    newline: Newline = b"\n"
    """For `lines`: what ends a line."""


def detect_json_layout(
    head: bytes, *, complete: bool, named_json: bool, lines_expected: bool, shown: str
) -> JsonLayout | None:
    """The layout of a JSON file; None if it does not look like JSON.

    Args:
        head: the file's first bytes, as UTF-8.
        complete: `head` is the whole file.
        named_json: the name or the user says that it is JSON, so that broken JSON is still JSON.
        lines_expected: the name or the user says that it is JSON Lines, which decides about files of one object.
        shown: the file as the user named it.

    Raises:
        InputError: it is JSON, but not rows.

    >>> detect_json_layout(b'{"a": 1}\\n{"a": 2}\\n', complete=True, named_json=True,
    ...     lines_expected=True, shown="a").kind
    'lines'
    >>> detect_json_layout(b'{"data": [{"a": 1}]}', complete=True, named_json=True,
    ...     lines_expected=False, shown="a")
    JsonLayout(kind='wrapped', start=10, key='data', keys_before=0, arrays=False, newline=b'\\n')
    """
    text = head.decode("utf-8", "surrogateescape")
    newline: Newline = b"\r" if b"\n" not in head and b"\r" in head else b"\n"
    lines = [line for line in text.split(newline.decode()) if line.strip(_WHITE)]
    if not lines:
        return None
    values = [_value_of(line) for line in lines[:_LINES_LOOKED_AT]]
    opening = text.lstrip(_WHITE)[:1]
    several = len(lines) > 1 or not complete
    rows = [value for value in values if isinstance(value, dict | list)]
    if several and (isinstance(values[0], dict | list) or len(rows) > len(values) / 2):
        return JsonLayout("lines", arrays=isinstance(rows[0], list), newline=newline)
    if opening == "[":
        return _array(text, values[0], lines_expected=lines_expected, named_json=named_json, shown=shown)
    if opening == "{" and (named_json or _KEY.match(text, text.index("{") + 1)):
        return _objects(text, complete=complete, lines_expected=lines_expected, newline=newline, shown=shown)
    some_json = any(line.lstrip(_WHITE)[:1] in "{[" for line in lines) or any(value is not None for value in values)
    return JsonLayout("lines", newline=newline) if named_json and some_json else None


def _value_of(line: str) -> Any:
    """The value of a line that is one whole JSON value; None otherwise (and for null)."""
    try:
        return json.loads(line.strip(_WHITE), strict=False)
    except (ValueError, RecursionError):
        return None


def _array(text: str, first_line: Any, *, lines_expected: bool, named_json: bool, shown: str) -> JsonLayout | None:
    if lines_expected and isinstance(first_line, list) and not any(isinstance(e, dict | list) for e in first_line):
        return JsonLayout("lines", arrays=True)
    bracket = text.index("[")
    elements = list(_elements(text, bracket + 1))
    if elements and not any(isinstance(element, dict | list) for element in elements):
        kind = "strings" if all(isinstance(element, str) for element in elements) else "single values"
        hint = 'give each row its columns: [{"text": "..."}, ...], or one value a line with `format: text`'
        raise InputError(f"a JSON array of {kind}, not of objects: its rows have no columns", file=shown, hint=hint)
    follows = text[bracket + 1 :].lstrip(_WHITE)[:1]
    if not elements and not (named_json or follows == "]"):
        return None
    arrays = isinstance(elements[0], list) if elements else follows == "["
    return JsonLayout("array", start=_bytes_before(text, bracket + 1), arrays=arrays)


def _elements(text: str, position: int) -> Iterator[Any]:
    """The first elements of an array, as far as they are whole."""
    for _ in range(_LINES_LOOKED_AT):
        if (gap := _GAP.match(text, position)) is not None:
            position = gap.end()
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            return
        yield value
        separator = _SEPARATOR.match(text, position)
        if separator is None or separator[1] != ",":
            return
        position = separator.end()


def _objects(text: str, *, complete: bool, lines_expected: bool, newline: Newline, shown: str) -> JsonLayout | None:
    """The file starts with an object that is not alone on the first of several lines."""
    start = text.index("{")
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        if complete:
            return JsonLayout("values")
        value, end = None, len(text)
    if text[end:].strip(_WHITE + ",") or (value is not None and not complete):
        return JsonLayout("values")
    wrapped = _wrapped(text, start, value, lines_expected=lines_expected, shown=shown)
    if wrapped is not None:
        return wrapped
    if value is None:
        _refuse_unless_row(_first_value(text, start), lines_expected=lines_expected, shown=shown)
        return JsonLayout("values")
    if not lines_expected and value:
        _refuse_unless_row(value, lines_expected=False, shown=shown)
    one_line = "\n" not in text[start:end]
    return JsonLayout("lines", newline=newline) if one_line else JsonLayout("values")


def _wrapped(
    text: str, start: int, value: dict[str, Any] | None, *, lines_expected: bool, shown: str
) -> JsonLayout | None:
    """The layout of `{"data": [{...}]}`. `value` is the whole object, or None if it goes on beyond the head.

    A list under another key than WRAPPER_KEYS counts only if it is (or may be) the sole field of an object that is not
    a line of JSON Lines: there it would be a part of the first row.
    """
    if value is not None:
        lists = [key for key, field in value.items() if _is_rows(field)]
        if len(lists) > 1 and WRAPPER_KEYS.issuperset(lists):
            message = f"holds more than one list of rows: {', '.join(map(ascii, lists))}"
            raise InputError(message, file=shown, hint="write each list into a file of its own")
    for place, (key, bracket) in enumerate(_fields(text, start)):
        sole = not lines_expected and (value is None or len(value) == 1)
        named = key in WRAPPER_KEYS or (place == 0 and sole and key not in TURN_KEYS)
        if bracket is not None and named and (value is None or _is_rows(value[key])):
            opening = text[bracket + 1 :].lstrip(_WHITE)[:1]
            if opening in ("{", "["):
                begin = _bytes_before(text, bracket + 1)
                return JsonLayout("wrapped", begin, key=key, keys_before=place, arrays=opening == "[")
    return None


def _is_rows(field: Any) -> bool:
    return isinstance(field, list) and bool(field) and all(isinstance(element, dict | list) for element in field)


def _fields(text: str, start: int) -> Iterator[tuple[str, int | None]]:
    """Keys of the object that opens at `start`, each with the place of the bracket if its value is an array."""
    position = start + 1
    while key := _KEY.match(text, position):
        position = key.end()
        yield _DECODER.decode(key[1]), position if text.startswith("[", position) else None
        try:
            _, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            return
        separator = _SEPARATOR.match(text, position)
        if separator is None or separator[1] == "}":
            return
        position = separator.end()


def _first_value(text: str, start: int) -> dict[str, Any]:
    """The kind of the first field of an object that goes on beyond the head, as an object of that one field."""
    key = _KEY.match(text, start + 1)
    return {_DECODER.decode(key[1]): {"": {}}} if key is not None and text.startswith("{", key.end()) else {}


def _refuse_unless_row(value: dict[str, Any], *, lines_expected: bool, shown: str) -> None:
    """Raise for the one object of a file that cannot be a row: an object of objects, or of columns."""
    fields = list(value.values())
    if lines_expected or not fields:
        return
    keys = ", ".join(ascii(key[:40]) for key in list(value)[:3]) + (", ..." if len(value) > 3 else "")
    if all(isinstance(field, dict) for field in fields):
        message = f"one JSON object of objects (keys {keys}), not a list of rows"
        nested = any(isinstance(inner, dict | list) for field in fields for inner in field.values())
        reshape = _TWO_LEVELS if nested else _ONE_LEVEL
        raise InputError(message, file=shown, hint=f"reshape it into one object a row, for example: {reshape}")
    columns = [field for field in fields if isinstance(field, list) and not _is_rows(field)]
    if len(columns) == len(fields) and len({len(column) for column in columns}) == 1 and len(columns[0]) > 1:
        message = f"one JSON object of columns (keys {keys}), not a list of rows"
        hint = "write rows instead; in pandas: df.to_json(path, orient='records', lines=True)"
        raise InputError(message, file=shown, hint=hint)


def _bytes_before(text: str, end: int) -> int:
    return len(text[:end].encode("utf-8", "surrogateescape"))
