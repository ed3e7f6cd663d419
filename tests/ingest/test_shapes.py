"""Rows of every shape become the records that they describe, or rejects with a reason."""

from __future__ import annotations

from typing import Any

import orjson
import pyarrow as pa
import pytest

from dataprep.ingest.config import IngestLimits, SourceConfig
from dataprep.ingest.shapes import Converter, Mapping, RowError, detect
from dataprep.record import MISSING_EXTRA, Record, build_batch


def convert(row: Any, sample: Any = None, *, max_turns: int = 10_000, **source: Any) -> Record:
    config = SourceConfig(path="rows.jsonl", **source)
    mapping = detect([row if sample is None else sample], config, shown="rows.jsonl")
    return Converter(mapping, config, IngestLimits(max_turns=max_turns)).convert(row, 1)


def turns(record: Record) -> list[tuple[str, str | None]]:
    return [(turn.role, turn.content) for turn in record.turns]


def reason(row: Any, sample: Any, **source: Any) -> str:
    with pytest.raises(RowError) as caught:
        convert(row, sample, **source)
    return caught.value.reason


PAIR = {"prompt": "p", "completion": "c"}
CHAT = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
SHAREGPT = {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]}


@pytest.mark.parametrize("name", ["output", "response", "answer", "completion"])
def test_alpaca_joins_instruction_and_input_with_a_blank_line(name: str) -> None:
    record = convert({"instruction": "Add", "input": "1 2", name: "3"})
    assert turns(record) == [("user", "Add\n\n1 2"), ("assistant", "3")]
    assert record.meta == {}


@pytest.mark.parametrize("given", [{"input": ""}, {"input": None}, {"input": " \n"}, {}])
def test_alpaca_without_an_input_is_the_instruction_alone(given: dict[str, Any]) -> None:
    record = convert({"instruction": "Add", "output": "3", **given}, {"instruction": "a", "input": "b", "output": "c"})
    assert turns(record)[0] == ("user", "Add")


def test_an_input_without_its_instruction_is_not_lost() -> None:
    record = convert({"input": "1 2", "output": "3"}, {"instruction": "a", "input": "b", "output": "c"})
    assert record.turns[0].extra == MISSING_EXTRA
    assert record.meta == {"input": "1 2"}


@pytest.mark.parametrize("names", [("prompt", "completion"), ("prompt", "response"), ("input", "output")])
def test_prompt_and_completion_are_two_turns(names: tuple[str, str]) -> None:
    assert turns(convert({names[0]: "p", names[1]: "c"})) == [("user", "p"), ("assistant", "c")]


def test_prompt_and_completion_may_be_lists_of_messages() -> None:
    row = {
        "prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "completion": [{"role": "assistant", "content": "a"}],
    }
    assert reason(row | {"prompt": []}, row) == "no_turns"
    assert reason(row | {"prompt": row["prompt"][:1]}, row) == "only_system_turn"
    assert turns(convert(row)) == [("system", "s"), ("user", "u"), ("assistant", "a")]


def test_preferred_answers_stay_in_meta_beside_a_response() -> None:
    assert convert({"prompt": "p", "response": "r", "chosen": "c"}).meta == {"chosen": "c"}


def test_missing_null_empty_and_blank_fields_stay_four_different_things() -> None:
    found = [convert({"prompt": "p", **given}, PAIR).turns[1] for given in (
        {}, {"completion": None}, {"completion": ""}, {"completion": "  "}
    )]  # fmt: skip
    assert [(turn.content, turn.extra) for turn in found] == [
        (None, MISSING_EXTRA),
        (None, None),
        ("", None),
        ("  ", None),
    ]


@pytest.mark.parametrize(("value", "kind"), [(["a"], "list"), ({"a": 1}, "object"), (3, "number"), (True, "boolean")])
def test_a_value_of_the_wrong_kind_is_a_reject_that_says_so(value: Any, kind: str) -> None:
    with pytest.raises(RowError) as caught:
        convert({"prompt": value, "completion": "c"}, PAIR)
    assert caught.value.reason == "wrong_kind"
    assert caught.value.column == "prompt"
    assert caught.value.detail == f"expected text in column 'prompt', got {kind}"


