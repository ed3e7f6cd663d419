"""Keys of exact duplicates: what counts as the same record, the same question, and what does not."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.errors import InputError
from dataprep.pairs.config import DedupConfig
from dataprep.pairs.folding import normalize_text
from dataprep.pairs.keys import all_keys, duplicate_keys, input_keys, record_keys
from dataprep.record import MISSING_EXTRA, ROLES, Record, Role, Turn, build_batch

EXACT = DedupConfig(normalize=False)


def batch_of(*conversations: list[Turn], **columns: Any) -> pa.RecordBatch:
    return build_batch("s", [Record(turns=turns, meta={}, line=1, **columns) for turns in conversations])


def pair(question: str | None, answer: str | None) -> list[Turn]:
    return [Turn("user", question), Turn("assistant", answer)]


def same(keys: pa.Array) -> bool:
    """Whether all keys are equal and none is null."""
    return keys.null_count == 0 and len(set(keys.to_pylist())) == 1


def distinct(keys: pa.Array) -> bool:
    return keys.null_count == 0 and len(set(keys.to_pylist())) == len(keys)


def test_case_white_space_and_compatibility_forms_make_no_difference() -> None:
    batch = batch_of(pair("Straße № １ ?", "Yes"), pair("\tSTRASSE\u00a0\n No 1  ?", " yes\u3000"))
    assert same(record_keys(batch, DedupConfig()))
    assert distinct(record_keys(batch, EXACT))


def test_text_keeps_its_place_among_turns() -> None:
    assert distinct(
        record_keys(batch_of(pair("ab", "c"), pair("a", "bc"), pair("abc", ""), pair("", "abc")), DedupConfig())
    )


def test_roles_tools_and_labels_are_part_of_a_record() -> None:
    turns = pair("a", "b")
    swapped = [Turn("assistant", "a"), Turn("user", "b")]
    records = [
        Record(turns=turns, meta={}, line=1),
        Record(turns=swapped, meta={}, line=1),
        Record(turns=turns, meta={}, line=1, label="x"),
        Record(turns=turns, meta={}, line=1, tools="x"),
        Record(turns=turns, meta={}, line=1, tools="X"),
    ]
    assert distinct(record_keys(build_batch("s", records), DedupConfig()))


def test_lines_sources_and_other_columns_are_not() -> None:
    turns = pair("a", "b")
    first = build_batch("s", [Record(turns=turns, meta={"n": 1}, line=1, group_key="g", time="2020", user_id="1")])
    second = build_batch("t", [Record(turns=turns, meta={"n": 2}, line=9, given_split="test")])
    assert record_keys(first, DedupConfig()) == record_keys(second, DedupConfig())


def test_tool_calls_tell_turns_without_text_apart() -> None:
    calls = [Turn("assistant", None, json.dumps({"tool_calls": [name]})) for name in ("search", "Search", "book")]
    batch = batch_of(*([Turn("user", "go"), call] for call in calls))
    assert distinct(record_keys(batch, DedupConfig()))
    assert same(input_keys(batch))


def test_a_missing_field_a_null_and_an_empty_text_are_the_same_nothing() -> None:
    batch = batch_of(pair("a", ""), pair("a", None), [Turn("user", "a"), Turn("assistant", None, MISSING_EXTRA)])
    assert same(record_keys(batch, DedupConfig()))


def test_records_without_text_have_no_key() -> None:
    batch = batch_of(pair(" \n", "\u3000"), pair(None, None), [], label="x", tools="t")
    assert record_keys(batch, DedupConfig()).null_count == 3
    assert input_keys(batch).null_count == 3


def test_the_input_is_what_stands_before_the_last_answer() -> None:
    def chat(*contents: str) -> list[Turn]:
        return [Turn("user" if place % 2 == 0 else "assistant", text) for place, text in enumerate(contents)]

    assert same(input_keys(batch_of(chat("a", "b", "c", "d"), chat("A", "b", "c ", "other"), chat("a", "b", "c"))[:2]))
    assert distinct(input_keys(batch_of(chat("a", "b", "c", "d"), chat("a", "x", "c", "d"), chat("a", "b"))))


def test_a_question_is_the_same_as_a_text_with_a_label_and_under_an_empty_system_prompt() -> None:
    batch = batch_of(
        pair("Where is my card?", "There."),
        [Turn("text", "where is my card?")],
        [Turn("system", ""), Turn("user", "Where is my card?"), Turn("assistant", "Here.")],
        [Turn("user", "Where is my card?")],
    )
    assert same(input_keys(batch))


def test_a_shared_system_prompt_is_no_question() -> None:
    system = Turn("system", "You are helpful.")
    batch = batch_of([system, *pair("", "a")], [system, Turn("assistant", "b")], [system])
    assert input_keys(batch).null_count == 3


def test_input_keys_are_always_normalised() -> None:
    keys = duplicate_keys(batch_of(pair("A", "x"), pair("a", "x")), EXACT)
    assert distinct(keys.record)
    assert same(keys.input)


@pytest.mark.parametrize(
    ("fields", "alike"),
    [
        (("input",), {0, 1}),
        (("answer",), {0, 2}),
        (("system",), {0, 1, 2}),
        (("label",), {0, 1}),
        (("tools",), {0, 2}),
        (("meta_id",), {0, 1}),
        (("meta_list",), {0, 2}),
        (("input", "answer"), {0}),
        (("input", "label"), {0, 1}),
        (("record",), {0}),
    ],
)
def test_the_fields_that_a_user_names_are_compared(fields: tuple[str, ...], alike: set[int]) -> None:
    def record(question: str, answer: str, label: str, tools: str, meta: dict[str, Any]) -> Record:
        return Record(turns=[Turn("system", "S"), *pair(question, answer)], label=label, tools=tools, meta=meta, line=1)

    batch = build_batch(
        "s",
        [
            record("q", "a", "x", "t", {"id": "A", "list": [1]}),
            record("Q", "b", "X", "u", {"id": "a", "list": [2]}),
            record("r", "A", "y", "t", {"id": "b", "list": [1]}),
        ],
    )
    keys = record_keys(batch, DedupConfig(fields=fields)).to_pylist()
    assert None not in keys
    assert {row for row in range(3) if keys[row] == keys[0]} == alike


def test_a_label_alone_does_not_make_two_empty_questions_copies() -> None:
    batch = batch_of(pair("", "a"), pair("", "b"), label="x")
    assert record_keys(batch, DedupConfig(fields=("input", "label"))).null_count == 2
    assert same(record_keys(batch, DedupConfig(fields=("label",))))


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(InputError, match="there is no field 'answr' to compare") as caught:
        record_keys(batch_of(pair("a", "b")), DedupConfig(fields=("answr",)))
    assert caught.value.key == "dedup.fields"


def test_keys_stay_what_they_are() -> None:
    """Keys are stored and compared with those of earlier versions: other values need a new version of the step."""
    batch = batch_of(pair("What’s Ünïcode\u0301?", "Text."), label="x")
    keys = duplicate_keys(batch, DedupConfig())
    assert keys.record[0].as_py().hex() == "76178e1b8c8fbc7a248e9f1296b23115"
    assert keys.input[0].as_py().hex() == "a1a31f14cb5704f340f4b6cc02cb69ce"
    _, kinds = all_keys(batch, DedupConfig())
    found = [column[0].as_py().hex() for column in (kinds.answer, kinds.label, kinds.chain)]
    assert found == [
        "4bfb374232f49c7d978ecb8c75a8c2a1",
        "442a44457137672b3218c1007dc8f76a",
        "ce6f4ae93b33d72538c35d824b7288b8",
    ]


@pytest.mark.parametrize("rows", [[], [[]], [[Turn("user", "")]]])
def test_nothing_gives_no_keys(rows: list[list[Turn]]) -> None:
    keys = duplicate_keys(batch_of(*rows), DedupConfig())
    assert keys.record.type == keys.input.type == pa.binary(16)
    assert len(keys.record) == keys.record.null_count == keys.input.null_count == len(rows)
    _, kinds = all_keys(batch_of(*rows), DedupConfig())
    for column in (kinds.answer, kinds.label, kinds.tools, kinds.chain):
        assert column.type == pa.binary(16)
        assert len(column) == column.null_count == len(rows)
    assert kinds.prefixes.type == pa.list_(pa.binary(16))
    assert kinds.prefixes.to_pylist() == [[]] * len(rows)


_CONTENTS = st.one_of(
    st.none(), st.sampled_from(["", " ", "a", "A", "ab", "a b", "A  B", "é", "e\u0301", "É"]), st.text(max_size=4)
)
_TURNS = st.lists(
    st.builds(
        Turn, st.sampled_from(ROLES), _CONTENTS, st.sampled_from([None, None, MISSING_EXTRA, '{"tool_calls":1}'])
    ),
    max_size=4,
)
_RECORDS = st.lists(
    st.builds(
        Record,
        turns=_TURNS,
        meta=st.just({}),
        line=st.just(1),
        label=st.sampled_from([None, "x", "X"]),
        tools=st.sampled_from([None, "x", "X"]),
    ),
    max_size=12,
)


def reference_record(record: Record, normalized: bool) -> object:
    """What a record's key stands for, in plain Python; None where it must have no key."""

    def text(content: str | None) -> str:
        return normalize_text(content or "") if normalized else content or ""

    turns = [
        (turn.role, text(turn.content), turn.extra if turn.extra != MISSING_EXTRA else None) for turn in record.turns
    ]
    if not any(content or extra for _, content, extra in turns):
        return None
    return (turns, record.tools or "", text(record.label))


