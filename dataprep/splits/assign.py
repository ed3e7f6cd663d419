"""Groups, leaks and the division into train, validation and test.

A group is everything that must not be torn apart: records with the same input side (the same question with another
answer tells a model the test), and records with the same user-named key, transitively. Given splits are pins: the
held-out side stays whole and the train side gives way. What is not pinned is divided by share, time or source.
"""

from __future__ import annotations

from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from dataprep.console import clip, one_line
from dataprep.kernels.allocate import allocate
from dataprep.record import SPLITS
from dataprep.splits.config import SplitConfig
from dataprep.sqlfiles import read_sql

_LABEL_WIDTH: Final = 60
"""Columns of a label that a note shows."""


def group_records(con: duckdb.DuckDBPyConnection) -> None:
    """Make `grouped`: table `nodes` with the group of each record.

    Without a user-named group key a group is a node (equal input side). With one, groups are the connected components
    over nodes and keys; a component is named by its smallest node, so its name does not depend on the order of rows.
    """
    edges = con.sql(
        """
        select dense_rank() over (order by node) - 1 as node, dense_rank() over (order by group_key) - 1 as key
        from nodes where group_key is not null
        """
    ).to_arrow_table()
    if edges.num_rows == 0:
        con.execute("create view grouped as select *, node as group_id from nodes")
        return
    # Imported here because it takes 0.15 s and few pipelines name a group.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    node = edges["node"].to_numpy()
    key = edges["key"].to_numpy()
    nodes = int(node.max()) + 1
    size = nodes + int(key.max()) + 1
    graph = coo_array((np.ones(len(node), np.int8), (node, key + nodes)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    names = con.sql("select distinct node from nodes where group_key is not null order by node").to_arrow_table()
    con.register("linked", pa.table({"node": names["node"], "component": component[:nodes]}))
    con.execute(
        """
        create table components as
        select node, min(node) over (partition by component) as group_id from linked;
        create view grouped as
        select nodes.*, coalesce(components.group_id, nodes.node) as group_id
        from nodes left join components using (node)
        """
    )
    con.unregister("linked")


def assign_splits(con: duckdb.DuckDBPyConnection, config: SplitConfig, mode: str) -> list[str]:
    """Make table `assigned` (group_id, split) for all groups of records still in; returns what could not be done.

    Args:
        con: holds `grouped`.
        config: shares, seed and whether to stratify.
        mode: the resolved mode: group, time, source or given.
    """
    con.execute(read_sql("steps/groups"), {"stratify": config.stratify, "seed": str(config.seed)})
    shares = dict(zip(SPLITS, (config.train, config.validation, config.test), strict=True))
    if mode == "time":
        con.execute(
            f"create table assigned as {read_sql('steps/split_by_time')}",
            {"train": config.train, "validation": config.validation},
        )
        return _empty_splits(con, shares) + _time_notes(con)
    con.execute("create table assigned as select group_id, pin as split from groups where pin is not null")
    free = con.sql(
        "select group_id, size from groups where pin is null order by stratum nulls first, place, group_id"
    ).to_arrow_table()
    if free.num_rows:
        chosen = allocate(free["size"].to_numpy().astype(np.int64), np.array(list(shares.values())))
        splits = pa.array(SPLITS).take(pa.array(chosen))
        con.register("divided", pa.table({"group_id": free["group_id"], "split": splits}))
        con.execute("insert into assigned select group_id, split from divided")
        con.unregister("divided")
    notes = _pinned_notes(con)
    if mode == "group":
        notes += _empty_splits(con, shares)
        notes += _stratification_notes(con, shares) if config.stratify else []
    return notes


def _empty_splits(con: duckdb.DuckDBPyConnection, shares: dict[str, float]) -> list[str]:
    filled = {row[0] for row in con.sql("select distinct split from assigned").fetchall()}
    return [
        f"nothing in {split}: there are too few groups for a share of {share:g}"
        for split, share in shares.items()
        if share > 0 and split not in filled
    ]


def _stratification_notes(con: duckdb.DuckDBPyConnection, shares: dict[str, float]) -> list[str]:
    """Labels that a split lacks though it has others, and groups of several labels."""
    notes: list[str] = []
    strata = con.sql("select count(distinct stratum) from groups").fetchall()[0][0]
    filled = {row[0] for row in con.sql("select distinct split from assigned").fetchall()}
    for split, share in shares.items():
        if not strata or split not in filled:
            continue
        absent = con.execute(read_sql("steps/absent_labels"), {"split": split}).fetchall()
        if absent:
            shown = ", ".join(f"{clip(one_line(label), 40)} ({records})" for label, records in absent[:3])
            more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
            notes.append(
                f"{len(absent)} of {strata} labels {'has' if len(absent) == 1 else 'have'} no record in {split} "
                f"(too few groups for a share of {share:g}): {shown}{more}"
            )
    mixed = con.sql(
        "select count(*) from (select group_id from grouped group by group_id having count(distinct label) > 1)"
    ).fetchall()[0][0]
    if mixed:
        held = "1 group holds" if mixed == 1 else f"{mixed} groups hold"
        notes.append(f"{held} more than one label; a group is placed whole, by its commonest label")
    return notes


def _pinned_notes(con: duckdb.DuckDBPyConnection) -> list[str]:
    straddling = con.sql(
        "select count(*) from ("
        "select group_id from grouped where side < 2 group by group_id having count(distinct pin) > 1)"
    ).fetchall()[0][0]
    if not straddling:
        return []
    stand = "1 group stands" if straddling == 1 else f"{straddling} groups stand"
    return [f"{stand} in validation and in test, as given; the held-out side stays whole"]


def _time_notes(con: duckdb.DuckDBPyConnection) -> list[str]:
    older = con.sql(read_sql("steps/older_held_out")).fetchall()[0][0]
    if not older:
        return []
    are = "1 held-out record is" if older == 1 else f"{older} held-out records are"
    return [f"{are} older than the newest in train: a group goes by its latest record, so train never sees the future"]
