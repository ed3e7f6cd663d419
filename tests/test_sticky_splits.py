"""Splits stay where the parent version has them, in both directions, and nothing bridges them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

import dataprep
from dataprep.flow import RunResult
from tests.test_whatif import write_rows

SPLITS = "splits={by: group, train: 0.6, validation: 0.2, test: 0.2}"


def run(folder: Path, *more: str, **options: str) -> RunResult:
    data = folder / "a.jsonl"
    return dataprep.run(data, store=folder / "store", overrides=[SPLITS, *more], **options)


def records(folder: Path, name: str = "a@latest") -> pl.DataFrame:
    return dataprep.open(name, store=folder / "store").lineage()


def append(folder: Path, *rows: dict[str, str]) -> None:
    with (folder / "a.jsonl").open("a", encoding="utf-8") as handle:
        handle.writelines(json.dumps(row) + "\n" for row in rows)


def test_every_record_stays_on_its_side_when_rows_come_and_go(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", rows=300, seed=1)
    run(tmp_path)
    first = records(tmp_path)
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    write_rows(tmp_path / "b.jsonl", rows=300, seed=2)
    more = (tmp_path / "b.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "a.jsonl").write_text("".join(more + lines[::2]), encoding="utf-8")
    result = run(tmp_path)
    second = records(tmp_path)
    both = first.join(second, on="record_id", suffix="_then").filter(
        pl.col("split").is_not_null() & pl.col("split_then").is_not_null()
    )
    assert both.height > 100
    assert (both["split"] == both["split_then"]).all()
    by_input = second.drop_nulls("split").group_by("input_key").agg(pl.col("split").n_unique())
    assert by_input["split"].max() == 1
    shares = {name: count / result.counts["kept"] for name, count in result.counts["splits"].items()}
    assert abs(shares["train"] - 0.6) < 0.05
    assert dataprep.open("a@2", store=tmp_path / "store").manifest["parent"] == result_id(tmp_path, "a@1")


def result_id(folder: Path, name: str) -> str:
    return dataprep.open(name, store=folder / "store").id


def test_a_new_answer_to_an_old_question_goes_where_the_question_is(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", rows=200)
    run(tmp_path)
    first = records(tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    asked = {
        rows[line - 1]["question"]: split for line, split in first.drop_nulls("split")["line", "split"].iter_rows()
    }
    news = [{**rows[0], "question": question, "answer": f"another answer number {place}"}
            for place, question in enumerate(asked)]  # fmt: skip
    append(tmp_path, *news)
    run(tmp_path)
    second = records(tmp_path).filter(pl.col("line") > len(rows))
    assert second.height == len(news)
    for line, split in second["line", "split"].iter_rows():
        assert split == asked[news[line - len(rows) - 1]["question"]]


def test_an_unchanged_run_gives_the_version_that_is_there(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", rows=200)
    first = run(tmp_path)
    append(tmp_path, {"question": "one more question", "answer": "and one more answer"})
    second = run(tmp_path)
    assert second.version_id != first.version_id
    third = run(tmp_path)
    assert (third.version_id, third.number, third.unchanged) == (second.version_id, 2, True)


def test_another_seed_moves_nothing_that_is_published_unless_asked(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", rows=200)
    run(tmp_path)
    first = records(tmp_path)
    run(tmp_path, "splits.seed=7")
    assert records(tmp_path)["split"].to_list() == first["split"].to_list()
    run(tmp_path, "splits.seed=7", "splits.sticky=false")
    assert records(tmp_path)["split"].to_list() != first["split"].to_list()


def test_a_record_that_bridges_two_splits_is_held(tmp_path: Path) -> None:
    rows = [
        {"question": f"question number {place}", "answer": f"the answer is {place}", "customer": str(place)}
        for place in range(60)
    ]
    append(tmp_path, *rows)
    pipeline = tmp_path / "p.yaml"
    pipeline.write_text(
        "name: a\nsources: [{path: a.jsonl, group: customer}]\n"
        "splits: {by: group, train: 0.6, validation: 0.2, test: 0.2}\n",
        encoding="utf-8",
    )
    dataprep.run(pipeline, store=tmp_path / "store")
    first = records(tmp_path)
    side = {line - 1: split for line, split in first["line", "split"].iter_rows()}
    train = next(place for place, split in side.items() if split == "train")
    test = next(place for place, split in side.items() if split == "test")
    bridge = {**rows[test], "answer": "something else entirely", "customer": rows[train]["customer"]}
    innocent = {"question": "a new one altogether", "answer": "yes it is", "customer": rows[train]["customer"]}
    append(tmp_path, bridge, innocent)
    dataprep.run(pipeline, store=tmp_path / "store")
    second = records(tmp_path)
    assert second.head(60)["split"].to_list() == first["split"].to_list()
    bridged, new = second.tail(2).iter_rows(named=True)
    assert (bridged["status"], bridged["rule"]) == ("held", "bridges_splits")
    assert new["status"] == "held"  # it belongs to the group that the bridge made