def reference_input(record: Record) -> object:
    turns = record.turns
    answers = [place for place, turn in enumerate(turns) if turn.role == "assistant"]
    if answers:
        turns = turns[: answers[-1]]
    texts = [(turn.role, normalize_text(turn.content or "")) for turn in turns]
    if not any(content for role, content in texts if role != "system"):
        return None
    return [content for _, content in texts if content]


def classes(values: list[Any]) -> list[int | None]:
    """Each value's class: the first place at which an equal one stands; None for None."""
    return [None if value is None else values.index(value) for value in values]


@settings(max_examples=200, deadline=None)
@given(_RECORDS, st.booleans(), st.integers(0, 3))
def test_keys_are_equal_exactly_where_the_reference_is(records: list[Record], normalized: bool, skipped: int) -> None:
    batch = build_batch("s", records)[skipped:]
    keys = duplicate_keys(batch, DedupConfig(normalize=normalized))
    kept = records[skipped:]
    assert classes(keys.record.to_pylist()) == classes([reference_record(record, normalized) for record in kept])
    assert classes(keys.input.to_pylist()) == classes([reference_input(record) for record in kept])


def reference_turns(record: Record) -> list[object]:
    return [
        (turn.role, normalize_text(turn.content or ""), turn.extra if turn.extra != MISSING_EXTRA else None)
        for turn in record.turns
    ]


