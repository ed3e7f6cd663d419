"""Blocks of flat rows: shapes whose turns are columns of text are converted column by column.

Nearly every row of such a source holds text where text is due, and needs no objects of its own: each column is taken
whole, its kinds are checked in one pass, and turns are interleaved by slices. Every other row (a missing field, a
number, a list of messages) is left to the converter of single rows, so what is odd has one definition and one set of
errors, and both ways give the same records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any, Final

import numpy as np

from dataprep.ingest.rows import RowError
from dataprep.ingest.shapes import template as templates
from dataprep.ingest.shapes.fields import Row, field_readers, joined, meta_reader
from dataprep.ingest.shapes.mapping import Mapping
from dataprep.record import FIELDS, RecordColumns, Role

Cells = Callable[[Sequence[Row]], list[Any]]
"""The contents of one turn for many rows. A cell that is neither text nor None marks a row that does not fit."""

_ODD: Final[Any] = object()
"""The cell of a row that does not fit."""
_TEXT: Final[frozenset[type]] = frozenset({str, type(None)})
_OBJECT: Final[frozenset[type]] = frozenset({dict})


class FlatShape:
    """Converts those rows of a block that fit the mapping's flat shape.

    Args:
        mapping: how rows become records.
        turns: role and cells of each turn that the shape has, as `flat_turns` gives them.

    >>> mapping = Mapping("text", {"text": "text"})
    >>> columns, places = FlatShape(mapping, flat_turns(mapping)).convert([{"text": 1}, {"text": "a"}], [1, 2])
    >>> columns.contents, places
    (['a'], [1])
    """

    def __init__(self, mapping: Mapping, turns: Sequence[tuple[Role, Cells]]) -> None:
        self._has_system = "system" in mapping.columns
        opening: list[tuple[Role, Cells]] = [("system", _system(mapping.columns["system"]))] if self._has_system else []
        self._turns = [*opening, *turns]
        self._fields = field_readers(mapping)
        self._meta = meta_reader(mapping)

    def convert(self, rows: Sequence[Any], lines: Sequence[int]) -> tuple[RecordColumns, list[int]]:
        """The records of the rows that fit, and the indexes of these rows.

        Args:
            rows: parsed rows of any kind.
            lines: the 1-based line of each.
        """
        odd = _odd(rows, _OBJECT)
        if odd:
            rows = [row if type(row) is dict else {} for row in rows]
        turns = [cells(rows) for _, cells in self._turns]
        fields = {name: _attempts(read, rows) for name, read in self._fields.items()}
        meta = _attempts(self._meta, rows)
        odd = odd.union(*(_odd(column, _TEXT) for column in (*turns, *fields.values())), _odd(meta, _OBJECT))
        places = list(range(len(rows)))
        if odd:
            fits = [place not in odd for place in places]
            turns = [list(compress(column, fits)) for column in turns]
            fields = {name: list(compress(column, fits)) for name, column in fields.items()}
            meta, places = list(compress(meta, fits)), list(compress(places, fits))
        return self._columns(turns, fields, meta, [lines[place] for place in places]), places

    def _columns(
        self, turns: list[list[str | None]], fields: dict[str, list[str | None]], meta: list[Row], lines: list[int]
    ) -> RecordColumns:
        """Put turns one after another, record by record, without the system turns that are empty."""
        count, each = len(lines), len(turns)
        roles: list[Role] = [role for role, _ in self._turns] * count
        contents: list[str | None] = [None] * (count * each)
        for place, column in enumerate(turns):
            contents[place::each] = column
        sizes = np.full(count, each)
        if self._has_system:
            present = list(map(bool, turns[0]))
            kept = [True] * len(contents)
            kept[::each] = present
            roles, contents = list(compress(roles, kept)), list(compress(contents, kept))
            sizes -= ~np.array(present, np.bool_)
        bounds = np.append(0, np.cumsum(sizes)).astype(np.int32)
        return RecordColumns(bounds, roles, contents, None, {name: fields.get(name) for name in FIELDS}, meta, lines)


def flat_turns(mapping: Mapping) -> list[tuple[Role, Cells]] | None:
    """Role and cells of each turn of a flat shape, the system column aside; None for conversations and pairs.

    >>> [role for role, _ in flat_turns(Mapping("question_answer", {"question": "q", "answer": "a"}))]
    ['user', 'assistant']
    """
    columns = mapping.columns
    match mapping.shape:
        case "text" | "text_label":
            return [("text", _text(columns["text"]))]
        case "question_answer":
            return [("user", _text(columns["question"])), ("assistant", _text(columns["answer"]))]
        case "prompt_completion":
            return [("user", _text(columns["prompt"])), ("assistant", _text(columns["completion"]))]
        case "alpaca":
            instruction = _instruction(columns["instruction"], columns.get("input"))
            return [("user", instruction), ("assistant", _text(columns["output"]))]
        case "template":
            return [
                (templates.TEMPLATE_ROLES[part], _rendered(templates.renderer(text, key=f"template.{part}")))
                for part, text in mapping.template.items()
            ]
        case _:
            return None


def _text(column: str) -> Cells:
    return lambda rows: [row.get(column, _ODD) for row in rows]


def _system(column: str) -> Cells:
    return lambda rows: [row.get(column) for row in rows]


def _instruction(instruction: str, given: str | None) -> Cells:
    """Instruction and input joined. Without an instruction the input has to be kept in meta: not for here."""
    if given is None:
        return lambda rows: [text if type(text := row.get(instruction)) is str else _ODD for row in rows]

    def cells(rows: Sequence[Row]) -> list[Any]:
        pairs = ((row.get(instruction), row.get(given)) for row in rows)
        return [joined(text, more) if type(text) is str and type(more) in _TEXT else _ODD for text, more in pairs]

    return cells


def _rendered(render: Callable[[Row], templates.Rendered]) -> Cells:
    """A template's texts; a column that is missing altogether gives an extra, and is not for here."""
    return lambda rows: [_ODD if cell is _ODD or cell[1] is not None else cell[0] for cell in _attempts(render, rows)]


def _attempts(read: Callable[[Row], Any], rows: Sequence[Row]) -> list[Any]:
    """What `read` gives for each row, and _ODD where it refuses the row."""
    try:
        return [read(row) for row in rows]
    except RowError:
        return [_attempt(read, row) for row in rows]


def _attempt(read: Callable[[Row], Any], row: Row) -> Any:
    try:
        return read(row)
    except RowError:
        return _ODD


def _odd(column: Sequence[Any], kinds: frozenset[type]) -> set[int]:
    """Indexes of values of any other kind."""
    if kinds.issuperset(map(type, column)):
        return set()
    return {index for index, value in enumerate(column) if type(value) not in kinds}
