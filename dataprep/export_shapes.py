"""Batches of `data/` turned into the shape that an export asks for.

A conversation is one record everywhere else; only here does it become one example per answer, each with the id of the
record it came from, so that numbers about examples can be brought back to records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import orjson
import pyarrow as pa

from dataprep.errors import InputError

Target = Literal["messages", "prompt_completion", "text"]
Row = dict[str, Any]

CONTENT: Final[dict[str, tuple[str, ...]]] = {
    "messages": ("messages",),
    "prompt_completion": ("prompt", "completion"),
    "text": ("text",),
}
"""Columns that hold the text, by shape; every other column is passed on as it is."""

MESSAGES_TYPE: Final = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


def check(shape: str, target: Target) -> None:
    """Say no to what cannot be done without inventing something.

    Raises:
        InputError: documents have no answers to learn.
    """
    if shape == "text" and target != "text":
        raise InputError(
            f"plain texts cannot be exported as {target}: nothing says which part is the answer",
            key="--to",
            hint="--to text, or give the source a template with `prompt` and `completion`",
        )


def target_schema(source: pa.Schema, shape: str, target: Target, *, flat: bool) -> pa.Schema:
    """Columns of an export: id, for expanded conversations where they come from, the content, then everything else."""
    dialogue = source.field("messages").type if shape == "messages" else MESSAGES_TYPE
    expands = (shape, target) == ("messages", "prompt_completion")
    fields = [pa.field("record_id", pa.string())]
    if expands:
        fields += [pa.field("parent_id", pa.string()), pa.field("turn", pa.int32())]
    if target == "messages":
        fields.append(pa.field("messages", pa.string() if flat else dialogue))
        fields += [pa.field("text", pa.string())] if flat else []
    else:
        kind = dialogue if expands and not flat else pa.string()
        fields += [pa.field(name, kind) for name in CONTENT[target]]
    taken = {field.name for field in fields} | set(CONTENT[shape])
    for field in source:
        if field.name not in taken:
            nested = flat and pa.types.is_nested(field.type)
            fields.append(pa.field(field.name, pa.string() if nested else field.type))
    return pa.schema(fields)


def convert(rows: Iterable[Row], shape: str, target: Target, *, flat: bool) -> Iterator[Row]:
    """Rows of one shape as rows of another.

    Args:
        rows: rows of `data/`, in `shape`.
        shape: of the version.
        target: wanted.
        flat: no nested values; a conversation becomes JSON text, with a readable `text` beside it.
    """
    for row in rows:
        for content in _contents(row, shape, target):
            made = {**row, **content}
            yield flattened(made) if flat else made


def _contents(row: Row, shape: str, target: Target) -> Iterable[Row]:
    if shape == target:
        return ({},)
    if target == "text":
        return ({"text": readable(_messages(row, shape))},)
    if target == "messages":
        return ({"messages": _messages(row, shape)},)
    return expanded(row["record_id"], row["messages"])


def expanded(record_id: str, messages: list[Row]) -> Iterable[Row]:
    """One example for every answer of a conversation: what came before it, and the answer.

    `turn` counts the conversation's messages from 0. A conversation without an answer gives nothing.

    >>> list(expanded("r", [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]))[0]["completion"]
    [{'role': 'assistant', 'content': 'b'}]
    """
    for turn, message in enumerate(messages):
        if message["role"] == "assistant" and turn:
            yield {
                "record_id": f"{record_id}#{turn}",
                "parent_id": record_id,
                "turn": turn,
                "prompt": messages[:turn],
                "completion": [message],
            }


def readable(messages: Iterable[Mapping[str, Any]]) -> str:
    """A conversation as people read it, the same as `text` in the catalog's view `records`.

    >>> readable([{"role": "user", "content": "hi"}, {"role": "assistant", "content": None}])
    'user: hi\\nassistant: '
    """
    return "\n".join(f"{message['role']}: {message['content'] or ''}" for message in messages)


def flattened(row: Row) -> Row:
    """The row without nested values.

    A whole conversation becomes JSON text and, beside it, readable `text`; a prompt becomes readable text, an answer
    its content; anything else becomes JSON text.

    >>> flattened({"record_id": "r", "messages": [{"role": "user", "content": "hi"}]})
    {'record_id': 'r', 'messages': '[{"role":"user","content":"hi"}]', 'text': 'user: hi'}
    """
    flat: Row = {}
    for name, value in row.items():
        if not isinstance(value, list | dict):
            flat[name] = value
        elif name == "prompt":
            flat[name] = readable(value)
        elif name == "completion":
            flat[name] = value[0]["content"]
        else:
            flat[name] = orjson.dumps(value).decode()
    if isinstance(row.get("messages"), list):
        flat["text"] = readable(row["messages"])
    return flat


def _messages(row: Row, shape: str) -> list[Row]:
    if shape == "messages":
        messages: list[Row] = row["messages"]
        return messages
    return [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}]
