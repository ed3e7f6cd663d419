"""`dataprep why`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataprep.errors import InputError
from dataprep.store.layout import Store
from dataprep.why import Matches, RejectedRow, Story, why
from dataprep.why_text import render
from tests.store.builder import Row, write_stopped_run, write_version

RULE = {"name": "too_short", "signal": "n_words", "op": "<", "threshold": 3, "because": "one word teaches little"}


def edit(turn: int, start: int, end: int, original: str, replacement: str) -> dict[str, Any]:
    return {"turn": turn, "start": start, "end": end, "original": original, "replacement": replacement}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    cat = [("user", "What is it?"), ("assistant", "It is a cat.")]
    cafe = [("user", "caf\u00e9"), ("assistant", "x")]
    rows = [
        Row("aaaa1111", cat, line=1, meta={"n": 7}),
        Row("aaaa2222", cat, None, "dropped", "duplicate", "aaaa1111", line=2),
        Row("bbbb3333", cafe, None, "dropped", "too_short", line=3, n_words=2),
    ]
    verdict = {"step": "rules", "rule": "too_short", "action": "drop", "decisive": True, "value": 2.0, "threshold": 3.0}
    cleaned = {"record_id": "bbbb3333", "step": "clean", "action": "edit", "decisive": False}
    ledger = [
        {**cleaned, "rule": "encoding", "edits": [edit(0, 3, 5, "\u00c3\u00a9", "\u00e9")]},
        {**cleaned, "rule": "whitespace", "edits": [edit(0, 4, 6, "  ", ""), edit(1, 1, 2, " ", "")]},
        {**verdict, "record_id": "bbbb3333"},
    ]
    rejects = [
        {"source": "source1", "path": "data/support.jsonl", "line": 4, "reason": "not_json", "raw": b'{"bro\xffken'}
    ]
    write_version(tmp_path, rows, ledger=ledger, rejects=rejects, pipeline={"rules": [RULE]})
    return Store(tmp_path)


def story(store: Store, what: str) -> Story:
    answer = why(store, what)
    assert isinstance(answer, Story)
    return answer


@pytest.mark.parametrize("what", ["bbbb3333", "bbbb", "support.jsonl:3", "data/support.jsonl:3", "caf\u00e9"])
def test_a_record_is_found_by_id_place_and_text(store: Store, what: str) -> None:
    assert story(store, what).record_id == "bbbb3333"


def test_the_original_text_comes_back_through_every_cleaner(store: Store) -> None:
    found = story(store, "bbbb3333")
    assert found.original is not None
    assert [turn.content for turn in found.original] == ["caf\u00c3\u00a9  ", "x "]
    assert [(change.cleaner, change.turn) for change in found.changes] == [
        ("encoding", 0),
        ("whitespace", 0),
        ("whitespace", 1),
    ]


def test_the_rule_is_told_with_value_threshold_and_reason(store: Store) -> None:
    text = "\n".join(render(story(store, "bbbb3333"), 100))
    for expected in (
        "dropped by rules.too_short",
        "measured 2",
        "threshold 3",
        "n_words < 3",
        "teaches little",
        "{+",
        "n_words",
    ):
        assert expected in text


def test_a_duplicate_names_the_record_that_stays_and_the_other_way_round(store: Store) -> None:
    partner = story(store, "aaaa2222").partner
    assert partner is not None
    assert (partner.record_id, partner.split) == ("aaaa1111", "train")
    assert partner.turns is not None
    assert partner.turns[1].content == "It is a cat."
    assert story(store, "aaaa1111").copies == ["aaaa2222"]


def test_several_records_that_fit_are_listed(store: Store) -> None:
    answer = why(store, "It is a cat")
    assert isinstance(answer, Matches)
    assert [match.record_id for match in answer.found] == ["aaaa1111", "aaaa2222"]
    assert "2 records fit" in render(answer, 80)[0]


@pytest.mark.parametrize("what", ["support.jsonl:4", '{"bro'])
def test_a_rejected_row_is_found_by_place_and_by_its_bytes(store: Store, what: str) -> None:
    answer = why(store, what)
    assert isinstance(answer, RejectedRow)
    assert answer.reason == "not_json"
    assert "\\xffken" in "\n".join(render(answer, 80))


def test_older_versions_and_stopped_runs_are_looked_through(store: Store) -> None:
    write_version(store.root, [Row("cccc", [("user", "new"), ("assistant", "new")])], number=2, run_id="run-2")
    write_stopped_run(
        store.root, "run-9", [{"source": "s", "path": "late.jsonl", "line": 1, "reason": "x", "raw": b"y"}]
    )
    assert story(store, "bbbb3333").data == "support@1"
    answer = why(store, "late.jsonl:1")
    assert isinstance(answer, RejectedRow)
    assert answer.data == "run-9"


@pytest.mark.parametrize("what", ["nothing like it", "support.jsonl:99", "", "%", "zzzz"])
def test_what_fits_nothing_says_so(store: Store, what: str) -> None:
    with pytest.raises(InputError, match="no record or rejected row"):
        why(store, what)


def test_a_place_that_is_not_there_points_to_the_files_that_are(store: Store) -> None:
    with pytest.raises(InputError) as caught:
        why(store, "support.jsonl:99")
    assert "min(line), max(line)" in (caught.value.hint or "")


def test_made_ids_are_listed_by_their_start_and_users_ids_whole(tmp_path: Path) -> None:
    cat = [("user", "What is it?"), ("assistant", "It is a cat.")]
    made = "0123456789abcdef" * 2
    write_version(tmp_path, [Row(made, cat), Row("my-own-identifier-of-a-cat", cat)])
    lines = render(why(Store(tmp_path), "It is a cat"), 120)
    assert [line.split()[0] for line in lines[4:]] == [made[:12], "my-own-identifier-of-a-cat"]
