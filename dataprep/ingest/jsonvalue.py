"""One JSON text to one Python value, exactly: the slow and careful way, for rows that a fast parser may get wrong.

The standard library's parser with hooks: duplicate keys, lone surrogates and invalid UTF-8 are refused; NaN, the
infinities and integers beyond 64 bits become text, since nothing downstream could store them; NULs are removed from
keys and strings and counted. About a seventh of the fast parser's speed, for the few rows that need it.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, Final

from dataprep.ingest.rows import RowError

_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
"""What JSON writers and Arrow can hold: signed or unsigned 64 bits."""

KIND: Final = {
    dict: "object",
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
"""JSON's own names of Python's types, for messages."""


def parse_exact(raw: bytes, notes: Counter[str]) -> Any:
    """The value of one JSON text in UTF-8.

    Args:
        raw: the text's bytes.
        notes: `nul_removed` goes up by the number of NULs removed.

    Raises:
        RowError: `invalid_utf8`, `lone_surrogate`, `duplicate_key`, `too_deep` or `invalid_json`.

    >>> parse_exact(b'{"n": NaN, "big": 123456789012345678901, "a": 1.5}', Counter())
    {'n': 'NaN', 'big': '123456789012345678901', 'a': 1.5}
    >>> parse_exact(b'{"a": 1, "a": 2}', Counter())
    Traceback (most recent call last):
    ...
    dataprep.ingest.rows.RowError: the key 'a' occurs twice in one object
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise RowError("invalid_utf8", describe_undecodable(error)) from None
    if raw_nuls := text.count("\0"):
        text = text.replace("\0", "")
        notes["nul_removed"] += raw_nuls
    cleaner = _Cleaner(notes)
    try:
        value = json.loads(
            text,
            object_pairs_hook=cleaner.pairs,
            parse_constant=str,
            parse_int=_integer,
            parse_float=_real,
        )
        return cleaner.value(value)
    except json.JSONDecodeError as error:
        raise RowError("invalid_json", f"{error.msg} at character {error.pos + 1} of the record") from None
    except RecursionError:
        raise RowError("too_deep", "nested too deeply to be read") from None


def describe_undecodable(error: UnicodeDecodeError) -> str:
    """What to say about bytes that are not UTF-8."""
    byte = error.object[error.start]
    return (
        f"byte 0x{byte:02x} at position {error.start + 1} of the record is not UTF-8 ({error.reason}); "
        "if the whole file has another encoding, set `encoding`"
    )


class _Cleaner:
    """Checks and cleans strings as the parser hands its objects over, innermost first."""

    def __init__(self, notes: Counter[str]) -> None:
        self._notes = notes

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = {self.text(key): self.value(value) for key, value in pairs}
        if len(result) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                key = key.replace("\0", "")
                if key in seen:
                    raise RowError("duplicate_key", f"the key {key[:100]!a} occurs twice in one object")
                seen.add(key)
        return result

    def value(self, value: Any) -> Any:
        """Strings are cleaned, also inside arrays; objects have been already."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(element) for element in value]
        return value

    def text(self, text: str) -> str:
        if text.isascii():
            if "\0" not in text:
                return text
        else:
            try:
                text.encode()
            except UnicodeEncodeError as error:
                code = f"U+{ord(text[error.start]):04X}"
                raise RowError("lone_surrogate", f"half of a surrogate pair ({code}) stands alone") from None
        if nuls := text.count("\0"):
            self._notes["nul_removed"] += nuls
            return text.replace("\0", "")
        return text


def _integer(digits: str) -> int | str:
    if len(digits) < 19:
        return int(digits)
    if len(digits) > 20:  # also keeps clear of Python's own limit on the length of integers
        return digits
    value = int(digits)
    return value if _MIN_INT <= value <= _MAX_INT else digits


def _real(digits: str) -> float | str:
    value = float(digits)
    return digits if math.isinf(value) else value
