"""Real public files, end to end: the figures that whoever knows the data would check first."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import dataprep
from dataprep.clean.edits import Edit, undo
from dataprep.flow import RunResult
from dataprep.pipeline.init import write
from dataprep.store.records import read_records
from tests.making import run_yaml, table


def read_json(path: Path) -> Any:
    """A JSON file that may be compressed."""
    return json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())


def records(result: RunResult) -> Iterator[dict[str, Any]]:
    """Every record of a version, dropped ones included, as `store.records` gives it back."""
    for batch in read_records(result.path):
        yield from batch.to_pylist()


def fates(result: RunResult) -> pl.DataFrame:
    """The view `records` of a version."""
    return dataprep.open(result.version_id, store=result.path.parent.parent).records()


def turns_of(record: dict[str, Any]) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in record["turns"]]


def before_cleaning(result: RunResult) -> dict[str, list[tuple[str, str]]]:
    """By record, the turns with all edits of the ledger undone, the last cleaner first."""
    ledger = table(result, "ledger").filter(pl.col("edits").is_not_null())
    by_record: dict[str, list[list[dict[str, Any]]]] = {}
    for record_id, edits in ledger.select("record_id", "edits").iter_rows():
        by_record.setdefault(record_id, []).append(edits)
    texts = {}
    for record in records(result):
        turns = turns_of(record)
        for edits in reversed(by_record.get(record["record_id"], [])):
            for index in {edit["turn"] for edit in edits}:
                made = [
                    Edit(edit["start"], edit["end"], edit["original"], edit["replacement"])
                    for edit in edits
                    if edit["turn"] == index
                ]
                role, content = turns[index]
                turns[index] = (role, undo(content, made))
        texts[record["record_id"]] = turns
    return texts


def conserved(result: RunResult) -> bool:
    """Whether the run's own counts add up to the rows that were read."""
    counts = result.counts
    whole = counts["records"] == counts["kept"] + counts["held"] + counts["dropped"]
    return bool(whole and counts["rows"] == counts["records"] + counts["rejects"])