@pytest.mark.parametrize("sample", [PAIR, CHAT, {"text": "t"}, {"question": "q", "answer": "a"}])
@pytest.mark.parametrize("row", [3, "x", None, ["a", "b"]])
def test_a_row_that_is_no_object_is_a_reject(row: Any, sample: dict[str, Any]) -> None:
    with pytest.raises(RowError, match="expected object, got"):
        convert_with(sample, row)


def convert_with(sample: dict[str, Any], row: Any) -> Record:
    config = SourceConfig(path="rows.jsonl")
    return Converter(detect([sample], config, shown="rows.jsonl"), config, IngestLimits()).convert(row, 1)


def test_messages_keep_everything_beside_role_and_content_as_extra() -> None:
    call = {"id": "c1", "function": {"name": "f", "arguments": {"z": 1, "a": 2}}}
    row = {
        "messages": [
            {"role": "developer", "content": "be brief"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
                "name": "Ann",
            },
            {"role": "assistant", "content": None, "tool_calls": [call], "weight": 0},
            {"role": "function", "content": "42", "tool_call_id": "c1"},
            {"role": "assistant", "content": "it is 42", "name": None, "tool_calls": None},
        ],
        "tools": '[{"name": "f"}]',
        "source": {"deep": [1]},
    }
    record = convert(row)
    assert turns(record) == [
        ("system", "be brief"), ("user", "one\ntwo"), ("assistant", None), ("tool", "42"), ("assistant", "it is 42")
    ]  # fmt: skip
    extras = [turn.extra and orjson.loads(turn.extra) for turn in record.turns]
    assert extras == [None, {"name": "Ann"}, {"tool_calls": [call], "weight": 0}, {"tool_call_id": "c1"}, None]
    assert '"arguments":{"z":1,"a":2}' in (record.turns[2].extra or ""), "the order of arguments is content"
    assert record.tools == '[{"name": "f"}]'
    assert record.meta == {"source": {"deep": [1]}}


def test_extra_does_not_depend_on_the_order_or_the_nulls_of_the_file_format() -> None:
    one = {"messages": [{"role": "user", "content": "x", "weight": 1, "name": "n"}]}
    two = {"messages": [{"tool_calls": None, "name": "n", "content": "x", "weight": 1, "role": "user"}]}
    assert convert(one).turns == convert(two).turns


def test_messages_may_be_json_text_as_csv_files_have_them() -> None:
    assert turns(convert({"messages": orjson.dumps(CHAT["messages"]).decode()})) == turns(convert(CHAT))


def test_sharegpt_speakers_and_function_calls() -> None:
    said = ["system", "human", "function_call", "observation", "gpt", "user", "bot", "tool", "chatgpt"]
    row = {"conversations": [{"from": who, "value": who} for who in said], "system": "column", "tools": [{"name": "f"}]}
    record = convert(row)
    assert [turn.role for turn in record.turns] == [
        "system", "user", "assistant", "tool", "assistant", "user", "assistant", "tool", "assistant"
    ]  # fmt: skip
    assert [turn.extra for turn in record.turns if turn.extra] == ['{"function_call":true}']
    assert record.tools == '[{"name":"f"}]'
    assert record.meta == {"system": "column"}, "the conversation's own system turn stays, the column is not lost"


def test_a_system_column_opens_the_conversation() -> None:
    assert turns(convert({**SHAREGPT, "system": "s"}))[0] == ("system", "s")
    assert turns(convert({**SHAREGPT, "system": ""}))[0] == ("user", "hi")


def test_in_speaker_turns_the_system_is_the_one_who_answers() -> None:
    row = {
        "dialogue_id": "1",
        "turns": [{"speaker": "USER", "utterance": "hi", "frames": [1]}, {"speaker": "SYSTEM", "utterance": "hello"}],
    }
    record = convert(row)
    assert turns(record) == [("user", "hi"), ("assistant", "hello")]
    assert record.turns[0].extra == '{"frames":[1]}'
    assert record.meta == {"dialogue_id": "1"}


