"""Validation examples that ask what train asks: their loss says what was remembered, not what was learnt."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

OVERLAP: Final = pa.schema([("record_id", pa.string()), ("train_record_id", pa.string()), ("examples", pa.int32())])
"""One row for each record of validation whose input stands in train: with the first such record there, and how many
examples it has."""


def overlap(train: pa.Table, validation: pa.Table) -> pa.Table:
    """Records of validation whose normalised input stands in train, word for word.

    Args:
        train, validation: examples with `record_id` and `input_key` ("" where nothing is asked).

    >>> train = pa.table({"record_id": ["a"], "input_key": ["k"]})
    >>> overlap(train, pa.table({"record_id": ["b", "c"], "input_key": ["k", ""]})).to_pylist()
    [{'record_id': 'b', 'train_record_id': 'a', 'examples': 1}]
    """
    first: dict[str, str] = {}
    for record_id, key in zip(train["record_id"].to_pylist(), train["input_key"].to_pylist(), strict=True):
        if key:
            first.setdefault(key, record_id)
    counts: dict[tuple[str, str], int] = {}
    for record_id, key in zip(validation["record_id"].to_pylist(), validation["input_key"].to_pylist(), strict=True):
        if key in first:
            pair = (record_id, first[key])
            counts[pair] = counts.get(pair, 0) + 1
    rows = [(record_id, partner, count) for (record_id, partner), count in counts.items()]
    return pa.table([list(column) for column in zip(*rows, strict=True)] or [[], [], []], schema=OVERLAP)
