"""Blocks of flat rows: shapes whose turns are columns of text are converted column by column.

Nearly every row of such a source holds text where text is due, and needs no objects of its own: each column is taken
whole, its kinds are checked in one pass, and turns are interleaved by slices. Every other row (a missing field, a
number, a list of messages) is left to the converter of single rows, so what is odd has one definition and one set of
errors, and both ways give the same records. Rows that the reader took apart (see `rowtexts`) need no Python string even
for their texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dataprep.ingest.rows import RowError, Rows
from dataprep.ingest.rowtexts import RowTexts, TextKeys
from dataprep.ingest.shapes import template as templates
from dataprep.ingest.shapes.fields import Row, field_readers, joined, joined_texts, meta_reader
from dataprep.ingest.shapes.mapping import Mapping
from dataprep.ingest.shapes.vocabulary import SHAPES
from dataprep.record import FIELDS, RecordColumns, Role

Cells = Callable[[Sequence[Row]], list[Any]]
"""The contents of one turn for many rows. A cell that is neither text nor None marks a row that does not fit."""

_TEXT_SHAPES: Final = ("text", "text_label", "question_answer", "prompt_completion", "alpaca")
"""Flat shapes whose turns are columns, in the order of their required parts."""
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
    >>> rows = Rows([{"text": 1}, {"text": "a"}], lines=[1, 2])
    >>> columns, places = FlatShape(mapping, flat_turns(mapping)).convert(rows, range(2))
    >>> columns.contents, places
    (['a'], [1])
    """

    text_keys: TextKeys | None
    """Keys by which rows may be taken apart for `convert_apart`."""

    def __init__(self, mapping: Mapping, turns: Sequence[tuple[Role, Cells]]) -> None:
        self._system = mapping.columns.get("system")
        opening: list[tuple[Role, Cells]] = [] if self._system is None else [("system", _system(self._system))]
        self._turns = [*opening, *turns]
        self._fields = field_readers(mapping)
        self._meta = meta_reader(mapping)
        self._mapping = mapping
        self.text_keys = text_keys(mapping)

    def convert(self, rows: Rows, places: Sequence[int]) -> tuple[RecordColumns, list[int]]:
        """The records of whole rows that fit, and the indexes of these rows.

        Args:
            rows: parsed rows of any kind.
            places: indexes of the rows to convert.
        """
        chosen = [rows.rows[place] for place in places]
        odd = _odd(chosen, _OBJECT)
        if odd:
            chosen = [row if type(row) is dict else {} for row in chosen]
        turns = [cells(chosen) for _, cells in self._turns]
        beside = self._beside(chosen)
        odd = odd.union(beside.odd, *(_odd(column, _TEXT) for column in turns))
        if odd:
            fits = [index not in odd for index in range(len(chosen))]
            turns = [list(compress(column, fits)) for column in turns]
            beside, places = beside.only(fits), list(compress(places, fits))
        each = len(turns)
        contents: list[str | None] = [None] * (len(places) * each)
        for index, column in enumerate(turns):
            contents[index::each] = column
        present = None if self._system is None else list(map(bool, turns[0]))
        return self._columns(contents, present, beside, [rows.lines[place] for place in places]), list(places)

    def convert_apart(self, rows: Rows, texts: RowTexts) -> tuple[RecordColumns, Sequence[int]]:
        """The records of rows taken apart by `text_keys` whose rests fit, and the indexes of these rows.

        Args:
            rows: the parsed rows.
            texts: the texts of those that were taken apart.
        """
        beside = self._beside([rows.rows[place] for place in texts.places])
        if beside.odd:
            fits = [index not in beside.odd for index in range(len(texts))]
            beside, texts = beside.only(fits), texts.only(fits)
        present = None if self._system is None else (texts.lengths(self._system) > 0).tolist()
        lines = [rows.lines[place] for place in texts.places]
        return self._columns(_turn_texts(self._mapping, texts), present, beside, lines), texts.places

    def _beside(self, rows: Sequence[Row]) -> _Beside:
        fields = {name: _attempts(read, rows) for name, read in self._fields.items()}
        meta = _attempts(self._meta, rows)
        odd = _odd(meta, _OBJECT).union(*(_odd(column, _TEXT) for column in fields.values()))
        return _Beside(fields, meta, odd)

    def _columns(
        self, contents: list[str | None] | pa.StringArray, present: list[bool] | None, beside: _Beside, lines: list[int]
    ) -> RecordColumns:
        """Records of contents that stand row by row, without the system turns that are not `present`."""
        count, each = len(lines), len(self._turns)
        roles: list[Role] = [role for role, _ in self._turns] * count
        sizes = np.full(count, each)
        if present is not None:
            kept = [True] * (count * each)
            kept[::each] = present
            roles = list(compress(roles, kept))
            if isinstance(contents, pa.StringArray):
                contents = contents.filter(pa.array(kept, pa.bool_()))
            else:
                contents = list(compress(contents, kept))
            sizes -= ~np.array(present, np.bool_)
        bounds = np.append(0, np.cumsum(sizes)).astype(np.int32)
        fields = {name: beside.fields.get(name) for name in FIELDS}
        return RecordColumns(bounds, roles, contents, None, fields, beside.meta, lines)


@dataclass(frozen=True, slots=True)
class _Beside:
    """What records have beside their turns, column by column."""

    fields: dict[str, list[str | None]]
    meta: list[Row]
    odd: set[int]
    """Indexes of rows that do not fit."""

    def only(self, fits: Sequence[bool]) -> _Beside:
        """Of the rows that fit."""
        fields = {name: list(compress(column, fits)) for name, column in self.fields.items()}
        return _Beside(fields, list(compress(self.meta, fits)), set())


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


def text_keys(mapping: Mapping) -> TextKeys | None:
    """Keys of a flat shape under which nothing but text becomes turns; None where there are none.

    A column with a second part to play (a label, an id) stays in the row for that, and so do all.

    >>> text_keys(Mapping("alpaca", {"instruction": "task", "output": "output", "input": "input"}))
    TextKeys(required=('task', 'output'), optional=('input',))
    >>> text_keys(Mapping("text", {"text": "body"}, id="body")) is None
    True
    """
    if mapping.shape not in _TEXT_SHAPES:
        return None
    required = tuple(mapping.columns[part] for part in SHAPES[mapping.shape].required)
    optional = tuple(mapping.columns[part] for part in ("input", "system") if part in mapping.columns)
    used = Counter(part.column for part in mapping.parts())
    return TextKeys(required, optional) if all(used[key] == 1 for key in required + optional) else None


def _turn_texts(mapping: Mapping, texts: RowTexts) -> pa.StringArray:
    """The contents of all turns of rows taken apart, row by row."""
    columns = mapping.columns
    opening = [columns["system"]] if "system" in columns else []
    if "input" in columns:
        prompts = joined_texts(texts.of(columns["instruction"]), texts.of(columns["input"]))
        return _interleaved([*map(texts.of, opening), prompts, texts.of(columns["output"])])
    return texts.of(*opening, *(columns[part] for part in SHAPES[mapping.shape].required))


def _interleaved(columns: Sequence[pa.StringArray]) -> pa.StringArray:
    order = np.arange(len(columns) * len(columns[0])).reshape(len(columns), -1).T.ravel()
    return pa.concat_arrays(columns).take(pa.array(order))


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
