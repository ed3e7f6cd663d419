"""The per-record result, kept where SQL finds it: beside the version, or for a plain folder beside the run."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from dataprep.store.derived import write_tokens, write_whole
from dataprep.store.layout import Store
from dataprep.store.tables import TOKENS
from trainer.data.prepared import Prepared
from trainer.recipe import Recipe


def write_ledger(prepared: Prepared, recipe: Recipe, *, beside: Path) -> Path:
    """Write what became of every example; where it is written already, nothing changes.

    Args:
        prepared: the recipe's data.
        recipe: the recipe.
        beside: folder for `tokens-<settings>.parquet`, where the data are no version.

    Raises:
        MachineError: the disk is full or cannot be written.
    """
    about = prepared.description
    table = ledger(prepared, recipe)
    if about["kind"] == "version":
        return write_tokens(Store(Path(about["store"])), about["version_id"], about["outcomes_digest"], table)
    path = beside / f"tokens-{about['outcomes_digest'][:12]}.parquet"
    write_whole(path, table)
    return path


def ledger(prepared: Prepared, recipe: Recipe) -> pa.Table:
    """One row for every example, with the settings that it holds for: the schema TOKENS."""
    constants = (recipe.model.path, recipe.data.max_length, prepared.description["outcomes_digest"])
    table = prepared.outcomes
    for name, value in zip(("model", "max_length", "settings"), constants, strict=True):
        table = table.append_column(name, pa.repeat(pa.scalar(value, TOKENS.field(name).type), len(table)))
    return table.select(TOKENS.names).cast(TOKENS)
