"""The columns of `data/`: records in a shape that TRL reads without a mapping.

`messages` is list<struct<role, content>>; where any kept record needs them, the struct also has `tool_calls`, `name`
and `tool_call_id`, which chat templates know. `prompt_completion` has two text columns, `text` one. What a shape
cannot say about a record is kept in `records/`, so that reading back is exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, get_args

import numpy as np
import orjson
import pyarrow as pa

from dataprep.errors import InputError
from dataprep.record import ROLES, Turns
from dataprep.store.config import DataShape

Shape = Literal["messages", "prompt_completion", "text"]
SHAPES: Final[tuple[str, ...]] = get_args(Shape)

_TOOL_CALLS: Final = pa.list_(
    pa.struct(
        [
            ("id", pa.string()),
            ("type", pa.string()),
            ("function", pa.struct([("name", pa.string()), ("arguments", pa.string())])),
        ]
    )
)
MESSAGE_EXTRAS: Final = {"tool_calls": _TOOL_CALLS, "name": pa.string(), "tool_call_id": pa.string()}
"""Extra keys of a turn that a message carries as typed fields."""


def choose_shape(layouts: Iterable[str], wanted: DataShape) -> Shape:
    """The shape of a version: as wanted, else the plainest that holds all its kept records exactly.

    Raises:
        InputError: the wanted shape cannot hold them without loss.

    >>> choose_shape(["pair"], "auto"), choose_shape(["pair", "text"], "auto"), choose_shape([], "auto")
    ('prompt_completion', 'messages', 'messages')
    """
    present = set(layouts)
    plainest: Shape = "messages"
    if present == {"pair"}:
        plainest = "prompt_completion"
    elif present == {"text"}:
        plainest = "text"
    if wanted == "auto" or (wanted != "messages" and not present):
        return plainest
    if wanted not in ("messages", plainest):
        raise InputError(
            f"shape {wanted} cannot hold every record of this dataset ({', '.join(sorted(present))} records)",
            key="output.shape",
            hint=f"use `shape: {plainest}` here and `dataprep export --to {wanted}` afterwards, which converts",
        )
    return wanted


def shape_columns(turns: Turns, shape: Shape, extras: tuple[str, ...]) -> dict[str, pa.Array]:
    """The text columns of a batch of records that `choose_shape` found to fit.

    Args:
        turns: of the records to write.
        shape: how.
        extras: which of MESSAGE_EXTRAS the message struct has, for `messages`.
    """
    if shape == "messages":
        return {"messages": _messages(turns, extras)}
    if shape == "text":
        return {"text": turns.contents}
    first = turns.row_offsets[:-1]
    return {"prompt": turns.contents.take(pa.array(first)), "completion": turns.contents.take(pa.array(first + 1))}


def message_extras(extras: Iterable[str]) -> set[str]:
    """Which of MESSAGE_EXTRAS occur among turns' extras (JSON texts)."""
    found: set[str] = set()
    for extra in extras:
        found |= MESSAGE_EXTRAS.keys() & orjson.loads(extra).keys()
    return found


def _messages(turns: Turns, extras: tuple[str, ...]) -> pa.ListArray:
    # A document has no speaker; trainers know no role `text`, and what a model should write is the assistant's.
    roles = np.array(ROLES, dtype=object)[turns.roles]
    roles[roles == "text"] = "assistant"
    names = ["role", "content", *extras]
    arrays = [pa.array(roles, pa.string()), turns.contents]
    parsed: list[dict[str, Any]] = []
    if extras:
        parsed = [orjson.loads(extra) if extra else {} for extra in turns.extras.to_pylist()]
    for name in extras:
        values = [value.get(name) for value in parsed]
        if name == "tool_calls":
            arrays.append(pa.array([_tool_calls(value) for value in values], MESSAGE_EXTRAS[name]))
        else:
            cells = [
                value if value is None or isinstance(value, str) else orjson.dumps(value).decode() for value in values
            ]
            arrays.append(pa.array(cells, pa.string()))
    struct = pa.StructArray.from_arrays(arrays, names=names)
    return pa.ListArray.from_arrays(pa.array(turns.row_offsets.astype(np.int32)), struct)


def _tool_calls(value: Any) -> list[dict[str, Any]] | None:
    """OpenAI's tool calls, arguments as JSON text whatever their schema; anything else stays in `records/` only."""
    if not isinstance(value, list) or not all(isinstance(call, dict) for call in value):
        return None
    calls = []
    for call in value:
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) or arguments is None else orjson.dumps(arguments).decode()
        calls.append(
            {
                "id": _text_or_none(call.get("id")),
                "type": _text_or_none(call.get("type")),
                "function": {"name": _text_or_none(function.get("name")), "arguments": text},
            }
        )
    return calls


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)
