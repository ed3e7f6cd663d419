"""Functions that a rule expression may call, each with what it takes and gives.

The list is short on purpose: every function here is pure, bounded by its input and cannot raise for any row. Text
patterns go to RE2, whose time is linear in the text whatever the pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import duckdb

_Kind = Literal["text", "number", "bool"]
MAX_ARGUMENTS: Final = 100


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and gives.

    Args:
        arguments: kinds by place; None where any number of values of one kind is taken.
        result: the kind of the result; None for that of the arguments.
        purpose: what it does, for the documentation.
        optional: how many of the last arguments may be left out.
        constants: places that take constants only, with a check that gives a complaint or None.
        numbers_or_texts: whether conditions are refused among arguments of any kind.
    """

    arguments: tuple[_Kind, ...] | None
    result: _Kind | None
    purpose: str
    optional: int = 0
    constants: Mapping[int, Callable[[object], str | None]] = field(default_factory=dict)
    numbers_or_texts: bool = False

    @property
    def minimum(self) -> int:
        """Fewest arguments."""
        return 2 if self.arguments is None else len(self.arguments) - self.optional

    @property
    def maximum(self) -> int:
        """Most arguments."""
        return MAX_ARGUMENTS if self.arguments is None else len(self.arguments)

    @property
    def arity(self) -> str:
        """The number of arguments in words."""
        if self.arguments is None:
            return f"{self.minimum} to {self.maximum} arguments"
        if self.minimum != self.maximum:
            return f"{self.minimum} or {self.maximum} arguments"
        return f"{self.maximum} argument{'s' * (self.maximum != 1)}"


def _digits_complaint(value: object) -> str | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 15
    return None if fits else "round takes a whole number of digits from 0 to 15"


def _pattern_complaint(pattern: object) -> str | None:
    """RE2 itself judges a pattern: Python's `re` accepts look-ahead and back references, which RE2 has not."""
    with duckdb.connect() as connection:
        try:
            connection.execute("select regexp_matches('', $pattern)", {"pattern": pattern})
        except duckdb.Error as error:
            return f"not a pattern that RE2 accepts ({str(error).partition(': ')[2]})"
    return None


FUNCTIONS: Final[Mapping[str, Signature]] = {
    "abs": Signature(("number",), "number", "the number without its sign"),
    "coalesce": Signature(None, None, "the first value that is not null"),
    "contains": Signature(("text", "text"), "bool", "whether the first text has the second in it"),
    "ends_with": Signature(("text", "text"), "bool", "whether the first text ends with the second"),
    "greatest": Signature(None, None, "the largest value; nulls are passed over", numbers_or_texts=True),
    "least": Signature(None, None, "the smallest value; nulls are passed over", numbers_or_texts=True),
    "length": Signature(("text",), "number", "the number of code points"),
    "lower": Signature(("text",), "text", "the text in lower case"),
    "regexp_matches": Signature(
        ("text", "text"),
        "bool",
        "whether the pattern (RE2, a constant) matches somewhere in the text",
        constants={1: _pattern_complaint},
    ),
    "round": Signature(
        ("number", "number"),
        "number",
        "the number rounded to so many digits (a constant, default 0)",
        optional=1,
        constants={1: _digits_complaint},
    ),
    "starts_with": Signature(("text", "text"), "bool", "whether the first text starts with the second"),
    "upper": Signature(("text",), "text", "the text in upper case"),
}
