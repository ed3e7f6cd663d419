"""The tree of a rule expression: constants, columns and operations, each with the kind of its value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dataprep.rules.tokens import Source, tokenize

ColumnKind = Literal["text", "number", "bool"]
Kind = Literal["text", "number", "bool", "null"]
Scalar = float | int | str | bool


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, text, true, false or null, as written in the expression."""

    value: Scalar | None
    kind: Kind
    position: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """`$threshold`: the rule's own `threshold`, which `whatif` changes without touching the expression."""

    kind: Kind
    position: int


@dataclass(frozen=True, slots=True)
class Column:
    """A known column."""

    name: str
    kind: Kind
    position: int


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator or function over operands. `op` is `and`, `not in`, `is null`, `+`, `neg`, `length`, …"""

    op: str
    operands: tuple[Node, ...]
    kind: Kind
    position: int


Node = Constant | Threshold | Column | Operation


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression: its tree, the text it came from and the columns it reads (sorted)."""

    root: Node
    source: Source
    columns: tuple[str, ...]
    uses_threshold: bool

    def describe(self, threshold: Scalar | None) -> str:
        """The expression in one line, with the threshold's value in place of `$threshold`.

        >>> from dataprep.rules.expression import parse
        >>> parse("n_words  <\\n$threshold", {"n_words": "number"}, threshold=3).describe(5)
        'n_words < 5'
        """
        parts: list[str] = []
        end = 0
        for token in tokenize(self.source):
            parts.append(" " if token.start > end > 0 and token.kind != "end" else "")
            raw = self.source.text[token.start : token.end]
            parts.append(show_constant(threshold) if token.kind == "parameter" else raw)
            end = token.end
        return "".join(parts)


def show_constant(value: Scalar | None) -> str:
    """A constant as it is written in an expression.

    >>> show_constant("it's"), show_constant(0.5), show_constant(None), show_constant(True)
    ("'it''s'", '0.5', 'null', 'true')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else f"{value:.15g}"


def kind_of(value: Scalar | None) -> Kind:
    """The kind of a constant."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    return "text" if isinstance(value, str) else "number"
