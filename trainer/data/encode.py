"""Conversations to tokens and labels: one example for each answer, and what became of every one of them.

An answer's tokens are exactly those after the tokens of what comes before it, so that training sees the sequences that
generation will meet. Where a token would span the border, both sides are tokenised by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from trainer.data.conversations import Conversation, input_key, opening_key
from trainer.data.template import NotRenderedError, Renderer

Outcome = Literal["trained", "dropped_no_answer", "dropped_too_long", "fully_masked", "cut", "cut_lost_end"]
OUTCOMES: Final[dict[str, str]] = {
    "trained": "whole",
    "cut": "a document without its end",
    "cut_lost_end": "an answer without its end: teaches never to stop",
    "dropped_no_answer": "nothing to learn: no answer, or an empty one",
    "dropped_too_long": "longer than `data.max_length`",
    "fully_masked": "cut before its answer begins",
}
"""What can become of an example, in words."""
LEARNT: Final = ("trained", "cut", "cut_lost_end")
"""Outcomes of examples that are trained on."""

IGNORED: Final = -100
"""Label of a token that is not trained on."""

ENCODED: Final = pa.schema(
    [
        ("record_id", pa.string()),
        ("row", pa.int64()),
        ("answer", pa.int32()),
        ("split", pa.string()),
        ("group", pa.string()),
        ("input_key", pa.string()),
        ("opening_key", pa.string()),
        ("outcome", pa.string()),
        ("tokens", pa.int32()),
        ("trained_tokens", pa.int32()),
        ("input_ids", pa.list_(pa.int32())),
        ("labels", pa.list_(pa.int32())),
    ]
)
"""One row an example. `tokens` counts the whole example, before anything was cut; `input_ids` is empty where it was
dropped."""


@dataclass(frozen=True, slots=True)
class NotRendered:
    """An answer that the template refuses: which, and why."""

    record_id: str
    answer: int
    reason: str


@dataclass(frozen=True, slots=True)
class _Example:
    conversation: Conversation
    answer: int
    prompt: str
    completion: str


class Encoder:
    """Encodes batches of conversations.

    Args:
        tokenizer: a fast tokenizer of transformers.
        max_length: tokens of an example at most.
        too_long: what becomes of longer ones.
        by: what `group` holds.

    Attributes:
        renderer: how answers are rendered, with what it noticed.
        not_rendered: answers that could not be, so far; they are in no table.
    """

    def __init__(
        self, tokenizer: Any, *, max_length: int, too_long: Literal["drop", "cut"], by: Literal["source", "label"]
    ) -> None:
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._too_long = too_long
        self._by = by
        self.renderer = Renderer(tokenizer)
        self.not_rendered: list[NotRendered] = []
        begin = tokenizer("a", verbose=False)["input_ids"][:1]
        self._begin = [tokenizer.bos_token_id] if begin == [tokenizer.bos_token_id] else []
        self._end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]

    def encode(self, conversations: Sequence[Conversation]) -> pa.Table:
        """The examples of some conversations, as a table of ENCODED."""
        examples, silent = self._examples(conversations)
        encoded = [*self._sequences(examples), *((each, [], 0) for each in silent)]
        place = {id(conversation): number for number, conversation in enumerate(conversations)}
        encoded.sort(key=lambda each: (place[id(each[0].conversation)], each[0].answer))
        return self._table(encoded)

    def _examples(self, conversations: Sequence[Conversation]) -> tuple[list[_Example], list[_Example]]:
        """Examples with a text to learn, and those without."""
        examples: list[_Example] = []
        silent: list[_Example] = []
        for conversation in conversations:
            if conversation.text is not None:
                document = _Example(conversation, 0, "", conversation.text)
                (examples if conversation.text.strip() else silent).append(document)
                continue
            answers = conversation.answers
            for number, index in enumerate(answers):
                answer = conversation.messages[index]
                if not answer["content"].strip() and not answer.get("tool_calls"):
                    silent.append(_Example(conversation, number, "", ""))
                    continue
                try:
                    prompt, completion = self.renderer.parts(conversation, index)
                except NotRenderedError as error:
                    self.not_rendered.append(NotRendered(conversation.record_id, number, str(error)))
                    continue
                examples.append(_Example(conversation, number, prompt, completion))
            if not answers:
                silent.append(_Example(conversation, 0, "", ""))
        return examples, silent

    def _sequences(self, examples: Sequence[_Example]) -> list[tuple[_Example, list[int], int]]:
        """Each example with its token ids and how many of them come before the answer."""
        if not examples:
            return []
        prompts = self._ids([each.prompt for each in examples])
        wholes = self._ids([each.prompt + each.completion for each in examples])
        spanned = [place for place, ids in enumerate(prompts) if wholes[place][: len(ids)] != ids]
        if spanned:
            rests = self._ids([examples[place].completion for place in spanned])
            for place, rest in zip(spanned, rests, strict=True):
                wholes[place] = prompts[place] + rest
        sequences = []
        for example, before, ids in zip(examples, prompts, wholes, strict=True):
            templated = self.renderer.templated and example.conversation.text is None
            begin = [] if templated else self._begin
            end = [] if templated and self.renderer.end is not None else self._end
            sequences.append((example, [*begin, *ids, *end], len(begin) + len(before)))
        return sequences

    def _ids(self, texts: list[str]) -> list[list[int]]:
        found: list[list[int]] = self._tokenizer(
            texts,
            add_special_tokens=False,
            padding=False,
            truncation=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        return found

    def _outcome(self, example: _Example, size: int, before: int) -> Outcome:
        if not size:
            return "dropped_no_answer"
        if size <= self._max_length:
            return "trained"
        if self._too_long == "drop":
            return "dropped_too_long"
        if before >= self._max_length:
            return "fully_masked"
        return "cut" if example.conversation.text is not None else "cut_lost_end"

    def _table(self, encoded: Sequence[tuple[_Example, list[int], int]]) -> pa.Table:
        outcomes = [self._outcome(example, len(ids), before) for example, ids, before in encoded]
        kept = [
            ids[: self._max_length] if outcome in LEARNT else []
            for (_, ids, _), outcome in zip(encoded, outcomes, strict=True)
        ]
        sizes = np.array([len(ids) for ids in kept], np.int64)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        flat = np.fromiter((token for ids in kept for token in ids), np.int32, int(offsets[-1]))
        befores = np.minimum(np.array([before for _, _, before in encoded], np.int64), sizes)
        within = np.arange(len(flat)) - np.repeat(offsets[:-1], sizes)
        labels = np.where(within < np.repeat(befores, sizes), np.int32(IGNORED), flat)
        lists = pa.array(offsets.astype(np.int32))
        conversations = [example.conversation for example, _, _ in encoded]
        keys = {id(each): (input_key(each), opening_key(each)) for each in conversations}
        return pa.table(
            [
                [each.record_id for each in conversations],
                [each.row for each in conversations],
                [example.answer for example, _, _ in encoded],
                [each.split for each in conversations],
                [each.source if self._by == "source" else each.label for each in conversations],
                [keys[id(each)][0] for each in conversations],
                [keys[id(each)][1] for each in conversations],
                outcomes,
                [len(ids) for _, ids, _ in encoded],
                pa.array((sizes - befores).astype(np.int32)),
                pa.ListArray.from_arrays(lists, pa.array(flat)),
                pa.ListArray.from_arrays(lists, pa.array(labels)),
            ],
            schema=ENCODED,
        )
