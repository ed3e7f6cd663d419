"""Single values of a row: text, labels, times, splits, tool schemas, and whatever is kept in meta.

Each function takes one parsed value and gives the form in which a record holds it, or raises `RowError`. Numbers are
text here in one spelling whatever file format they came from, because a label `1` that Parquet gives as `1.0` must be
the same class and the same record as the `1` of a CSV file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping as Map
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

import orjson

from dataprep.ingest.rows import RowError
from dataprep.ingest.shapes.kinds import shown, wrong_kind

TimeKind = Literal["iso", "number"]

MAX_DEPTH: Final = 200
"""Nesting of values kept as JSON; orjson writes at most 254 levels, and a record adds a few of its own."""
_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
_NUMBER: Final = re.compile(r"\s*([+-]?)0*([0-9]{1,20})(?:\.([0-9]{1,30}))?\s*", re.ASCII)
_SPACED_OFFSET: Final = re.compile(r"\s+(?=(?:Z|[+-][0-9]{2}:?[0-9]{2})$)")
_COMPLEMENT: Final = str.maketrans("0123456789", "9876543210")
_SPLITS: Final[Map[str, str]] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "dev", "val", "valid", "eval"), "validation"),
    **dict.fromkeys(("test", "testing", "held_out"), "test"),
}


def text_of(value: Any, column: str) -> str | None:
    """Text as it is, null as None; UTF-8 bytes (a binary Parquet column) decoded.

    Raises:
        RowError: `wrong_kind` for numbers, lists and objects, `binary_not_utf8` for other bytes.
    """
    if value is None or type(value) is str:
        return value
    if type(value) is bytes:
        return _decoded(value, column)
    raise wrong_kind("text", column, value)


def scalar_text(value: Any, column: str) -> str | None:
    """A label, id or group as text. Null and a float NaN (how pandas writes a missing label) are None.

    >>> [scalar_text(value, "label") for value in (1, 1.0, "1", 0.5, True, None)]
    ['1', '1', '1', '0.5', 'true', None]
    """
    kind = type(value)
    if value is None or kind is str:
        text: str | None = value
    elif kind is bool:
        text = "true" if value else "false"
    elif kind is int:
        text = str(value)
    elif kind is float or kind is Decimal:
        text = _number_text(value)
    elif kind is bytes:
        text = _decoded(value, column)
    else:
        raise wrong_kind("text or a number", column, value)
    return text


def any_scalar_text(value: Any, column: str) -> str | None:
    """What a template puts in place of a column: text, numbers, booleans and times, never lists or objects."""
    if isinstance(value, (date, time)):
        return value.isoformat()
    return scalar_text(value, column)


def split_of(value: Any, column: str) -> str | None:
    """The split that a row was given, under its one name; None where the column is null or empty.

    >>> split_of("Dev", "split"), split_of("training", "split"), split_of("", "split")
    ('validation', 'train', None)

    Raises:
        RowError: `unknown_split` for any other name.
    """
    text = text_of(value, column)
    if text is None or not text.strip():
        return None
    split = _SPLITS.get(text.strip().lower().replace("-", "_").replace(" ", "_"))
    if split is None:
        known = ", ".join(_SPLITS)
        raise RowError("unknown_split", f"{shown(text)} in column {shown(column)} is no split ({known})", column=column)
    return split


def time_kind_of(value: Any) -> TimeKind:
    """Whether a time counts up as a number or is a date. Text of digits alone (`20150224`) is a number.

    >>> time_kind_of("1424806552"), time_kind_of("2015-02-24")
    ('number', 'iso')
    """
    number = isinstance(value, (int, float, Decimal)) or (type(value) is str and _NUMBER.fullmatch(value) is not None)
    return "number" if number else "iso"


def time_of(value: Any, column: str, kind: TimeKind) -> str | None:
    """A time as text whose order is the order of time; None where the column is null or empty.

    Dates and times become UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ`; those without an offset are taken as UTC, a date as its
    midnight. Numbers are padded (see `sortable_number`). One column holds one of the two, since `2015-02-24` and
    `1424806552` have no order among each other.

    >>> time_of("2015-02-24 11:35:52 -0800", "t", "iso")
    '2015-02-24T19:35:52.000000Z'
    >>> time_of(7, "t", "number") < time_of("10", "t", "number")
    True

    Raises:
        RowError: `bad_time` for anything else, `wrong_kind` for lists and objects.
    """
    if value is None or (type(value) is str and not value.strip()):
        return None
    if type(value) is bool or not isinstance(value, (str, int, float, Decimal, date)):
        raise wrong_kind("a time", column, value)
    found = sortable_number(value) if kind == "number" else _utc(value)
    if found is None:
        expected = "a number like the column's others" if kind == "number" else "an ISO 8601 time"
        raise RowError("bad_time", f"expected {expected} in column {shown(column)}, got {shown(value)}", column=column)
    return found


def sortable_number(value: Any) -> str | None:
    """A number as text such that string order is numeric order; None where it is not a finite number below 10^20.

    Twenty digits, then the fraction without trailing zeros. A negative number starts with `-`, which sorts before
    digits, and holds the nines' complement of its digits and an end mark that sorts after any longer fraction.

    >>> sortable_number(12.5), sortable_number("-1")
    ('00000000000000000012.5', '-99999999999999999998~')
    """
    if isinstance(value, (float, Decimal)):
        if not math.isfinite(value):
            return None
        value = f"{Decimal(repr(value)) if isinstance(value, float) else value:f}"
    found = _NUMBER.fullmatch(value if isinstance(value, str) else str(value)) if not isinstance(value, date) else None
    if found is None:
        return None
    sign, whole, fraction = found.group(1), found.group(2), (found.group(3) or "").rstrip("0")
    digits = whole.zfill(20) + (f".{fraction}" if fraction else "")
    if sign == "-" and digits.strip("0"):
        return f"-{digits.translate(_COMPLEMENT)}~"
    return digits


def tools_of(value: Any, column: str) -> str | None:
    """Tool schemas as JSON text: given as JSON they are written out, given as JSON text they stay as they are.

    >>> tools_of([{"name": "f"}], "tools"), tools_of(' [] ', "tools"), tools_of("", "tools")
    ('[{"name":"f"}]', '[]', None)

    Raises:
        RowError: `bad_tools` for text that is not a JSON list or object, `wrong_kind` for numbers.
    """
    if value is None:
        return None
    if type(value) is str:
        text = value.strip()
        if not text:
            return None
        try:
            parsed = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise RowError("bad_tools", f"column {shown(column)} is not JSON: {error}", column=column) from None
        if parsed is None:
            return None
        if type(parsed) not in (list, dict):
            raise RowError(
                "bad_tools", f"expected a JSON list in column {shown(column)}, got {shown(text)}", column=column
            )
        return text
    if type(value) not in (list, dict):
        raise wrong_kind("a list of tools or its JSON text", column, value)
    return to_json(value)


def to_json(value: Any) -> str:
    """A parsed value as JSON text, keys in the order of the source (the order of a call's arguments is content)."""
    written = _written(value)
    return (orjson.dumps(jsonable(value)) if written is None else written).decode()


def kept(value: Any) -> Any:
    """A parsed value as meta holds it: see `jsonable`. Values that JSON can hold come back as they are."""
    if type(value) in (list, dict) and _written(value) is not None:
        return value
    return jsonable(value)


def _written(value: Any) -> bytes | None:
    """A value as JSON where that is known to lose nothing, else None.

    orjson writes NaN and Infinity as null and refuses what else JSON cannot hold, so output without a null is faithful.
    This spares most values the walk of `jsonable`, three times as long in all (dialogues with
    frames: 230 and 77 µs a row).
    """
    try:
        written = orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except orjson.JSONEncodeError:
        return None
    return None if b"null" in written else written


def jsonable(value: Any, depth: int = 0) -> Any:
    """A parsed value in a form that JSON can hold without loss; what JSON cannot hold becomes text.

    >>> jsonable({"a": [float("nan"), 2**70]})
    {'a': ['NaN', '1180591620717411303424']}

    Raises:
        RowError: `too_deep` beyond 200 levels, `binary_not_utf8`, `unsupported_value`.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        plain = value
    elif kind is int:
        plain = value if _MIN_INT <= value <= _MAX_INT else str(value)
    elif kind is float:
        plain = value if math.isfinite(value) else _not_finite(value)
    elif depth > MAX_DEPTH:
        raise RowError("too_deep", f"values are nested more than {MAX_DEPTH} deep")
    elif kind is list or kind is tuple:
        plain = [jsonable(item, depth + 1) for item in value]
    elif kind is dict:
        plain = {str(key): jsonable(item, depth + 1) for key, item in value.items()}
    else:
        plain = _rare(value)
    return plain


def _rare(value: Any) -> str:
    """Values that only typed formats (Parquet, Arrow) have, as text."""
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, timedelta)):
        return str(value)
    if isinstance(value, bytes):
        return _decoded(value, None)
    raise RowError("unsupported_value", f"a value of type {type(value).__name__} cannot be kept as JSON")


def _decoded(value: bytes, column: str | None) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        place = f" in column {shown(column)}" if column is not None else ""
        detail = f"binary value{place} is not UTF-8 at byte {error.start}"
        raise RowError("binary_not_utf8", detail, column=column) from None


def _not_finite(value: float | Decimal) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _number_text(value: float | Decimal) -> str | None:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return _not_finite(value)
    whole = int(value)
    return str(whole) if whole == value else str(value)


def _utc(value: Any) -> str | None:
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    elif type(value) is str:
        try:
            moment = datetime.fromisoformat(_SPACED_OFFSET.sub("", value.strip()))
        except ValueError:
            return None
    else:
        return None
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # year 1 or 9999 moved beyond the calendar by its offset
        return None
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
