"""The splits that records take over from the parent version."""

from __future__ import annotations

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataprep.record import SPLITS

_NONE = -1


def inherit(con: duckdb.DuckDBPyConnection, kept: pa.Table) -> None:
    """Fill the table `inherited`: a record's own split in the parent, else that of its input, else that of its group.

    Where the parent has an input or a group on two sides (given splits may), test goes before validation before train.

    Args:
        con: holds the view `rows` (row, node, group_node) and the table.
        kept: the parent's records in terms of this run: row, node, group_node, each null where there is none; split.
    """
    split = pc.index_in(kept["split"], pa.array(SPLITS)).to_numpy().astype(np.int8)
    order = np.argsort(split, kind="stable")  # later assignments win, and SPLITS end with test
    rows = con.sql("select row, node, group_node from rows").to_arrow_table()
    row = rows["row"].to_numpy()
    size = len(row)
    own, by_input, by_group = (
        _scattered(pc.fill_null(kept[name], size).to_numpy()[order], split[order], size)
        for name in ("row", "node", "group_node")
    )
    group = pc.fill_null(rows["group_node"], size).to_numpy()
    found = np.where(own[row] != _NONE, own[row], by_input[rows["node"].to_numpy()])
    found = np.where(found != _NONE, found, by_group[group])
    pinned = found != _NONE
    names = pa.DictionaryArray.from_arrays(pa.array(found[pinned]), pa.array(SPLITS)).cast(pa.string())
    table = pa.table({"row": row[pinned], "split": names, "in_parent": own[row[pinned]] != _NONE})
    con.register("found", table)
    con.execute("insert into inherited select row, split, in_parent from found")
    con.unregister("found")


def _scattered(places: npt.NDArray[np.int64], codes: npt.NDArray[np.int8], size: int) -> npt.NDArray[np.int8]:
    """An array of `size` + 1 with codes at their places; the last place takes what has none, and is none."""
    array = np.full(size + 1, _NONE, np.int8)
    array[places] = codes
    array[size] = _NONE
    return array
