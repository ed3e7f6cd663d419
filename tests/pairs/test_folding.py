"""Normalised copies of text: the kernel says what the definition says, for every text."""

from __future__ import annotations

import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dataprep.pairs import folding
from dataprep.pairs.folding import normalize_text, normalize_texts, piece_of

_TRICKY = (
    "A\u0301 \u1100\u1161\u11a8 \uac00\u11a8 \u0345 \u03b1\u0345 \u1e9e ß ﬁ ½ … \u00a8 \u1fed \u0130 Σς \ufdfa "
    "\u2028\x1c\x1f\x85\u200b"
)
_TEXTS = st.one_of(
    st.text(),
    st.text("aZ \t\n\x00\x1b\x1c.é’\u00a0\u0301\u3000漢", max_size=40),
    st.lists(st.sampled_from(_TRICKY), max_size=12).map("".join),
)


def by_kernel(texts: list[str]) -> list[bytes]:
    column = pa.array(["x", *texts], pa.string())[1:]
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int32)[1 : len(texts) + 2]
    return normalize_texts(bounds, np.frombuffer(data, np.uint8)).to_list()


@settings(max_examples=150, deadline=None)
@given(st.lists(_TEXTS, max_size=6))
@example(
    [
        "½" * 99,
        "\u00a8" * 9 + " \u00b4 x",
        "\u337f" * 50,
        _TRICKY,
        "MiXed  case\tand  more than eight ",
        " " * 20 + "A" * 20 + " " * 20,
        "",
    ]
)
def test_the_kernel_agrees_with_the_definition(texts: list[str]) -> None:
    assert by_kernel(texts) == [normalize_text(text).encode() for text in texts]


@settings(max_examples=150)
@given(_TEXTS)
@example(_TRICKY)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalize_text(text)
    assert normalize_text(once) == once


@given(_TEXTS)
def test_how_white_space_is_written_makes_no_difference(text: str) -> None:
    assert normalize_text("\n" + text.replace(" ", " \u3000\n") + "\t") == normalize_text(text)


def test_code_points_agree_between_neighbours_of_every_kind() -> None:
    """Every 23rd code point, between a letter that marks combine with, another of its kind and a mark."""
    codes = [code for code in range(0x80, sys.maxunicode, 23) if not 0xD800 <= code <= 0xDFFF]
    texts = [f"A{chr(code)}e{chr(code)}{chr(code)}\u0301 {chr(code)}가" for code in codes]
    for start in range(0, len(texts), 5000):
        block = texts[start : start + 5000]
        assert by_kernel(block) == [normalize_text(text).encode() for text in block]


def test_what_combines_with_its_neighbours_is_left_to_python() -> None:
    """Every character that canonical composition joins to the one before it."""
    seconds = set()
    for code in range(sys.maxunicode):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            seconds.add(chr(int(parts[1], 16)))
    jamo = [chr(code) for code in range(0x1161, 0x1176)] + [chr(code) for code in range(0x11A8, 0x11C3)]
    assert len(seconds) > 50
    assert [char for char in [*seconds, *jamo] if piece_of(char) is not None] == []


def test_damaged_utf8_is_read_without_harm() -> None:
    data = np.frombuffer(b"ok\xff\xc3\xed\xa0\x80\xf7\xbf\xbf\xbf\xf0\x9f", np.uint8)
    first, second = normalize_texts(np.array([0, 2, len(data)], np.int32), data).to_list()
    assert first == b"ok"
    assert second


def test_threads_that_learn_at_the_same_time_agree_with_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread meets code points that others are just looking up."""
    monkeypatch.setattr(folding, "_FOLDING", folding.Folding())
    codes = [code for code in range(0x80, 0x3400) if piece_of(chr(code)) != chr(code)]
    blocks = [["".join(map(chr, codes[first::7])) + " Z" for first in range(7)] for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(by_kernel, blocks))
    assert found == [[normalize_text(text).encode() for text in block] for block in blocks]
