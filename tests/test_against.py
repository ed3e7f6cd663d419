"""Records that exist already, in earlier versions and in files, are found again."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dataprep
from dataprep.errors import InputError, RefusedError
from dataprep.flow import RunResult
from dataprep.pairs.known import MOST_OLD, Sought, nominate
from dataprep.pairs.near import MODERATE
from tests.making import pair, pairs, run_yaml, split, table, write_jsonl

WORDS = [f"w{number}" for number in range(400)]
OLD = """
name: old
sources: [{path: old.jsonl}]
default_rules: false
"""
NEW = """
name: new
sources: [{path: new.jsonl}]
default_rules: false
"""


def text(generator: random.Random, words: int = 40) -> str:
    return " ".join(generator.choice(WORDS) for _ in range(words))


def edited(generator: random.Random, words: str, share: float) -> str:
    return " ".join(generator.choice(WORDS) if generator.random() < share else word for word in words.split())


def shingles(row: dict[str, Any]) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", f"{row['prompt']} {row['completion']}".lower())
    size = 5 if len(words) >= 20 else 3
    return frozenset(zip(*(words[start:] for start in range(size)), strict=False))


def jaccard(one: dict[str, Any], other: dict[str, Any]) -> float:
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def known(result: RunResult) -> pl.DataFrame:
    return table(result, "ledger").filter(pl.col("rule") == "known_before")


def kept_prompts(result: RunResult) -> set[str]:
    return {row for name in ("train", "validation", "test") for row in split(result, name).to_dict().get("prompt", [])}


def rows_with_copies(count: int = 60) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Old rows, and new ones of which some are old ones more or less edited."""
    generator = random.Random(7)
    old = [pair(text(generator), text(generator, 10), n=number) for number in range(count)]
    new = [
        pair(edited(generator, row["prompt"], 0.03 * (place % 6)), row["completion"]) for place, row in enumerate(old)
    ]
    return old, [*new, *(pair(text(generator), text(generator, 10)) for _ in range(count))]


def publish(folder: Path, old: list[Any], new: list[Any], pipeline: str, **options: Any) -> tuple[RunResult, RunResult]:
    write_jsonl(folder / "old.jsonl", old)
    write_jsonl(folder / "new.jsonl", new)
    first = run_yaml(folder, OLD, **options)
    return first, run_yaml(folder, pipeline, **options)


@pytest.mark.parametrize("entry", ["old@1", "old@latest", "old.jsonl"])
def test_what_is_found_is_what_brute_force_finds(tmp_path: Path, entry: str) -> None:
    old, new = rows_with_copies()
    first, second = publish(tmp_path, old, new, f"{NEW}dedup: {{against: [{entry}]}}\n")
    best = {index: max(jaccard(row, other) for other in old) for index, row in enumerate(new)}
    expected = {index: similar for index, similar in best.items() if similar >= 0.8}
    records = table(second, "records").select("record_id", "line", "status", "rule", "partner_id")
    found = known(second).join(records, on="record_id", suffix="_of")
    assert {line - 1: similar for line, similar in found["line", "similarity"].iter_rows()} == pytest.approx(expected)
    assert 10 < len(expected) < 60
    assert set(found["status"]) == {"dropped"}
    assert found["partner_id"].null_count() == found.height
    ids = set(table(first, "records")["record_id"])
    named = found["detail"].str.extract(r"(?s): (.*), (?:same record|the same words|nearly the same words)$")
    if entry != "old.jsonl":
        assert set(named) <= ids
        assert all(detail.startswith(entry) for detail in found["detail"])


def test_a_dataset_in_two_halves_leaves_no_near_duplicate_pair_across(tmp_path: Path) -> None:
    generator = random.Random(3)
    seeds = [text(generator) for _ in range(30)]
    rows = [pair(edited(generator, generator.choice(seeds), 0.04), "the very same answer") for _ in range(300)]
    first, second = publish(tmp_path, rows[:150], rows[150:], f"{NEW}dedup: {{against: [old@latest]}}\n")
    kept = [[row for row in rows if row["prompt"] in kept_prompts(result)] for result in (first, second)]
    assert kept[0]
    assert not [(a, b) for a in kept[0] for b in kept[1] if jaccard(a, b) >= 0.8]


