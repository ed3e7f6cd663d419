"""Near duplicates of benchmark items, against all pairs compared as plain sets."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from dataprep.pairs.benchmarks import Items
from dataprep.pairs.config import NearConfig
from dataprep.pairs.near import MODERATE, Sets
from dataprep.pairs.near_items import ItemSketches, NearItems
from dataprep.pairs.near_keys import KeyTexts, NearKeys, band_name
from dataprep.pairs.sketches import sets_of
from dataprep.record import Record, Turn, Turns, build_batch

CONFIG = NearConfig()
Row = tuple[str, str | None]
"""Question and answer; a document where there is no answer."""


def batch_of(rows: Sequence[Row], labels: Sequence[str | None] | None = None) -> pa.RecordBatch:
    records = [
        Record(
            [Turn("text", question)] if answer is None else [Turn("user", question), Turn("assistant", answer)], {}, 1
        )
        for question, answer in rows
    ]
    for record, label in zip(records, labels or (), strict=False):
        record.label = label
    return build_batch("s", records)


class Run:
    """A run's records: their table of sketches, and which of them somebody read the text of."""

    def __init__(self, batch: pa.RecordBatch, config: NearConfig = CONFIG) -> None:
        self.turns = batch["turns"]
        self.keys = NearKeys(config)
        self.table = self.keys.table(KeyTexts.of(Turns(self.turns)), batch["label"])
        self.read: list[int] = []

    def column(self, side: str, name: str) -> np.ndarray:
        return pc.coalesce(self.table[f"{side}_{name}"], self.table[f"whole_{name}"]).to_numpy(zero_copy_only=False)

    def near(self, items: ItemSketches, side: str) -> NearItems:
        sizes = self.column(side, "ngram")

        def sets(rows: np.ndarray) -> Sets:
            assert (np.diff(rows) > 0).all()
            self.read += rows.tolist()
            texts = KeyTexts.of(Turns(self.turns.take(pa.array(rows))))
            return sets_of(self.keys.side_words(texts, side), texts.row_offsets, sizes[rows])

        return items.near_items(side, lambda band: self.column(side, band_name(band)), sizes, sets)


def sketches(
    rows: Sequence[Row], config: NearConfig = CONFIG, labels: Sequence[str | None] | None = None
) -> ItemSketches:
    return ItemSketches(Items(tuple(map(str, range(len(rows)))), batch_of(rows, labels)), config)


@cache
def shingles(text: str) -> set[tuple[str, ...]]:
    words = "".join(char if char.isalnum() else " " for char in text.casefold()).split()
    size = (
        0
        if len(words) < CONFIG.least_words
        else CONFIG.short_ngram
        if len(words) < CONFIG.short_below
        else CONFIG.ngram
    )
    return {tuple(words[at : at + size]) for at in range(len(words) - size + 1)} if size else set()


def best(text: str, items: Sequence[str]) -> tuple[int, float]:
    """The item that a text is most similar to, of several the first; -1 where none reaches the floor."""
    own, found = shingles(text), (-1, 0.0)
    for number, item in enumerate(items):
        other = shingles(item)
        same_class = {len(next(iter(each), ())) for each in (own, other)}
        value = len(own & other) / max(len(own | other), 1) if len(same_class) == 1 else 0.0
        if value >= CONFIG.floor and value > found[1]:
            found = number, value
    return found


def edited(text: str, words: int, chooser: random.Random) -> str:
    some = text.split()
    for place in chooser.sample(range(len(some)), min(words, len(some))):
        some[place] = chooser.choice(["several", "blue", "often", "sixteen"])
    return " ".join(some)