def test_two_answers_in_a_row_stay_two_turns() -> None:
    row = {"messages": [*CHAT["messages"], {"role": "assistant", "content": "again"}]}
    assert turns(convert(row)) == [("user", "hi"), ("assistant", "hello"), ("assistant", "again")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], "no_turns"),
        ("hi", "turns_not_a_list"),
        ("[broken", "turns_not_a_list"),
        ({"role": "user"}, "turns_not_a_list"),
        (["hi"], "turn_not_an_object"),
        ([{"content": "x"}], "missing_role"),
        ([{"role": "narrator", "content": "x"}], "unknown_role"),
        ([{"role": ["user"], "content": "x"}], "unknown_role"),
        ([{"role": "system", "content": "x"}], "only_system_turn"),
        ([{"role": "user", "content": 3}], "wrong_kind"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "u"}]}], "unsupported_content"),
        ([{"role": "user", "content": "x"}] * 5, "too_many_turns"),
    ],
)
def test_each_broken_conversation_has_its_own_reason(value: Any, expected: str) -> None:
    assert reason({"messages": value}, CHAT, max_turns=4) == expected


def test_a_row_without_its_conversation_is_left_to_the_rules() -> None:
    missing, null = convert({"x": 1}, CHAT).turns, convert({"messages": None}, CHAT).turns
    assert [(turn.role, turn.content, turn.extra) for turn in missing + null] == [
        ("user", None, MISSING_EXTRA), ("user", None, None)
    ]  # fmt: skip


def test_a_turn_without_content_is_missing_and_not_null() -> None:
    row = {"messages": [{"role": "user"}, {"role": "assistant", "content": None}]}
    assert [turn.extra for turn in convert(row, CHAT).turns] == [MISSING_EXTRA, None]


@pytest.mark.parametrize("tools", ["hammer", "3", "{"])
def test_tools_that_are_no_json_are_a_reject(tools: str) -> None:
    assert reason({**CHAT, "tools": tools}, {**CHAT, "tools": "[]"}) == "bad_tools"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (1.0, "1"), ("1", "1"), (2.5, "2.5"), (True, "true"), ("", ""), (None, None), (float("nan"), None)],
)
def test_labels_are_text_in_one_spelling(value: Any, text: str | None) -> None:
    assert convert({"text": "t", "label": value}, {"text": "t", "label": "x"}).label == text


def test_text_label_pairs_are_arrays_of_two() -> None:
    record = convert(["hi", 3], ["a", "b"])
    assert (turns(record), record.label, record.meta) == ([("text", "hi")], "3", {})
    assert reason(["hi"], ["a", "b"]) == "expected_pair"
    assert reason({"text": "hi"}, ["a", "b"]) == "expected_pair"
    assert reason([["hi"], "x"], ["a", "b"]) == "wrong_kind"


@pytest.mark.parametrize("name", ["text", "content", "body", "document"])
def test_a_document_is_one_text_turn(name: str) -> None:
    record = convert({name: "words", "n": 1, "tags": ["a", {"b": None}]})
    assert turns(record) == [("text", "words")]
    assert record.meta == {"n": 1, "tags": ["a", {"b": None}]}


def test_fields_are_read_beside_the_shape() -> None:
    row = {
        "k": 7,
        "who": "Ann",
        "prompt": "p",
        "completion": "c",
        "day": "2015-02-24 11:35:52 -0800",
        "part": "dev",
        "z": 0,
    }
    record = convert(row, id="k", group="who", time="day", split_column="part", label="z")
    assert (record.user_id, record.group_key, record.label) == ("7", "Ann", "0")
    assert (record.time, record.given_split) == ("2015-02-24T19:35:52.000000Z", "validation")
    assert record.meta == {"day": "2015-02-24 11:35:52 -0800"}, "bringing the time to UTC loses its offset; it is kept"


def test_an_empty_group_ties_nobody_together() -> None:
    assert convert({**PAIR, "who": ""}, group="who").group_key is None


@pytest.mark.parametrize("value", [None, ""])
def test_a_row_without_its_id_is_a_reject(value: Any) -> None:
    assert reason({**PAIR, "k": value}, {**PAIR, "k": 1}, id="k") == "missing_id"


def test_every_row_of_a_source_gets_the_split_of_the_source() -> None:
    assert convert(PAIR, split="test").given_split == "test"


