"""The splits that records take over: from the parent version, or from people."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

from dataprep.record import SPLITS
from dataprep.splits.members import NONE, Members, Splits


def inherit(members: Members, kept: pl.DataFrame) -> None:
    """Pin records that are not pinned yet: where the parent has them, else their input, else their group.

    Where the parent has an input or a group on two sides (given splits may), test goes before validation before train.

    Args:
        members: all records; `in_parent` is set for those that the parent keeps.
        kept: the parent's records in terms of this run: row, node, group_node, each NONE where there is none, and split
            as index into SPLITS. Without node and group_node, these are those of the row.
    """
    split, row = kept["split"].to_numpy(), kept["row"].to_numpy()
    own = _scattered(row, split, len(members))[members.row]
    members.in_parent = own != NONE
    if "node" in kept.columns:
        node, group_node = kept["node"].to_numpy(), kept["group_node"].to_numpy()
    else:
        node, group_node = members.node[row], members.group_node[row]
    by_input = _scattered(node, split, len(members))[members.node]
    by_group = _scattered(group_node, split, len(members))[members.group_node]
    for found in (own, by_input, by_group):
        members.pin = np.where(members.pin == NONE, found, members.pin)


def release(members: Members, released: Iterable[tuple[int, str | None]]) -> None:
    """Pin the records that people released into a split, whatever else says where they belong.

    Args:
        members: all records.
        released: rows, and the split that was named, if any.
    """
    for row, split in released:
        if split is not None:
            members.pin[row] = SPLITS.index(split)
            members.given[row] = False


def _scattered(places: npt.NDArray[np.int32], codes: Splits, size: int) -> Splits:
    """An array of `size` + 1 with codes at their places, the highest where several have one; its last place is none."""
    array = np.full(size + 1, NONE, np.int8)
    for code in range(len(SPLITS)):
        array[places[codes == code]] = code
    array[NONE] = NONE
    return array
