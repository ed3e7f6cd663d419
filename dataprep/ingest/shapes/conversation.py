"""Conversations: lists of turns as OpenAI messages, ShareGPT and speaker/utterance dialogues write them.

One reader for the three, since they differ in the names of two keys and in who `system` is. Whatever else a turn holds
(tool calls, a name, a weight, dialogue frames) stays in its `extra` as JSON. Two answers in a row stay two turns: rules
can judge them, a reject could not be brought back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

from dataprep.ingest.rows import RowError
from dataprep.ingest.shapes.kinds import CONTENT_KEYS, ROLE_KEYS, kind_of, shown
from dataprep.ingest.shapes.values import to_json
from dataprep.record import MISSING_EXTRA, Role, Turn

TurnsReader = Callable[[Any, str], list[Turn]]
"""Turns from a column's value and its name."""

ROLES: Final[dict[str, Role]] = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bot", "model", "ai", "function_call"), "assistant"),
    **dict.fromkeys(("tool", "function", "observation", "function_response"), "tool"),
}
SPEAKERS: Final[dict[str, Role]] = {
    **dict.fromkeys(("user", "customer", "human"), "user"),
    **dict.fromkeys(("system", "assistant", "agent", "bot", "wizard"), "assistant"),
}
"""Speakers of task-oriented dialogues, in which the system is the one who answers (DSTC8, MultiWOZ)."""
_DEFAULT_KEYS: Final = {
    "messages": ("role", "content"),
    "sharegpt": ("from", "value"),
    "utterances": ("speaker", "utterance"),
}
_SHAPE_OF_ROLE_KEY: Final = {"role": "messages", "from": "sharegpt", "speaker": "utterances"}
_JSON_TEXT_START: Final = "["


def turn_keys_of(value: Any) -> tuple[str, str] | None:
    """The keys under which a list's turns hold who speaks and what is said, or None for anything but a list of turns.

    >>> turn_keys_of([{"from": "human", "value": "hi"}]), turn_keys_of(["hi"])
    (('from', 'value'), None)
    """
    if type(value) is str and value.lstrip().startswith(_JSON_TEXT_START):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    if type(value) is not list or not value or type(value[0]) is not dict:
        return None
    keys = value[0].keys() | (value[1].keys() if len(value) > 1 and type(value[1]) is dict else set())
    role = next((key for key in ROLE_KEYS if key in keys), None)
    content = next((key for key in CONTENT_KEYS if key in keys), None)
    return (role, content) if role and content else None


def shape_of_keys(keys: tuple[str, str]) -> str:
    """The shape whose turns have these keys: the one who speaks decides."""
    return _SHAPE_OF_ROLE_KEY[keys[0]]


def turns_reader(shape: str, keys: tuple[str, str] | None, max_turns: int) -> TurnsReader:
    """Compile the reader of one conversation shape.

    Args:
        shape: `messages`, `sharegpt` or `utterances`.
        keys: the keys for who speaks and what is said; the shape's usual ones where None.
        max_turns: most turns of one conversation.

    >>> read = turns_reader("sharegpt", None, 100)
    >>> turns = read([{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}], "conversations")
    >>> [(turn.role, turn.content) for turn in turns]
    [('user', 'hi'), ('assistant', 'yes')]

    The reader raises RowError: `turns_not_a_list`, `no_turns`, `too_many_turns`, `turn_not_an_object`, `missing_role`,
    `unknown_role`, `only_system_turn`, `wrong_kind`, `unsupported_content`.
    """
    role_key, content_key = keys or _DEFAULT_KEYS[shape]
    roles = SPEAKERS if shape == "utterances" else ROLES

    def read(value: Any, column: str) -> list[Turn]:
        items = _items(value, column, max_turns)
        turns: list[Turn] = []
        for number, item in enumerate(items, 1):
            if type(item) is not dict:
                detail = f"turn {number} in column {shown(column)} is no object but {kind_of(item)}"
                raise RowError("turn_not_an_object", detail, column=column)
            said = item.get(role_key)
            role = roles.get(said) if type(said) is str else None
            content = item.get(content_key)
            if role is None:
                role = _spelled_role(said, roles, number, column)
            if type(content) is str and len(item) == 2 and said != "function_call":
                turns.append(Turn(role, content))
            else:
                turns.append(_full_turn(role, item, role_key, content_key, number, column))
        if all(turn.role == "system" for turn in turns):
            raise RowError("only_system_turn", f"column {shown(column)} has nothing but a system turn", column=column)
        return turns

    return read


def _items(value: Any, column: str, max_turns: int) -> list[Any]:
    if type(value) is str and value.lstrip().startswith(_JSON_TEXT_START):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            detail = f"the text in column {shown(column)} is not a JSON list: {error}"
            raise RowError("turns_not_a_list", detail, column=column) from None
    if type(value) is not list:
        detail = f"expected a list of turns in column {shown(column)}, got {kind_of(value)}"
        raise RowError("turns_not_a_list", detail, column=column)
    if not value:
        raise RowError("no_turns", f"the conversation in column {shown(column)} has no turns", column=column)
    if len(value) > max_turns:
        detail = f"{len(value)} turns in column {shown(column)}, over the limit of {max_turns}"
        raise RowError("too_many_turns", detail, column=column)
    return value


def _spelled_role(said: Any, roles: dict[str, Role], number: int, column: str) -> Role:
    """A role in another spelling (`USER`, ` User `)."""
    if said is None:
        raise RowError("missing_role", f"turn {number} in column {shown(column)} names no role", column=column)
    role = roles.get(said.strip().lower()) if type(said) is str else None
    if role is None:
        known = ", ".join(roles)
        detail = f"unknown role {shown(said)} in turn {number} of column {shown(column)} (known: {known})"
        raise RowError("unknown_role", detail, column=column)
    return role


def _full_turn(role: Role, item: dict[str, Any], role_key: str, content_key: str, number: int, column: str) -> Turn:
    """A turn with more than a role and plain content.

    Nulls beside the content are left out: Parquet gives every turn every key, and a record must not depend on the file
    format. Extra keys are sorted for the same reason; nested values keep their order.
    """
    extra = {key: item[key] for key in sorted(item) if key not in (role_key, content_key) and item[key] is not None}
    if item[role_key].strip().lower() == "function_call":
        extra.setdefault("function_call", True)
    if content_key in item or "tool_calls" in extra or "function_call" in extra:
        content = _content(item.get(content_key), number, column)
        return Turn(role, content, to_json(extra) if extra else None)
    return Turn(role, None, to_json({"missing": True, **extra}) if extra else MISSING_EXTRA)


def _content(value: Any, number: int, column: str) -> str | None:
    """Content as text. A list of text parts is joined by line breaks, as vLLM and inspect_ai do."""
    if value is None or type(value) is str:
        return value
    if type(value) is not list:
        detail = f"expected text as content of turn {number} in column {shown(column)}, got {kind_of(value)}"
        raise RowError("wrong_kind", detail, column=column)
    return "\n".join(_part_text(part, number, column) for part in value)


def _part_text(part: Any, number: int, column: str) -> str:
    text = part.get("text") if type(part) is dict and part.get("type", "text") == "text" else part
    if type(text) is str:
        return text
    what = f"a part of type {shown(part.get('type'))}" if type(part) is dict else f"a part that is {kind_of(part)}"
    detail = f"content of turn {number} in column {shown(column)} has {what}; only text is supported"
    raise RowError("unsupported_content", detail, column=column)
