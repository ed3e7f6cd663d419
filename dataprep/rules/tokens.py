"""Tokens of a rule expression, and errors that point at one of them.

A rule expression comes from a pipeline file, so it is checked before anything runs and a mistake shows the line with a
caret under the place. Lengths are bounded: nobody writes a condition of 10,000 characters by hand, and what a program
wrote belongs into a column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal

from dataprep.errors import InputError
from dataprep.pipeline.quoting import escaped

MAX_LENGTH: Final = 10_000
"""Most characters of one expression."""
_SHOWN: Final = 60
"""Characters shown on either side of a mistake."""

TokenKind = Literal["number", "string", "quoted", "parameter", "word", "operator", "end"]

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<string>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<parameter>\$\w+)
    | (?P<word>[^\W\d]\w*)
    | (?P<operator><>|!=|<=|>=|\|\||[=<>+\-*/%(),])""",
    re.VERBOSE,
)
_HINTS: Final = {
    "'": "this text has no closing quote; a quote inside a text is written twice: 'it''s'",
    '"': "this name has no closing quote; texts take single quotes: 'refund'",
    "&": "write `and`",
    "|": "write `or`; texts are joined by `||`",
    "!": "write `not`, or `!=` between two values",
    "[": "lists take round brackets: label in ('a', 'b')",
    "{": "only conditions are allowed here",
    ";": "one expression, without a semicolon",
    "$": "the only parameter is $threshold",
    ".": "columns are named without a table; quote a name that has a dot",
}


_HINT: Final = "mend the expression; docs/rules.md has its grammar, columns and functions"


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `text` is as written, except that strings and quoted names come without their quotes."""

    kind: TokenKind
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Source:
    """An expression's text and the key of the pipeline file it stands under, for messages."""

    text: str
    key: str | None = None

    def error(self, message: str, position: int, *, hint: str | None = None) -> InputError:
        """An InputError whose message shows the expression with a caret under `position`.

        >>> print(Source("n_word < 3", "rules.short.when").error('unknown column "n_word"', 0))
        rules.short.when: unknown column "n_word"
            n_word < 3
            ^
          next: mend the expression; docs/rules.md has its grammar, columns and functions
        """
        first = max(0, position - _SHOWN)
        shown = self.text[first : position + _SHOWN]
        lead, tail = "…" * (first > 0), "…" * (position + _SHOWN < len(self.text))
        line = "".join(character if character.isprintable() else " " for character in shown)
        caret = " " * (len(lead) + position - first) + "^"
        hint = _HINT if hint is None else escaped(hint)
        return InputError(f"{escaped(message)}\n    {lead}{line}{tail}\n    {caret}", key=self.key, hint=hint)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean "n_words"?` for the known name nearest to a mistyped one, or nothing.

    >>> did_you_mean("n_word", ["n_chars", "n_words"])
    '; did you mean "n_words"?'
    """
    names = sorted(known)
    folded = {candidate.casefold(): candidate for candidate in reversed(names)}
    near = get_close_matches(name[:100].casefold(), folded, n=1)
    return f'; did you mean "{folded[near[0]]}"?' if near else ""


def tokenize(source: Source) -> list[Token]:
    """The tokens of an expression, ended by one of kind `end`.

    Raises:
        InputError: the text is empty, too long, or has a character that starts no token.

    >>> [token.text for token in tokenize(Source("label != 'it''s'"))]
    ['label', '!=', "it's", '']
    """
    text = source.text
    if len(text) > MAX_LENGTH:
        raise InputError(
            f"the expression has {len(text):,} characters, more than the {MAX_LENGTH:,} allowed",
            key=source.key,
            hint="split it into several rules, or put the list into a column",
        )
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            character = text[position]
            raise source.error(f"unexpected `{character}`", position, hint=_HINTS.get(character))
        kind, raw = match.lastgroup, match.group()
        if kind != "space":
            tokens.append(Token(_KINDS[kind or ""], _unquote(raw), position, match.end()))
        position = match.end()
    if not tokens:
        raise InputError("the expression is empty", key=source.key, hint="write a condition such as: n_words < 3")
    tokens.append(Token("end", "", len(text), len(text)))
    return tokens


_KINDS: Final[dict[str, TokenKind]] = {
    "number": "number",
    "string": "string",
    "quoted": "quoted",
    "parameter": "parameter",
    "word": "word",
    "operator": "operator",
}


def _unquote(raw: str) -> str:
    quote = raw[0]
    return raw[1:-1].replace(quote * 2, quote) if quote in "'\"" else raw
