"""Masks are exactly the completion, with any template; what cannot be rendered or learnt is said, not skipped."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.rows import THINKING, learnt
from tests.trainer.tiny import TEMPLATE, tiny_tokenizer
from trainer.data.conversations import Conversation, message
from trainer.data.encode import Encoder
from trainer.data.template import NotRenderedError, Renderer

TOKENIZER = tiny_tokenizer()


def tokenizer(template: str | None) -> Any:
    TOKENIZER.chat_template = template
    return TOKENIZER


def conversation(*said: tuple[str, str], **values: Any) -> Conversation:
    return Conversation("r", "train", "", "", messages=tuple(message(*each, {}) for each in said), **values)


def encode(each: Conversation, template: str | None, length: int = 4000, too_long: Any = "drop") -> pa.Table:
    return Encoder(tokenizer(template), max_length=length, too_long=too_long, by="source").encode([each])


words = st.text(st.characters(codec="utf-8", exclude_characters="<>"), max_size=12)
talks = st.lists(st.tuples(words, words.filter(str.strip)), min_size=1, max_size=4)


@pytest.mark.parametrize(("template", "trimmed"), [(TEMPLATE, False), (THINKING, True)], ids=["chatml", "thinking"])
@given(turns=talks)
def test_what_is_trained_on_is_exactly_each_answer_and_its_end(
    template: str, trimmed: bool, turns: list[tuple[str, str]]
) -> None:
    said = [each for asked, answered in turns for each in (("user", asked), ("assistant", answered))]
    examples = encode(conversation(*said), template).to_pylist()
    wanted = [answered.strip() if trimmed else answered for _, answered in turns]
    assert [learnt(TOKENIZER, each) for each in examples] == [f"{answer}<|im_end|>" for answer in wanted]
    for number, each in enumerate(examples):
        before = TOKENIZER.decode([i for i, j in zip(each["input_ids"], each["labels"], strict=True) if j == -100])
        header = "<|im_start|>bot: " if trimmed else "<|im_start|>assistant\n"
        assert before.endswith(f"{turns[number][0]}<|im_end|>\n{header}")
        assert each["answer"] == number
        assert each["tokens"] == len(each["input_ids"])


@given(asked=words.filter(str.strip), answered=words.filter(str.strip))
def test_without_a_template_an_answer_follows_its_prompt_and_ends(asked: str, answered: str) -> None:
    (example,) = encode(conversation(("user", asked), ("assistant", answered)), None).to_pylist()
    assert learnt(TOKENIZER, example) == f"{answered}<|im_end|>"
    apart = "" if asked[-1].isspace() or answered[0].isspace() else "\n"
    assert TOKENIZER.decode(example["input_ids"]) == f"{asked}{apart}{answered}<|im_end|>"


def test_more_than_a_pair_needs_a_template() -> None:
    with pytest.raises(NotRenderedError, match="no chat template"):
        Renderer(tokenizer(None)).parts(conversation(("system", "s"), ("user", "a"), ("assistant", "b")), 2)


def test_a_template_that_ends_answers_with_no_token_gets_the_end_of_text() -> None:
    template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
    template += "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    (example,) = encode(conversation(("user", "a"), ("assistant", "b")), template).to_pylist()
    assert learnt(TOKENIZER, example) == "b\n<|im_end|>"


def test_a_document_is_learnt_whole() -> None:
    (example,) = encode(Conversation("r", "train", "", "", text="the fee"), TEMPLATE).to_pylist()
    assert learnt(TOKENIZER, example) == "the fee<|im_end|>"
    assert example["labels"] == example["input_ids"]


def test_a_token_across_the_border_is_split_at_it() -> None:
    template = "{% for m in messages %}{{ m['content'] }}{% if m['role'] == 'assistant' %}{{ '<|im_end|>' }}{% endif %}"
    (example,) = encode(conversation(("user", "ho"), ("assistant", "w do")), template + "{% endfor %}").to_pylist()
    assert TOKENIZER("how", add_special_tokens=False)["input_ids"] != [
        *TOKENIZER("ho")["input_ids"],
        *TOKENIZER("w")["input_ids"],
    ]
    assert learnt(TOKENIZER, example) == "w do<|im_end|>"


def test_calls_are_answers_and_their_arguments_objects() -> None:
    template = (
        "{% for tool in tools or [] %}{{ tool.name + '!' }}{% endfor %}"
        "{% for m in messages %}{{ m['role'] + ':' + m['content'] }}"
        "{% for call in m.tool_calls or [] %}{{ call.function.arguments.city }}{% endfor %}<|im_end|>{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
    )
    call = {"tool_calls": [{"id": None, "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}]}
    said = (message("user", "a", {}), message("assistant", None, call))
    asked = Conversation("r", "train", "", "", messages=said, tools=({"name": "weather"},))
    (example,) = encode(asked, template).to_pylist()
    assert learnt(TOKENIZER, example) == "Oslo<|im_end|>"
    assert TOKENIZER.decode(example["input_ids"]) == "weather!user:a<|im_end|>assistant:Oslo<|im_end|>"


def test_a_template_that_shows_no_tools_is_noticed() -> None:
    said = (message("user", "a", {}), message("assistant", "b", {}))
    encoder = Encoder(tokenizer(TEMPLATE), max_length=99, too_long="drop", by="source")
    encoder.encode([Conversation("r", "train", "", "", messages=said, tools=({"name": "weather"},))])
    assert encoder.renderer.shows_tools is False


def test_a_refusal_of_the_template_is_kept_with_its_reason() -> None:
    encoder = Encoder(
        tokenizer("{{ raise_exception('roles must alternate') }}"), max_length=9, too_long="drop", by="source"
    )
    assert len(encoder.encode([conversation(("user", "a"), ("assistant", "b"))])) == 0
    (refused,) = encoder.not_rendered
    assert refused.record_id == "r"
    assert "roles must alternate" in refused.reason


@pytest.mark.parametrize(
    ("said", "too_long", "outcome", "trained"),
    [
        ([("user", "a")], "drop", "dropped_no_answer", 0),
        ([("user", "a"), ("assistant", " ")], "drop", "dropped_no_answer", 0),
        ([("assistant", "hello")], "drop", "dropped_no_answer", 0),
        ([("user", "a"), ("assistant", "b")], "drop", "trained", 2),
        ([("user", "a"), ("assistant", "0123456789" * 9)], "drop", "dropped_too_long", 0),
        ([("user", "a"), ("assistant", "0123456789" * 9)], "cut", "cut_lost_end", None),
        ([("user", "0123456789" * 9), ("assistant", "b")], "cut", "fully_masked", 0),
    ],
)
def test_every_example_has_one_outcome(
    said: list[tuple[str, str]], too_long: str, outcome: str, trained: int | None
) -> None:
    (example,) = encode(conversation(*said), TEMPLATE, 60, too_long).to_pylist()
    assert example["outcome"] == outcome
    assert example["trained_tokens"] == sum(label != -100 for label in example["labels"])
    assert trained is None or example["trained_tokens"] == trained
    if outcome == "cut_lost_end":
        assert len(example["input_ids"]) == 60 < example["tokens"]


def test_answers_that_the_data_say_not_to_learn_are_context_only() -> None:
    said = conversation(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), unlearnt=frozenset({1}))
    (example,) = encode(said, TEMPLATE).to_pylist()
    assert learnt(TOKENIZER, example) == "d<|im_end|>"


def test_only_answers_of_the_completion_are_learnt() -> None:
    said = conversation(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), first=3)
    assert [learnt(TOKENIZER, each) for each in encode(said, TEMPLATE).to_pylist()] == ["d<|im_end|>"]
