"""Shapes are found from columns, and where they cannot be the error says what to write."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from dataprep.errors import InputError, ManyInputErrors
from dataprep.ingest.config import IngestLimits, SourceConfig, Template
from dataprep.ingest.shapes import Converter, Mapping, Schema, detect


def found(*rows: Any, **source: Any) -> Mapping:
    return detect(rows, SourceConfig(path="rows", **source), shown="rows")


def error(*rows: Any, **source: Any) -> str:
    with pytest.raises(InputError) as caught:
        found(*rows, **source)
    return str(caught.value)


TURNS = [{"role": "user", "content": "hi"}]


def test_a_conversation_goes_before_the_prompt_beside_it() -> None:
    mapping = found({"prompt": "p", "completion": "c", "messages": TURNS})
    assert (mapping.shape, mapping.columns) == ("messages", {"messages": "messages"})


def test_a_history_beside_prompt_and_completion_is_not_the_record() -> None:
    assert found({"history": TURNS, "prompt": "p", "completion": "c"}).shape == "prompt_completion"
    assert found({"history": TURNS, "n": 1}).columns == {"messages": "history"}


def test_the_keys_of_turns_decide_between_conversation_shapes() -> None:
    assert found({"conversations": TURNS}).shape == "messages"
    assert found({"messages": [{"from": "human", "value": "x"}]}).shape == "sharegpt"
    assert found({"dialogue": [{"speaker": "USER", "text": "x"}]}).turn_keys == ("speaker", "text")


def test_one_half_of_a_preference_is_not_a_record() -> None:
    message = error({"prompt": TURNS, "chosen": TURNS, "rejected": TURNS})
    assert "`columns: {completion: 'chosen'}`" in message
    assert found({"prompt": "p", "chosen": "c"}, columns={"completion": "chosen"}).shape == "prompt_completion"


def test_text_beside_instruction_and_output_is_their_rendering() -> None:
    assert found({"instruction": "i", "input": "x", "output": "o", "text": "t"}).columns == {
        "instruction": "instruction", "input": "input", "output": "output"
    }  # fmt: skip


def test_dolly_has_a_context_for_input() -> None:
    mapping = found({"instruction": "i", "context": "x", "response": "o", "category": "c"})
    assert mapping.columns == {"instruction": "instruction", "input": "context", "output": "response"}
    assert mapping.label is None


def test_two_shapes_at_once_are_not_guessed() -> None:
    message = error({"prompt": "p", "completion": "c", "question": "q", "answer": "a"})
    assert "`shape: prompt_completion` or `shape: question_answer`" in message


def test_two_columns_for_one_part_are_not_guessed() -> None:
    message = error({"question": "q", "response": "a", "output": "b"})
    assert "'response', 'output' could each be the answer" in message
    assert found({"question": "q", "response": "a", "output": "b"}, columns={"answer": "output"}).columns == {
        "question": "question", "answer": "output"
    }  # fmt: skip


def test_two_labels_are_not_guessed_and_label_itself_wins() -> None:
    assert "`label: 'category'`, `label: 'intent'`, or `shape: text`" in error(
        {"text": "t", "category": "c", "intent": "i"}
    )
    assert found({"text": "t", "category": "c", "label": 1}).label == "label"
    assert found({"text": "t", "category": "c", "intent": "i"}, label="intent").shape == "text_label"
    assert found({"text": "t", "category": "c", "intent": "i"}, shape="text").label is None


def test_names_are_found_whatever_their_case_and_kept_as_they_are() -> None:
    assert found({"Question": "q", " ANSWER": "a"}).columns == {"question": "Question", "answer": " ANSWER"}


def test_a_column_of_another_kind_is_not_taken_by_its_name() -> None:
    assert "'answer' (number)" in error({"question": "2+2", "answer": 4})
    assert found({"text": ["a", "b"], "body": "t"}).columns == {"text": "body"}


def test_a_tools_column_of_hammers_is_meta() -> None:
    assert "tools" not in found({"prompt": "p", "completion": "c", "tools": "hammer"}).columns
    assert "tools" in found({"prompt": "p", "completion": "c", "tools": "[]"}).columns


def test_arrays_of_text_and_label_are_pairs() -> None:
    assert found(["t", "a"], ["u", 2]).shape == "text_label_pair"
    assert "no columns to name" in error(["t", "a"], label="label")
    assert "got list" in error(["t", "a", "b"])


@pytest.mark.parametrize(
    ("shape", "missing"),
    [("alpaca", "instruction"), ("messages", "messages"), ("utterances", "turns"), ("text", "text")],
)
def test_a_named_shape_says_which_part_it_lacks(shape: str, missing: str) -> None:
    message = error({"a": "x"}, shape=shape)
    assert f"shape {shape} needs a" in message
    assert f"`columns: {{{missing}: <column>}}`" in message


def test_a_labelled_shape_needs_its_label() -> None:
    assert "write `label: <column>`" in error({"text": "t"}, shape="text_label")


def test_a_misspelled_column_is_answered_with_the_closest() -> None:
    message = error({"Response": "r", "prompt": "p"}, columns={"completion": "respnse"})
    assert "rows, columns.completion: there is no column 'respnse'; columns seen: 'Response' (text)" in message
    assert "did you mean 'Response'?" in message


def test_every_misspelled_name_is_told_at_once() -> None:
    with pytest.raises(ManyInputErrors) as caught:
        found({"text": "t"}, label="labl", id="idd", columns={"txt": "text"})
    assert [mistake.key for mistake in caught.value.errors] == ["columns.txt", "id", "label"]
    assert caught.value.errors[0].hint == "did you mean 'text'?"


def test_a_part_that_the_named_shape_has_not_is_refused() -> None:
    assert "'prompt' is no part of shape text" in error({"text": "t"}, shape="text", columns={"prompt": "text"})


def test_hostile_column_names_are_escaped_in_errors() -> None:
    message = error({"\x1b[2J": "a", "\u202eevil": "b", "'; drop table x": "c"})
    assert "\x1b" not in message
    assert "\u202e" not in message


def test_a_table_of_hundreds_of_columns_is_shown_in_short() -> None:
    assert "and 480 more" in error({f"c{index}": "x" for index in range(500)})


def test_no_rows_and_rows_without_columns_are_errors() -> None:
    assert "no rows" in error()
    assert "expected objects" in error("a", "b")


def test_the_time_column_is_dates_or_numbers_by_majority() -> None:
    rows = [{"text": "t", "when": when} for when in ("2015-01-01", None, "1420070400", "2015-01-02")]
    assert found(*rows, time="when").time_kind == "iso"


def test_the_schema_counts_kinds_of_values() -> None:
    schema = Schema.of([{"a": "x", "b": None}, {"a": 1, "b": TURNS}, 3])
    assert schema.describe() == "'a' (text or number), 'b' (list of messages)"
    assert (schema.n_objects, schema.n_rows) == (2, 3)


# --- real files -----------------------------------------------------------------------------------------------------


def rows_of(path: Path, limit: int = 1_000) -> list[Any]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    name = path.name.removesuffix(".gz")
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in text.split("\n", limit)[:limit] if line]
    if name.endswith(".json"):
        value = json.loads(text)
        return value[:limit] if isinstance(value, list) else [value]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if name.endswith(".tsv") else ",")
    return [row for row, _ in zip(reader, range(limit), strict=False)]


DESCRIBED = {
    "instructions/t0_train_50k.jsonl.gz": "prompt_completion: user turn from 'prompt', assistant turn from "
    "'completion'",
    "instructions/codegen_instruct.json.gz": "alpaca: user turn from 'instruction', followed by 'input' where it is "
    "not empty, assistant turn from 'response'",
    "intents/banking77_train.csv": "text_label: text from 'text'; label from 'category'",
    "qa/gsm8k_train.jsonl.gz": "question_answer: user turn from 'question', assistant turn from 'answer'",
    "region/airline_tweets_2015.csv.gz": "text: text from 'text'",
    "multilingual/tatoeba_113_languages.jsonl.gz": "text: text from 'text'",
    "bias/winogender_all_sentences.tsv": "text: text from 'sentence'",
    "chat/glaive_toolcall_en_demo_sharegpt.json.gz": "sharegpt: turns from the list in 'conversations', tools from "
    "'tools'; each turn has 'from' and 'value'",
    "chat/sgd_train_dialogues_001.json.gz": "utterances: turns from the list in 'turns'; each turn has 'speaker' and "
    "'utterance'",
}


@pytest.mark.parametrize("name", DESCRIBED)
def test_real_files_are_detected_and_converted_whole(shared_data: Path, name: str) -> None:
    rows = rows_of(shared_data / name)
    config = SourceConfig(path=name)
    mapping = detect(rows, config, shown=name)
    assert mapping.describe() == f"{DESCRIBED[name]}; other columns are kept in meta"
    converter = Converter(mapping, config, IngestLimits())
    records = [converter.convert(row, line) for line, row in enumerate(rows, 1)]
    assert all(turn.content for record in records for turn in record.turns)
    assert all(part.state(row) == "ok" for part in converter.mapped_parts for row in rows)


UNDECIDED = {
    "intents/banking77_categories.json": "expected objects with columns or [text, label] arrays, got text",
    "intents/bitext_train.csv": "'category', 'intent' could each be the label",
    "region/fivethirtyeight_flying-etiquette.csv": "no shape fits; columns seen: 'RespondentID' (text)",
    "mojibake/ftfy_in-the-wild.json": "no shape fits; columns seen: 'label' (text), 'comment' (text), 'original'",
    "bias/crows_pairs_anonymized.csv": "no shape fits; columns seen: '' (text), 'sent_more' (text)",
    "bias/hatecheck_test_suite_cases.csv": "no shape fits; columns seen: '' (text), 'functionality' (text)",
    "bias/bold_gender_prompt.json": "no shape fits; columns seen: 'American_actors' (object)",
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_real_files_that_cannot_be_decided_say_so(shared_data: Path, name: str) -> None:
    message = error(*rows_of(shared_data / name))
    assert UNDECIDED[name] in message
    assert "\n  next: " in message


TOLD: dict[str, dict[str, Any]] = {
    "intents/bitext_train.csv": {"label": "intent", "group": "entity_value"},
    "region/airline_tweets_2015.csv.gz": {"label": "airline_sentiment", "time": "tweet_created", "id": "tweet_id"},
    "mojibake/ftfy_in-the-wild.json": {"template": Template(prompt="Repair: {original}", completion="{fixed}")},
    "bias/crows_pairs_anonymized.csv": {"columns": {"text": "sent_more"}, "label": "bias_type", "id": ""},
    "bias/hatecheck_test_suite_cases.csv": {"columns": {"text": "test_case"}, "label": "label_gold", "split": "test"},
}


@pytest.mark.parametrize("name", TOLD)
def test_real_files_convert_once_the_columns_are_named(shared_data: Path, name: str) -> None:
    rows = rows_of(shared_data / name)
    config = SourceConfig(path=name, **TOLD[name])
    mapping = detect(rows, config, shown=name)
    assert mapping.shape == ("template" if config.template else "text_label")
    records = [Converter(mapping, config, IngestLimits()).convert(row, line) for line, row in enumerate(rows, 1)]
    assert all(turn.content for record in records for turn in record.turns)
    if config.time:
        assert records[0].time == "2015-02-24T19:35:52.000000Z"
        assert records[0].user_id == "570306133677760513"
