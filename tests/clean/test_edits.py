from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.clean.edits import Edit, apply, map_offset, undo, word_diff
from tests.clean.texts import unhurried


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    """A text and edits of it."""
    text = draw(st.text(max_size=30))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    edits = [
        Edit(start, end, text[start:end], draw(st.text(max_size=4)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    return text, edits


@given(edited())
@unhurried
def test_undo_gives_the_original_back(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    assert undo(apply(text, edits), edits) == text


@given(edited())
@unhurried
def test_an_offset_outside_every_edit_points_at_the_same_character(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    cleaned = apply(text, edits)
    for offset, char in enumerate(text):
        if not any(start <= offset < end or start == end == offset for start, end, _, _ in edits):
            assert cleaned[map_offset(offset, edits)] == char


@given(edited())
@unhurried
def test_mapped_offsets_keep_their_order_and_stay_in_the_text(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    mapped = [map_offset(offset, edits) for offset in range(len(text) + 1)]
    assert mapped == sorted(mapped)
    assert mapped[0] == 0
    assert mapped[-1] <= len(apply(text, edits))


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(0, 1, "b", "")],
        [Edit(0, 2, "ab", ""), Edit(1, 3, "bc", "")],
        [Edit(2, 3, "c", ""), Edit(0, 1, "a", "")],
        [Edit(2, 1, "", "x")],
        [Edit(3, 9, "", "x")],
    ],
)
def test_edits_of_another_text_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        apply("abc", edits)


@given(st.text("ab \n.é", max_size=40), st.text("ab \n.é", max_size=40))
@unhurried
def test_a_word_diff_contains_both_texts(before: str, after: str) -> None:
    parts = word_diff(before, after)
    assert "".join(text for op, text in parts if op != "insert") == before
    assert "".join(text for op, text in parts if op != "delete") == after
    assert all(text for _, text in parts)
    assert all(one[0] != other[0] for one, other in pairwise(parts))


def test_a_word_diff_of_long_texts_is_bounded() -> None:
    started = time.process_time()
    parts = word_diff("start " + "a b " * 100_000 + "end", "start " + "b c a " * 70_000 + "end")
    assert [op for op, _ in parts] == ["equal", "delete", "insert", "equal"]
    assert time.process_time() - started < 5
