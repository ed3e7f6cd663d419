"""Columns that look like an id, a label, a group, a time or a given split, with the reason in words.

Only what the values themselves settle is `certain`; the rest is a suggestion for a person, because a guess here decides
which records a model may see.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from dataprep.ingest.shapes import RowError
from dataprep.ingest.shapes.schema import Schema
from dataprep.ingest.shapes.values import split_of, time_of
from dataprep.ingest.shapes.vocabulary import LABEL_KINDS
from dataprep.pipeline.quoting import quoted

Role = Literal["id", "label", "group", "time", "split_column"]

_MIN_ROWS: Final = 20
"""Below this many rows the number of different values says nothing."""
_MAX_LABELS: Final = 50
_MAX_CODES: Final = 5
_MAX_LABEL_CHARACTERS: Final = 60
_ID_NAME: Final = re.compile(r"(^|[_\s-])(u?u?id|guid|key)$|[a-z]I[dD]$", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\s*[-+]?[0-9]+(\.[0-9]*)?\s*", re.ASCII)
_SPLIT_NAMES: Final = ("split", "set", "subset", "fold", "partition", "dataset_split")


@dataclass(frozen=True)
class Candidate:
    """A column that may play a part. `reason` is for people, on one line, with values quoted."""

    role: Role
    column: str
    reason: str
    certain: bool = False


def find(rows: Sequence[Any], schema: Schema, *, taken: frozenset[str]) -> list[Candidate]:
    """Candidates among the columns of a sample.

    Args:
        rows: parsed rows of one source.
        schema: their columns.
        taken: columns that play a part already.

    >>> rows = [{"text": str(i), "split": "train" if i % 3 else "dev"} for i in range(30)]
    >>> [(c.role, c.certain, c.reason) for c in find(rows, Schema.of(rows), taken=frozenset({"text"}))]
    [('split_column', True, 'its values are "dev", "train"')]
    """
    found = []
    for column in schema.columns:
        if column not in taken:
            values = [row[column] for row in rows if type(row) is dict and row.get(column) not in (None, "")]
            candidate = _judge(column, values, len(rows), schema) if values else None
            if candidate is not None:
                found.append(candidate)
    return _one_certain(found)


def _judge(column: str, values: list[Any], n_rows: int, schema: Schema) -> Candidate | None:
    if (split := _split(column, values)) is not None:
        return split
    if _all_dates(values):
        return Candidate("time", column, f"dates such as {quoted(str(values[0]), 30)}")
    if not schema.holds(column, LABEL_KINDS) or n_rows < _MIN_ROWS:
        return None
    different = len({value for value in values if isinstance(value, Hashable)})
    if _ID_NAME.search(column):
        if different == n_rows:
            return Candidate("id", column, f"different in each of {n_rows} rows")
        if 1 < different < n_rows:
            return Candidate("group", column, f"{different} values in {n_rows} rows: rows that share one stay together")
    elif _could_be_label(values, different):
        shown = ", ".join(quoted(value, 30) for value in _commonest(values)[:3])
        return Candidate(
            "label", column, f"{different} values in {n_rows} rows: {shown}{', …' if different > 3 else ''}"
        )
    return None


def _could_be_label(values: Sequence[Any], different: int) -> bool:
    """Few short values, each often; numbers only where there are so few that they must be codes."""
    few = 1 < different <= min(_MAX_LABELS, len(values) // 10)
    texts = [str(value) for value in values]
    short = all(len(text) <= _MAX_LABEL_CHARACTERS for text in texts)
    return few and short and (different <= _MAX_CODES or not all(map(_NUMBER.fullmatch, texts)))


def _split(column: str, values: Sequence[Any]) -> Candidate | None:
    if column.strip().casefold() not in _SPLIT_NAMES:
        return None
    try:
        splits = {split_of(value, column) for value in values}
    except RowError:
        return None
    shown = ", ".join(quoted(str(value)) for value in sorted(set(map(str, values))))
    certain = "train" in splits and len(splits) > 1
    return Candidate("split_column", column, f"its values are {shown}", certain)


def _all_dates(values: Sequence[Any]) -> bool:
    """Whether values are ISO 8601 times; the readers' own judgement, so that a suggestion taken up works."""
    try:
        return all(time_of(value, "", "iso") is not None for value in values)
    except RowError:
        return False


def _commonest(values: Sequence[Any]) -> list[str]:
    counts = Counter(map(str, values))
    return sorted(counts, key=lambda text: (-counts[text], text))


def _one_certain(found: list[Candidate]) -> list[Candidate]:
    """Two columns that both hold splits leave the choice to a person."""
    splits = [candidate for candidate in found if candidate.role == "split_column"]
    if len(splits) < 2:
        return found
    return [Candidate(item.role, item.column, item.reason) if item in splits else item for item in found]
