"""`dataprep export`."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dataprep.errors import InputError
from dataprep.export import export
from dataprep.store.reading import Version, open_version
from tests.store.builder import Row, write_version

CHAT = [("system", "s"), ("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2")]


def version_of(root: Path, shape: str, rows: list[Row]) -> Version:
    write_version(root, rows, shape=shape)
    return open_version("support", store=root)


@pytest.fixture
def pairs(tmp_path: Path) -> Version:
    evil = Row("b", [("user", "=cmd|' /C calc'!A0"), ("assistant", "-1")], split="test", meta={"n": -5, "s": "@x"})
    return version_of(tmp_path / "store", "prompt_completion", [Row("a", [("user", "hi"), ("assistant", "yo")]), evil])


@pytest.fixture
def chats(tmp_path: Path) -> Version:
    return version_of(tmp_path / "store", "messages", [Row("a", CHAT), Row("z", CHAT, split=None, status="dropped")])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_folder_gets_one_file_for_each_split_and_nothing_else(pairs: Version, tmp_path: Path) -> None:
    export(pairs, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["test.parquet", "train.parquet"]
    assert pl.read_parquet(tmp_path / "out/train.parquet").equals(pairs.split("train"))


def test_one_file_holds_all_splits_told_apart_by_a_column(pairs: Version, tmp_path: Path) -> None:
    assert export(pairs, tmp_path / "all.jsonl").files == {tmp_path / "all.jsonl": 2}
    assert [(row["split"], row["record_id"]) for row in lines(tmp_path / "all.jsonl")] == [
        ("train", "a"),
        ("test", "b"),
    ]


def test_pairs_become_messages(pairs: Version, tmp_path: Path) -> None:
    export(pairs, tmp_path / "out.jsonl", to="messages", splits=["train"])
    assert lines(tmp_path / "out.jsonl")[0]["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yo"},
    ]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_conversation_becomes_one_example_for_each_answer_with_its_parent(
    chats: Version, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"out.{suffix}"
    export(chats, out, to="prompt_completion")
    rows = lines(out) if suffix == "jsonl" else pl.read_parquet(out).to_dicts()
    assert [(row["record_id"], row["parent_id"], row["turn"]) for row in rows] == [("a#2", "a", 2), ("a#4", "a", 4)]
    assert [message["content"] for message in rows[1]["prompt"]] == ["s", "q1", "a1", "q2"]
    assert [row["completion"][0]["content"] for row in rows] == ["a1", "a2"]


def test_text_reads_as_in_the_catalog(chats: Version, tmp_path: Path) -> None:
    export(chats, tmp_path / "out.jsonl", to="text")
    expected = chats.sql("SELECT text FROM records WHERE status = 'kept'")["text"].to_list()
    assert [row["text"] for row in lines(tmp_path / "out.jsonl")] == expected


def test_what_was_dropped_is_never_exported(chats: Version, tmp_path: Path) -> None:
    export(chats, tmp_path / "out.csv")
    assert ",z," not in (tmp_path / "out.csv").read_text()


def test_flat_files_have_no_nested_columns(chats: Version, tmp_path: Path) -> None:
    export(chats, tmp_path / "flat.parquet", flat=True)
    frame = pl.read_parquet(tmp_path / "flat.parquet")
    assert not any(kind.is_nested() for kind in frame.dtypes)
    assert json.loads(frame["messages"][0])[0] == {"role": "system", "content": "s"}
    assert frame["text"][0].startswith("system: s\nuser: q1")


def test_cells_that_a_spreadsheet_would_execute_are_defused_and_numbers_stay_numbers(
    pairs: Version, tmp_path: Path
) -> None:
    export(pairs, tmp_path / "out.csv", splits=["test"])
    with (tmp_path / "out.csv").open(newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert (row["prompt"], row["completion"]) == ("'=cmd|' /C calc'!A0", "'-1")
    assert (row["meta_n"], row["meta_s"]) == ("-5", "'@x")


def test_a_file_that_is_there_is_kept_unless_forced(pairs: Version, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("mine")
    with pytest.raises(InputError, match="--force"):
        export(pairs, out)
    assert out.read_text() == "mine"
    export(pairs, out, force=True)
    assert out.read_text() != "mine"


@pytest.mark.parametrize("name", ["out.xlsx", "out.json", "out.csv.gz"])
def test_a_format_that_is_not_written_is_no_folders_name(pairs: Version, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="are not written"):
        export(pairs, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_documents_are_not_turned_into_questions_and_answers(tmp_path: Path) -> None:
    version = version_of(tmp_path / "store", "text", [Row("a", [("text", "t")])])
    with pytest.raises(InputError, match="plain texts"):
        export(version, tmp_path / "out", to="messages")
    assert export(version, tmp_path / "out", to="text").files == {tmp_path / "out/train.parquet": 1}


def test_a_damaged_version_is_named_and_leaves_nothing_behind(pairs: Version, tmp_path: Path) -> None:
    (pairs.path / "data/test-00000-of-00001.parquet").write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(InputError, match="damaged") as caught:
        export(pairs, tmp_path / "out.csv")
    assert caught.value.hint == f"dataprep verify {pairs.id[:12]}"
    assert list(tmp_path.glob("*out*")) == []