def reference_answer(record: Record) -> object:
    """What follows the input side; None where nothing does."""
    answers = [place for place, turn in enumerate(record.turns) if turn.role == "assistant"]
    after: list[Any] = reference_turns(record)[answers[-1] :] if answers else []
    return after if any(content or extra for _, content, extra in after) else None


def reference_chains(record: Record) -> tuple[object, list[object]]:
    """The whole conversation, None where it does not end with an answer, and its beginnings that do."""
    turns = reference_turns(record)
    given = (record.tools or "", normalize_text(record.label or ""))
    ends = [(given, turns[: place + 1]) for place, turn in enumerate(record.turns) if turn.role == "assistant"]
    whole = ends.pop() if ends and record.turns[-1].role == "assistant" else None
    return whole, [*ends]


@settings(max_examples=80, deadline=None)
@given(_RECORDS, st.booleans(), st.integers(0, 3))
def test_kinds_are_equal_exactly_where_the_reference_is(records: list[Record], normalized: bool, skipped: int) -> None:
    _, kinds = all_keys(build_batch("s", records)[skipped:], DedupConfig(normalize=normalized))
    kept = records[skipped:]
    chains = [reference_chains(record) for record in kept]
    assert classes(kinds.answer.to_pylist()) == classes([reference_answer(record) for record in kept])
    assert classes(kinds.label.to_pylist()) == classes(
        [record.label and normalize_text(record.label) for record in kept]
    )
    assert classes(kinds.tools.to_pylist()) == classes([record.tools for record in kept])
    found = [kinds.chain.to_pylist(), *kinds.prefixes.to_pylist()]
    expected = [[whole for whole, _ in chains], *(beginnings for _, beginnings in chains)]
    assert [len(keys) for keys in found] == [len(values) for values in expected]
    assert classes([key for keys in found for key in keys]) == classes(
        [value for values in expected for value in values]
    )


def test_a_long_conversation_has_a_key_for_each_beginning() -> None:
    turns = [Turn("user" if n % 2 == 0 else "assistant", str(n % 7)) for n in range(3_000)]
    _, kinds = all_keys(batch_of(turns, turns[:1_000], [*turns[:999], Turn("assistant", "x")]), DedupConfig())
    beginnings = kinds.prefixes[0].as_py()
    assert len(set(beginnings)) == len(beginnings) == 1_499
    assert kinds.chain[1].as_py() == beginnings[499]
    assert kinds.prefixes[1].as_py() == kinds.prefixes[2].as_py() == beginnings[:499]
    assert kinds.chain[2].as_py() not in beginnings


def test_keys_do_not_depend_on_the_batch_or_on_threads() -> None:
    roles: list[Role] = ["user", "assistant"]
    rows = [[Turn(role, f"{chr(0x400 + n)}{chr(0x4E00 + 7 * n)} {n}é") for role in roles] for n in range(400)]
    whole = duplicate_keys(batch_of(*rows), DedupConfig())
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda n: duplicate_keys(batch_of(*rows[n : n + 20]), DedupConfig()), range(0, 400, 20)))
    assert pa.concat_arrays([part.record for part in parts]) == whole.record
    assert pa.concat_arrays([part.input for part in parts]) == whole.input


def test_real_copies_are_found(shared_data: Path) -> None:
    """The set's own count: 1,153 rows are exact copies of an earlier one, byte by byte."""
    with gzip.open(shared_data / "instructions" / "t0_train_50k.jsonl.gz") as file:
        rows = [json.loads(line) for line in file]
    batch = batch_of(*(pair(row["prompt"], row["completion"]) for row in rows))
    keys = record_keys(batch, EXACT)
    assert len(keys) - len(keys.unique()) == 1153
