"""`dataprep run` and `plan`, as a person and as a program read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dataprep.cli import app
from tests.making import pair, pairs, write_jsonl


def outcome(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command writes to standard output."""
    app([str(argument) for argument in arguments], standalone_mode=False)
    return capsys.readouterr().out


def test_json_lines_end_with_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_jsonl(tmp_path / "tiny.jsonl", [*pairs(30), pair("What now?", "")])
    out = outcome(capsys, "run", data, "--store", tmp_path / "store", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["kind"] for event in events].index("finished") == len(events) - 1
    result = events[-1]["data"]
    assert (result["dataset"], result["number"], result["unchanged"]) == ("tiny", 1, False)
    assert (result["counts"]["kept"], result["counts"]["dropped"]) == (30, 1)
    assert Path(result["path"]).name == result["version_id"]


def test_a_plan_counts_what_a_slightly_other_threshold_would_meet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [pair(f"Question {n}", " ".join(["word"] * n)) for n in (7, 8, 9, 10, 30)]  # two words more in all
    data = write_jsonl(tmp_path / "tiny.jsonl", words)
    rule = 'rules.short={signal: n_words, op: "<", threshold: 10, action: flag}'
    arguments = ("plan", data, "--store", tmp_path / "store", "--set", rule)
    planned = {entry["name"]: entry for entry in json.loads(outcome(capsys, *arguments, "--json"))["rules"]}
    assert (planned["short"]["fired"], planned["short"]["near_misses"]) == (1, 2)
    assert "just misses 2 records, within 10 % of the threshold" in outcome(capsys, *arguments)


def test_a_plan_counts_in_the_singular_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_jsonl(tmp_path / "tiny.jsonl", [*pairs(3), pair("What now?", "")])
    text = outcome(capsys, "plan", data, "--store", tmp_path / "store")
    assert "of 1 file\n" in text
    assert "meets 1 record\n" in text
    assert " bytes)" in text
