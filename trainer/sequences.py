"""Examples to the rows that a model sees: packed, several documents a row, or one example each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from trainer.data.pack import lengths, pack

if TYPE_CHECKING:
    import datasets

_LEAST: Final = 256
"""Shorter packed rows gain nothing; longer ones cost attention between documents, which is thrown away."""


def row_length(table: pa.Table, max_length: int) -> int:
    """Tokens of a packed row: enough for the longest example, and at least 256 if the recipe allows it."""
    longest = int(lengths(table).max(initial=1))
    return min(max(longest, _LEAST), max(max_length, longest))


def rows_of(table: pa.Table, *, packing: bool, length: int) -> datasets.Dataset:
    """Rows with `input_ids`, `labels` and `seq_lengths`.

    Args:
        table: examples, see `trainer.data.prepare.Prepared`.
        packing: whether rows hold several of them.
        length: of a packed row.
    """
    import datasets

    if packing:
        return datasets.Dataset(pack(table, length))
    single = pa.array([[size] for size in lengths(table).tolist()], pa.list_(pa.int32()))
    return datasets.Dataset(table.select(["input_ids", "labels"]).append_column("seq_lengths", single))