def test_records_too_short_for_shingles_are_found_by_their_exact_key(tmp_path: Path) -> None:
    short = [pair("Hi", "Hello."), pair("Bye", "Bye!")]
    _, second = publish(
        tmp_path, short, [pair("hi ", "HELLO."), pair("Hi", "Bye.")], f"{NEW}dedup: {{against: [old@1]}}\n"
    )
    assert known(second)["detail"].str.ends_with("same record").to_list() == [True]
    assert second.counts["dropped"] == 1


def test_what_is_known_goes_before_it_is_decided_which_duplicate_stays(tmp_path: Path) -> None:
    there = text(random.Random(1), 60).split()
    like_it = [*there[:-5], *(f"end{place}" for place in range(5))]
    like_that = [*(f"begin{place}" for place in range(5)), *like_it[5:]]
    old, middle, far = (pair(" ".join(words), "yes") for words in (there, like_it, like_that))
    assert min(jaccard(old, middle), jaccard(middle, far)) > 0.8 > jaccard(old, far)
    _, second = publish(tmp_path, [old], [middle, far], f"{NEW}dedup: {{against: [old@1]}}\n")
    assert dict(table(second, "records")["line", "rule"].iter_rows()) == {1: "known_before", 2: None}


def test_a_given_held_out_side_is_only_flagged(tmp_path: Path) -> None:
    rows = pairs(20)
    new = [row | {"split": "test" if index < 4 else "train"} for index, row in enumerate(rows + pairs(20, start=100))]
    write_jsonl(tmp_path / "new.jsonl", new)
    write_jsonl(tmp_path / "old.jsonl", rows)
    result = run_yaml(
        tmp_path,
        "name: new\nsources: [{path: new.jsonl, split_column: split}]\ndefault_rules: false\n"
        "dedup: {against: [old.jsonl], near: {action: none}}\n",
    )
    actions = known(result).group_by("action").len().sort("action").rows()
    assert actions == [("drop", 16), ("flag", 4)]
    assert split(result, "test").height == 4


@pytest.mark.parametrize(("action", "status"), [("hold", "held"), ("flag", "kept")])
def test_the_action_is_the_users_choice(tmp_path: Path, action: str, status: str) -> None:
    rows = pairs(10)
    settings = f"dedup: {{against: [old@1], against_action: {action}, near: {{action: none}}}}\n"
    _, second = publish(tmp_path, rows, rows[:3] + pairs(10, start=50), NEW + settings)
    found = known(second).join(table(second, "records"), on="record_id", suffix="_of")
    assert (found.height, set(found["action"]), set(found["status"])) == (3, {action}, {status})


def test_an_unchanged_run_against_its_own_latest_gives_the_version_that_is_there(tmp_path: Path) -> None:
    pipeline = "name: new\nsources: [{path: 'in/*.jsonl'}]\ndefault_rules: false\ndedup: {against: [new@latest]}\n"
    write_jsonl(tmp_path / "in" / "a.jsonl", pairs(20))
    first = run_yaml(tmp_path, pipeline)
    again = run_yaml(tmp_path, pipeline)
    assert (first.counts["kept"], again.unchanged, again.version_id) == (20, True, first.version_id)
    write_jsonl(tmp_path / "in" / "b.jsonl", pairs(10, start=50))
    second = run_yaml(tmp_path, pipeline)
    assert (second.counts["kept"], second.counts["dropped"]) == (10, 20)
    assert known(second)["detail"].str.starts_with(f"new@latest ({first.version_id[:12]}): ").all()
    third = run_yaml(tmp_path, pipeline)
    assert (third.unchanged, third.version_id) == (True, second.version_id)


