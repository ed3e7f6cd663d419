"""What kind of thing a parsed value is, and the error for a value of the wrong kind.

Kinds are named in words that a user of JSON, CSV or Parquet knows, never by Python's type names.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal

from dataprep.ingest.rows import RowError

Kind = Literal["null", "text", "number", "boolean", "list", "messages", "object", "binary", "time", "other"]

_KINDS: Final[dict[type, Kind]] = {
    type(None): "null",
    str: "text",
    int: "number",
    float: "number",
    Decimal: "number",
    bool: "boolean",
    list: "list",
    tuple: "list",
    dict: "object",
    bytes: "binary",
    datetime: "time",
    date: "time",
}
ROLE_KEYS: Final = ("role", "from", "speaker")
"""Keys under which the turns of a conversation name who speaks, in the shapes messages, sharegpt and utterances."""
CONTENT_KEYS: Final = ("content", "value", "utterance", "text")
"""Keys under which turns hold what is said."""

_SHOWN_CHARACTERS: Final = 80


def kind_of(value: Any) -> Kind:
    """The kind of a parsed value. A list whose first item is a turn is `messages`, any other is `list`.

    >>> kind_of("x"), kind_of(1), kind_of(True), kind_of([{"role": "user", "content": "x"}]), kind_of([])
    ('text', 'number', 'boolean', 'messages', 'list')
    """
    kind = _KINDS.get(type(value), "other")
    if kind == "list" and value and type(value[0]) is dict and any(key in value[0] for key in ROLE_KEYS):
        return "messages"
    return kind


def shown(value: object) -> str:
    r"""A value quoted for a message: control and invisible characters escaped, at most 80 characters.

    >>> shown("a\x1b[31m"), len(shown("x" * 1000))
    ("'a\\x1b[31m'", 80)
    """
    text = repr(value[:_SHOWN_CHARACTERS] if isinstance(value, str) else value)
    cut = isinstance(value, str) and len(value) > _SHOWN_CHARACTERS
    return text if len(text) <= _SHOWN_CHARACTERS and not cut else f"{text[: _SHOWN_CHARACTERS - 2]}…{text[-1]}"


def listed(names: Iterable[str], *, at_most: int = 20) -> str:
    """Quoted names in a row for a message, the first `at_most` of them.

    >>> listed(["a", "b", "c"], at_most=2)
    "'a', 'b' and 1 more"
    """
    every = [shown(name) for name in names]
    rest = len(every) - at_most
    return ", ".join(every[:at_most]) + (f" and {rest} more" if rest > 0 else "")


def wrong_kind(expected: str, column: str, value: Any) -> RowError:
    """The error for a value of another kind than its part needs.

    >>> wrong_kind("text", "prompt", [1]).detail
    "expected text in column 'prompt', got list"
    """
    kind = kind_of(value)
    got = "list of messages" if kind == "messages" else kind
    return RowError("wrong_kind", f"expected {expected} in column {shown(column)}, got {got}", column=column)
