"""The contract of families: documented columns, blocks and threads without effect."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from dataprep.record import TURNS_TYPE, Turns
from dataprep.signals import TextBlock, families, measure, signal_columns
from dataprep.signals.block import split_rows


def column(n_rows: int, n_words: int = 40) -> pa.Array:
    chance = np.random.default_rng(7)
    words = np.array(["alpha", "Beta", "gamma-ray", "δέλτα", "\n", "漢字", "<|endoftext|>", "n/a", "42", "e\u0301"])
    rows = [
        [
            {"role": role, "content": " ".join(words[chance.integers(0, len(words), n_words)])}
            for role in ("user", "assistant")
        ]
        for _ in range(n_rows)
    ]
    return pa.array(rows, TURNS_TYPE)


def test_every_signal_is_described_and_typed() -> None:
    for name, described in signal_columns().items():
        assert name.isidentifier()
        assert name == name.lower()
        assert len(described.description) > 10
        if name.endswith("_share"):
            assert described.dtype == pa.float64()
            assert "(0 to 1)" in described.description


def test_families_come_in_a_fixed_order_one_file_each() -> None:
    names = [family.name for family in families()]
    assert names == sorted(names)
    for family in families():
        assert family.measure.__module__ == f"dataprep.signals.{family.name}"


def test_batches_have_the_declared_columns() -> None:
    for family in families():
        batch = measure(Turns(column(3)), only=[family])[family.name]
        assert batch.schema.names == [described.name for described in family.columns]
        assert batch.schema.types == [described.dtype for described in family.columns]


def test_shares_stay_between_zero_and_one() -> None:
    for batch in measure(Turns(column(50))).values():
        for name in batch.schema.names:
            if name.endswith("_share"):
                values = batch[name].to_numpy()
                assert ((values >= 0) & (values <= 1)).all(), name


def test_blocks_cover_all_records_and_do_not_change_values() -> None:
    turns = Turns(column(2500, 120).slice(100))
    ranges = list(split_rows(turns))
    assert len(ranges) > 2
    assert [first for first, _ in ranges] == [0, *(last for _, last in ranges[:-1])]
    assert ranges[-1][1] == turns.n_rows
    in_blocks = measure(turns)
    whole = TextBlock(turns, ("<|endoftext|>",))
    for family in families():
        values = family.measure(whole)
        for described in family.columns:
            assert in_blocks[family.name][described.name].equals(pa.array(values[described.name], described.dtype))


def test_threads_may_measure_at_the_same_time() -> None:
    batches = [column(200).slice(start) for start in range(8)]
    alone = [measure(Turns(batch)) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda batch: measure(Turns(batch)), batches)) == alone


def test_hostile_text_is_measured_in_time_linear_in_its_length() -> None:
    texts = ["e" + "\u0301" * 100_000, "a " * 50_000, "\n" * 100_000, "<" * 100_000, "\u200b" * 100_000, "漢" * 50_000]
    array = pa.array([[{"role": "text", "content": text}] for text in texts], TURNS_TYPE)
    sizes = measure(Turns(array))
    assert sizes["size"]["n_words"].to_pylist() == [1, 50_000, 0, 0, 0, 50_000]
    assert sizes["ngrams"]["duplicate_10gram_char_share"].to_pylist()[1] == pytest.approx(1 - 1 / 50_000)
    assert sizes["parts"]["blank_parts"].to_pylist() == [0, 0, 1, 0, 1, 0]
