"""Why a row can become a reject: the stable names that `rejects.reason` holds, each with its meaning.

Names are an interface: queries, budgets and people's notes refer to them. A test compares this list with the readers'
sources and with `docs/bad-input.md`, so that no reason is used without being documented, or documented without use.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bad_file": "a whole file that cannot be read, set aside because its source says `on_bad_file: quarantine`",
        "bad_time": "the time column holds something that is no time, or no number where the others are numbers",
        "bad_tools": "the tools column holds text that is not a JSON list or object",
        "binary_not_utf8": "a binary value that would be text is not UTF-8",
        "duplicate_key": "a key occurs twice in one object",
        "expected_pair": "a row that is not a list of two, where the shape is `[text, label]`",
        "invalid_json": "a line or value that is not JSON",
        "invalid_utf8": "bytes that are not UTF-8, or not what `encoding` says",
        "lone_surrogate": "half of a surrogate pair, which no encoding can store",
        "missing_id": "the column named as `id` is missing or empty",
        "missing_role": "a turn that does not say who speaks",
        "no_turns": "a conversation without turns",
        "not_an_object": "a row that is a number, a text, null or a list, where an object is needed",
        "only_system_turn": "a conversation with nothing but a system turn",
        "ragged_row": "a CSV row with more or fewer fields than there are columns",
        "stray_quote": "a CSV field that goes on after its closing quote",
        "too_deep": "values nested deeper than `limits.max_depth`",
        "too_long": "a record longer than `limits.max_record_bytes`",
        "too_many_turns": "a conversation with more turns than `limits.max_turns`",
        "trailing_data": "data behind the end of a JSON array",
        "truncated_row": "the file ends within this record",
        "turn_not_an_object": "a turn that is not an object",
        "turns_not_a_list": "a conversation that is not a list",
        "unclosed_quote": "a CSV quote that is never closed",
        "unknown_role": "a turn whose speaker has no known role",
        "unknown_split": "the split column holds a name that is no split",
        "unsupported_content": "a part of a message that is no text, such as an image",
        "unsupported_value": "a value of a Parquet or Arrow type that has no form in JSON",
        "wrong_kind": "a number, list or object where text is needed, or the like",
    }
)
