"""What a record takes from a row beside its turns: its fields, and meta.

One definition of each, which the converter of single rows and that of whole blocks share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dataprep.ingest.rows import RowError
from dataprep.ingest.shapes.kinds import shown
from dataprep.ingest.shapes.mapping import Mapping
from dataprep.ingest.shapes.values import kept, scalar_text, split_of, time_of, tools_of

Row = dict[str, Any]
ReadText = Callable[[Row], str | None]

_AS_THEY_ARE: Final = frozenset({str, bool, type(None)})
"""Kinds that JSON holds whatever their value."""


def field_readers(mapping: Mapping) -> dict[str, ReadText]:
    """For each field of a record that the mapping fills the function that reads it, in the order of `Record`.

    Readers raise RowError: `missing_id`, `bad_time`, `unknown_split`, `bad_tools`, `wrong_kind`, `binary_not_utf8`.

    >>> readers = field_readers(Mapping("text", {"text": "text"}, label="kind", split="test"))
    >>> {name: read({"text": "a", "kind": 1.0}) for name, read in readers.items()}
    {'label': '1', 'given_split': 'test'}
    """
    readers: dict[str, ReadText] = {}
    if "tools" in mapping.columns:
        readers["tools"] = _tools(mapping.columns["tools"])
    if mapping.id is not None:
        readers["user_id"] = _id(mapping.id)
    if mapping.label is not None:
        readers["label"] = _label(mapping.label)
    if mapping.group is not None:
        readers["group_key"] = _group(mapping.group)
    if mapping.time is not None:
        readers["time"] = _time(mapping.time, mapping)
    if mapping.split_column is not None:
        readers["given_split"] = _split(mapping.split_column)
    elif mapping.split is not None:
        readers["given_split"] = _constant(mapping.split)
    return readers


def meta_reader(mapping: Mapping) -> Callable[[Row], dict[str, Any]]:
    """The function that keeps every column which the record does not hold otherwise, in the order of the row.

    The time column is kept beside the record's time, because bringing times to UTC loses their offset.
    """
    used = frozenset(part.column for part in mapping.parts() if part.part != "time")

    def meta(row: Row) -> dict[str, Any]:
        return {
            name: value if type(value) in _AS_THEY_ARE else kept(value)
            for name, value in row.items()
            if name not in used
        }

    return meta


def joined(instruction: str, given: str | None) -> str:
    r"""Instruction, blank line, input; an input that is empty or white space is none.

    >>> joined("Add", "1 2"), joined("Add", " "), joined("", "1 2")
    ('Add\n\n1 2', 'Add', '1 2')
    """
    if not given or given.isspace():
        return instruction
    return f"{instruction}\n\n{given}" if instruction else given


def joined_texts(instructions: pa.StringArray, given: pa.StringArray) -> pa.StringArray:
    r"""`joined` for columns without nulls.

    >>> joined_texts(pa.array(["Add", ""]), pa.array(["1 2", "1 2"])).to_pylist()
    ['Add\n\n1 2', '1 2']
    """
    blank = pa.array([not text or text.isspace() for text in given.to_pylist()], pa.bool_())
    both = pc.binary_join_element_wise(instructions, given, "\n\n")
    return pc.if_else(blank, instructions, pc.if_else(pc.equal(instructions, ""), given, both))


def _tools(column: str) -> ReadText:
    return lambda row: tools_of(row.get(column), column)


def _id(column: str) -> ReadText:
    def read(row: Row) -> str:
        found = scalar_text(row.get(column), column)
        if not found:
            raise RowError("missing_id", f"the id column {shown(column)} is missing or empty", column=column)
        return found

    return read


def _label(column: str) -> ReadText:
    return lambda row: scalar_text(row.get(column), column)


def _group(column: str) -> ReadText:
    """An empty group is none; otherwise all rows without one would have to stay in one split."""
    return lambda row: scalar_text(row.get(column), column) or None


def _time(column: str, mapping: Mapping) -> ReadText:
    kind = mapping.time_kind or "iso"
    return lambda row: time_of(row.get(column), column, kind)


def _split(column: str) -> ReadText:
    return lambda row: split_of(row.get(column), column)


def _constant(text: str) -> ReadText:
    return lambda _: text
