from __future__ import annotations

import time

import pytest
from hypothesis import given

from dataprep.clean.code_spans import code_spans, outside
from tests.clean.texts import texts, unhurried


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no code", []),
        ("a `b` c `d`", ["`b`", "`d`"]),
        ("``a ` b``", ["``a ` b``"]),
        ("``toda produzida aí´´", []),
        ("one ` on a line\nand ` on another", []),
        ("x\n```py\na = `1`\n```\n`y`", ["```py\na = `1`\n```", "`y`"]),
        ("~~~\n```\n~~~", ["~~~\n```\n~~~"]),
        ("````\n```\n````\nafter", ["````\n```\n````"]),
        ("```\nnever closed\n", ["```\nnever closed\n"]),
        ("- item\n    ```\n    code\n    ```\nafter", ["```\n    code\n    ```"]),
        ("```\r\ncode\r\n```\r\nafter", ["```\r\ncode\r\n```"]),
        ("```\rcode\r```\rafter", ["```\rcode\r```"]),
        ("```\na\n``` not a close\n```", ["```\na\n``` not a close\n```"]),
        ("``` `inline` ```", ["``` `inline` ```"]),
        ("say ``` in a sentence", []),
    ],
)
def test_code_is_found(text: str, code: list[str]) -> None:
    assert [text[start:end] for start, end in code_spans(text)] == code


@given(texts)
@unhurried
def test_spans_and_what_is_outside_make_up_the_text(text: str) -> None:
    spans = code_spans(text)
    assert "".join(text[start:end] for start, end in sorted([*spans, *outside(text, spans)])) == text


@pytest.mark.parametrize(
    "text", ["`" * 200_000, "` `` " * 40_000, " " * 200_000 + "```", "``` " * 50_000, "`\n" * 99_999]
)
def test_hostile_backticks_are_linear(text: str) -> None:
    started = time.process_time()
    code_spans(text)
    assert time.process_time() - started < 5
