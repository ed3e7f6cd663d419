"""Packing loses, cuts and mixes up nothing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.pack import pack, packing_numbers, plan

LENGTH = 16
sizes = st.lists(st.integers(1, LENGTH), max_size=60)


def examples(of_sizes: list[int]) -> pa.Table:
    """Examples of distinct tokens, the first half of each masked."""
    kind = pa.list_(pa.int32())
    ids = [[1000 * number + place for place in range(size)] for number, size in enumerate(of_sizes)]
    labels = [[-100] * (len(each) // 2) + each[len(each) // 2 :] for each in ids]
    return pa.table({"input_ids": pa.array(ids, kind), "labels": pa.array(labels, kind)})


@given(of_sizes=sizes)
def test_unpacking_gives_every_example_once(of_sizes: list[int]) -> None:
    table = examples(of_sizes)
    unpacked = []
    for row in pack(table, LENGTH).to_pylist():
        assert len(row["input_ids"]) == len(row["labels"]) == sum(row["seq_lengths"]) <= LENGTH
        begin = 0
        for size in row["seq_lengths"]:
            unpacked.append((row["input_ids"][begin : begin + size], row["labels"][begin : begin + size]))
            begin += size
    wanted = [(row["input_ids"], row["labels"]) for row in table.to_pylist()]
    assert sorted(unpacked) == sorted(wanted)


@given(of_sizes=sizes)
def test_no_two_sequences_would_fit_in_one(of_sizes: list[int]) -> None:
    packed = sorted(sum(row["seq_lengths"]) for row in pack(examples(of_sizes), LENGTH).to_pylist())
    assert len(packed) < 2 or packed[0] + packed[1] > LENGTH


def test_the_fullest_sequence_that_has_room_is_taken() -> None:
    order, counts = plan(np.array([10, 12, 4, 6]), LENGTH)
    assert order.tolist() == [1, 2, 0, 3]
    assert counts.tolist() == [2, 2]


def test_an_example_longer_than_a_sequence_is_a_bug() -> None:
    with pytest.raises(ValueError, match="17 tokens, a sequence 16"):
        pack(examples([17]), LENGTH)


def test_what_packing_gains_is_what_padding_wasted() -> None:
    short = np.array([100] + [4] * 99)
    numbers = packing_numbers(short, 128, 10)
    assert numbers.sequences < 5
    assert numbers.padding > 0.5 > numbers.packed_padding
    assert numbers.gain == pytest.approx((1 - numbers.packed_padding) / (1 - numbers.padding))
