"""A conversation as the trainer reads it, whatever shape it came in, and what it asks.

Pairs, chats and documents are all one thing here: messages, of which some are answers to learn. What an answer sees is
everything before it; that is also how one conversation becomes several examples.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import orjson

Message = dict[str, Any]

_PASSED_ON: Final = ("tool_calls", "name", "tool_call_id", "reasoning_content")
"""Keys of a message beside role and content that chat templates know."""
_SPACE: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One record.

    Attributes:
        record_id: of the version, or made from the row's content.
        split: train or validation, as the data say.
        source, label: "" where there is none.
        messages: with role, content and what else a template knows; empty for a document.
        tools: JSON schemas of the tools at hand, as templates take them.
        text: of a document, which is learnt whole; else None.
        first: messages before this one are not learnt, whoever wrote them.
        unlearnt: indices of answers that the data say not to learn from (`weight: 0`).
        row: its place in a folder's split, from 1; None in a version, whose records have ids.
    """

    record_id: str
    split: str
    source: str
    label: str
    messages: tuple[Message, ...] = ()
    tools: tuple[Any, ...] | None = None
    text: str | None = None
    first: int = 0
    unlearnt: frozenset[int] = frozenset()
    row: int | None = None

    @property
    def answers(self) -> list[int]:
        """Indices of the messages to learn: what an assistant said to something.

        >>> said = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})
        >>> Conversation("r", "train", "", "", said).answers
        [1]
        """
        return [
            index
            for index, message in enumerate(self.messages)
            if message["role"] == "assistant" and index >= max(self.first, 1) and index not in self.unlearnt
        ]


def message(role: str, content: str | None, extra: Mapping[str, Any]) -> Message:
    """A message as templates take it: no nulls, calls' arguments as objects rather than JSON text.

    >>> message("assistant", None, {"tool_calls": [{"function": {"name": "f", "arguments": '{"a":1}'}}]})["tool_calls"]
    [{'function': {'name': 'f', 'arguments': {'a': 1}}}]
    """
    made: Message = {"role": role, "content": content or ""}
    for key in _PASSED_ON:
        if extra.get(key):
            made[key] = _without_nulls(extra[key])
    if isinstance(made.get("tool_calls"), list):
        for call in made["tool_calls"]:
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                function["arguments"] = _arguments(function.get("arguments"))
    else:
        made.pop("tool_calls", None)
    return made


def tool_list(value: Any) -> tuple[Any, ...] | None:
    """Tool schemas from JSON text or values; None where there are none.

    Raises:
        ValueError: the text is not JSON, or no list.

    >>> tool_list('[{"name": "f"}]'), tool_list("[]"), tool_list(None)
    (({'name': 'f'},), None, None)
    """
    if isinstance(value, str):
        value = orjson.loads(value) if value.strip() else None
    if isinstance(value, str):  # JSON text within JSON text, as some exports write it
        return tool_list(value)
    if isinstance(value, dict):
        value = [value]
    if value is not None and not isinstance(value, list | tuple):
        raise ValueError("not a list of tools")
    return tuple(_without_nulls(list(value))) or None if value else None


def input_key(conversation: Conversation) -> str:
    """Equal for records that ask the same: all before the last answer (all, if there is none), normalised; hex.

    Without roles and empty messages, as `dataprep` judges leaks between splits; "" where nothing is asked.
    """
    texts = [plain for text in _before(conversation, conversation.answers[-1:]) if (plain := normalized(text))]
    return _key(texts) if texts else ""


def opening_key(conversation: Conversation) -> str:
    """Equal for conversations that begin with the same: all before the first answer, normalised; 32 hex characters."""
    return _key(plain for text in _before(conversation, conversation.answers[:1]) if (plain := normalized(text)))


def normalized(text: str) -> str:
    """The text as inputs are compared: NFKC, case-folded, white space collapsed and trimmed.

    >>> normalized("  ﬁve \\n Times")
    'five times'
    """
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())).strip()


def _before(conversation: Conversation, answer: Sequence[int]) -> list[str]:
    """Texts before an answer; all of them where there is none."""
    if conversation.text is not None:
        return [conversation.text]
    end = answer[0] if answer else len(conversation.messages)
    return [str(each["content"]) for each in conversation.messages[:end]]


def _key(texts: Iterable[str]) -> str:
    digest = blake2b(digest_size=16, person=b"trainer-input")
    for text in texts:
        plain = text.encode(errors="surrogatepass")
        digest.update(len(plain).to_bytes(8, "little") + plain)
    return digest.hexdigest()


def _arguments(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    return parsed if isinstance(parsed, dict) else value


def _without_nulls(value: Any) -> Any:
    """Arrow fills keys that a struct lacks with null; templates tell an absent key from a null one."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value
