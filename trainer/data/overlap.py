"""Held-out rows that ask what train asks: their loss says what was remembered, not what was learnt.

Every held-out split is compared with train, and with those before it: a test row that validation asks too has helped to
choose when to stop.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyarrow as pa

from trainer.data.conversations import Conversation, input_key

INPUTS: Final = pa.schema([("record_id", pa.string()), ("row", pa.int64()), ("input_key", pa.string())])
"""What is compared: one row an example; `input_key` is "" where nothing is asked."""

OVERLAP: Final = pa.schema(
    [
        ("split", pa.string()),
        ("record_id", pa.string()),
        ("row", pa.int64()),
        ("other_split", pa.string()),
        ("other_record_id", pa.string()),
        ("other_row", pa.int64()),
        ("examples", pa.int32()),
    ]
)
"""One row for each held-out record whose input stands in another split: the first such record there, and how many
examples it has. Rows are counted from 1 in their split, and null where the data are a version."""


def overlaps(splits: dict[str, pa.Table]) -> pa.Table:
    """Records whose normalised input stands in an earlier split, word for word; each is named once.

    Args:
        splits: tables with the columns of INPUTS, train first.

    >>> train = pa.table({"record_id": ["a"], "row": [1], "input_key": ["k"]})
    >>> other = pa.table({"record_id": ["b", "c"], "row": [1, 2], "input_key": ["k", ""]})
    >>> [(each["record_id"], each["other_record_id"]) for each in overlaps({"train": train, "test": other}).to_pylist()]
    [('b', 'a')]
    """
    first: dict[str, tuple[str, str, int | None]] = {}
    counts: dict[tuple[str, str, int | None, str], int] = {}
    for split, table in splits.items():
        inputs = list(zip(*(table[name].to_pylist() for name in INPUTS.names), strict=True))
        for record_id, row, key in inputs:
            if key in first:
                counts[split, record_id, row, key] = counts.get((split, record_id, row, key), 0) + 1
        for record_id, row, key in inputs:
            if key:
                first.setdefault(key, (split, record_id, row))
    found = [(*about, *first[key], count) for (*about, key), count in counts.items()]
    return pa.table([list(column) for column in zip(*found, strict=True)] or [[]] * len(OVERLAP), schema=OVERLAP)


def inputs_of(conversations: Iterable[Conversation]) -> pa.Table:
    """What some conversations ask, each once: of splits that are compared and not trained on."""
    rows = [(each.record_id, each.row, input_key(each)) for each in conversations]
    return pa.table([list(column) for column in zip(*rows, strict=True)] or [[]] * len(INPUTS), schema=INPUTS)
