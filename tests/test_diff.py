"""`dataprep diff`: what differs between two versions, and the cause of each difference."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dataprep
from dataprep.compare import Diff, diff, matches
from dataprep.compare.configs import key_changes, split_reason
from dataprep.compare.text import render
from dataprep.errors import InputError
from dataprep.record import TURNS_TYPE, Turns
from dataprep.sqlfiles import read_sql
from dataprep.store.connect import connect
from dataprep.store.layout import Store
from tests.commands import command
from tests.making import pair, pairs, run_yaml, write_jsonl
from tests.store.builder import Row, write_version

ANSWER = "The answer to that is long enough to be told from others by its words, and it ends with the number {}."
Publish = Callable[..., str]


def rows(*numbers: int, **meta: Any) -> list[dict[str, Any]]:
    return [pair(f"Question number {n}?", ANSWER.format(n) + f" Once more: {n * 7919}.", **meta) for n in numbers]


def publisher(folder: Path) -> Publish:
    """Publishes rows as the next version of a dataset and returns its name; without rows, those that are there."""

    def make(content: list[dict[str, Any]] | None, more: str = "", *, source: str = "", name: str = "tiny") -> str:
        if content is not None:
            write_jsonl(folder / "a.jsonl", content)
        result = run_yaml(folder, f"name: {name}\nsources: [{{path: a.jsonl, name: s{source}}}]\n{more}")
        return f"{name}@{result.number}"

    return make


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    return publisher(tmp_path)


@pytest.fixture(scope="module")
def shrunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `tiny@1` and `tiny@2`, which lacks the last of three rows."""
    folder = tmp_path_factory.mktemp("shrunk")
    for content in (rows(1, 2, 3), rows(1, 2)):
        publisher(folder)(content)
    return folder


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `tiny@1`, of `tiny@2` with another threshold and of `tiny@3` with a new rule."""
    folder = tmp_path_factory.mktemp("ruled")
    publisher(folder)([*rows(1, 2), pair("Short question here?", "Yes.")])
    for rule in ("too_short: {threshold: 10}", "no_yes: {signal: answer_words, op: '<', threshold: 2}"):
        publisher(folder)(None, f"rules: {{{rule}}}")
    return folder


def compared(folder: Path, a: str, b: str) -> Diff:
    return dataprep.diff(a, b, store=folder / "store")


def found(difference: Diff) -> list[tuple[Any, ...]]:
    return difference.summary.select("kind", "cause", "rule", "records").rows()


def test_a_version_does_not_differ_from_itself(shrunk: Path) -> None:
    difference = compared(shrunk, "tiny@1", "tiny@1")
    assert found(difference) == []
    assert difference.counts["unchanged"] == difference.counts["records_a"] == 3
    assert difference.keys.height == difference.files.height == 0


def test_rows_that_come_and_go_in_the_sources_are_named_as_such(publish: Publish, tmp_path: Path) -> None:
    a, b = publish(rows(1, 2, 3)), publish(pairs(1) + rows(2, 3) + pairs(1, start=50))
    difference = compared(tmp_path, a, b)
    assert found(difference) == [("added", "source", None, 2), ("removed", "source", None, 1)]
    assert difference.files["change"].to_list() == ["changed"]
    assert difference.records["detail"].unique().to_list() == ["not in the sources of the other version"]


def test_a_rule_is_named_with_its_value_and_both_thresholds(ruled: Path) -> None:
    difference = compared(ruled, "tiny@1", "tiny@2")
    (row,) = difference.records.to_dicts()
    assert (row["kind"], row["cause"], row["rule"]) == ("removed", "rule", "too_short")
    assert (row["value"], row["threshold_a"], row["threshold_b"]) == (4, 1, 10)
    assert row["detail"] == "the rule changed: threshold"
    assert difference.keys.rows() == [("rules.too_short.threshold", "1", "10")]
    (back,) = compared(ruled, "tiny@2", "tiny@1").records.to_dicts()
    assert (back["kind"], back["cause"], back["value"], back["threshold_a"]) == ("added", "rule", 4, 10)


def test_a_new_rule_is_said_to_be_new(ruled: Path) -> None:
    (row,) = compared(ruled, "tiny@1", "tiny@3").records.to_dicts()
    assert (row["rule"], row["detail"]) == ("no_yes", "the rule is new")
    assert (row["threshold_a"], row["threshold_b"]) == (None, 2)
    (back,) = compared(ruled, "tiny@3", "tiny@1").records.to_dicts()
    assert (back["kind"], back["detail"]) == ("added", "the rule is gone")


def test_an_id_column_proves_that_a_row_changed(publish: Publish, tmp_path: Path) -> None:
    def with_ids(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**row, "key": f"k{place}"} for place, row in enumerate(content)]

    a = publish(with_ids(rows(1, 2, 3)), source=", id: key")
    b = publish(with_ids([*rows(1, 2), pair("Something else altogether?", "Quite so.")]), source=", id: key")
    difference = compared(tmp_path, a, b)
    assert found(difference) == [("changed", "source", None, 1)]
    (example,) = difference.examples(1).to_dicts()
    assert (example["record_id_a"], example["record_id_b"]) == ("k2", "k2")
    assert "Question number 3?" in example["text_a"]
    assert "Something else" in example["text_b"]


def test_without_ids_a_near_match_proves_that_a_row_changed(publish: Publish, tmp_path: Path) -> None:
    before = pair("Why is it so?", " ".join(f"word{n}" for n in range(60)))
    after = pair("Why is it so?", " ".join(f"word{n}" for n in range(59)) + " edited")
    a, b = publish([*rows(1, 2), before]), publish([after, *rows(1, 2)])
    difference = compared(tmp_path, a, b)
    assert found(difference) == [("changed", "source", None, 1)]
    (row,) = difference.records.to_dicts()
    assert row["similarity"] == pytest.approx(59 / 61)
    assert row["record_id_a"] != row["record_id_b"]
    assert (row["line_a"], row["line_b"]) == (3, 1)


def test_rows_at_the_same_place_with_the_same_question_are_not_taken_for_one(publish: Publish, tmp_path: Path) -> None:
    a = publish([*rows(1), pair("Why is it so?", "Because of the wind that blows from the west all day.")])
    b = publish([*rows(1), pair("Why is it so?", "Nobody has ever found that out, but many have tried to.")])
    assert found(compared(tmp_path, a, b)) == [("added", "source", None, 1), ("removed", "source", None, 1)]


def test_a_shared_system_prompt_does_not_make_records_alike() -> None:
    def turns(answer: str) -> list[dict[str, str]]:
        prompt = " ".join(f"rule{n}" for n in range(200))
        return [{"role": "system", "content": prompt}, {"role": "assistant", "content": answer}]

    numbers, hashes = matches.word_shingles(Turns(pa.array([turns("yes indeed"), turns("not at all")], TURNS_TYPE)))
    assert numbers.tolist() == [0, 1]
    assert len(set(hashes.tolist())) == 2


def test_a_cleaner_that_changed_is_named(publish: Publish, tmp_path: Path) -> None:
    a = publish([*rows(1), pair("Is there white space?", "There is some at the end of this.   ")])
    b = publish(None, "clean: {cleaners: [encoding, control_characters, end_of_text]}")
    (row,) = compared(tmp_path, a, b).records.to_dicts()
    assert (row["kind"], row["cause"], row["rule"]) == ("changed", "edit", "whitespace")
    assert row["record_id_a"] == row["record_id_b"]


def test_a_duplicate_names_the_record_that_stands_for_it(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "old.jsonl", rows(1, 2, 3))
    write_jsonl(tmp_path / "new.jsonl", rows(3, 4))
    sources = "name: x\nsources: [{path: old.jsonl, name: old}%s]\n"
    run_yaml(tmp_path, sources % "" + "dedup: {prefer: [old]}\nsplits: {train: 1, validation: 0, test: 0}")
    text = sources % ", {path: new.jsonl, name: new}" + "dedup: {prefer: [new]}"
    run_yaml(tmp_path, text.replace("name: x", "name: y") + "\nsplits: {train: 1, validation: 0, test: 0}")
    difference = compared(tmp_path, "x@1", "y@1")
    (removed,) = difference.records.filter(pl.col("kind") == "removed").to_dicts()
    assert (removed["cause"], removed["rule"], removed["source"]) == ("duplicate", "exact_duplicate", "old")
    added = difference.records.filter(pl.col("kind") == "added")
    assert removed["partner_id"] in added["record_id_b"].to_list()
    assert any("different datasets" in note for note in difference.notes)


def test_a_seed_moves_records_and_is_named(publish: Publish, tmp_path: Path) -> None:
    a = publish(pairs(40), "splits: {train: 0.5, validation: 0.25, test: 0.25}")
    b = publish(None, "splits: {train: 0.5, validation: 0.25, test: 0.25, seed: 9}", name="other")
    difference = compared(tmp_path, a, b)
    assert difference.counts["added"] == difference.counts["removed"] == 0
    assert difference.counts["moved"] > 0
    assert set(difference.records.select("kind", "cause", "rule").rows()) == {("moved", "split", "seed")}


def test_a_renamed_file_is_no_difference(publish: Publish, tmp_path: Path) -> None:
    a = publish(rows(1, 2, 3))
    (tmp_path / "a.jsonl").rename(tmp_path / "b.jsonl")
    write_jsonl(tmp_path / "c.jsonl", rows(4))
    run_yaml(tmp_path, "name: other\nsources: [{path: [b.jsonl, c.jsonl], name: s}]\n")
    difference = compared(tmp_path, a, "other@1")
    assert found(difference) == [("added", "source", None, 1)]
    assert difference.files["change"].to_list() == ["added", "renamed"]


def test_rows_read_otherwise_are_the_pipelines_doing(publish: Publish, tmp_path: Path) -> None:
    a = publish(rows(1, 2, 3, kind="x"))
    b = publish(None, source=", label: kind", name="other")
    difference = compared(tmp_path, a, b)
    assert found(difference) == [("changed", "pipeline", "read_otherwise", 3)]
    assert difference.records["detail"][0].endswith("reads this row otherwise: sources.s.label")


def test_a_row_that_is_rejected_now_names_the_reason(publish: Publish, tmp_path: Path) -> None:
    a = publish([*rows(1, 2), pair("Long?", " ".join(f"word{n}" for n in range(500)))])
    b = publish(None, "limits: {max_record_bytes: 2000, rejects: {rows: 5}}", name="other")
    difference = compared(tmp_path, a, b)
    (row,) = difference.records.to_dicts()
    assert (row["kind"], row["cause"], row["detail"]) == ("removed", "pipeline", "the other version rejects this row")
    assert "limits.max_record_bytes" in difference.keys["key"].to_list()


def test_a_person_who_dropped_a_record_is_the_cause(publish: Publish, tmp_path: Path) -> None:
    a = publish(rows(1, 2, 3))
    record_id = dataprep.open(a, store=tmp_path / "store").lineage()["record_id"][0]
    dataprep.drop(a, record_id, because="wrong", decisions=tmp_path / "d.yaml", store=tmp_path / "store")
    b = publish(None, "decisions: d.yaml")
    (row,) = compared(tmp_path, a, b).records.to_dicts()
    assert (row["kind"], row["cause"], row["record_id_a"]) == ("removed", "decision", record_id)


def test_label_shares_are_compared(publish: Publish, tmp_path: Path) -> None:
    a = publish(rows(1, 2, kind="x") + rows(3, 4, kind="y"), source=", label: kind")
    b = publish(rows(1, 2, 5, 6, 7, 8, kind="x") + rows(3, 4, kind="y"), source=", label: kind")
    difference = compared(tmp_path, a, b)
    assert difference.label_shift == pytest.approx(0.25)
    assert dict(difference.labels.select("label", "records_b").rows()) == {"x": 6, "y": 2}
    assert any("25.0%" in line for line in render(difference, 100, 0))


def test_fewer_copies_in_the_sources_are_no_change_of_the_pipeline(publish: Publish, tmp_path: Path) -> None:
    off = "dedup: {exact: false, near: {action: none}}\nsplits: {train: 1, validation: 0, test: 0}"
    a = publish(rows(1, 1, 2), off)
    b = publish(rows(1, 2), off)
    assert found(compared(tmp_path, a, b)) == [("removed", "source", None, 1)]


ROWS = st.dictionaries(
    st.sampled_from([f"id{n}" for n in range(8)]),
    st.tuples(st.sampled_from(["train", "test", None]), st.integers(0, 2)),
    min_size=1,
)


@settings(max_examples=8)
@given(ROWS, ROWS)
def test_the_differences_add_up_and_are_mirrored(
    tmp_path_factory: pytest.TempPathFactory, one: dict[str, Any], other: dict[str, Any]
) -> None:
    root = tmp_path_factory.mktemp("sums")
    for name, records in (("a", one), ("b", other)):
        made = [
            Row(key, [("user", f"{key} {text}"), ("assistant", "x")], split, "kept" if split else "dropped", line=place)
            for place, (key, (split, text)) in enumerate(records.items())
        ]
        write_version(root, made, dataset=name, run_id=f"run-{name}")
    there, back = diff(Store(root), "a", "b"), diff(Store(root), "b", "a")
    counts = there.counts
    assert counts["records_a"] == sum(split is not None for split, _ in one.values())
    assert counts["records_b"] == counts["records_a"] + counts["added"] - counts["removed"]
    assert there.summary["records"].sum() == there.records.height == sum(counts[kind] for kind in _kinds())
    mirrored = {"added": "removed", "removed": "added", "changed": "changed", "moved": "moved"}
    assert {kind: counts[kind] for kind in mirrored} == {kind: back.counts[twin] for kind, twin in mirrored.items()}


def _kinds() -> tuple[str, ...]:
    return ("added", "removed", "changed", "moved")


WORDS = st.lists(st.sampled_from("abcd"), max_size=24)


@settings(max_examples=20)
@given(st.lists(WORDS, min_size=1, max_size=5), st.lists(WORDS, min_size=1, max_size=5))
def test_near_matches_are_all_pairs_of_enough_similarity(one: list[list[str]], other: list[list[str]]) -> None:
    def sets(texts: list[list[str]]) -> list[set[tuple[str, ...]]]:
        return [
            {tuple(words[n : n + 5]) for n in range(len(words) - 4)} or ({tuple(words)} if words else set())
            for words in texts
        ]

    with connect() as con:
        for name, texts in (("shingles_a", one), ("shingles_b", other)):
            turns = [[{"role": "text", "content": " ".join(words)}] for words in texts]
            numbers, hashes = matches.word_shingles(Turns(pa.array(turns, TURNS_TYPE)))
            assert np.bincount(numbers, minlength=len(texts)).tolist() == [len(each) for each in sets(texts)]
            con.register(name, pa.table({"number": numbers, "shingle": hashes}))
        pairs_found = con.sql(read_sql("diff/near_matches"), params={"pairs": 10**9}).fetchall()
    expected = {
        (place, twin): len(first & second) / len(first | second)
        for place, first in enumerate(sets(one))
        for twin, second in enumerate(sets(other))
        if first and second and 5 * len(first & second) >= 4 * len(first | second)
    }
    assert {(place, twin): similarity for place, twin, similarity in pairs_found} == pytest.approx(expected)


def test_what_is_too_much_to_compare_is_said(publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matches, "MAX_RECORDS", 2)
    a, b = publish(rows(1, 2, 3, 4)), publish(rows(1, 5, 6, 7))
    told = compared(tmp_path, a, b).notes
    assert [" were not searched for edited rows" in note for note in told] == [True, True]


def test_keys_are_compared_by_the_names_of_sources_and_rules() -> None:
    a = {"pipeline": {"rules": [{"name": "r", "threshold": 1}, {"name": "gone"}], "sources": [{"name": "s.x"}]}}
    b = {"pipeline": {"rules": [{"name": "r", "threshold": True}], "sources": [{"name": "s.x"}]}}
    assert key_changes(a, b).rows() == [("rules.r.threshold", "1", "true"), ("rules.gone", "{}", None)]


def test_a_version_and_its_parent_differ_by_no_parent() -> None:
    child = {"version_id": "b", "parent": "a"}
    keys = key_changes({}, {})
    assert split_reason({"version_id": "a", "parent": None}, child, keys) is None
    assert split_reason({"version_id": "c", "parent": None}, child, keys) == "parent"


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    evil = "\x1b[2J'; drop table a; --"
    write_version(tmp_path, [Row(evil, [("user", evil), ("assistant", "x")], path=evil, label=evil)], dataset="a")
    write_version(tmp_path, [Row("b", [("user", "q"), ("assistant", "x")])], dataset="b", run_id="run-2")
    difference = diff(Store(tmp_path), "a", "b")
    assert evil in difference.records["record_id_a"].to_list()
    assert "\x1b" not in "".join(render(difference, 80, 3))


def test_a_version_that_is_not_there_is_said(shrunk: Path) -> None:
    with pytest.raises(InputError, match="no version '7'"):
        compared(shrunk, "tiny@1", "tiny@7")


def test_the_words_say_how_the_records_add_up(shrunk: Path) -> None:
    lines = render(compared(shrunk, "tiny@1", "tiny@2"), 100, 1)
    assert lines[1] == "  3 records + 0 added - 1 removed = 2 records"
    assert any(line.startswith("removed by source: ") for line in lines)


def test_the_command_prints_rows_and_json(publish: Publish, tmp_path: Path) -> None:
    a, b = publish(rows(1, 2, 3)), publish(rows(1, 2))

    arguments = ("diff", a, b, "--store", tmp_path / "store")
    assert command(*arguments, "--format", "csv").out.splitlines()[1].startswith("removed,source,,s,")
    told = json.loads(command(*arguments, "--json", "-n", "1").out)
    assert told["counts"]["removed"] == len(told["records"]) == len(told["examples"]) == 1
