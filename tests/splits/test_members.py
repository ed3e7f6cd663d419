"""Records as arrays: in order of rows, in groups, and pinned where the parent has them."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dataprep.splits.inherit import inherit, release
from dataprep.splits.members import NONE, Members, components, group_members, load_keys, load_members

SIZE = 12
NODES = st.integers(0, SIZE - 1)


def members(node: list[int], group_node: list[int]) -> Members:
    size = len(node)
    return Members(
        row=np.arange(size, dtype=np.int32),
        node=np.array(node, np.int32),
        group_node=np.array(group_node, np.int32),
        source=np.zeros(size, np.uint8),
        pin=np.full(size, NONE, np.int8),
        given=np.zeros(size, np.bool_),
        in_parent=np.zeros(size, np.bool_),
        label=np.full(size, NONE, np.int8),
        time=np.full(size, NONE, np.int8),
        group=np.array(node, np.int32),
    )


def joined(pairs: list[tuple[int, int]]) -> list[set[int]]:
    """For each node those that it is connected with, one pair after another."""
    sets = [{node} for node in range(SIZE)]
    for a, b in pairs:
        both = sets[a] | sets[b]
        for node in both:
            sets[node] = both
    return sets


@given(pairs=st.lists(st.tuples(NODES, NODES), max_size=20))
def test_a_component_is_named_by_its_smallest_node(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs, np.int64).reshape(-1, 2).T
    assert components(a, b, SIZE).tolist() == [min(found) for found in joined(pairs)]


def test_a_long_chain_in_any_order_is_one_component() -> None:
    chain = np.random.default_rng(7).permutation(10_000)
    assert not components(chain[:-1], chain[1:], len(chain)).any()


@given(
    keys=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**64 - 1)), min_size=SIZE, max_size=SIZE),
    named=st.lists(st.integers(NONE, 4), min_size=SIZE, max_size=SIZE),
    asked=st.lists(NODES, min_size=SIZE, max_size=SIZE),
)
def test_a_group_is_its_node_of_the_smallest_key(
    keys: list[tuple[int, int]], named: list[int], asked: list[int]
) -> None:
    node = [asked.index(question) for question in asked]
    group_node = [NONE if name == NONE else named.index(name) for name in named]
    roll = members(node, group_node)
    group_members(roll, np.array(keys, np.uint64), np.empty((2, 0), np.int32))
    links = [(place, node[place]) for place in range(SIZE)]
    links += [(place, group_node[place]) for place in range(SIZE) if named[place] != NONE]
    for place, together in enumerate(joined(links)):
        nodes = {node[each] for each in together}
        assert roll.group[place] == min(nodes, key=lambda each: (*keys[each], each))


@given(order=st.permutations(range(6)))
def test_rows_in_any_order_are_loaded_in_theirs(order: list[int]) -> None:
    con = duckdb.connect()
    rows = pl.DataFrame(
        {
            "row": order,
            "node": order,
            "group_node": [None if row % 2 else row for row in order],
            "source_index": [row % 3 for row in order],
            "given_split": ["test" if row == 4 else None for row in order],
            "label": [None if row == 0 else "ba"[row % 2] for row in order],
            "time": [None] * 6,
            "input_key": [bytes([row]) * 16 for row in order],
        },
        schema_overrides={"time": pl.String, "source_index": pl.Int32},
    )
    con.register("rows", rows)
    roll, labels = load_members(con, by="auto", sources=(), labels=True, times=True)
    assert roll.row.tolist() == roll.node.tolist() == list(range(6))
    assert roll.group_node.tolist() == [0, NONE, 2, NONE, 4, NONE]
    assert roll.source.tolist() == [0, 1, 2, 0, 1, 2]
    assert roll.pin.tolist() == [NONE, NONE, NONE, NONE, 2, NONE]
    assert labels == ["a", "b"]
    assert roll.label.tolist() == [NONE, 0, 1, 0, 1, 0]
    assert roll.time.tolist() == [NONE] * 6
    assert load_keys(con).tolist() == [[row * 0x0101010101010101] * 2 for row in range(6)]


def test_a_record_goes_where_the_parent_has_it_else_its_input_else_its_group() -> None:
    roll = members([0, 1, 1, 3, 4, 5], [NONE, NONE, NONE, 3, 3, NONE])
    roll.pin[5] = 0
    kept = {"row": [0, 1, 3, 5], "split": [1, 2, 1, 2]}
    inherit(roll, pl.DataFrame(kept, schema={"row": pl.Int32, "split": pl.Int8}))
    assert roll.pin.tolist() == [1, 2, 2, 1, 1, 0]
    assert roll.in_parent.tolist() == [True, True, False, True, False, True]


def test_an_input_that_the_parent_has_on_two_sides_counts_as_tested() -> None:
    roll = members([0, 0], [NONE, NONE])
    kept = {"row": [NONE] * 3, "node": [0] * 3, "group_node": [NONE] * 3, "split": [2, 0, 1]}
    inherit(roll, pl.DataFrame(kept).cast({"split": pl.Int8}))
    assert roll.pin.tolist() == [2, 2]
    assert not roll.in_parent.any()


def test_what_people_said_comes_before_what_the_data_says() -> None:
    roll = members([0, 1], [NONE, NONE])
    roll.pin[:], roll.given[:] = 0, True
    release(roll, [(0, "test"), (1, None)])
    assert (roll.pin.tolist(), roll.given.tolist()) == ([2, 0], [False, True])
