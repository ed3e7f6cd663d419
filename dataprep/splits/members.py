"""Records still in, as arrays: what groups, leaks and the division into splits are computed from.

Rows are numbered without gaps, so group and node are indexes and everything is one pass over plain arrays; the same as
joins took five times as long. 45 bytes a record with its key, beside labels or times while they are read.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataprep.record import SPLITS
from dataprep.sqlfiles import read_sql

Ints = npt.NDArray[np.int32]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

HELD_BYTES_A_RECORD: Final = 45
"""Memory that a run holds for each record whatever the engine's limit: the arrays below, and its key."""
NONE: Final = -1
"""Code of an absent pin, label or time."""


@dataclass(slots=True)
class Members:
    """m records still in, in order of rows; every array has shape (m,).

    Attributes:
        row: run-local row number.
        node: first row that asks the same.
        group_node: first row with the same user-named group key; NONE without one.
        pin: index into SPLITS, or NONE.
        given: whether the pin is given by the data or the pipeline file.
        in_parent: whether the parent version keeps the record.
        label: index into the labels in order, or NONE.
        time: rank of the time, or NONE.
        group: number of the record's group, its node until `group_members` was called: the node whose key is smallest.
    """

    row: Ints
    node: Ints
    group_node: Ints
    pin: npt.NDArray[np.int8]
    given: Flags
    in_parent: Flags
    label: Codes
    time: Codes
    group: Ints

    def __len__(self) -> int:
        return len(self.row)

    @property
    def held_out(self) -> Flags:
        """Whether each record is pinned to validation or test."""
        return np.asarray(self.pin > SPLITS.index("train"))

    def where(self, chosen: Flags) -> Members:
        """Some of the records."""
        return Members(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


@dataclass(frozen=True, slots=True)
class Roll:
    """Records still in, and what their codes mean.

    Attributes:
        members: the records.
        labels: all labels in order.
        input_keys: the 128-bit input key of every row of the run, as two numbers: shape (rows, 2).
    """

    members: Members
    labels: list[str]
    input_keys: npt.NDArray[np.uint64]


def load_members(con: duckdb.DuckDBPyConnection, *, labels: bool, times: bool) -> Roll:
    """Read tables `core` and `fate`.

    Args:
        con: holds them, and the view `rows`.
        labels: whether records are told apart by label.
        times: whether they are by time.
    """
    wanted = {"labels": labels, "times": times}
    table = con.sql(read_sql("steps/members"), params=wanted).to_arrow_table()
    label, names = _codes(table["label"])
    time, _ = _codes(table["time"])
    members = Members(
        row=_ints(table["row"]),
        node=_ints(table["node"]),
        group_node=_ints(table["group_node"]),
        pin=_ints(table["pin"]).astype(np.int8),
        given=np.asarray(table["given"].to_numpy(), np.bool_),
        in_parent=np.asarray(table["in_parent"].to_numpy(), np.bool_),
        label=label,
        time=time,
        group=_ints(table["node"]),
    )
    del table
    if (np.diff(members.row) < 0).any():
        order = np.argsort(members.row)
        for column in fields(members):
            setattr(members, column.name, getattr(members, column.name)[order])
    return Roll(members, names, _input_keys(con))


def group_members(members: Members, roll: Roll) -> None:
    """Number the groups: records with the same input, or the same user-named key, transitively.

    Method: connected components over inputs and keys (a record joins its input with its key).
    """
    members.group = members.node.copy()
    linked = members.group_node >= 0
    if not linked.any():
        return
    # Imported here because it takes 0.15 s and few pipelines name a group.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    nodes, node = np.unique(members.node[linked], return_inverse=True)
    _, key = np.unique(members.group_node[linked], return_inverse=True)
    size = len(nodes) + int(key.max()) + 1
    graph = coo_array((np.ones(len(node), np.int8), (node, key + len(nodes))), shape=(size, size))
    component = connected_components(graph, directed=False)[1][: len(nodes)]
    keys = roll.input_keys[nodes]
    order = np.lexsort((keys[:, 1], keys[:, 0], component))[::-1]
    named = np.empty(component.max() + 1, np.int32)
    named[component[order]] = nodes[order]  # the first of each component is assigned last
    group_of_node = np.full(len(roll.input_keys), NONE, np.int32)
    group_of_node[nodes] = named[component]
    found = group_of_node[members.node]
    members.group = np.where(found == NONE, members.node, found)


def _input_keys(con: duckdb.DuckDBPyConnection) -> npt.NDArray[np.uint64]:
    table = con.sql("select row, input_key from rows").to_arrow_table()
    keys = np.empty((table.num_rows, 2), np.uint64)
    column = table["input_key"].combine_chunks().cast(pa.binary(16))
    found = np.frombuffer(column.buffers()[1], "<u8").reshape(-1, 2)
    keys[table["row"].to_numpy()] = found[column.offset : column.offset + len(column)]
    return keys


def _ints(column: pa.ChunkedArray) -> Ints:
    return np.asarray(pc.fill_null(column, NONE).to_numpy(), np.int32)


def _codes(column: pa.ChunkedArray) -> tuple[Codes, list[str]]:
    """Each text's place among the distinct ones in order, NONE for null, and these."""
    if column.null_count == len(column):
        return np.full(len(column), NONE, np.int32), []
    encoded = column.combine_chunks().dictionary_encode()
    distinct = encoded.dictionary
    order = pc.sort_indices(distinct).to_numpy()
    place = np.empty(len(order) + 1, np.int32)
    place[order] = np.arange(len(order))
    place[-1] = NONE
    codes = pc.fill_null(encoded.indices, len(order)).to_numpy(zero_copy_only=False)
    return place[codes], distinct.take(pa.array(order)).to_pylist()
