"""Converting a block gives the records and errors that converting its rows one by one gives."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.ingest.config import IngestLimits, SourceConfig
from dataprep.ingest.rows import RowError as ReadError
from dataprep.ingest.rows import Rows
from dataprep.ingest.shapes import Converter, Mapping, RowError
from dataprep.record import Record, batch_of, build_batch

MAPPINGS = [
    Mapping("prompt_completion", {"prompt": "a", "completion": "b"}),
    Mapping("prompt_completion", {"prompt": "a", "completion": "b", "system": "s", "tools": "tools"}),
    Mapping("question_answer", {"question": "a", "answer": "b", "system": "s"}),
    Mapping("alpaca", {"instruction": "a", "input": "s", "output": "b"}),
    Mapping("alpaca", {"instruction": "a", "output": "b"}),
    Mapping("text", {"text": "a"}, time="t", time_kind="iso", split_column="split"),
    Mapping("text", {"text": "a"}, time="t", time_kind="number", split="validation"),
    Mapping("text_label", {"text": "a"}, label="label", id="id", group="g"),
    Mapping("text_label_pair", {}),
    Mapping("template", template={"system": "{s}", "prompt": "Q: {a}", "completion": "{b}"}),
    Mapping("messages", {"messages": "a", "system": "s"}, turn_keys=("role", "content")),
]

turn = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "?"]), "content": st.text(max_size=3)}
)
text = st.sampled_from(["", " ", "x", "naïve 🙂", "dev", "train", "2020-01-02", "17", "[]", "{"])
odd = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 2**70), st.floats(), st.binary(max_size=2), st.just(date(2020, 1, 2)),
    st.lists(turn, max_size=2), st.dictionaries(st.sampled_from("yx"), st.none() | st.floats(), max_size=2),
)  # fmt: skip
value = st.one_of(text, text, text, odd)
name = st.sampled_from(["a", "b", "s", "t", "split", "label", "id", "g", "tools", "more", "other"])
usual = st.fixed_dictionaries({"a": text, "b": text}, optional={"s": text, "id": text, "more": value})
row = st.one_of(usual, usual, st.dictionaries(name, value), st.tuples(value, value).map(list), st.integers(), st.none())


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda mapping: f"{mapping.shape} {' '.join(mapping.columns)}")
@settings(deadline=None, max_examples=40)  # for each of the mappings
@given(rows=st.lists(row, max_size=6))
def test_a_block_gives_what_its_rows_give(mapping: Mapping, rows: list[Any]) -> None:
    converter = Converter(mapping, SourceConfig(path="a.jsonl"), IngestLimits())
    records: list[Record] = []
    refused = []
    for index, single in enumerate(rows):
        try:
            records.append(converter.convert(single, 10 * index))
        except RowError as error:
            refused.append((index, error.reason, error.detail, error.column))

    columns, errors = converter.convert_block(Rows(rows, [10 * index for index in range(len(rows))]))

    assert [(index, error.reason, error.detail, error.column) for index, error in errors] == refused
    assert batch_of("s", columns).equals(build_batch("s", records))
    order = columns.order or range(len(columns))
    assert repr([columns.meta[place] for place in order]) == repr([record.meta for record in records])


def test_rows_that_do_not_fit_keep_their_places_among_the_others() -> None:
    converter = Converter(MAPPINGS[0], SourceConfig(path="a.jsonl"), IngestLimits())
    rows = [
        {"a": "0", "b": ""},
        {"a": 1, "b": ""},
        {"a": "2"},
        3,
        {"a": [{"role": "user", "content": "4"}]},
        {"a": "5", "b": ""},
    ]
    columns, errors = converter.convert_block(Rows(rows, [7, 7, 7, 8, 9, 9]))
    batch = batch_of("s", columns)
    assert [turns[0]["content"] for turns in batch["turns"].to_pylist()] == ["0", "2", "4", "5"]
    assert batch["line"].to_pylist() == [7, 7, 9, 9]
    assert [index for index, _ in errors] == [1, 3]


def test_readers_and_shapes_raise_the_same_error() -> None:
    assert RowError is ReadError
