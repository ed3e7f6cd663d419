"""`held`, `release`, `drop`, `accept-budget`: the queue of versions, of stopped runs, and what a run makes of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import dataprep
from dataprep.budgets.page import BudgetError
from dataprep.cli import app
from dataprep.errors import InputError
from dataprep.flow import RunResult
from dataprep.why import Story
from dataprep.why_text import render
from tests.making import pair, pairs, run_yaml, table, write_jsonl
from tests.store.builder import Row, write_stopped_run, write_version

HOSTILE = "x\x1b[2J\u202e"

PIPELINE = """\
name: support
sources: [{{path: data.jsonl, label: topic}}]
rules:
  wordy: {{signal: n_words, op: ">", threshold: 100, action: hold, because: somebody should read long ones}}
  shouted: {{signal: upper_share, op: ">", threshold: 0.9, action: drop}}
{more}
"""


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command writes to standard output."""
    app([str(argument) for argument in arguments], standalone_mode=False)
    return capsys.readouterr().out


def long_pair(index: int, **meta: Any) -> dict[str, Any]:
    return pair(f"Tell me all about {index}", " ".join(f"word{index}x{n}" for n in range(150)), **meta)


def write_data(folder: Path) -> None:
    """60 plain records, three that the rule `wordy` holds, and 60 that `shouted` drops."""
    rows = [row | {"topic": "calm"} for row in pairs(60)]
    rows += [long_pair(index, topic="calm") for index in range(3)]
    rows += [pair(f"TICKET {index:03} HOW SO", f"AS THE TICKET {index:03} SAYS", topic="loud") for index in range(60)]
    write_jsonl(folder / "data.jsonl", rows)


def run(folder: Path, more: str = "") -> RunResult:
    return run_yaml(folder, PIPELINE.format(more=more))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a pipeline file and its data, as somebody works in it."""
    write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setenv("LOGNAME", "ada")
    monkeypatch.delenv("DATAPREP_STORE", raising=False)
    return tmp_path


def stopped(folder: Path, more: str) -> str:
    """The id of a run that budgets stop."""
    with pytest.raises(BudgetError) as caught:
        run(folder, more)
    return caught.value.run_id


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The first version of these data."""
    folder = tmp_path_factory.mktemp("made")
    write_data(folder)
    return run(folder)


