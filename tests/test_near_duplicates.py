"""Near duplicates in a run, against brute force over all pairs."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import dataprep
from dataprep.flow import RunResult
from tests.making import pair, run_yaml, table, write_jsonl

WORDS = [f"{first}{second}" for first in ("ka", "lo", "mi", "nu", "pe", "ra", "so", "tu") for second in "bdfghjklmn"]
YAML = """
name: near
sources:
  - {{name: questions, path: {path}}}
splits: {{train: 0.7, validation: 0.1, test: 0.2}}
{more}
"""


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"[a-z0-9]+", text.lower())
    size = 0 if len(words) < 5 else 3 if len(words) < 20 else 5
    return frozenset(zip(*(words[place:] for place in range(size)), strict=False)) if size else frozenset()


def jaccard(one: str, other: str) -> float:
    a, b = shingles(one), shingles(other)
    if not a or not b or len(next(iter(a))) != len(next(iter(b))):
        return 0.0
    return len(a & b) / len(a | b)


def alike(one: tuple[str, str], other: tuple[str, str]) -> float:
    """The lesser similarity of whole records and of their answers, of which short ones must be equal."""
    answers = [text[1].split() for text in (one, other)]
    if min(map(len, answers)) < 5:
        alone = float(answers[0] == answers[1])
    else:
        a, b = (frozenset(zip(*(words[place:] for place in range(3)), strict=False)) for words in answers)
        alone = len(a & b) / len(a | b)
    return min(alone, jaccard(" ".join(one), " ".join(other)))


def edited(random_: random.Random, text: str, words: int) -> str:
    parts = text.split()
    for _ in range(words):
        parts[random_.randrange(len(parts))] = random_.choice(WORDS)
    return " ".join(parts)


def corpus(seed: int, families: int = 12, members: int = 5) -> list[dict[str, Any]]:
    """Families of questions that differ in some words, with answers of their own or shared."""
    random_ = random.Random(seed)
    rows = []
    for _ in range(families):
        question = " ".join(random_.choice(WORDS) for _ in range(random_.choice([8, 60, 120])))
        answer = " ".join(random_.choice(WORDS) for _ in range(random_.choice([2, 20, 60])))
        rows += [
            pair(edited(random_, question, member // 2), answer if member % 2 else edited(random_, answer, 1))
            for member in range(members)
        ]
    random_.shuffle(rows)
    return rows


def texts_of(result: RunResult, rows: Iterable[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """Question and answer of each record."""
    everything = list(rows)
    lines = table(result, "records").select("record_id", "line").iter_rows()
    return {record: (everything[line - 1]["prompt"], everything[line - 1]["completion"]) for record, line in lines}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[RunResult, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("near")
    rows = corpus(1, families=30)
    return run_yaml(folder, YAML.format(path=write_jsonl(folder / "a.jsonl", rows), more="")), rows


def test_every_near_duplicate_that_goes_has_a_kept_partner_of_exactly_that_similarity(made):
    result, rows = made
    texts = texts_of(result, rows)
    kept = set(table(result, "records").filter(pl.col("status") == "kept")["record_id"])
    went = table(result, "ledger").filter((pl.col("rule") == "near_duplicate") & pl.col("decisive"))
    assert went.height > 5
    for line in went.iter_rows(named=True):
        assert line["partner_id"] in kept
        assert line["similarity"] == alike(texts[line["record_id"]], texts[line["partner_id"]]) >= 0.8
        assert (line["value"], line["threshold"]) == (line["similarity"], 0.8)


def test_no_two_kept_records_are_near_duplicates(made):
    result, rows = made
    texts = texts_of(result, rows)
    kept = table(result, "records").filter(pl.col("status") == "kept")["record_id"].to_list()
    assert not [(a, b) for a, b in combinations(kept, 2) if alike(texts[a], texts[b]) >= 0.8]


def test_no_record_in_train_is_near_a_held_out_one_as_a_whole_or_by_its_question(made):
    result, rows = made
    texts = texts_of(result, rows)
    records = table(result, "records").filter(pl.col("status") == "kept")
    train = records.filter(pl.col("split") == "train")["record_id"].to_list()
    held_out = records.filter(pl.col("split") != "train")["record_id"].to_list()
    assert held_out
    for a in train:
        for b in held_out:
            assert jaccard(" ".join(texts[a]), " ".join(texts[b])) < 0.8
            assert jaccard(texts[a][0], texts[b][0]) < 0.8


def test_pairs_hold_every_similarity_from_a_tenth_below_the_threshold_on(made):
    result, rows = made
    texts = texts_of(result, rows)
    pairs = table(result, "pairs").filter(pl.col("kind") == "near")
    stored = {frozenset(ends): similarity for *ends, similarity in pairs["a_id", "b_id", "similarity"].iter_rows()}
    found = {frozenset(ends): alike(*(texts[end] for end in ends)) for ends in combinations(texts, 2)}
    close = {ends: value for ends, value in found.items() if value >= 0.8}
    assert close.items() <= stored.items()
    assert all(found[ends] == value >= 0.7 for ends, value in stored.items())


def test_the_version_is_the_same_whatever_the_workers_and_the_order_of_rows(made, tmp_path):
    result, rows = made
    shuffled = rows.copy()
    random.Random(5).shuffle(shuffled)
    path = write_jsonl(tmp_path / "b.jsonl", shuffled)
    again = run_yaml(tmp_path, YAML.format(path=path, more=""), workers=3)
    assert again.version_id == result.version_id


def test_a_dropped_keepers_duplicates_come_back_and_what_if_says_so_beforehand(tmp_path):
    rows = corpus(2)
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    first = run_yaml(tmp_path, YAML.format(path=path, more=""))
    keepers = table(first, "ledger").filter(pl.col("rule") == "near_duplicate")["partner_id"].to_list()
    longest = max(len(" ".join(texts_of(first, rows)[keeper])) for keeper in keepers)
    rule = f"rules.long={{when: 'n_chars >= $threshold', threshold: {longest - 30}, action: drop}}"
    changes = (rule, "dedup.near.threshold=0.9", "dedup.near.threshold=0.7", "dedup.near.action=none")
    for place, change in enumerate(changes):
        told = dataprep.whatif(tmp_path / "pipeline.yaml", overrides=[change], store=tmp_path / "store")
        store = tmp_path / f"other{place}"
        shutil.copytree(tmp_path / "store", store, symlinks=True)
        run = dataprep.run(tmp_path / "pipeline.yaml", overrides=[change], store=store)
        assert told.kept("after") == {name: count for name, count in run.counts["splits"].items() if count}
        assert told.undetermined == 0


def test_a_giant_bucket_keeps_one_of_each_kind_and_says_what_was_not_compared(tmp_path):
    random_ = random.Random(3)
    text = " ".join(random_.choice(WORDS) for _ in range(80))
    rows = [pair(edited(random_, text, 1), "yes") for _ in range(400)]
    result = run_yaml(tmp_path, YAML.format(path=write_jsonl(tmp_path / "a.jsonl", rows), more=""))
    texts = texts_of(result, rows)
    kept = table(result, "records").filter(pl.col("status") == "kept")["record_id"].to_list()
    assert len(kept) < 40
    assert not [(a, b) for a, b in combinations(kept, 2) if alike(texts[a], texts[b]) >= 0.8]
    assert result.near is not None
    assert result.near.boilerplate[0] > 128
    assert result.near.chained == 0


@pytest.mark.parametrize("n_answers", [10, 300])
def test_a_giant_bucket_of_one_question_keeps_every_other_answer(tmp_path, n_answers):
    random_ = random.Random(12)
    question = " ".join(random_.choice(WORDS) for _ in range(300))
    answers = [" ".join(random_.choice(WORDS) for _ in range(30)) for _ in range(n_answers)]
    rows = [pair(f"{question} n{number}", answers[number % n_answers]) for number in range(300)]
    result = run_yaml(tmp_path, YAML.format(path=write_jsonl(tmp_path / "a.jsonl", rows), more=""))
    texts = texts_of(result, rows)
    kept = table(result, "records").filter(pl.col("status") == "kept")["record_id"].to_list()
    assert sorted(texts[record][1] for record in kept) == sorted(answers)
    went = table(result, "ledger").filter(pl.col("rule") == "near_duplicate")
    for one, other, similarity in went["record_id", "partner_id", "similarity"].iter_rows():
        assert similarity == alike(texts[one], texts[other]) >= 0.8
    assert result.near is not None
    assert result.near.boilerplate[0] > 128


def test_a_question_whose_first_record_went_still_ties_its_other_records_to_those_near_it(tmp_path):
    random_ = random.Random(1)
    rows = []
    for number in range(60):
        question = " ".join(random_.choice(WORDS) for _ in range(80))
        answers = ("yes", "no", f"maybe {number}")
        texts = (question, question, edited(random_, question, 1))
        rows += [pair(text, answer) for text, answer in zip(texts, answers, strict=True)]
        rows.append(pair(edited(random_, question, 1), "yes"))
    random_.shuffle(rows)
    result = run_yaml(tmp_path, YAML.format(path=write_jsonl(tmp_path / "a.jsonl", rows), more=""))
    texts = texts_of(result, rows)
    kept = table(result, "records").filter(pl.col("status") == "kept")["record_id", "split"].rows()
    apart = [(a, b) for (a, one), (b, other) in combinations(kept, 2) if one != other]
    assert apart
    assert not [pair for pair in apart if jaccard(*(texts[record][0] for record in pair)) >= 0.8]


def test_a_question_that_another_record_answers_with_stays_on_its_side(tmp_path):
    random_ = random.Random(13)
    rows = []
    for _ in range(60):
        article, summary = (" ".join(random_.choice(WORDS) for _ in range(words)) for words in (200, 10))
        rows += [pair(article, summary), pair(summary, article)]
    result = run_yaml(tmp_path, YAML.format(path=write_jsonl(tmp_path / "a.jsonl", rows), more=""))
    splits = table(result, "records").sort("line")["split"].to_list()
    assert set(splits) == {"train", "validation", "test"}
    assert splits[::2] == splits[1::2]


def test_texts_alike_under_other_labels_are_no_duplicates_but_stay_on_one_side(tmp_path):
    random_ = random.Random(4)
    rows = []
    for number in range(40):
        text = " ".join(random_.choice(WORDS) for _ in range(60))
        rows += [{"text": text, "label": f"a{number % 2}"}, {"text": edited(random_, text, 1), "label": "b"}]
    source = write_jsonl(tmp_path / "a.jsonl", rows)
    result = run_yaml(tmp_path, YAML.format(path=f"{source}, label: label", more=""))
    records = table(result, "records").sort("line")
    assert records["status"].unique().to_list() == ["kept"]
    assert records["split"].to_list()[::2] == records["split"].to_list()[1::2]
    assert records["split"].n_unique() > 1


def test_a_new_record_that_is_near_both_sides_of_the_latest_version_is_held(tmp_path):
    random_ = random.Random(11)
    rows, middles = [], []
    for number in range(40):
        words = [random_.choice(WORDS) for _ in range(120)]
        ends = [words.copy(), words.copy()]
        for end, places in zip(ends, ((20, 40), (80, 100)), strict=True):
            for place in places:
                end[place] = f"other{number}"
        rows += [pair(" ".join(end), f"answer {number} {side}") for side, end in enumerate(ends)]
        middles.append(pair(" ".join(words), f"answer {number} in the middle"))
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    first = run_yaml(tmp_path, YAML.format(path=path, more=""))
    splits = table(first, "records").sort("line")["split"].to_list()
    torn = [number for number in range(40) if {splits[2 * number], splits[2 * number + 1]} == {"train", "test"}]
    assert torn
    write_jsonl(path, [*rows, middles[torn[0]]])
    second = run_yaml(tmp_path, YAML.format(path=path, more=""))
    records = table(second, "records").sort("line")
    assert records["split"].to_list()[:-1] == splits
    assert (records["status"][-1], records["rule"][-1]) == ("held", "bridges_splits")


def test_given_splits_lose_train_records_that_are_near_a_test_record(tmp_path):
    random_ = random.Random(6)
    texts = [" ".join(random_.choice(WORDS) for _ in range(60)) for _ in range(20)]
    rows = [pair(text, "yes of course", split="test") for text in texts]
    rows += [pair(edited(random_, text, 1), "no and never", split="train") for text in texts[:10]]
    rows += [pair(" ".join(random_.choice(WORDS) for _ in range(60)), "maybe", split="train") for _ in range(10)]
    source = write_jsonl(tmp_path / "a.jsonl", rows)
    result = run_yaml(tmp_path, YAML.format(path=f"{source}, split_column: split", more=""))
    assert result.counts["splits"] == {"train": 10, "test": 20}
    leaks = table(result, "ledger").filter(pl.col("rule") == "leaks_into_test")
    assert leaks.height == 10
    assert leaks["similarity"].min() >= 0.8


def test_one_question_with_short_answers_that_differ_is_a_conflict_and_no_duplicate(tmp_path):
    random_ = random.Random(9)
    text = " ".join(random_.choice(WORDS) for _ in range(60))
    rows = [pair(text, "yes"), pair(text, "No."), pair(edited(random_, text, 1), "Yes!")]
    result = run_yaml(tmp_path, YAML.format(path=write_jsonl(tmp_path / "a.jsonl", rows), more=""))
    records = table(result, "records").sort("line")
    assert sorted(records["status"].to_list()) == ["dropped", "kept", "kept"]
    assert records["status"].to_list()[1] == "kept"
    assert records["split"].drop_nulls().n_unique() == 1


@pytest.mark.parametrize(("words", "differ", "kept"), [(12, 6, 2), (30, 1, 1)])
def test_one_question_with_long_answers_that_differ_is_a_conflict_and_no_duplicate(tmp_path, words, differ, kept):
    question, answer = " ".join(WORDS[:60]), WORDS[:words]
    answers = [" ".join([*answer[differ:], *(f"{name}{place}" for place in range(differ))]) for name in ("one", "two")]
    assert jaccard(*(f"{question} {text}" for text in answers)) >= 0.8
    rows = [pair(question, text) for text in answers]
    result = run_yaml(tmp_path, YAML.format(path=write_jsonl(tmp_path / "a.jsonl", rows), more=""))
    rules = table(result, "ledger")["rule"].to_list()
    assert result.counts["kept"] == kept
    assert rules == (["near_duplicate"] if kept == 1 else ["conflicting_answer", "conflicting_answer"])
    assert table(result, "records")["split"].drop_nulls().n_unique() == 1


def test_the_same_words_cut_into_question_and_answer_elsewhere_are_compared_by_their_answers(tmp_path):
    words = WORDS[:60]
    rows = [pair(" ".join(words[:cut]), " ".join(words[cut:])) for cut in (30, 31, 48)]
    result = run_yaml(tmp_path, YAML.format(path=write_jsonl(tmp_path / "a.jsonl", rows), more=""))
    records = table(result, "records").sort("line")
    assert sorted(records["status"].to_list()[:2]) == ["dropped", "kept"]
    assert records["status"].to_list()[2] == "kept"
    assert table(result, "pairs")["similarity"].to_list() == [27 / 28]


def test_calls_of_other_tools_are_no_duplicates(tmp_path):
    def call(name: str) -> dict[str, Any]:
        function = {"name": name, "arguments": "{}"}
        return {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": function}]}

    asked = {"role": "user", "content": " ".join(WORDS[:40])}
    rows = [{"messages": [asked, call(name)]} for name in ("search", "delete", "search")]
    result = run_yaml(tmp_path, YAML.format(path=write_jsonl(tmp_path / "a.jsonl", rows), more=""))
    assert result.counts["kept"] == 2


def test_a_preamble_that_is_stripped_does_not_make_records_alike(tmp_path):
    random_ = random.Random(7)
    preamble = " ".join(random_.choice(WORDS) for _ in range(60))
    rows = [pair(f"{preamble}: {' '.join(random_.choice(WORDS) for _ in range(5))}", "no") for _ in range(20)]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    assert run_yaml(tmp_path, YAML.format(path=path, more="")).counts["kept"] < 20
    more = f"dedup: {{near: {{strip: ['{preamble}']}}}}"
    assert run_yaml(tmp_path, YAML.format(path=path, more=more), store="stripped").counts["kept"] == 20


def test_near_duplicates_can_be_flagged_held_or_left_alone(tmp_path):
    path: Path = write_jsonl(tmp_path / "a.jsonl", corpus(8))
    kept = {}
    for action in ("drop", "hold", "flag", "none"):
        more = f"dedup: {{near: {{action: {action}}}}}"
        counts = run_yaml(tmp_path, YAML.format(path=path, more=more), store=action).counts
        kept[action] = (counts["kept"], counts["held"], counts["dropped"])
    assert kept["flag"] == kept["none"]
    assert kept["drop"] == (kept["hold"][0], 0, kept["hold"][1] + kept["hold"][2])
    assert kept["drop"][0] < kept["none"][0]
