from __future__ import annotations

import time

import pytest
from hypothesis import given
from pydantic import ValidationError

from dataprep.clean.config import CleanConfig
from dataprep.clean.edits import apply
from dataprep.clean.end_of_text import EndOfText
from tests.clean.texts import texts, unhurried

END_OF_TEXT = EndOfText(CleanConfig())


def cleaned(text: str) -> str:
    return apply(text, END_OF_TEXT.edits(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes<|endoftext|>", "yes"),
        ("yes \n<|im_end|>\n<|endoftext|></s> \n", "yes"),
        ("<|endoftext|>", ""),
        (" <|endoftext|>", ""),
        ("a <|endoftext|> b", "a <|endoftext|> b"),
        ("a <|endoftext|> b<|endoftext|>", "a <|endoftext|> b"),
        ("no marker, but space \n", "no marker, but space \n"),
        ("<|ENDOFTEXT|>", "<|ENDOFTEXT|>"),
    ],
)
def test_markers_go_from_the_end_only(text: str, expected: str) -> None:
    assert cleaned(text) == expected


def test_markers_come_from_the_configuration() -> None:
    text = "好<｜end▁of▁sentence｜>"
    assert END_OF_TEXT.edits(text) == []
    own = EndOfText(CleanConfig(end_of_text_markers=("<｜end▁of▁sentence｜>",)))
    assert apply(text, own.edits(text)) == "好"
    assert EndOfText(CleanConfig(end_of_text_markers=())).edits("a</s>") == []


@pytest.mark.parametrize("marker", ["", " ", "</s> ", "</s>\n"])
def test_a_marker_that_could_never_or_always_match_is_refused(marker: str) -> None:
    with pytest.raises(ValidationError):
        CleanConfig(end_of_text_markers=(marker,))


@given(texts)
@unhurried
def test_a_second_look_finds_nothing(text: str) -> None:
    assert END_OF_TEXT.edits(cleaned(text)) == []


def test_many_markers_are_linear() -> None:
    started = time.process_time()
    assert cleaned("a" + "\n</s>" * 100_000) == "a"
    assert time.process_time() - started < 5
