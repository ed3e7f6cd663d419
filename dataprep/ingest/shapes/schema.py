"""The columns seen in a sample of rows, and of which kinds their values are.

This is what detection decides on, and what an error shows when the columns of two files do not fit together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from dataprep.ingest.shapes.kinds import Kind, kind_of, shown


@dataclass(frozen=True)
class Schema:
    """Columns in the order of their first appearance, each with a count of rows by kind of value.

    >>> schema = Schema.of([{"text": "a", "label": 1}, {"text": None}])
    >>> schema.describe()
    "'text' (text), 'label' (number)"
    """

    columns: dict[str, Counter[Kind]]
    n_objects: int
    n_lists: int
    n_rows: int

    @classmethod
    def of(cls, rows: Sequence[Any]) -> Schema:
        """The schema of some rows. Rows that are not objects have no columns."""
        columns: dict[str, Counter[Kind]] = {}
        objects = [row for row in rows if type(row) is dict]
        for row in objects:
            for name, value in row.items():
                columns.setdefault(name, Counter())[kind_of(value)] += 1
        return cls(columns, len(objects), sum(type(row) in (list, tuple) for row in rows), len(rows))

    def kinds(self, column: str) -> list[Kind]:
        """Kinds of a column's values other than null, the most frequent first."""
        return [kind for kind, _ in self.columns.get(column, Counter[Kind]()).most_common() if kind != "null"]

    def holds(self, column: str, kinds: frozenset[Kind]) -> bool:
        """Whether at least half of a column's values, nulls aside, are of the kinds; true where all are null."""
        counts = self.columns[column]
        n_values = counts.total() - counts["null"]
        return 2 * sum(counts[kind] for kind in kinds) >= n_values

    def find(self, names: Iterable[str]) -> list[str]:
        """Columns of these names in the order of the names, whatever their case; an exact match goes first."""
        found: dict[str, None] = {}
        for name in names:
            same = [column for column in self.columns if column.strip().casefold() == name]
            found.update(dict.fromkeys(sorted(same, key=lambda column: column != name)[:1]))
        return list(found)

    def closest(self, name: str) -> str | None:
        """The column whose name is most like this one, if any is."""
        lowered = {column.casefold(): column for column in reversed(self.columns)}
        found = get_close_matches(name.casefold(), lowered, n=1)
        return lowered[found[0]] if found else None

    def describe(self, *, at_most: int = 20) -> str:
        """The columns in words, the first `at_most` of them."""
        if not self.columns:
            return "none"
        words = [f"{shown(name)} ({self._kind_words(name)})" for name in list(self.columns)[:at_most]]
        rest = len(self.columns) - at_most
        return ", ".join(words) + (f" and {rest} more" if rest > 0 else "")

    def _kind_words(self, column: str) -> str:
        return " or ".join("list of messages" if kind == "messages" else kind for kind in self.kinds(column)) or "null"
