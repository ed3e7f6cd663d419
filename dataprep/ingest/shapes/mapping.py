"""The mapping: how rows of one source become records, as plain data.

It is resolved once per source, from its configuration and a sample of its rows, and written into the manifest: what was
guessed is on record. Conversion depends on nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, get_args

from dataprep.ingest.config import SplitName
from dataprep.ingest.shapes import template as templates
from dataprep.ingest.shapes.kinds import Kind, kind_of, shown
from dataprep.ingest.shapes.values import TimeKind
from dataprep.ingest.shapes.vocabulary import CONVERSATIONS, OPTIONAL_PARTS, ShapeName, kinds_for

FIELDS: Final = ("id", "label", "group", "time", "split_column")
"""Fields of a record beside its turns that a column may give; each is also a key of the source."""
_PART_WORDS: Final = {
    "instruction": "user turn from {}",
    "input": "followed by {} where it is not empty",
    "prompt": "user turn from {}",
    "question": "user turn from {}",
    "output": "assistant turn from {}",
    "completion": "assistant turn from {}",
    "answer": "assistant turn from {}",
    "messages": "turns from the list in {}",
    "turns": "turns from the list in {}",
    "text": "text from {}",
    "system": "system turn from {}",
    "tools": "tools from {}",
}


@dataclass(frozen=True, slots=True)
class MappedPart:
    """A column that records of a source are made from.

    `required` is false for parts that a whole file may lack (`input`, `system`, `tools`, unless the user named them).
    """

    part: str
    column: str
    kinds: frozenset[Kind]
    required: bool

    def state(self, row: Any) -> Literal["ok", "missing", "wrong_kind"]:
        """Whether a row has the column with a value of a fitting kind; null fits, rules decide about it.

        >>> MappedPart("text", "body", frozenset({"text"}), True).state({"body": 3})
        'wrong_kind'
        """
        if type(row) is not dict:
            return "wrong_kind"
        if self.column not in row:
            return "missing"
        kind = kind_of(row[self.column])
        return "ok" if kind == "null" or kind in self.kinds else "wrong_kind"


@dataclass(frozen=True)
class Mapping:
    """How rows of one source become records.

    >>> columns = {"instruction": "instruction", "input": "input", "output": "response"}
    >>> mapping = Mapping("alpaca", columns, label="kind")
    >>> print(mapping.describe())
    alpaca: user turn from 'instruction', followed by 'input' where it is not empty, assistant turn from 'response'; \
label from 'kind'; other columns are kept in meta
    >>> Mapping.from_dict(mapping.to_dict()) == mapping
    True
    """

    shape: ShapeName
    columns: dict[str, str] = field(default_factory=dict)
    """Column of each part of the shape."""
    named: tuple[str, ...] = ()
    """Parts whose column the user named; a file without them does not fit."""
    template: dict[str, str] = field(default_factory=dict)
    """Text of each templated part, for the shape `template`."""
    turn_keys: tuple[str, str] | None = None
    """In conversations, the keys of a turn that hold who speaks and what is said."""
    id: str | None = None
    label: str | None = None
    group: str | None = None
    time: str | None = None
    time_kind: TimeKind | None = None
    """Whether the time column holds dates or numbers."""
    split_column: str | None = None
    split: SplitName | None = None
    """The split given to every row of the source."""

    def parts(self) -> tuple[MappedPart, ...]:
        """The columns that records are made from: parts of the shape, columns of templates, fields."""
        found = [
            MappedPart(part, column, kinds_for(part), part in self.named or part not in OPTIONAL_PARTS)
            for part, column in self.columns.items()
        ]
        found += [
            MappedPart("template", column, kinds_for("template"), required=True) for column in self.template_columns()
        ]
        for name in FIELDS:
            column = getattr(self, name)
            if column is not None:
                found.append(MappedPart(name, column, kinds_for(name), required=True))
        return tuple(found)

    def template_columns(self) -> tuple[str, ...]:
        """Columns that the templates name, each once, in order."""
        every = [templates.columns_of(text, key=f"template.{part}") for part, text in self.template.items()]
        return tuple(dict.fromkeys(column for columns in every for column in columns))

    def describe(self) -> str:
        """The mapping in one sentence; names from the data are quoted and escaped."""
        words = [_PART_WORDS[part].format(shown(column)) for part, column in self.columns.items()]
        words += [
            f"{templates.TEMPLATE_ROLES[part]} turn from the template {shown(text)}"
            for part, text in self.template.items()
        ]
        if self.shape == "text_label_pair":
            words.append("text from the first item of each row, label from the second")
        clauses = [", ".join(words)]
        if self.shape in CONVERSATIONS and self.turn_keys:
            clauses.append("each turn has {} and {}".format(*map(shown, self.turn_keys)))
        for name in FIELDS:
            column = getattr(self, name)
            if column is not None:
                clauses.append(f"{name.removesuffix('_column')} from {shown(column)}")
        if self.split is not None:
            clauses.append(f"every row is {self.split}")
        if self.shape != "text_label_pair":
            clauses.append("other columns are kept in meta")
        return f"{self.shape}: {'; '.join(clauses)}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form without what is not set; keys that a source has in the pipeline file have the same names."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
        return {key: value for key, value in plain.items() if value not in (None, {}, [])}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Mapping:
        """The mapping that `to_dict` wrote.

        Raises:
            ValueError: the shape is none that this version knows.
        """
        if value.get("shape") not in get_args(ShapeName):
            raise ValueError(f"unknown shape {value.get('shape')!r}")
        tuples: dict[str, Any] = {key: tuple(value[key]) for key in ("named", "turn_keys") if key in value}
        return cls(**(value | tuples))
