"""All families of signals, and measuring them on a batch."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

import pyarrow as pa

import dataprep.signals
from dataprep.clean.config import CleanConfig
from dataprep.record import Turns
from dataprep.signals.block import TextBlock, split_rows
from dataprep.signals.family import Family, SignalColumn

_MARKERS: Final = CleanConfig().end_of_text_markers


@cache
def families() -> tuple[Family, ...]:
    """All families, by the names of their files.

    Raises:
        ValueError: two families have the same name, or a column of the same name (in any case: SQL has one case).
    """
    modules = sorted(module.name for module in pkgutil.iter_modules(dataprep.signals.__path__, "dataprep.signals."))
    loaded = (importlib.import_module(name) for name in modules)
    found = tuple(module.FAMILY for module in loaded if hasattr(module, "FAMILY"))
    for names in (
        [family.name for family in found],
        [column.name for family in found for column in family.columns],
    ):
        folded = [name.casefold() for name in names]
        if twice := {name for name in folded if folded.count(name) > 1}:
            raise ValueError(f"two signals or families are named {', '.join(sorted(twice))}")
    return found


@cache
def signal_columns() -> dict[str, SignalColumn]:
    """Every signal by its name, in the order of the families."""
    return {column.name: column for family in families() for column in family.columns}


def measure(
    turns: Turns,
    *,
    end_of_text_markers: tuple[str, ...] = _MARKERS,
    only: Sequence[Family] | None = None,
    beside: Callable[[TextBlock], None] | None = None,
) -> dict[str, pa.RecordBatch]:
    """Measure the signals of n records: for each family, by name, a batch of its columns with n rows.

    A record's signals depend on its own turns alone, never on its neighbours in the batch. Threads may call this at
    the same time; nearly all of its time runs without the interpreter lock.

    Args:
        turns: the turns of the records.
        end_of_text_markers: tokenizer markers to count; those of the cleaner's configuration if not given.
        only: the families to measure (those whose stored values are out of date); all if not given.
        beside: called with each block in order: what else is made from the same scan.
    """
    chosen = families() if only is None else tuple(only)
    blocks: dict[str, list[pa.RecordBatch]] = {family.name: [] for family in chosen}
    for rows in split_rows(turns):
        block = TextBlock(turns, end_of_text_markers, rows)
        for family in chosen:
            blocks[family.name].append(_measure_family(family, block))
        if beside is not None:
            beside(block)
    return {name: pa.concat_batches(batches) for name, batches in blocks.items()}


def _measure_family(family: Family, block: TextBlock) -> pa.RecordBatch:
    values = family.measure(block)
    schema = pa.schema([(column.name, column.dtype) for column in family.columns])
    return pa.record_batch([pa.array(values[name], schema.field(name).type) for name in schema.names], schema=schema)
