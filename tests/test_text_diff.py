"""The difference of long texts."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.text_diff import Difference, long_word_diff

WORDS = [f"word{index}" for index in range(40)]


def sides(diff: Difference) -> tuple[str, str]:
    before = "".join(text for operation, text in diff if operation != "insert")
    return before, "".join(text for operation, text in diff if operation != "delete")


def edited(words: list[str], places: list[int]) -> list[str]:
    changed = list(words)
    for place in places:
        changed[place % len(changed)] = f"changed{place}"
    return changed


@given(st.text(alphabet="ab \n.é漢", max_size=60), st.text(alphabet="ab \n.é漢", max_size=60))
def test_both_texts_can_be_read_back(before: str, after: str) -> None:
    assert sides(long_word_diff(before, after)) == (before, after)


@settings(max_examples=20)
@given(st.integers(0, 1_000), st.lists(st.integers(0, 5_000), max_size=12))
def test_long_texts_are_compared_piece_by_piece(seed: int, places: list[int]) -> None:
    random_ = random.Random(seed)
    words = [random_.choice(WORDS) for _ in range(1_500)]
    before, after = " ".join(words), " ".join(edited(words, places))
    diff = long_word_diff(before, after)
    assert sides(diff) == (before, after)
    changed = sum(len(text) for operation, text in diff if operation == "delete")
    assert changed <= 200 * len(set(places))
    assert all(one[0] != other[0] for one, other in pairwise(diff))


def test_changed_words_with_a_space_between_them_are_one_change() -> None:
    assert long_word_diff("Give me two red apples now", "Give me three green pears now") == [
        ("equal", "Give me "),
        ("delete", "two red apples"),
        ("insert", "three green pears"),
        ("equal", " now"),
    ]


def test_texts_that_repeat_themselves_are_still_compared() -> None:
    before, after = "la " * 3_000, "la " * 2_999 + "lo "
    assert sides(long_word_diff(before, after)) == (before, after)