def test_the_manifest_names_what_a_version_was_compared_with(tmp_path: Path) -> None:
    settings = "dedup: {against: [old@latest, old.jsonl]}\n"
    first, second = publish(tmp_path, pairs(5), pairs(5, start=50), NEW + settings)
    manifest = dataprep.open("new@1", store=tmp_path / "store").manifest
    version, files = manifest["against"]
    assert version == {"entry": "old@latest", "version_id": first.version_id}
    assert [file["path"] for file in files["files"]] == ["old.jsonl"]
    assert "old.jsonl" not in str(manifest["pipeline"])
    assert manifest["sketches"]["near"]["scheme"] == "affine32"
    assert second.counts["kept"] == 5


def test_another_latest_is_another_question(tmp_path: Path) -> None:
    rows = pairs(30)
    pipeline = f"{NEW}dedup: {{against: [old@latest]}}\n"
    _, before = publish(tmp_path, rows[:5], rows, pipeline)
    write_jsonl(tmp_path / "old.jsonl", rows[:9])
    run_yaml(tmp_path, OLD)
    after = run_yaml(tmp_path, pipeline)
    assert (before.counts["dropped"], after.counts["dropped"]) == (5, 9)


def test_sketches_that_mean_something_else_are_refused_with_what_differs(tmp_path: Path) -> None:
    publish(tmp_path, pairs(5), pairs(5, start=50), NEW)
    with pytest.raises(InputError, match=r"dedup\.near\.bands is 21 there and 20 here") as caught:
        run_yaml(tmp_path, f"{NEW}dedup: {{against: [old@1], near: {{bands: 20}}}}\n")
    assert "dataprep export old@1" in str(caught.value)
    with pytest.raises(InputError, match=r"dedup\.normalize is True there and False here"):
        run_yaml(tmp_path, f"{NEW}dedup: {{against: [old@1], normalize: false}}\n")
    write_jsonl(tmp_path / "old.jsonl", pairs(6))
    run_yaml(tmp_path, f"{OLD}dedup: {{near: {{action: none}}}}\n")
    with pytest.raises(InputError, match="without looking for near duplicates"):
        run_yaml(tmp_path, f"{NEW}dedup: {{against: [old@latest]}}\n")


@pytest.mark.parametrize("entry", ["nobody@3", "old@7", "absent/*.jsonl"])
def test_an_entry_that_names_nothing_is_refused_at_the_start(tmp_path: Path, entry: str) -> None:
    publish(tmp_path, pairs(5), pairs(5, start=50), NEW)
    with pytest.raises(InputError, match=r"pipeline.yaml line 5"):
        run_yaml(tmp_path, f"{NEW}dedup: {{against: ['{entry}']}}\n")


def test_a_run_of_nothing_new_publishes_nothing(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"dedup\.known_before 5"):
        publish(tmp_path, pairs(5), pairs(5), f"{NEW}dedup: {{against: [old@1]}}\n")


def test_a_forgotten_record_is_not_known_any_more(tmp_path: Path) -> None:
    old, new = rows_with_copies(12)
    first, before = publish(tmp_path, old, new, f"{NEW}dedup: {{against: [old@1]}}\n")
    gone = table(first, "records").filter(pl.col("line") == 1)["record_id"][0]
    dataprep.forget(gone, because="asked for", store=tmp_path / "store")
    assert gone not in table(first, "near")["record_id"].to_list()
    assert table(first, "near").height == 11
    after = run_yaml(tmp_path, f"{NEW}dedup: {{against: [old@1]}}\nsplits: {{seed: 5}}\n")
    assert before.counts["dropped"] - after.counts["dropped"] <= 1
    assert gone not in " ".join(known(after)["detail"])


