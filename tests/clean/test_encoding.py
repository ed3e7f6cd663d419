from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from ftfy import fix_text
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.clean.config import CleanConfig
from dataprep.clean.edits import apply
from dataprep.clean.encoding import Encoding, repair_only
from tests.clean.texts import FRAGMENTS, texts, unhurried

ENCODING = Encoding(CleanConfig())


def repaired(text: str) -> str:
    return apply(text, ENCODING.edits(text))


def cases(shared_data: Path, name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = orjson.loads((shared_data / "mojibake" / f"ftfy_{name}.json").read_bytes())
    return loaded


@pytest.mark.parametrize(("name", "count"), [("in-the-wild", 70), ("synthetic", 30), ("negative", 31)])
def test_published_cases_come_out_as_labelled(shared_data: Path, name: str, count: int) -> None:
    """`fixed-encoding` is the label for the encoding alone. Where a case has only `fixed`, which is of ftfy's default
    options, what the default does beyond the encoding is in the label too, and the encoding is compared with ftfy
    under our options, and its default with the label.
    """
    passing = [case for case in cases(shared_data, name) if case["expect"] == "pass"]
    assert len(passing) == count
    for case in passing:
        result = repaired(case["original"])
        if "fixed-encoding" in case:
            assert result == case["fixed-encoding"], case["label"]
        elif result != case["fixed"]:
            assert result == fix_text(case["original"], repair_only()), case["label"]
            assert fix_text(result) == case["fixed"], case["label"]


def test_published_names_come_out_right(shared_data: Path) -> None:
    for case in cases(shared_data, "language-names"):
        assert repaired(case["original"]) == case["fixed"], case["label"]


def test_known_failures_are_those_of_ftfy(shared_data: Path) -> None:
    for case in cases(shared_data, "known-failures"):
        assert repaired(case["original"]) == fix_text(case["original"], repair_only()), case["label"]


@pytest.mark.parametrize(
    "text",
    [
        "&amp; &lt;b&gt; &eacute;",
        "“curly” ‘quotes’ stay",
        "ﬁne ligatures",
        "ＬＯＵＤ　ＮＯＩＳＥＳ ｱｲｳ",
        "one\r\ntwo\rthree\u2028four",
        "e\u0301 is not composed",
        "\x1b[31mred\x1b[0m \x00\ufeff",
    ],
)
def test_what_is_not_encoding_damage_stays(text: str) -> None:
    assert ENCODING.edits(text) == []


def test_code_stays_and_the_line_around_it_is_repaired() -> None:
    text = "itâ€™s `â€™` here\n```\nâ€™\n```\ndonâ€™t"
    assert repaired(text) == "it’s `â€™` here\n```\nâ€™\n```\ndon’t"


def test_edits_are_as_small_as_the_damage() -> None:
    edits = ENCODING.edits("The cafÃ© in MÃ¼nchen costs 5 â‚¬ a day")
    assert [(edit.original, edit.replacement) for edit in edits] == [("Ã©", "é"), ("Ã¼", "ü"), ("â‚¬", "€")]


@given(texts)
@settings(max_examples=150, deadline=None)
def test_leaving_out_distant_ascii_changes_nothing(text: str) -> None:
    distance = "some words of plain English, far more than the context; " * 2
    spread = text.replace("word", distance).replace("`", "'").replace("~~~", "--")
    assert repaired(spread) == fix_text(spread, repair_only())


@given(st.lists(st.sampled_from([f for f in FRAGMENTS if not f.isascii()]), max_size=6), st.integers(30, 40))
@unhurried
def test_distances_around_the_context_change_nothing(fragments: list[str], distance: int) -> None:
    for filler in ("-" * distance, " " * distance, "a" * distance):
        text = filler.join(fragments)
        assert repaired(text) == fix_text(text, repair_only())


def test_real_damage_is_repaired_as_by_ftfy(shared_data: Path) -> None:
    changed = 0
    with gzip.open(shared_data / "instructions" / "t0_train_50k.jsonl.gz") as file:
        for line in file:
            if b"\xc3\xa2" in line:
                text = orjson.loads(line)["prompt"]
                if "`" not in text and "~~~" not in text:
                    assert repaired(text) == fix_text(text, repair_only())
                    changed += repaired(text) != text
    assert changed > 10


def test_clean_sentences_in_113_languages_stay(shared_data: Path) -> None:
    with gzip.open(shared_data / "multilingual" / "tatoeba_113_languages.jsonl.gz") as file:
        sentences = [orjson.loads(line)["text"] for line in file]
    changed = [sentence for sentence in sentences if ENCODING.edits(sentence)]
    assert changed == []


@pytest.mark.parametrize(
    "text",
    [
        "\u0301" * 500_000,
        "\x9f" * 300_000,
        "â€™" * 100_000,
        "Ã" * 200_000,
        "Ã " * 100_000,
        "ÃƒÂ©" * 50_000,
        "Ã©中" * 50_000,
        "Ãƒ Â©€" * 40_000,
    ],
)
def test_hostile_text_is_linear(text: str) -> None:
    started = time.process_time()
    ENCODING.edits(text)
    assert time.process_time() - started < 6