@pytest.fixture(scope="module")
def gsm8k(shared_data: Path) -> list[Row]:
    with gzip.open(shared_data / "qa/gsm8k_test.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.isascii()]
    return [(row["question"], row["answer"]) for row in rows[:250]]


@pytest.mark.parametrize("side", ["whole", "input"])
def test_edited_questions_are_found_as_comparing_all_finds_them(gsm8k: list[Row], side: str) -> None:
    chooser = random.Random(0)
    rows = [
        (edited(question, chooser.choice([0, 1, 1, 2, 5]), chooser), edited(str(answer), row % 3, chooser))
        for row, (question, answer) in enumerate(gsm8k)
    ]
    texts = [f"{question} {answer}" if side == "whole" else question for question, answer in rows]
    own = [f"{question} {answer}" if side == "whole" else question for question, answer in gsm8k]
    run = Run(batch_of([("What else is there to be asked about this?", "Nothing."), *rows]))
    found = run.near(sketches(gsm8k), side)
    expected = {row: best(text, own) for row, text in enumerate(texts, 1)}
    expected = {row: pair for row, pair in expected.items() if pair[0] >= 0}
    got = {
        row: (item, similar) for row, item, similar in zip(*map(np.ndarray.tolist, found_columns(found)), strict=True)
    }
    assert got.items() <= expected.items()
    assert len(got) >= 0.95 * len(expected) > 60  # by the S-curve 0.92 at the floor, 0.998 at 0.8
    assert all(row in got for row, (_, similar) in expected.items() if similar >= 0.9)
    assert sorted(set(run.read)) == run.read
    assert len(run.read) <= found.nominated
    assert 0 not in run.read


def found_columns(found: NearItems) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return found.rows, found.items, found.similarity


def test_of_equally_similar_items_the_first_is_named() -> None:
    question = "How many marbles does each of the three children get if they share all twelve of them evenly today?"
    items = sketches(
        [("Something else that is asked and long enough to be compared", "x"), (question, "4"), (question, "5")]
    )
    found = Run(batch_of([(question, "six")])).near(items, "input")
    assert [column.tolist() for column in found_columns(found)] == [[0], [1], [1.0]]


def test_labels_do_not_keep_an_input_from_being_found() -> None:
    text = "my card has not arrived yet and i have been waiting for more than two whole weeks now"
    items = sketches([(text, None)], labels=["card_arrival"])
    assert Run(batch_of([(text, None)], ["other"])).near(items, "whole").rows.tolist() == []
    assert Run(batch_of([(text, None)], ["other"])).near(items, "input").rows.tolist() == [0]
    assert Run(batch_of([(text, None)], ["card_arrival"])).near(items, "whole").rows.tolist() == [0]


def test_short_items_and_records_are_not_compared() -> None:
    items = sketches([("too short now", "")])
    found = Run(batch_of([("too short now", ""), ("", "")])).near(items, "input")
    assert (found.nominated, found.rows.tolist()) == (0, [])


def test_no_items_and_no_records() -> None:
    question = ("A question that is long enough to have some shingles of its own, is it not?", "Yes.")
    assert Run(batch_of([question])).near(sketches([]), "whole").rows.tolist() == []
    assert Run(batch_of([])).near(sketches([question]), "whole").rows.tolist() == []


def test_text_is_read_for_some_thousand_records_at_a_time() -> None:
    question = " ".join(f"word{place}" for place in range(40))
    run = Run(batch_of([(f"{question} {row}", "x") for row in range(9000)]))
    calls: list[int] = []
    sizes = run.column("input", "ngram")

    def sets(rows: np.ndarray) -> Sets:
        calls.append(len(rows))
        texts = KeyTexts.of(Turns(run.turns.take(pa.array(rows))))
        return sets_of(run.keys.side_words(texts, "input"), texts.row_offsets, sizes[rows])

    items = sketches([(question, "x")])
    found = items.near_items("input", lambda band: run.column("input", band_name(band)), sizes, sets)
    assert found.rows.tolist() == list(range(9000))
    assert set(found.similarity.tolist()) == {36 / 37}
    assert max(calls) <= 4096
    assert sum(calls) == 9000


def test_of_items_that_share_a_key_by_the_hundred_the_first_are_compared_and_the_rest_counted() -> None:
    preamble = " ".join(f"word{place}" for place in range(400))
    items = sketches([(f"{preamble} {number}", "x") for number in range(MODERATE + 20)])
    found = Run(batch_of([(f"{preamble} last", "y")])).near(items, "input")
    assert found.rows.tolist() == [0]
    assert found.nominated <= MODERATE * CONFIG.bands
    assert found.uncompared > 0