@pytest.fixture(scope="module")
def banking77(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    files = [shared_data / "intents" / f"banking77_{part}.csv" for part in ("train", "test")]
    return run_yaml(tmp_path_factory.mktemp("banking77"), write(files))


class TestBanking77:
    def test_the_given_test_side_stays_whole(self, banking77: RunResult) -> None:
        kept = fates(banking77).filter(pl.col("status") == "kept")
        assert dict(kept.group_by("split").len().iter_rows()) == {"train": 9_834, "test": 3_080}
        assert set(kept.filter(pl.col("source") == "test")["split"]) == {"test"}
        assert conserved(banking77)

    def test_what_train_shares_with_test_goes_with_a_verdict_that_names_it(self, banking77: RunResult) -> None:
        leaks = table(banking77, "ledger").filter(pl.col("rule") == "leaks_into_test", pl.col("decisive"))
        assert leaks.height == 79
        assert leaks["similarity"].min() >= 0.8
        splits = dict(fates(banking77).select("record_id", "split").iter_rows())
        assert {splits[partner] for partner in leaks["partner_id"]} == {"test"}

    def test_quoted_line_breaks_and_all_77_labels_arrive(self, banking77: RunResult, shared_data: Path) -> None:
        with (shared_data / "intents" / "banking77_train.csv").open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        texts = {record_id: turns[0][1] for record_id, turns in before_cleaning(banking77).items()}
        train = fates(banking77).filter(pl.col("source") == "train").sort("row")
        assert [texts[record_id] for record_id in train["record_id"]] == [row["text"] for row in rows]
        assert train["label"].to_list() == [row["category"] for row in rows]
        assert train["label"].n_unique() == 77


@pytest.mark.parametrize("label", [None, "intent"])
def test_bitexts_held_out_sides_stay_whole(shared_data: Path, tmp_path: Path, label: str | None) -> None:
    files = [shared_data / "intents" / f"bitext_{part}.csv" for part in ("train", "dev", "test")]
    text = write(files)
    if label is not None:  # as a person does who follows the suggestion in the file
        assert text.count(f'# label: "{label}"') == 3
        text = text.replace(f'# label: "{label}"', f'label: "{label}"')
    result = run_yaml(tmp_path, text)
    found = fates(result)
    held_out = found.filter(pl.col("source") != "train")
    assert Counter(held_out["source"]) == {"validation": 810, "test": 810}
    assert set(held_out["status"]) == {"kept"}
    assert (held_out["split"] == held_out["source"]).all()
    assert found["label"].drop_nulls().n_unique() == (27 if label else 0)
    assert found.filter(pl.col("rule").is_in(["leaks_into_test", "leaks_into_validation"])).height == 111
    assert conserved(result)


@pytest.mark.slow
def test_t0_has_1153_exact_copies(shared_data: Path, tmp_path: Path) -> None:
    result = dataprep.run(
        shared_data / "instructions" / "t0_train_50k.jsonl.gz",
        store=tmp_path / "store",
        overrides=["dedup.near.action=none"],
    )
    counts = {row["rule"]: row["records"] for row in result.funnel.iter_rows(named=True)}
    assert counts["rows"] == 55_185
    assert counts["exact_duplicate"] == 1_153
    assert conserved(result)
    assert not fates(result).filter(pl.col("text").str.contains("<|endoftext|>", literal=True)).height


def test_gsm8k_keeps_every_row_and_every_final_answer(shared_data: Path, tmp_path: Path) -> None:
    result = dataprep.run(shared_data / "qa", store=tmp_path / "store")
    version = dataprep.open(result.version_id, store=tmp_path / "store")
    assert version.splits == {"train": 7_473, "test": 1_319}
    for split in version.splits:
        assert version.split(split)["completion"].str.contains(r"\n#### -?[0-9.,]+$").all()


def test_a_dialogue_keeps_its_speakers_and_their_order(shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "chat" / "sgd_train_dialogues_001.json.gz"
    result = dataprep.run(file, store=tmp_path / "store")
    roles = {"USER": "user", "SYSTEM": "assistant"}
    expected = [[(roles[turn["speaker"]], turn["utterance"]) for turn in row["turns"]] for row in read_json(file)]
    before = before_cleaning(result)
    in_order = fates(result).sort("row")["record_id"]
    assert [before[record_id] for record_id in in_order] == expected


def test_tool_calls_keep_their_roles_and_tools(shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "chat" / "glaive_toolcall_en_demo_sharegpt.json.gz"
    result = dataprep.run(file, store=tmp_path / "store")
    roles = {"human": "user", "gpt": "assistant", "function_call": "assistant", "observation": "tool"}
    rows = read_json(file)
    before = before_cleaning(result)
    found = fates(result).sort("row")
    for record_id, row in zip(found["record_id"], rows, strict=True):
        assert before[record_id] == [(roles[turn["from"]], turn["value"]) for turn in row["conversations"]]
    by_id = {record["record_id"]: record for record in records(result)}
    for record_id, row in zip(found["record_id"], rows, strict=True):
        record = by_id[record_id]
        calls = [json.loads(turn["extra"] or "{}").get("function_call", False) for turn in record["turns"]]
        assert calls == [turn["from"] == "function_call" for turn in row["conversations"]]
        assert json.loads(record["tools"] or "[]") == json.loads(row["tools"] or "[]")
    assert dict(found["rule"].value_counts().iter_rows()) == {
        None: 259,
        "exact_duplicate": 34,
        "near_duplicate": 6,
        "endless_word": 1,
    }


@pytest.fixture(scope="module")
def code_file(shared_data: Path) -> Path:
    return shared_data / "instructions" / "codegen_instruct.json.gz"


@pytest.fixture(scope="module")
def code(code_file: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return dataprep.run(code_file, store=tmp_path_factory.mktemp("codegen") / "store")


class TestCode:
    def test_stated_edits_are_all_that_changed(self, code: RunResult, code_file: Path) -> None:
        before = before_cleaning(code)
        in_order = fates(code).sort("row")["record_id"]
        answers = [before[record_id][-1] for record_id in in_order]
        assert answers == [("assistant", row["response"]) for row in read_json(code_file)]

    def test_lines_and_indentation_of_code_are_as_they_came(self, code: RunResult, code_file: Path) -> None:
        answers = {record["record_id"]: record["turns"][-1]["content"] for record in records(code)}
        in_order = fates(code).sort("row")["record_id"]
        for record_id, row in zip(in_order, read_json(code_file), strict=True):
            assert shape(answers[record_id]) == shape(row["response"].replace("\r\n", "\n").replace("\r", "\n"))


def shape(code: str) -> list[int | None]:
    """The indentation of every line, empty lines at the ends aside; None for a line of white space."""
    lines = code.split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    if lines:
        lines[0] = lines[0].lstrip()  # white space around the whole text is trimmed
    return [len(line) - len(line.lstrip()) if line.strip() else None for line in lines]


def test_mojibake_is_repaired_as_its_authors_say(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "mojibake"
    path = json.dumps(str(folder / "*.json"))
    text = f"name: mojibake\nsources:\n  - path: {path}\n    template: {{text: '{{original}}'}}\n"
    result = run_yaml(tmp_path, f"{text}clean: {{cleaners: [encoding]}}\n")
    cases = {case["original"]: case for file in sorted(folder.glob("*.json")) for case in read_json(file)}
    before = before_cleaning(result)
    cleaned = {before[record["record_id"]][0][1]: record["turns"][0]["content"] for record in records(result)}
    assert cleaned.keys() == cases.keys()
    wrong = [
        case["label"]
        for original, case in cases.items()
        # `fixed` also straightens quotes and ligatures, which is taste and not damage.
        if case["expect"] == "pass" and cleaned[original].split() != case.get("fixed-encoding", case["fixed"]).split()
    ]
    assert wrong == []


def test_tweets_by_time_train_on_the_past(shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "region" / "airline_tweets_2015.csv.gz"
    result = run_yaml(
        tmp_path,
        f"name: tweets\nsources:\n  - path: {json.dumps(str(file))}\n    label: airline_sentiment\n"
        "    time: tweet_created\nsplits: {by: time, train: 0.8, validation: 0.1, test: 0.1}\n",
    )
    kept = fates(result).filter(pl.col("status") == "kept")
    assert conserved(result)
    # A group (the same words with another label) is placed whole, by its latest record.
    latest = kept.group_by("split", "group_id").agg(pl.col("time").max())
    times = {name: latest.filter(pl.col("split") == name)["time"].to_list() for name in ("train", "validation", "test")}
    assert max(times["train"]) <= min(times["validation"])
    assert max(times["validation"]) <= min(times["test"])
    assert kept.group_by("group_id").agg(pl.col("split").n_unique())["split"].max() == 1