def test_what_if_and_plan_know_what_exists(tmp_path: Path) -> None:
    old, new = rows_with_copies(12)
    publish(tmp_path, old, new, f"{NEW}dedup: {{against: [old@1, old.jsonl]}}\n")
    answer = dataprep.whatif(
        tmp_path / "pipeline.yaml", store=tmp_path / "store", overrides=["dedup.against_action=flag"]
    )
    rules = dict(answer.by_rule["rule", "before"].iter_rows())
    assert rules["known_before"] > 2
    plan = dataprep.plan(tmp_path / "pipeline.yaml", store=tmp_path / "store")
    assert plan.decided is not None
    assert {rule.name: rule.took for rule in plan.rules}["known_before"] == rules["known_before"]


def test_near_holds_the_kept_records_alone(tmp_path: Path) -> None:
    rows = pairs(10)
    first, _ = publish(tmp_path, [*rows, *rows[:4]], rows, NEW)
    near = table(first, "near")
    kept = table(first, "records").filter(pl.col("status") == "kept")["record_id"]
    assert sorted(near["record_id"]) == sorted(kept)
    bands = [f"whole_band_{band:02d}" for band in range(21)]
    assert near.columns == ["record_id", "record_key", "whole_ngram", "whole_identity", *bands]


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=2), max_size=30),
    st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=2), max_size=30),
    st.integers(1, 31),
)
def test_nominated_is_every_pair_with_an_equal_key(new: list[list[int]], old: list[list[int]], cut: int) -> None:
    new_keys, old_keys = (np.array(rows, np.uint64).reshape(-1, 2) for rows in (new, old))
    found = nominate(
        2,
        lambda band: new_keys[:, band],
        lambda band: [old_keys[:cut, band], old_keys[cut:, band]],
        np.zeros(len(old), np.uint64),
    )
    expected = {(i, j) for i, a in enumerate(new) for j, b in enumerate(old) if a[0] == b[0] or a[1] == b[1]}
    assert sorted(expected) == list(zip(found.new.tolist(), found.old.tolist(), strict=True))
    assert not found.uncompared


def test_members_of_a_giant_bucket_are_compared_with_few_and_the_rest_is_counted() -> None:
    new, old = np.zeros(1_000, np.uint64), np.zeros(MODERATE, np.uint64)
    found = nominate(2, lambda band: new, lambda band: [old], np.arange(MODERATE, 0, -1).astype(np.uint64))
    assert len(found.new) == 1_000 * MOST_OLD
    assert set(found.old.tolist()) == set(range(MODERATE - MOST_OLD, MODERATE))
    assert found.uncompared == 1_000 * (MODERATE - MOST_OLD)


def test_nothing_is_sought_among_nothing() -> None:
    hits, buckets = Sought(np.empty(0, np.uint64)).hits([np.arange(5, dtype=np.uint64)])
    assert not len(hits)
    assert not len(buckets)


@pytest.mark.parametrize("entry", ["old@1", "old.jsonl"])
def test_a_long_prompt_with_another_answer_is_not_known(tmp_path: Path, entry: str) -> None:
    prompt, answer = " ".join(WORDS[:90]), WORDS[100:130]
    cut = 120  # the same words, of which more are question and fewer answer
    new = [
        pair(prompt, " ".join([*answer[:15], "other", *answer[16:]])),
        pair(prompt, " ".join([*answer[:20], *(f"other{place}" for place in range(10))])),
        pair(" ".join([*WORDS[:90], *WORDS[100:cut]]), " ".join(WORDS[cut:130])),
        pair(prompt, "yes"),
    ]
    assert min(jaccard(row, pair(prompt, " ".join(answer))) for row in new[:3]) >= 0.8
    _, second = publish(tmp_path, [pair(prompt, " ".join(answer))], new, f"{NEW}dedup: {{against: [{entry}]}}\n")
    records = table(second, "records").select("record_id", "line")
    found = known(second).join(records, on="record_id")
    assert dict(found["line", "similarity"].iter_rows()) == {1: 25 / 31}