@pytest.mark.parametrize("name", ["Train", "training", " train "])
def test_split_names_are_brought_to_one(name: str) -> None:
    assert convert({**PAIR, "part": name}, split_column="part").given_split == "train"


def test_an_unknown_split_is_a_reject() -> None:
    assert reason({**PAIR, "part": "blind"}, {**PAIR, "part": "test"}, split_column="part") == "unknown_split"


@pytest.mark.parametrize("value", ["yesterday", "2015-13-01", "1424806552", 12.5])
def test_a_time_that_is_none_is_a_reject(value: Any) -> None:
    assert reason({**PAIR, "day": value}, {**PAIR, "day": "2015-02-24"}, time="day") == "bad_time"


def test_meta_keeps_order_and_what_json_cannot_hold_as_text() -> None:
    row = {"z": float("nan"), "text": "t", "b": 2**70, "a": {"x": [float("inf"), None]}, "c": b"bytes"}
    record = convert(row)
    assert list(record.meta.items()) == [
        ("z", "NaN"), ("b", str(2**70)), ("a", {"x": ["Infinity", None]}), ("c", "bytes")
    ]  # fmt: skip


def test_binary_that_is_not_utf8_is_a_reject() -> None:
    assert convert({"text": "é".encode()}).turns[0].content == "é"
    assert reason({"text": b"\xff"}, {"text": "t"}) == "binary_not_utf8"
    assert reason({"text": "t", "x": b"\xff"}, {"text": "t"}) == "binary_not_utf8"


def test_values_nested_beyond_what_can_be_written_are_a_reject() -> None:
    deep: Any = 0
    for _ in range(400):
        deep = [deep]
    assert reason({"text": "t", "x": deep}, {"text": "t"}) == "too_deep"


def test_messages_quote_what_comes_from_the_data() -> None:
    with pytest.raises(RowError) as caught:
        convert({"messages": [{"role": "\x1b[31m\u202e" + "x" * 500, "content": "c"}]}, CHAT)
    assert "\x1b" not in caught.value.detail
    assert "\u202e" not in caught.value.detail
    assert len(caught.value.detail) < 400


def test_mapped_parts_tell_missing_and_wrong_kinds_from_fitting_rows() -> None:
    config = SourceConfig(path="rows.jsonl", label="kind")
    mapping = detect([{"instruction": "i", "input": "x", "output": "o", "kind": 1}], config, shown="rows.jsonl")
    parts = {part.part: part for part in Converter(mapping, config, IngestLimits()).mapped_parts}
    assert [(part.column, part.required) for part in parts.values()] == [
        ("instruction", True), ("input", False), ("output", True), ("kind", True)
    ]  # fmt: skip
    states = [parts["output"].state(row) for row in ({"output": "o"}, {"output": None}, {}, {"output": 1}, 3)]
    assert states == ["ok", "ok", "missing", "wrong_kind", "wrong_kind"]


def test_a_part_that_the_user_named_must_be_in_every_file() -> None:
    config = SourceConfig(path="rows.jsonl", columns={"input": "context"})
    mapping = detect([{"instruction": "i", "context": "x", "output": "o"}], config, shown="rows.jsonl")
    assert all(part.required for part in mapping.parts())


def test_a_mapping_survives_json() -> None:
    config = SourceConfig(path="rows.jsonl", time="t", split="test", columns={"messages": "log"})
    mapping = detect([{"log": SHAREGPT["conversations"], "t": 3}], config, shown="rows.jsonl")
    assert Mapping.from_dict(orjson.loads(orjson.dumps(mapping.to_dict()))) == mapping
    with pytest.raises(ValueError, match="unknown shape"):
        Mapping.from_dict({"shape": "sonnet"})


def test_converted_records_fit_the_batch_layout() -> None:
    records = [convert(row) for row in (PAIR, CHAT, SHAREGPT, {"text": "t", "label": 1, "x": {"y": float("nan")}})]
    batch = build_batch("source1", records)
    assert isinstance(batch, pa.RecordBatch)
    assert batch["meta"].to_pylist()[3] == '{"x":{"y":"NaN"}}'
