"""The decisions file: what is written is read back, and every mistake has its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.decisions.entries import AcceptedBudget, Decisions, Entry, RecordDecision
from dataprep.decisions.file import add_decisions, read_decisions, write_decisions
from dataprep.errors import InputError

WHY = {"because": "it is meant", "who": "ada", "when": "2026-11-22T18:30:00.123Z"}

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
REASONS = {"because": TEXTS, "who": TEXTS, "when": st.datetimes().map(lambda moment: moment.isoformat())}
RELEASES = st.builds(
    RecordDecision,
    record=TEXTS,
    digest=st.none() | st.binary(min_size=16, max_size=16).map(bytes.hex),
    decision=st.just("release"),
    to=st.sampled_from([None, "train", "validation", "test"]),
    **REASONS,
)
DROPS = st.builds(RecordDecision, record=TEXTS, decision=st.just("drop"), **REASONS)
BUDGETS = st.builds(AcceptedBudget, accept_budget=TEXTS, up_to=st.floats(0, 1), **REASONS)
ENTRIES = st.lists(RELEASES | DROPS | BUDGETS, max_size=8)


def record(record_id: str = "8f3a", **values: str) -> RecordDecision:
    return RecordDecision(**({"record": record_id, "decision": "release"} | WHY | values))


@given(ENTRIES)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> None:
    path = tmp_path_factory.mktemp("d") / "decisions.yaml"
    decisions = Decisions.of(entries)
    write_decisions(path, decisions)
    assert read_decisions(path) == decisions


@settings(max_examples=30)
@given(ENTRIES)
def test_any_reader_of_yaml_sees_the_same_texts(tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> None:
    path = tmp_path_factory.mktemp("d") / "decisions.yaml"
    write_decisions(path, Decisions.of(entries))
    read = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    assert read == [entry.model_dump(exclude_none=True) for entry in Decisions.of(entries).entries()]


@given(ENTRIES)
def test_the_file_does_not_depend_on_the_order_of_entries(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]
) -> None:
    folder = tmp_path_factory.mktemp("d")
    sorted_entries = Decisions.of(entries).entries()
    write_decisions(folder / "a", Decisions.of(sorted_entries))
    write_decisions(folder / "b", Decisions.of(sorted_entries[::-1]))
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()


def test_an_entry_reads_well_and_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "decisions.yaml"
    entries = [record("no", because="a\u202eb\x1b\n", to="test"), AcceptedBudget(accept_budget="x", up_to=0.25, **WHY)]
    add_decisions(path, entries)
    assert [line for line in path.read_text().splitlines() if not line.startswith("#")] == [
        '- accept_budget: "x"',
        "  up_to: 0.25",
        '  because: "it is meant"',
        '  who: "ada"',
        '  when: "2026-11-22T18:30:00.123Z"',
        '- record: "no"',
        "  decision: release",
        "  to: test",
        '  because: "a\\u202eb\\x1b\\n"',
        '  who: "ada"',
        '  when: "2026-11-22T18:30:00.123Z"',
    ]


def test_a_new_decision_takes_the_place_of_the_old_one_and_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "decisions.yaml"
    add_decisions(path, [record("a"), record("b")])
    before = path.read_text().splitlines()
    decisions = add_decisions(path, [record("b", decision="drop")])
    assert decisions.records["b"].decision == "drop"
    after = path.read_text().splitlines()
    assert [(old, new) for old, new in zip(before, after, strict=True) if old != new] == [
        ("  decision: release", "  decision: drop")
    ]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("shared.yaml")
    add_decisions(tmp_path / "link", [record()])
    assert (tmp_path / "link").is_symlink()
    assert read_decisions(tmp_path / "shared.yaml").records.keys() == {"8f3a"}


def test_values_by_hand_are_the_texts_that_stand_there(tmp_path: Path) -> None:
    path = tmp_path / "decisions.yaml"
    path.write_text("- {record: 012, decision: drop, because: no, who: 1e3, when: 2026-01-02}\n")
    (entry,) = read_decisions(path).records.values()
    assert (entry.record, entry.because, entry.who, entry.when) == ("012", "no", "1e3", "2026-01-02")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[]\n", "---\n"])
def test_an_empty_file_decides_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "decisions.yaml"
    path.write_text(text)
    assert read_decisions(path) == Decisions()


GOOD = "- {record: a, decision: drop, because: b, who: c, when: 2026-01-02}\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("records: []\n", 1, "a list of decisions"),
        ("just words\n", 1, "a list of decisions"),
        ("- words\n", 1, "a list of decisions"),
        (GOOD + "- {record: [a], decision: drop}\n", 2, "a list of decisions"),
        (GOOD + "- record: b\n  decison: drop\n", 3, 'unknown key "decison"; did you mean "decision"?'),
        (GOOD + "- record: b\n  decision: keep\n  because: x\n  who: y\n  when: 2026-01-02\n", 3, "release or drop"),
        (GOOD + "- record: b\n  decision: drop\n", 2, "the key `because` is missing"),
        (GOOD + "- record: b\n  decision: drop\n  because:\n  who: x\n  when: 2026-01-02", 4, "`because` is missing"),
        (GOOD + GOOD, 2, "decided about here and in line 1"),
        ("- {record: a, record: b}\n", 1, "twice"),
        ("- {record: a, decision: drop, to: train, because: b, who: c, when: 2026-01-02}\n", 1, "`to` goes with"),
        ("- {record: a, decision: release, to: dev, because: b, who: c, when: 2026-01-02}\n", 1, "train, validation"),
        ("- {record: a, decision: drop, because: b, who: c, when: yesterday}\n", 1, "a date or a time"),
        ("- {record: a, digest: xyz, decision: drop, because: b, who: c, when: 2026-01-02}\n", 1, "32 hex"),
        ("- {accept_budget: x, up_to: 30%, because: b, who: c, when: 2026-01-02}\n", 1, "from 0 to 1"),
        ("- {accept_budget: x, up_to: nan, because: b, who: c, when: 2026-01-02}\n", 1, "from 0 to 1"),
        ("- &a {record: a}\n- *a\n", 1, "anchors"),
        ("- !!python/object:os.system {record: a}\n", 1, "tags"),
        ("- {record: a\n", 2, ""),
        ("- \x00\n", 1, ""),
        ("[" * 100_000, 1, "a list of decisions"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "decisions.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_decisions(path)
    assert message in str(caught.value)
    assert (caught.value.file, caught.value.line) == (str(path), line)


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"- {record: \xe9}")
    for name, message in (("absent", "no such"), ("latin", "UTF-8"), (".", "not a file")):
        with pytest.raises(InputError, match=message):
            read_decisions(tmp_path / name)
    with pytest.raises(InputError, match="no such folder"):
        add_decisions(tmp_path / "nowhere/decisions.yaml", [record()])


def test_what_is_said_about_records_enters_the_digest_and_accepted_budgets_do_not() -> None:
    digest = Decisions.of([record()]).records_digest()
    assert digest == Decisions.of([record(), AcceptedBudget(accept_budget="x", up_to=0.1, **WHY)]).records_digest()
    others = [record("other"), record(decision="drop"), record(to="test"), record(digest="0" * 32), record(because="x")]
    assert len({digest, *(Decisions.of([other]).records_digest() for other in others)}) == 6
    assert Decisions().records_digest() == ""
