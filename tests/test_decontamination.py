"""Records that contain a benchmark item do not get into the training data."""

from __future__ import annotations

import json
import random
import shutil
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import dataprep
from dataprep.errors import Cancelled, InputError
from dataprep.events import Event
from dataprep.flow import RunResult
from tests.making import pair, run_yaml, split, table, write_jsonl

WORDS = [f"w{number}" for number in range(2000)]
PIPELINE = """
name: mine
sources: [{path: mine.jsonl}]
default_rules: false
benchmarks: {files: [test.jsonl]}
"""


def text(generator: random.Random, words: int = 40) -> str:
    return " ".join(generator.choice(WORDS) for _ in range(words))


def with_edits(generator: random.Random, words: str, edits: int) -> str:
    """The same with some words, spread evenly, replaced."""
    parts = words.split()
    for edit in range(edits):
        parts[(edit + 1) * len(parts) // (edits + 2)] = generator.choice(WORDS)
    return " ".join(parts)


def write_planted(folder: Path) -> dict[int, tuple[str, int] | None]:
    """Write a benchmark, and records; returns for each record's line what is said of it, and of which item's line."""
    generator = random.Random(5)
    items = [pair(text(generator), text(generator, 3)) for _ in range(30)]
    items.append(pair("What is 2 + 2?", "4"))
    items.append(pair(text(generator, 9), "no"))
    planted = [
        (pair(items[0]["prompt"].upper(), text(generator)), ("exact", 1)),  # the question, other answer
        (pair(f"Please! {items[1]['prompt']} Thanks.", text(generator)), ("contains", 2)),
        (pair(text(generator), f"{text(generator, 300)} {items[2]['prompt']} {text(generator, 400)}"), ("contains", 3)),
        (pair(with_edits(generator, items[3]["prompt"], 1), text(generator)), ("contains", 4)),
        (pair(" ".join(items[4]["prompt"].split()[:23]), text(generator)), None),  # 11 of 28 n-grams
        (pair("what is  2 + 2?", "Five."), ("exact", 31)),
        (pair(f"Tell me: {items[30]['prompt']}", "Four, of course."), None),  # short ones are found exactly only
        (pair(items[31]["prompt"], "yes"), ("exact", 32)),
        (pair(f"Well, {items[31]['prompt']}", text(generator)), ("nearly", 32)),
        (pair(text(generator), text(generator)), None),
    ]
    write_jsonl(folder / "test.jsonl", items)
    write_jsonl(folder / "mine.jsonl", [row for row, _ in planted])
    return {line: said for line, (_, said) in enumerate(planted, 1)}


def contaminated(result: RunResult) -> pl.DataFrame:
    """The rule's verdicts, with the line of each record."""
    verdicts = table(result, "ledger").filter(pl.col("rule") == "contains_test_item")
    records = table(result, "records").select("record_id", "line", "status", decided_by="rule")
    return verdicts.join(records, on="record_id").sort("line")


def test_planted_items_are_found_and_named(tmp_path: Path) -> None:
    planted = write_planted(tmp_path)
    result = run_yaml(tmp_path, PIPELINE)
    found = contaminated(result)
    expected = {line: f"{said[0]}: test.jsonl:{said[1]}" for line, said in planted.items() if said}
    assert dict(found["line", "detail"].iter_rows()) == expected
    assert set(found["status"]) == {"dropped"}
    assert set(found["decided_by"]) == {"contains_test_item"}
    limits = {"exact": 1.0, "contains": 0.5, "nearly": 0.8}
    assert all(limits[detail.split(":")[0]] == limit for detail, limit in found["detail", "threshold"].iter_rows())
    assert (found["value"] >= found["threshold"]).all()
    assert found["partner_id"].null_count() == len(found)
    assert result.counts["kept"] == sum(said is None for said in planted.values())
    assert "benchmarks: 2 of 32 items have no n-grams of their own" in " ".join(result.notes)


def test_a_near_duplicate_of_an_item_is_found_where_no_n_gram_is_left(tmp_path: Path) -> None:
    generator = random.Random(2)
    question = text(generator, 300).split()
    blocks = " ".join(word if place % 12 else generator.choice(WORDS) for place, word in enumerate(question))
    seven = " ".join(word if place % 60 else generator.choice(WORDS) for place, word in enumerate(question))
    write_jsonl(tmp_path / "test.jsonl", [pair(" ".join(question), "a")])
    write_jsonl(tmp_path / "mine.jsonl", [pair(blocks, text(generator)), pair(seven, text(generator))])
    high = PIPELINE.replace("[test.jsonl]", "[test.jsonl], containment: 1.0")
    (found,) = contaminated(run_yaml(tmp_path, high)).to_dicts()
    assert (found["line"], found["detail"]) == (2, "nearly: test.jsonl:1")
    assert found["value"] == found["similarity"] >= found["threshold"] == 0.8
    off = high.replace("containment", "near: false, containment")
    assert contaminated(run_yaml(tmp_path, off)).is_empty()
    unsketched = f"{high}dedup: {{near: {{action: none}}}}\n"
    assert contaminated(run_yaml(tmp_path, unsketched)).is_empty()


@pytest.mark.parametrize(("action", "status"), [("hold", "held"), ("flag", "kept")])
def test_the_action_is_the_users_choice(tmp_path: Path, action: str, status: str) -> None:
    planted = write_planted(tmp_path)
    found = contaminated(run_yaml(tmp_path, PIPELINE.replace("[test.jsonl]", f"[test.jsonl], action: {action}")))
    assert len(found) == sum(said is not None for said in planted.values())
    assert (set(found["action"]), set(found["status"])) == ({action}, {status})


def test_a_given_held_out_side_is_only_flagged(tmp_path: Path) -> None:
    generator = random.Random(1)
    items = [pair(text(generator), text(generator)) for _ in range(12)]
    sides = ["train", "validation", "test"]
    write_jsonl(tmp_path / "test.jsonl", items)
    rows = [row | {"split": sides[place % 3]} for place, row in enumerate(items)]
    write_jsonl(tmp_path / "mine.jsonl", [*rows, pair(text(generator), "fine") | {"split": "train"}])
    result = run_yaml(tmp_path, PIPELINE.replace("path: mine.jsonl", "path: mine.jsonl, split_column: split"))
    actions = contaminated(result).group_by("action").len().sort("action").rows()
    assert actions == [("drop", 4), ("flag", 8)]
    assert {name: split(result, name).height for name in sides} == {"train": 1, "validation": 4, "test": 4}


def test_a_copy_of_a_test_item_leaves_no_near_duplicate_because_of_itself(tmp_path: Path) -> None:
    """A record that goes as a test item is no reason for another to go."""
    question = text(random.Random(1), 60).split()
    like = [*question[:-5], *(f"end{place}" for place in range(5))]
    write_jsonl(tmp_path / "test.jsonl", [pair(" ".join(question), "yes")])
    write_jsonl(tmp_path / "mine.jsonl", [pair(" ".join(words), "yes") for words in (question, like)])
    settings = "[test.jsonl], containment: 1.0, near: false"
    result = run_yaml(tmp_path, PIPELINE.replace("[test.jsonl]", settings))
    assert dict(table(result, "records")["line", "rule"].iter_rows()) == {1: "contains_test_item", 2: None}


@pytest.mark.parametrize(
    "change",
    [
        "benchmarks.containment=0.1",
        "benchmarks.containment=0.9",
        "benchmarks.action=hold",
        "benchmarks.near=false",
        "benchmarks.ngram=5",
        "benchmarks.files=[]",
        "dedup.near.threshold=0.9",
    ],
)
def test_what_if_says_what_a_run_gives(tmp_path: Path, change: str) -> None:
    write_planted(tmp_path)
    before = run_yaml(tmp_path, PIPELINE)
    pipeline, store = tmp_path / "pipeline.yaml", tmp_path / "store"
    found = dataprep.whatif(pipeline, store=store, overrides=[change])
    shutil.copytree(store, tmp_path / "copy", symlinks=True)
    after = dataprep.run(pipeline, store=tmp_path / "copy", overrides=[change])

    def sides(result: RunResult) -> dict[Any, Any]:
        records = table(result, "records").select("record_id", side=pl.coalesce("split", "status"))
        return dict(records.iter_rows())

    then, now = sides(after), sides(before)
    moved = {name: (now[name], then[name]) for name in now if now[name] != then[name]}
    assert {row[0]: row[1:] for row in found.changes.select("record_id", "before", "after").iter_rows()} == moved
    assert moved
    assert list(found.notes) == list(after.notes)


def test_what_is_found_is_reused_and_the_version_stays_the_same(tmp_path: Path) -> None:
    write_planted(tmp_path)
    first = run_yaml(tmp_path, PIPELINE)
    again = run_yaml(tmp_path, PIPELINE)
    assert (again.unchanged, again.version_id) == (True, first.version_id)
    run_yaml(tmp_path, PIPELINE.replace("[test.jsonl]", "[test.jsonl], containment: 0.2"))
    steps = tmp_path / "store" / "cache" / "benchmarks"
    assert len([step for step in steps.iterdir() if not step.name.startswith(".")]) == 1
    generator = random.Random(3)
    write_jsonl(tmp_path / "test.jsonl", [pair(text(generator), "other")])
    assert run_yaml(tmp_path, PIPELINE).counts["dropped"] == 0


def with_more_records(folder: Path, count: int = 60) -> None:
    """Write a benchmark and, before the planted records, so many others, enough for several parts."""
    write_planted(folder)
    generator = random.Random(8)
    rows = [pair(text(generator), text(generator)) for _ in range(count)]
    planted = (folder / "mine.jsonl").read_bytes()
    with write_jsonl(folder / "mine.jsonl", rows).open("ab") as file:
        file.write(planted)


def test_any_number_of_workers_finds_the_same_and_tells_how_far_it_is(tmp_path: Path) -> None:
    with_more_records(tmp_path)
    found = []
    for workers in (1, 4):
        events: list[Event] = []
        store = f"store{workers}"
        result = run_yaml(tmp_path, PIPELINE, store=store, workers=workers, block_bytes=10_000, on_event=events.append)
        found.append((result.version_id, contaminated(result)["line", "detail", "value"].rows()))
        told = [event for event in events if (event.kind, event.step) == ("progress", "benchmarks")]
        assert len(told) > 40  # parts, and bands of both sides
        assert [event.done for event in told] == sorted(event.done for event in told)
        assert (told[0].done, told[-1].done) == (told[0].rows, told[-1].total)
        assert {event.total for event in told} == {3 * 70}
        assert told[-1].rows == 70
    assert found[0] == found[1]
    assert len(found[0][1]) == 7


@pytest.mark.parametrize(("step", "done"), [("sources", 1), ("benchmarks", 1), ("benchmarks", 100)])
def test_a_run_that_is_cancelled_while_it_looks_stops_there_and_leaves_nothing_half_done(
    tmp_path: Path, step: str, done: int
) -> None:
    with_more_records(tmp_path)
    cancel = threading.Event()
    after: list[Event] = []

    def listen(event: Event) -> None:
        if cancel.is_set():
            after.append(event)
        if (event.kind, event.step) == ("progress", step) and event.done >= done:
            cancel.set()

    with pytest.raises(Cancelled, match=f"stopped at step {step}"):
        run_yaml(tmp_path, PIPELINE, workers=2, block_bytes=10_000, on_event=listen, cancel=cancel)
    assert [event.kind for event in after] == ["stopped"]
    assert not list((tmp_path / "store" / "cache").glob("benchmarks/*"))
    resumed = run_yaml(tmp_path, PIPELINE, workers=2, block_bytes=10_000)
    assert resumed.version_id == run_yaml(tmp_path, PIPELINE, store="other").version_id


def test_the_record_of_a_run_says_whether_the_search_was_done_before(tmp_path: Path) -> None:
    write_planted(tmp_path)
    reused = []
    for benchmarks in ("[test.jsonl]", "[test.jsonl], containment: 0.2"):
        result = run_yaml(tmp_path, PIPELINE.replace("[test.jsonl]", benchmarks))
        record = json.loads((tmp_path / "store" / "runs" / result.run_id / "run.json").read_text(encoding="utf-8"))
        reused.append(record["reused"]["benchmarks"])
    assert reused == [0, 1]


def test_the_plan_says_what_it_finds_in_the_sample(tmp_path: Path) -> None:
    planted = write_planted(tmp_path)
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    plan = dataprep.plan(tmp_path / "pipeline.yaml", store=tmp_path / "store")
    rules = {rule.name: rule for rule in plan.rules}
    assert rules["contains_test_item"].took == sum(said is not None for said in planted.values())
    assert not (tmp_path / "store").exists()
    result = run_yaml(tmp_path, PIPELINE)
    assert dataprep.plan(tmp_path / "pipeline.yaml", store=tmp_path / "store").decided == result.version_id


def test_the_manifest_names_the_files_and_their_digests(tmp_path: Path) -> None:
    write_planted(tmp_path)
    run_yaml(tmp_path, PIPELINE)
    manifest = dataprep.open("mine@1", store=tmp_path / "store").manifest
    (file,) = manifest["benchmarks"]
    assert (file["path"], len(file["sha256"])) == ("test.jsonl", 64)
    assert manifest["pipeline"]["benchmarks"] == {"action": "drop", "ngram": 13, "containment": 0.5, "near": True}


@pytest.mark.parametrize(
    ("files", "content", "said"),
    [
        ("[absent.jsonl]", "", "absent.jsonl"),
        ("[bad.jsonl]", '{"prompt": "a", "completion": "b"}\n{"prompt": \n', "line 2"),
        ("[bad.jsonl]", "", "the benchmark holds no items"),
        ("[{paths: bad.jsonl}]", "", 'unknown key "paths" in'),
        ("[{path: bad.jsonl, csv: {quote: 1}}]", "", "line 5, benchmarks.files.0.csv.quote: expected"),
        ("[{columns: {}}]", "", "the key `path` is missing"),
        ("[5]", "", "line 5, benchmarks.files.0: expected text, or a mapping, got the number 5"),
    ],
)
def test_benchmarks_that_cannot_be_read_stop_the_run_before_anything(
    tmp_path: Path, files: str, content: str, said: str
) -> None:
    write_planted(tmp_path)
    (tmp_path / "bad.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        run_yaml(tmp_path, PIPELINE.replace("[test.jsonl]", files))
    assert said in str(caught.value)
    assert not (tmp_path / "store" / "cache").exists()


def test_gsm8k_s_training_set_has_two_questions_of_its_test_set_with_other_numbers(
    tmp_path: Path, shared_data: Path
) -> None:
    for name in ("gsm8k_train.jsonl.gz", "gsm8k_test.jsonl.gz"):
        shutil.copy(shared_data / "qa" / name, tmp_path / name)
    pipeline = PIPELINE.replace("mine.jsonl", "gsm8k_train.jsonl.gz").replace("test.jsonl", "gsm8k_test.jsonl.gz")
    result = run_yaml(tmp_path, pipeline)
    found = contaminated(result)
    assert found["detail"].str.starts_with("contains: gsm8k_test.jsonl.gz:").sum() == 2
    assert not found["detail"].str.starts_with("exact").any()
    both = "sources: [{path: gsm8k_train.jsonl.gz}, {path: gsm8k_test.jsonl.gz}]"
    mixed = run_yaml(tmp_path, pipeline.replace("sources: [{path: gsm8k_train.jsonl.gz}]", both))
    sides = table(mixed, "records").filter(pl.col("source") == "source2")["status"]
    assert (len(sides), set(sides)) == (1319, {"dropped"})
