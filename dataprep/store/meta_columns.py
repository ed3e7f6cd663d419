"""User columns as flat, typed columns with a `meta_` prefix, so that none can change what a trainer reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson
import pyarrow as pa

from dataprep.sqlfiles import quote_identifier

MetaType = Literal["VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "JSON"]

MAX_COLUMNS: Final = 100
"""More distinct keys than this stay in the `meta` JSON of `records/` only; a table with 30,000 columns helps nobody."""

_ARROW: Final[dict[MetaType, pa.DataType]] = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "JSON": pa.string(),
}


@dataclass(frozen=True, slots=True)
class MetaColumn:
    """One user column: its key in `meta`, its name in tables, and its type over all records."""

    key: str
    name: str
    type: MetaType

    @property
    def sql(self) -> str:
        """Expression that reads it from a `meta` JSON column."""
        pointer = "/" + self.key.replace("~", "~0").replace("/", "~1")
        path = "'" + pointer.replace("'", "''") + "'"
        if self.type == "JSON":
            return f"json_extract(meta, {path})::varchar"
        text = f"json_extract_string(meta, {path})"
        return text if self.type == "VARCHAR" else f"try_cast({text} as {self.type})"

    @property
    def quoted(self) -> str:
        """The column's name as an SQL identifier."""
        return quote_identifier(self.name)

    @property
    def arrow(self) -> pa.Field:
        """The column's Arrow field."""
        return pa.field(self.name, _ARROW[self.type])

    def column(self, values: list[dict[str, Any]]) -> pa.Array:
        """The column of parsed `meta` values.

        >>> MetaColumn("n", "meta_n", "DOUBLE").column([{"n": 1}, {}]).to_pylist()
        [1.0, None]
        """
        key = self.key
        cells = [value.get(key) for value in values]
        if self.type == "JSON":
            cells = [None if cell is None else orjson.dumps(cell).decode() for cell in cells]
        return pa.array(cells, _ARROW[self.type])


def meta_columns(kinds: Mapping[str, set[str]]) -> list[MetaColumn]:
    """Columns for the meta keys seen, given the Python type names of their values over all records.

    DuckDB's identifiers ignore case, so `N` beside `n` gets a number.

    >>> [(c.name, c.type) for c in meta_columns({"n": {"int", "NoneType"}, "N": {"str"}, "x": {"int", "float"}})]
    [('meta_N', 'VARCHAR'), ('meta_n_2', 'BIGINT'), ('meta_x', 'DOUBLE')]
    """
    columns: list[MetaColumn] = []
    taken: set[str] = set()
    for key in sorted(kinds)[:MAX_COLUMNS]:
        name = base = f"meta_{key}"
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name.lower())
        columns.append(MetaColumn(key, name, _type(kinds[key] - {"NoneType"})))
    return columns


def _type(kinds: set[str]) -> MetaType:
    if kinds <= {"str"}:
        return "VARCHAR"
    if kinds == {"int"}:
        return "BIGINT"
    if kinds == {"bool"}:
        return "BOOLEAN"
    if kinds <= {"int", "float"}:
        return "DOUBLE"
    return "JSON"
