from __future__ import annotations

import re
import time

import pytest
from hypothesis import given

from dataprep.clean.config import CleanConfig
from dataprep.clean.control_characters import ControlCharacters
from dataprep.clean.edits import apply
from tests.clean.texts import texts, unhurried

CONTROL = ControlCharacters(CleanConfig())


def cleaned(text: str) -> str:
    return apply(text, CONTROL.edits(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b\x07c\x7fd", "abcd"),
        ("tab\tline\nreturn\r", "tab\tline\nreturn\r"),
        ("\ufeffbyte order mark", "byte order mark"),
        ("zero\u200bwidth \u2060joiner\xad", "zerowidth joiner"),
        ("over\u202eride\u202c \u2066isolate\u2069", "override isolate"),
        ("\x1b[1;31mred\x1b[0m \x1b[2K\x1b[?25l", "red "),
        ("\x1b]0;title\x07a \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "a link"),
        ("\x1b]never closed\nmuch text\x07", "]never closed\nmuch text"),
        ("a lone \x1b escape", "a lone  escape"),
        ("page one\x0cpage two", "page one\npage two"),
        ("page one\n\x0cpage two\x0c", "page one\npage two"),
        ("next\x85line", "next\nline"),
        ("smart \x93quotes\x94", "smart quotes"),
        ("\u200b\u200c\u200d\ufeff", ""),
        ("line\u2028and paragraph\u2029", "line\u2028and paragraph\u2029"),
        ("Latin\u200cnon-joiner", "Latinnon-joiner"),
    ],
)
def test_what_nobody_sees_goes(text: str, expected: str) -> None:
    assert cleaned(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d💻 👨\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 ❤\ufe0f\u200d🔥 🧑🏽\u200d⚕\ufe0f",
        "می\u200cخواهم کتاب\u200cها",
        "क्\u200dष শ্রী\u200cমতী ක්\u200dෂ",
        "ភាសា\u200bខ្មែរ ภาษา\u200bไทย",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "שלום\u200f! עברית\u200e",
        "☕\ufe0f 葛\U000e0100",
    ],
)
def test_what_changes_the_display_stays(text: str) -> None:
    assert CONTROL.edits(text) == []


def test_only_one_of_many_joiners_stays() -> None:
    assert cleaned("می\u200c\ufeff\u200c\u200cخواهم") == "می\u200cخواهم"
    assert cleaned("👩\u200d\u200b\u200d💻") == "👩\u200d💻"
    assert cleaned("ខ\u200b\u200bខ") == "ខ\u200bខ"


@given(texts)
@unhurried
def test_a_second_look_finds_nothing(text: str) -> None:
    assert CONTROL.edits(cleaned(text)) == []


@given(texts)
@unhurried
def test_no_control_character_is_left(text: str) -> None:
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]", cleaned(text))


@pytest.mark.parametrize(
    "text",
    ["\u200b" * 1_000_000, "a\u0301\u200b" * 100_000, "\x1b[" * 100_000, "\x1b[" + "1" * 900_000, "\x1b]" * 100_000],
)
def test_hostile_text_is_linear(text: str) -> None:
    started = time.process_time()
    cleaned(text)
    assert time.process_time() - started < 5
