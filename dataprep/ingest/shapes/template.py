"""Templates: text with `{column}` placeholders, and `{{` and `}}` for braces.

A parser of its own rather than `str.format`, whose placeholders reach attributes and indexes (`{a.__class__}`): here
what stands between braces is a column's name to the letter, and nothing else is possible.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from dataprep.errors import InputError
from dataprep.ingest.shapes.kinds import shown
from dataprep.ingest.shapes.values import any_scalar_text
from dataprep.record import MISSING_EXTRA, Role

TEMPLATE_ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "prompt": "user",
    "completion": "assistant",
    "text": "text",
}
"""The role of the turn that each part of a template makes, in the order of turns."""
Rendered = tuple[str | None, str | None]
"""Content and extra of a turn."""
_TOKEN: Final = re.compile(r"(?P<open>\{\{)|(?P<close>\}\})|\{(?P<column>[^{}]*)\}|(?P<stray>[{}])")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """The place of a column's value inside a template."""

    column: str


def parse(template: str, *, key: str = "template") -> tuple[str | Placeholder, ...]:
    """Cut a template into literal text and placeholders.

    Args:
        template: the template's text.
        key: its key in the pipeline file, for the error.

    >>> parse("Summarize: {body} {{as JSON}}")
    ('Summarize: ', Placeholder(column='body'), ' {as JSON}')

    Raises:
        InputError: a brace that neither opens nor closes a placeholder.
    """
    parts: list[str | Placeholder] = []
    for part in _tokens(template, key):
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        elif part != "":
            parts.append(part)
    return tuple(parts)


def _tokens(template: str, key: str) -> Iterator[str | Placeholder]:
    end = 0
    for match in _TOKEN.finditer(template):
        yield template[end : match.start()]
        end = match.end()
        if match["column"] is not None:
            yield Placeholder(match["column"])
        elif match["stray"] is not None:
            raise InputError(
                f"{match['stray']!r} at character {match.start() + 1} of {shown(template)} belongs to no placeholder",
                key=key,
                hint="write {column} for a column's value, {{ and }} for braces",
            )
        else:
            yield "{" if match["open"] else "}"
    yield template[end:]


def columns_of(template: str, *, key: str = "template") -> tuple[str, ...]:
    """Columns that a template names, each once, in order.

    >>> columns_of("{a} and {b} and {a}")
    ('a', 'b')
    """
    return tuple(dict.fromkeys(part.column for part in parse(template, key=key) if isinstance(part, Placeholder)))


def renderer(template: str, *, key: str = "template") -> Callable[[dict[str, Any]], Rendered]:
    """Compile a template into a function of a row that gives a turn's content and extra.

    A template that is one placeholder alone keeps the column's missing or null state, so that the rules for missing
    fields see it. Inside other text a column that is missing, null or empty counts as the empty string.

    >>> render = renderer("Q: {q}")
    >>> render({"q": "why?"}), render({})
    (('Q: why?', None), ('Q: ', None))
    >>> renderer("{q}")({})
    (None, '{"missing":true}')
    """
    parts = parse(template, key=key)
    if len(parts) == 1 and isinstance(parts[0], Placeholder):
        column = parts[0].column

        def render_one(row: dict[str, Any]) -> Rendered:
            if column not in row:
                return None, MISSING_EXTRA
            return any_scalar_text(row[column], column), None

        return render_one

    columns = [(place, part.column) for place, part in enumerate(parts) if isinstance(part, Placeholder)]
    literals = [part if isinstance(part, str) else "" for part in parts]

    def render(row: dict[str, Any]) -> Rendered:
        pieces = literals.copy()
        for place, column in columns:
            value = row.get(column)
            pieces[place] = value if type(value) is str else any_scalar_text(value, column) or ""
        return "".join(pieces), None

    return render
