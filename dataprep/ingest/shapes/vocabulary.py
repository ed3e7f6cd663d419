"""The words of each shape: its parts, and the column names under which a part is recognised.

The first name of a part is its own; it wins over the others. Two of the others at once are an ambiguity that the user
decides: a guess here would silently train on the wrong column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from dataprep.ingest.shapes.kinds import Kind

ShapeName = Literal[
    "alpaca",
    "prompt_completion",
    "messages",
    "sharegpt",
    "question_answer",
    "text_label",
    "text_label_pair",
    "utterances",
    "text",
    "template",
]


@dataclass(frozen=True, slots=True)
class ShapeParts:
    """Parts that a shape must have, the one that leads it first, and parts that it may have."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Required and optional parts."""
        return self.required + self.optional


SHAPES: Final[dict[str, ShapeParts]] = {
    "alpaca": ShapeParts(("instruction", "output"), ("input", "system")),
    "prompt_completion": ShapeParts(("prompt", "completion"), ("system", "tools")),
    "messages": ShapeParts(("messages",), ("system", "tools")),
    "sharegpt": ShapeParts(("messages",), ("system", "tools")),
    "question_answer": ShapeParts(("question", "answer"), ("system",)),
    "text_label": ShapeParts(("text",)),
    "text_label_pair": ShapeParts(()),
    "utterances": ShapeParts(("turns",)),
    "text": ShapeParts(("text",)),
}
CONVERSATIONS: Final = ("messages", "sharegpt", "utterances")
DIALOGUES: Final = ("alpaca", "prompt_completion", "question_answer")

PART_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "instruction": ("instruction", "instructions"),
    "input": ("input", "context"),
    "output": ("output", "response", "answer", "completion"),
    "prompt": ("prompt", "query", "input", "inputs"),
    "completion": ("completion", "response", "output", "outputs", "answer", "target", "targets"),
    "system": ("system", "system_prompt"),
    "messages": ("messages", "conversations", "conversation", "dialogue", "dialog", "chat"),
    "question": ("question",),
    "answer": ("answer", "response", "output"),
    "text": ("text", "content", "body", "document", "utterance", "sentence", "tweet", "review"),
    "turns": ("turns", "dialogue", "dialog", "utterances"),
    "tools": ("tools",),
}
LABEL_NAMES: Final = ("label", "category", "intent", "sentiment", "class", "topic", "emotion")
PREFERENCE_NAMES: Final = ("chosen", "rejected")
"""Answers of preference data. A conversation in one of these columns is one half of a comparison, not a record."""

TEXT_KINDS: Final[frozenset[Kind]] = frozenset({"text", "binary"})
LABEL_KINDS: Final[frozenset[Kind]] = frozenset({"text", "number", "boolean"})
TIME_KINDS: Final[frozenset[Kind]] = frozenset({"text", "number", "time"})
SCALAR_KINDS: Final[frozenset[Kind]] = frozenset({"text", "number", "boolean", "binary", "time"})
PART_KINDS: Final[dict[str, frozenset[Kind]]] = {
    "prompt": TEXT_KINDS | {"messages"},
    "completion": TEXT_KINDS | {"messages"},
    "messages": frozenset({"messages", "text"}),
    "turns": frozenset({"messages", "text"}),
    "tools": frozenset({"list", "object", "text"}),
    "template": SCALAR_KINDS,
    "id": LABEL_KINDS,
    "label": LABEL_KINDS,
    "group": LABEL_KINDS,
    "time": TIME_KINDS,
    "split_column": frozenset({"text"}),
}
"""Kinds of values that a part accepts; parts not named here take text."""
OPTIONAL_PARTS: Final = frozenset({"input", "system", "tools"})
"""Parts that a whole file may lack, unless the user named their column."""


def kinds_for(part: str) -> frozenset[Kind]:
    """Kinds of values that a part accepts.

    >>> sorted(kinds_for("text")), sorted(kinds_for("label"))
    (['binary', 'text'], ['boolean', 'number', 'text'])
    """
    return PART_KINDS.get(part, TEXT_KINDS)