@pytest.fixture
def first(shop: Path, made: RunResult) -> RunResult:
    """That version, in the shop's store."""
    shutil.copytree(made.path.parent.parent, shop / "store", symlinks=True)
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a synthetic version: what only the queue reads."""
    root = tmp_path_factory.mktemp("built")
    rows = [
        Row("aaaa1111", [("user", "kept"), ("assistant", "yes")]),
        Row("aaaa2222", [("user", HOSTILE), ("assistant", "y" * 2_000)], None, "held", "wordy", label="a\nb", line=2),
        Row("bbbb3333", [("user", "other"), ("assistant", "z")], None, "held", "wordy", line=3),
        Row("cccc4444", [("user", "third"), ("assistant", "z")], None, "held", "no_time", line=4),
        Row("dddd5555", [("user", "gone"), ("assistant", "z")], None, "dropped", "shouted", line=5),
    ]
    verdict = {"step": "rules", "rule": "wordy", "action": "hold", "decisive": True, "value": 150.0, "threshold": 100.0}
    pipeline = {"rules": [{"name": "wordy", "because": "somebody should read long ones"}]}
    write_version(root, rows, ledger=[verdict | {"record_id": "aaaa2222"}], pipeline=pipeline)
    write_stopped_run(root, "run-9", [{"source": "s", "path": "p", "line": 1, "reason": "x", "raw": b"y"}])
    return root


def test_held_records_are_listed_by_rule_with_their_text(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = command(capsys, "held", "support", "--store", built)
    assert "\x1b" not in text
    for expected in (
        "support holds 3 records",
        "rules.wordy holds 2 records\n  somebody should read long ones",
        "aaaa2222\ndata/support.jsonl:2 · label a\\nb · value 150 · threshold 100\n\nuser: x\\x1b[2J\\u202e\n",
        "characters in all; --json has them",
        "rules.no_time holds 1 record\n",
        "next: dataprep release support ID --because",
    ):
        assert expected in text


def test_the_queue_in_json_has_the_exact_text_and_all_counts(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queue = json.loads(command(capsys, "held", "support", "--store", built, "-n", "1", "--json"))
    assert [(group["rule"], group["records"], len(group["shown"])) for group in queue["held"]] == [
        ("no_time", 1, 1),
        ("wordy", 2, 1),
    ]
    assert queue["held"][1]["shown"][0]["text"].startswith(f"user: {HOSTILE}\n")
    counts = json.loads(command(capsys, "held", "support", "--store", built, "-n", "0", "--rule", "wordy", "--json"))
    assert [(group["records"], group["shown"]) for group in counts["held"]] == [(2, [])]


def test_a_run_that_stopped_before_deciding_holds_nothing(built: Path) -> None:
    with pytest.raises(InputError, match="stopped before anything was decided"):
        dataprep.held("run-9", store=built)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to release"),
        (("none",), "has no record"),
        (("aaaa",), "several ids begin with"),
        (("aaaa1111",), "is not held"),
        (("dddd5555",), "is dropped already, by rules.shouted"),
        (("cccc4444",), "nothing says in which split"),
        (("--all-of", "wordi"), "rules that hold records: no_time, wordy"),
        (("bbbb3333", "--because", "  "), "expected some words"),
        (("bbbb3333", "--decisions", "nowhere/d.yaml"), "no such folder"),
    ],
)
def test_what_cannot_be_released_is_told(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    because = () if "--because" in arguments else ("--because", "x")
    with pytest.raises(InputError) as caught:
        app(["release", "support", *arguments, *because, "--store", str(built)], standalone_mode=False)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_decisions_name_the_record_its_digest_and_the_person(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("--because", HOSTILE, "--who", "bo", "--store", built)
    told = command(capsys, "release", "support", "bbbb", "cccc4444", "--to", "test", *options)
    assert told.splitlines() == [
        "2 decisions written to decisions.yaml, which holds 2",
        '  add to the pipeline file: decisions: "decisions.yaml"',
        "  next: dataprep run PIPELINE.yaml",
    ]
    written = json.loads(command(capsys, "drop", "support", "--all-of", "wordy", *options, "--json"))
    assert written["entries"] == 3
    assert [(entry["record"], entry["decision"], entry["who"]) for entry in written["written"]] == [
        ("aaaa2222", "drop", "bo"),
        ("bbbb3333", "drop", "bo"),
    ]
    assert all(len(entry["digest"]) == 32 for entry in written["written"])
    assert "\x1b" not in Path("decisions.yaml").read_text()


def test_a_released_record_comes_into_the_next_version_with_who_and_why(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(shop)
    assert first.counts["held"] == 3
    queue = dataprep.held("support", store="store")
    one, two, three = queue["record_id"]
    assert queue["text"][0].startswith("user: Tell me all about")
    told = command(capsys, "release", "support", one, "--because", "a good one", "--store", "store")
    assert 'add to pipeline.yaml: decisions: "decisions.yaml"' in told
    dataprep.drop("support", two, because="the same word over and over", store="store")
    assert "add to" not in told.replace("add to pipeline.yaml", "")

    second = run(shop, "decisions: decisions.yaml")
    assert (second.counts["held"], second.counts["kept"]) == (1, first.counts["kept"] + 1)
    assert dataprep.held("support", store="store")["record_id"].to_list() == [three]
    ledger = table(second, "ledger").filter(pl.col("step") == "decisions").sort("rule")
    assert ledger.select("record_id", "rule", "action").rows() == [
        (two, "dropped_by_hand", "drop"),
        (one, "released_by_hand", "release"),
    ]
    story = dataprep.open("support", store="store").why(one)
    assert isinstance(story, Story)
    assert story.status == "kept"
    assert "a good one" in "\n".join(render(story, 100))
    again = command(capsys, "drop", "support", three, "--because", "x", "--store", "store")
    assert "add to" not in again


def test_a_run_shows_what_people_released_and_dropped(
    shop: Path, first: RunResult, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, _ = dataprep.held("support", store="store")["record_id"]
    dataprep.release("support", one, because="fine", store="store")
    dataprep.drop("support", two, because="not fine", store="store")
    (shop / "pipeline.yaml").write_text(PIPELINE.format(more="decisions: decisions.yaml"))
    told = [line.split() for line in command(capsys, "run", "pipeline.yaml", "--store", "store").splitlines()]
    assert ["decisions", "dropped_by_hand", "1", "dropped", "122"] in told
    assert ["decisions", "released_by_hand", "1", "released", "122"] in told


def test_a_record_without_a_split_goes_where_a_person_says(shop: Path) -> None:
    rows = [row | {"part": "test" if index < 5 else "train"} for index, row in enumerate(pairs(20))]
    rows[9]["part"] = None
    write_jsonl(shop / "data.jsonl", rows)
    text = "name: support\nsources: [{path: data.jsonl, split_column: part}]\nsplits: {by: given}\n"
    assert run_yaml(shop, text).counts["held"] == 1
    dataprep.release("support", rule="no_given_split", to="test", because="it was asked in the test", store="store")
    second = run_yaml(shop, f"{text}decisions: decisions.yaml\n")
    assert second.counts["splits"] == {"train": 14, "test": 6}


def test_a_kept_record_can_be_dropped_by_hand(shop: Path, first: RunResult) -> None:
    kept = dataprep.open("support", store="store").split("train")["record_id"][0]
    dataprep.drop("support", kept, because="a test row", store="store")
    second = run(shop, "decisions: decisions.yaml")
    assert second.counts["kept"] == first.counts["kept"] - 1
    (row,) = table(second, "records").filter(pl.col("record_id") == kept).select("status", "rule").rows()
    assert row == ("dropped", "dropped_by_hand")


def test_the_same_decisions_give_the_same_version(shop: Path, first: RunResult) -> None:
    dataprep.release("support", rule="wordy", because="all good", store="store")
    results = [run_yaml(shop, PIPELINE.format(more="decisions: decisions.yaml"), store=name) for name in ("a", "b")]
    assert results[0].version_id == results[1].version_id


def test_a_record_that_changed_since_is_not_released_silently(shop: Path) -> None:
    source = PIPELINE.replace("label: topic", "label: topic, id: key")
    rows = [row | {"topic": "calm", "key": f"k{index}"} for index, row in enumerate([*pairs(20), long_pair(1)])]
    write_jsonl(shop / "data.jsonl", rows)
    run_yaml(shop, source.format(more=""))
    dataprep.release("support", "k20", because="fine", store="store")
    rows[20]["completion"] += "and something else"
    write_jsonl(shop / "data.jsonl", rows)
    second = run_yaml(shop, source.format(more="decisions: decisions.yaml"))
    assert second.counts["held"] == 1
    assert any("changed since" in note and "k20" in note for note in second.notes)


def test_over_budget_nothing_is_published_and_the_run_is_there_to_look_at(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BudgetError) as caught:
        run(shop, "budgets: {rules: {shouted: 0.1}, slices: [{by: [topic], share: 0.3}]}".replace("topic", "label"))
    error = caught.value
    assert [line.name for line in error.report.over] == ["label=loud", "shouted"]
    assert "label=loud would lose 60 of 60 records" in str(error)
    with pytest.raises(InputError, match="no version is called"):
        dataprep.open("support", store="store")
    listed = command(capsys, "sql", "select run, status from runs", "--format", "csv", "--store", "store")
    assert f"{error.run_id},stopped" in listed
    queue = command(capsys, "held", error.run_id, "--store", "store")
    assert "shouted would lose 60 of 123 records" in queue
    assert "user: Tell me all about 1" in queue
    document = json.loads(command(capsys, "held", error.run_id, "--store", "store", "--json"))
    assert document["budgets"]["exceeded"] == 2
    assert "next: dataprep release" in queue


def test_an_accepted_budget_lets_the_same_data_through_and_no_more(shop: Path) -> None:
    budgets = "budgets: {rules: {shouted: 0.1}}"
    run_id = stopped(shop, budgets)
    written = dataprep.accept_budget(run_id, "shouted", because="they are meant to go", store="store")
    assert [entry.model_dump()["up_to"] for entry in written.entries] == [0.487805]
    accepted = f"{budgets}\ndecisions: decisions.yaml"
    assert run(shop, accepted).number == 1
    write_jsonl(shop / "more.jsonl", [pair(f"TICKET {n} AGAIN", "AS IT SAYS", topic="loud") for n in range(9)])
    with pytest.raises(BudgetError):
        run_yaml(shop, PIPELINE.replace("data.jsonl", "[data.jsonl, more.jsonl]").format(more=accepted))


def test_raising_a_budget_decides_nothing_again(shop: Path) -> None:
    stopped(shop, "budgets: {overall: 0.2}")
    result = run(shop, "budgets: {overall: 0.9}")
    record = json.loads((shop / "store/runs" / result.run_id / "run.json").read_text())
    assert record["reused"]["prepare"] == 1
    assert record["reused"]["decide"] == 1


def test_only_an_exceeded_budget_of_a_stopped_run_is_accepted(shop: Path) -> None:
    run_id = stopped(shop, "budgets: {rules: {shouted: 0.1, empty: 0.1}}")
    for name, budget, message in (
        ("nowhere", "shouted", "no stopped run"),
        (run_id, "shoutd", 'did you mean "shouted"'),
        (run_id, "empty", "exceeded:"),
    ):
        with pytest.raises(InputError) as caught:
            dataprep.accept_budget(name, budget, because="x", store="store")
        assert message in str(caught.value)


def test_the_text_of_a_stopped_run_whose_cache_is_gone_is_null(shop: Path) -> None:
    run_id = stopped(shop, "budgets: {overall: 0.2}")
    assert dataprep.held(run_id, store="store", limit=1)["held_by_rule"].to_list() == [3]
    shutil.rmtree(shop / "store/cache/prepare")
    assert dataprep.held(run_id, store="store")["text"].to_list() == [None] * 3


def test_mistakes_of_budgets_and_decisions_are_found_before_anything_is_read(shop: Path) -> None:
    with pytest.raises(InputError, match='did you mean "shouted"'):
        run(shop, "budgets: {rules: {shoutd: 0.1}}")
    with pytest.raises(InputError, match="no such decisions file"):
        run(shop, "decisions: nowhere.yaml")
    assert not (shop / "store/cache").exists()
