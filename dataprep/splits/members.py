"""Records as arrays: what copies, groups, leaks and the division into splits are computed from.

Rows are numbered without gaps, so row, group and node are indexes and everything is one pass over plain arrays; the
same as joins took five times as long. 45 bytes a record with its key, beside labels or times while they are read.
Frames are Polars' because pyarrow loads pandas, where that is installed, on its way to numpy (0.3 s).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from dataprep.digests import utf8_buffers
from dataprep.record import SPLITS
from dataprep.sqlfiles import read_sql

Ints = npt.NDArray[np.int32]
Codes = npt.NDArray[np.signedinteger]
Splits = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint64]

HELD_BYTES_A_RECORD: Final = 45
"""Memory that a run holds for each record whatever the engine's limit: the arrays below, and its key."""
NONE: Final = -1
"""Code of an absent pin, label or time."""


@dataclass(slots=True)
class Members:
    """m records, in order of rows; every array has shape (m,).

    Attributes:
        row: run-local row number.
        node: first row that asks the same.
        group_node: first row with the same user-named group key; NONE without one.
        source: index of its source.
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
    source: npt.NDArray[np.unsignedinteger]
    pin: Splits
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

    @property
    def side(self) -> Splits:
        """0 for records pinned to test, 1 for validation, 2 for train and those that are not pinned."""
        return np.where(self.held_out, np.int8(len(SPLITS) - 1) - self.pin, np.int8(len(SPLITS) - 1))

    def take(self, chosen: Flags | npt.NDArray[np.int64]) -> None:
        """Go on with some records or another order; array by array, so that no two copies of all are held."""
        for column in fields(self):
            setattr(self, column.name, getattr(self, column.name)[chosen])


def load_members(
    con: duckdb.DuckDBPyConnection, *, by: str, sources: Sequence[str], labels: bool, times: bool
) -> tuple[Members, list[str]]:
    """All records of a run, pinned as the data or the pipeline file says, and their labels in order.

    Args:
        con: holds the view `rows`.
        by: how the pipeline file divides: `given` and `auto` pin what came with a split, `source` pins all.
        sources: for `source`, the split of each source.
        labels: whether records are told apart by label.
        times: whether they are by time.
    """
    frame = con.sql(read_sql("steps/members")).pl()
    row = frame["row"].to_numpy()
    source = _placed(row, frame["source_index"])
    if by == "source":
        pin = np.array([SPLITS.index(split) for split in sources], np.int8)[source]
    elif by in ("given", "auto"):
        pin = _placed(row, frame["given_split"])
    else:
        pin = np.full(len(row), NONE, np.int8)
    label, label_names = _codes(con, "label", len(row), wanted=labels)
    time, _ = _codes(con, "time", len(row), wanted=times)
    node = _placed(row, frame["node"])
    members = Members(
        row=np.arange(len(row), dtype=np.int32),
        node=node,
        group_node=_placed(row, frame["group_node"]),
        source=source.astype(np.min_scalar_type(int(source.max(initial=0)))),
        pin=pin,
        given=pin != NONE,
        in_parent=np.zeros(len(row), np.bool_),
        label=label,
        time=time,
        group=node,
    )
    return members, label_names


def load_keys(con: duckdb.DuckDBPyConnection) -> Keys:
    """The 128-bit input key of every row of the run, as two numbers: shape (rows, 2)."""
    table = con.sql("select row::integer as row, input_key from rows").to_arrow_table()
    row = pl.DataFrame(table.select(["row"]))["row"].to_numpy()
    keys = np.empty((len(row), 2), np.uint64)
    done = 0
    for chunk in table["input_key"].chunks:
        offsets, data = utf8_buffers(chunk)  # which are those of any bytes; a cast to a fixed width takes 0.06 s more
        keys[row[done : done + len(chunk)]] = data[offsets[0] : offsets[-1]].view("<u8").reshape(-1, 2)
        done += len(chunk)
    return keys


def group_members(members: Members, input_keys: Keys, alike: Ints) -> None:
    """Number the groups: records with the same input, the same user-named key, or that are alike, transitively.

    Method: connected components over inputs, where all inputs of a key are linked with the first of them.

    Args:
        members: records still in.
        input_keys: key of every row, shape (rows, 2).
        alike: places of members that are alike, shape (2, p).
    """
    members.group = members.node
    linked = members.group_node != NONE
    node, key = members.node[linked], members.group_node[linked]
    first = np.empty(len(input_keys), np.int32)
    first[key[::-1]] = node[::-1]  # the first record of each key is assigned last
    node = np.concatenate([node, members.node[alike[0]]])
    other = np.concatenate([first[key], members.node[alike[1]]])
    apart = node != other
    if not apart.any():
        return
    node, other = node[apart], other[apart]
    root = components(node, other, len(input_keys))
    joined = np.zeros(len(root), np.bool_)
    joined[node] = joined[other] = True
    nodes = np.flatnonzero(joined)
    root[nodes] = _of_smallest_key(nodes, root[nodes], input_keys)
    members.group = root[members.node]


def components(a: npt.NDArray[np.integer], b: npt.NDArray[np.integer], size: int) -> Ints:
    """The smallest node of each node's connected component, for `size` nodes and edges between a and b.

    Method: every root that has a smaller one beside it joins the smallest such, then all trees are flattened. A root
    that is left after two rounds has taken in another one, so there are at most 2 log2(size) rounds.
    scipy's compiled function takes as long to import as this takes for a million records.

    >>> components(np.array([3, 4, 0]), np.array([1, 3, 2]), 6).tolist()
    [0, 1, 0, 1, 1, 5]
    """
    root = np.arange(size, dtype=np.int32)
    while len(a):
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while True:
            above = root[root]
            if np.array_equal(above, root):
                break
            root = above
        a, b = root[a], root[b]
        apart = a != b
        a, b = a[apart], b[apart]
    return root


def _of_smallest_key(nodes: npt.NDArray[np.int64], component: Ints, input_keys: Keys) -> Ints:
    """For each node the one with the smallest key in its component; the first of them where keys are equal."""
    high, low = input_keys[nodes].T
    smallest = np.full(len(input_keys), np.iinfo(np.uint64).max)
    np.minimum.at(smallest, component, high)
    chosen = np.flatnonzero(high == smallest[component])
    smallest[component] = np.iinfo(np.uint64).max
    np.minimum.at(smallest, component[chosen], low[chosen])
    chosen = chosen[low[chosen] == smallest[component[chosen]]][::-1]
    found = np.empty(len(input_keys), np.int32)
    found[component[chosen]] = nodes[chosen]  # the first of each component is assigned last
    return found[component]


def _codes(con: duckdb.DuckDBPyConnection, name: str, records: int, *, wanted: bool) -> tuple[Codes, list[str]]:
    """For each record the place of its text among the distinct ones in order, NONE for null, and these."""
    frame = con.sql(f"select row::integer as row, {name} from rows").pl() if wanted else pl.DataFrame({name: None})
    column = frame[name]
    if column.null_count() == len(column):
        return np.full(records, NONE, np.int8), []
    distinct = column.drop_nulls().unique().sort()
    codes = column.cast(pl.Enum(distinct)).to_physical().cast(pl.Int32).fill_null(NONE)
    return _placed(frame["row"].to_numpy(), codes), distinct.to_list()


def _placed(row: Ints, column: pl.Series) -> npt.NDArray[Any]:
    """A column in order of rows, from one in any order."""
    values = column.to_numpy()
    placed = np.empty_like(values)
    placed[row] = values
    return placed
