"""What sources some files would make, and running them without a pipeline file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dataprep.errors import InputError
from dataprep.pipeline.files import from_files
from dataprep.pipeline.models import Pipeline

PAIRS = [{"prompt": f"p{i}", "completion": f"c{i}"} for i in range(3)]
TEXTS = [{"text": f"t{i}", "label": "a"} for i in range(3)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    Path(name).parent.mkdir(exist_ok=True, parents=True)
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def sources(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return [(source.name, source.path, source.split) for source in pipeline.sources]


@pytest.mark.usefixtures("here")
class TestSources:
    def test_files_with_the_same_columns_are_one_source(self) -> None:
        loaded = from_files([put("a.jsonl", PAIRS), put("b.jsonl", PAIRS)], name="x")
        assert sources(loaded.pipeline) == [("source1", ("a.jsonl", "b.jsonl"), None)]

    def test_files_that_become_records_in_other_ways_are_others(self) -> None:
        loaded = from_files([put("a.jsonl", TEXTS), put("b.jsonl", PAIRS)])
        assert sorted(sources(loaded.pipeline)) == [("source1", "b.jsonl", None), ("source2", "a.jsonl", None)]

    def test_neither_names_nor_order_of_files_change_what_sources_are_called(self) -> None:
        one = from_files([put("a.jsonl", TEXTS), put("b.jsonl", PAIRS)]).pipeline
        other = from_files([put("z.jsonl", PAIRS), put("y.jsonl", TEXTS)]).pipeline
        shapes = [{source.name: Path(str(source.path)).read_text() for source in made.sources} for made in (one, other)]
        assert shapes[0] == shapes[1]

    def test_names_that_speak_of_splits_give_them(self) -> None:
        files = [put(f"x_{word}.jsonl", PAIRS) for word in ("test", "dev", "train")]
        loaded = from_files(files)
        assert sources(loaded.pipeline) == [
            ("train", "x_train.jsonl", "train"),
            ("validation", "x_dev.jsonl", "validation"),
            ("test", "x_test.jsonl", "test"),
        ]
        assert loaded.pipeline.name == "x"
        assert "test: its rows are the given split test, as the file names say" in loaded.assumed

    @pytest.mark.parametrize(
        "names", [["x_train.jsonl"], ["x_test.jsonl", "x_dev.jsonl"], ["x_train.jsonl", "y.jsonl"]]
    )
    def test_one_word_alone_or_no_train_means_nothing(self, names: list[str]) -> None:
        loaded = from_files([put(name, PAIRS) for name in names], name="x")
        assert {source.split for source in loaded.pipeline.sources} == {None}

    def test_the_same_file_named_twice_is_read_once(self) -> None:
        put("a.jsonl", PAIRS)
        assert sources(from_files(["a.jsonl", "*.jsonl"]).pipeline) == [("source1", "a.jsonl", None)]

    def test_a_folder_stays_a_folder_where_all_in_it_is_one_source(self) -> None:
        put("data/a.jsonl", PAIRS)
        put("data/b.jsonl", PAIRS)
        loaded = from_files(["data"])
        assert sources(loaded.pipeline) == [("source1", "data", None)]
        assert loaded.pipeline.name == "data"

    def test_a_folder_of_splits_is_taken_apart(self) -> None:
        for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
            put(f"hub/data/{name}.jsonl", PAIRS)
        assert [(name, split) for name, _, split in sources(from_files(["hub"]).pipeline)] == [
            ("train", "train"),
            ("test", "test"),
        ]

    def test_an_empty_file_goes_with_the_others(self) -> None:
        loaded = from_files([put("a.jsonl", PAIRS), put("b.jsonl", [])], name="x")
        assert sources(loaded.pipeline) == [("source1", ("a.jsonl", "b.jsonl"), None)]

    def test_a_split_column_whose_values_are_splits_is_taken(self) -> None:
        rows = [{**row, "split": word} for row, word in zip(PAIRS, ("train", "dev", "test"), strict=True)]
        loaded = from_files([put("a.jsonl", rows)])
        assert loaded.pipeline.sources[0].split_column == "split"

    def test_two_columns_that_could_be_the_label_leave_rows_without(self) -> None:
        loaded = from_files([put("a.jsonl", [{"text": "t", "intent": "i", "category": "c"}])])
        assert loaded.pipeline.sources[0].shape == "text"
        assert any("could each be the label; none is used" in sentence for sentence in loaded.assumed)

    def test_an_override_may_settle_what_the_rows_do_not(self) -> None:
        loaded = from_files([put("a.jsonl", [{"x": "a", "y": "b"}])], overrides=["sources.0.columns={text: x}"])
        assert loaded.pipeline.sources[0].columns == {"text": "x"}

    def test_all_unreadable_files_are_named(self) -> None:
        Path("a.jsonl").write_bytes(b"PK\x03\x04")
        Path("b.parquet").write_bytes(b"PAR1PAR1")
        with pytest.raises(InputError) as caught:
            from_files(["a.jsonl", "b.parquet"])
        assert "a.jsonl" in str(caught.value)
        assert "b.parquet" in str(caught.value)

    def test_no_files_are_a_mistake(self) -> None:
        with pytest.raises(InputError, match="no data files"):
            from_files([])


@pytest.mark.parametrize(
    ("names", "dataset"),
    [
        (["t0_train_50k.jsonl"], "t0_train_50k"),
        (["banking77_train.jsonl", "banking77_test.jsonl"], "banking77"),
        (["part1.jsonl", "part2.jsonl"], "part"),
        (["sub/train.jsonl", "sub/test.jsonl"], "sub"),
        (["sub/*.jsonl"], "a-b"),
    ],
)
def test_the_dataset_is_named_after_its_files(here: Path, names: list[str], dataset: str) -> None:
    put("sub/a-b.jsonl", PAIRS)
    for name in names:
        if "*" not in name:
            put(name, PAIRS)
    assert from_files(names).pipeline.name == dataset
