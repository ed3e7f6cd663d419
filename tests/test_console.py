"""Text of unknown origin on a terminal."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.console import cell, clip, one_line, printable, table, width_of, wrap


@pytest.mark.parametrize(
    "hostile",
    ["\x1b[2J", "\x9b31m", "\x07", "\r", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028", "\U000e0041", "\ud800"],
)
def test_what_drives_or_deceives_a_terminal_is_shown_as_an_escape(hostile: str) -> None:
    shown = printable(f"a{hostile}b")
    assert hostile[0] not in shown
    assert "\\" in shown


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_nothing_invisible_is_left_whatever_the_text(text: str) -> None:
    left = {unicodedata.category(char) for char in printable(text)} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    allowed = {"Cc"} if set(printable(text)) & {"\n", "\t"} else set()
    assert left <= allowed
    assert "\n" not in one_line(text)


def test_plain_text_of_any_script_stays_as_it_is() -> None:
    text = "naïve 日本語 हिन्दी العربية 👍🏽\n\tx"
    assert printable(text) == text


def test_a_hundred_thousand_marks_on_a_letter_are_counted_and_fast() -> None:
    start = time.perf_counter()
    lines = wrap("e" + "\u0301" * 100_000, 80)
    assert lines == ["e" + "\u0301" * 8 + "[+99,992 combining marks]"]
    assert time.perf_counter() - start < 1


@given(st.text(max_size=60), st.integers(4, 30))
def test_wrapped_lines_fit_and_lose_nothing_but_space(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(width_of(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(printable(text).split())


@given(st.text(max_size=20), st.integers(1, 20))
def test_clipped_text_fits(text: str, width: int) -> None:
    assert width_of(clip(text, width)) <= max(width, 1)


def test_a_table_is_cut_to_the_terminal_and_full_in_a_file() -> None:
    rows = [["x" * 200, 1]]
    assert max(map(len, table(["text", "n"], rows, width=40))) <= 40
    assert table(["text", "n"], rows)[2].startswith("x" * 200)


def test_null_and_the_word_null_look_different() -> None:
    assert (cell(None), cell("null"), cell(b"\xff"), cell(True)) == ("", "null", "\\xff", "true")


def test_removed_spaces_can_be_told_apart_in_a_table() -> None:
    assert [cell(text) for text in (" ", "    ", "", None)] == ['" "', '"    "', "", ""]
