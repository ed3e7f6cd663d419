"""Rows of a folder as conversations: messages, prompt and completion (plain or conversational), or text.

Only the columns of the shape count, besides `record_id`, `source`, `label` and `tools`. In particular a column
`input_ids` is not taken for tokens, which is what libraries further down would do with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted
from trainer.data.conversations import Conversation, Message, message, tool_list

Shape = Literal["messages", "prompt_completion", "text"]
Row = Mapping[str, Any]

_COLUMNS: Final[dict[Shape, tuple[str, ...]]] = {
    "messages": ("messages",),
    "prompt_completion": ("prompt", "completion"),
    "text": ("text",),
}
BESIDE: Final = ("record_id", "source", "label", "tools")
"""Columns that are read in every shape."""


class NotOfShapeError(ValueError):
    """A row that is not what its columns promise."""


def detect(columns: Sequence[str], file: str) -> Shape:
    """The shape of rows with these columns.

    Raises:
        InputError: it is none of those that can be trained on.

    >>> detect(["prompt", "completion", "input_ids"], "data")
    'prompt_completion'
    """
    for shape, needed in _COLUMNS.items():
        if set(needed) <= set(columns):
            return shape
    found = ", ".join(quoted(name) for name in sorted(columns)[:20]) or "none"
    hint = "name them `messages`, `prompt` and `completion`, or `text`; or make a version of them: dataprep run FILE"
    raise InputError(f"the columns say nothing of how to train on the rows; found: {found}", file=file, hint=hint)


def used_columns(shape: Shape) -> tuple[str, ...]:
    """The columns that are read in a shape, where they are there."""
    return (*_COLUMNS[shape], *BESIDE)


def conversations(
    rows: Iterable[tuple[int, Row]], shape: Shape, *, split: str, file: str, ids: Callable[[Row], str]
) -> list[Conversation]:
    """Rows of one shape as conversations.

    Args:
        rows: with their numbers, from 1.
        shape: of all of them.
        split: that they belong to.
        file: for messages.
        ids: the id of a row; raises NotOfShapeError where it has none of its own.

    Raises:
        InputError: a row is not of the shape.
    """
    made = []
    for number, row in rows:
        try:
            made.append(replace(_conversation(row, shape, split, ids(row)), row=number))
        except NotOfShapeError as error:
            place = f"{split} row {number:,}"
            raise InputError(f"{place}: {error}", file=file, hint="dataprep run FILE reads more shapes") from None
    return made


def _conversation(row: Row, shape: Shape, split: str, record_id: str) -> Conversation:
    about = (record_id, split, _word(row.get("source")), _word(row.get("label")))
    if shape == "text":
        if not isinstance(row["text"], str | None):
            raise NotOfShapeError("`text` is not text")
        return Conversation(*about, text=row["text"] or "")
    try:
        tools = tool_list(row.get("tools"))
    except ValueError:
        raise NotOfShapeError("`tools` is no JSON list") from None
    if shape == "messages":
        messages, unlearnt = _messages(row["messages"], "messages")
        return Conversation(*about, messages=messages, tools=tools, unlearnt=unlearnt)
    prompt, completion = row["prompt"], row["completion"]
    if isinstance(prompt, str | None) and isinstance(completion, str | None):
        pair = (message("user", prompt, {}), message("assistant", completion, {}))
        return Conversation(*about, messages=pair, tools=tools)
    before, _ = _messages(prompt, "prompt")
    after, _ = _messages(completion, "completion")
    return Conversation(*about, messages=before + after, tools=tools, first=len(before))


def _messages(value: Any, column: str) -> tuple[tuple[Message, ...], frozenset[int]]:
    if value is None:
        return (), frozenset()
    if not isinstance(value, list):
        raise NotOfShapeError(f"`{column}` is no list of messages")
    made = []
    for each in value:
        if not isinstance(each, dict) or not isinstance(each.get("role"), str):
            keys = ", ".join(quoted(key) for key in sorted(each)) if isinstance(each, dict) else type(each).__name__
            raise NotOfShapeError(f"a message of `{column}` has no `role` and `content`: {keys}")
        if not isinstance(each.get("content"), str | None):
            raise NotOfShapeError(f"the content of a message of `{column}` is not text")
        made.append(message(each["role"], each.get("content"), each))
    return tuple(made), frozenset(index for index, each in enumerate(value) if each.get("weight") == 0)


def _word(value: Any) -> str:
    return "" if value is None else str(value)
