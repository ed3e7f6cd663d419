from __future__ import annotations

import gzip
import time
from pathlib import Path

import orjson
import pytest
from hypothesis import given

from dataprep.clean.config import CleanConfig
from dataprep.clean.edits import apply
from dataprep.clean.whitespace import Whitespace
from tests.clean.texts import texts, unhurried

WHITESPACE = Whitespace(CleanConfig())


def cleaned(text: str) -> str:
    return apply(text, WHITESPACE.edits(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\rc\n", "a\nb\nc"),
        ("a\r\r\nb", "a\n\nb"),
        ("a \t\nb\t \r\nc  ", "a\nb\nc"),
        ("\n \t\n\r\n  indented\n    more", "  indented\n    more"),
        ("    return x", "    return x"),
        ("two  spaces\tinside", "two  spaces\tinside"),
        ("ends in a no-break space\xa0\u3000\u2028", "ends in a no-break space"),
        ("paragraph\n\n\n\nparagraph", "paragraph\n\n\n\nparagraph"),
        ("a  \n\nb", "a\n\nb"),
    ],
)
def test_space_at_line_ends_and_around_the_text_goes(text: str, expected: str) -> None:
    assert cleaned(text) == expected


@pytest.mark.parametrize("text", ["", " ", "\n", " \t\r\n ", "\xa0\u3000"])
def test_a_text_of_white_space_only_is_for_the_rules(text: str) -> None:
    assert WHITESPACE.edits(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```\na  \n\tb\t\n```  \nc  \nd", "```\na  \n\tb\t\n```\nc\nd"),
        ("~~~\r\na  \r\n~~~", "~~~\na  \n~~~"),
        ("```\nnever closed  \n", "```\nnever closed  \n"),
        ("use `x  ` \nnow", "use `x  `\nnow"),
    ],
)
def test_code_keeps_its_space(text: str, expected: str) -> None:
    assert cleaned(text) == expected


@given(texts)
@unhurried
def test_a_second_look_finds_nothing(text: str) -> None:
    assert WHITESPACE.edits(cleaned(text)) == []


@given(texts)
@unhurried
def test_only_white_space_is_touched(text: str) -> None:
    assert "".join(cleaned(text).split()) == "".join(text.split())


def test_real_code_keeps_lines_and_indentation(shared_data: Path) -> None:
    rows = orjson.loads(gzip.decompress((shared_data / "instructions" / "codegen_instruct.json.gz").read_bytes()))
    for row in rows:
        for text in (row["instruction"], row["input"], row["response"]):
            lines = text.replace("\r\n", "\n").split("\n")
            while len(lines) > 1 and not lines[0].strip():
                del lines[0]
            while len(lines) > 1 and not lines[-1].strip():
                del lines[-1]
            kept = cleaned(text).split("\n")
            assert [line.rstrip() for line in kept] == [line.rstrip() for line in lines]


@pytest.mark.parametrize(
    "text", ["a" + " " * 1_000_000 + "b", " \t" * 500_000, "x\r" * 100_000, "\n" * 1_000_000 + "x"]
)
def test_hostile_text_is_linear(text: str) -> None:
    started = time.process_time()
    cleaned(text)
    assert time.process_time() - started < 5
