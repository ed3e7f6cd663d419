"""The scan finds what a plain loop over characters finds, in any text."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dataprep.kernels.codepoints import BLANK, CLASSES, LETTER, MARK, NUMBER, SOLO, SYMBOL, UPPER
from dataprep.kernels.scan import CHARS, LETTERS, NUMBERS, SYMBOLS, UPPERS, WORD_CHARS, Scan, hash_lines, scan

MASK = 2**64 - 1
ODD = (
    "aAzZbB09 .,-'_@[`{/:\t\n\r\x00\x7f\u00a0\u200b\u2028éÉßİ\u0301ǅ٣²Ⅷ漢字かーไทยกำ한글ខ្មែ🙂…"
    "\ufffc\U0001f1e9\U000e0041\ufeff"
)
texts = st.lists(
    st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"])), max_size=40), max_size=5
)


def scan_texts(*contents: str) -> tuple[Scan, np.ndarray]:
    encoded = [content.encode() for content in contents]
    data = np.frombuffer(b"".join(encoded), np.uint8)
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return scan(data, offsets, CLASSES), data


def split_words(text: str) -> list[str]:
    words: list[str] = []
    state = "none"
    for char in text:
        kind = CLASSES[ord(char)]
        if kind in (BLANK, SYMBOL):
            state = "none"
        elif state != "none" and (kind == MARK or (state == "run" and kind != SOLO)):
            words[-1] += char
        else:
            words.append(char)
            state = "solo" if kind == SOLO else "run"
    return words


def hash_bytes(data: bytes) -> int:
    mixed = 0x2545_F491_4F6C_DD1D
    for start in range(0, len(data), 8):
        mixed = (mixed ^ int.from_bytes(data[start : start + 8], "little")) * 0x9E37_79B9_7F4A_7C15 & MASK
        mixed ^= mixed >> 32
    mixed = (mixed ^ len(data)) * 0xBF58_476D_1CE4_E5B9 & MASK
    return mixed ^ mixed >> 32


@settings(deadline=None, max_examples=200)
@given(texts)
@example(["abcdefg", "h", "", "abcdefgh", "abcdefghi", "ABCDEFGHIJKLMNOPQ é"])
@example(["straße naïve Ünï", "漢a漢1字\u0301x", "e\u0301\u0301 \u0301"])
def test_words_hashes_and_counts_are_those_of_a_plain_loop(contents: list[str]) -> None:
    found, data = scan_texts(*contents)
    for index, content in enumerate(contents):
        kinds = [int(CLASSES[ord(char)]) for char in content]
        words = split_words(content)
        here = slice(found.token_offsets[index], found.token_offsets[index + 1])
        spans = zip(found.token_starts[here], found.token_ends[here], strict=True)
        assert [data[start:end].tobytes().decode() for start, end in spans] == words
        assert found.token_chars[here].tolist() == [len(word) for word in words]
        assert found.token_hashes[here].tolist() == [hash_bytes(word.encode().lower()) for word in words]
        counts = found.counts[index]
        assert counts[CHARS] == len(content)
        assert counts[WORD_CHARS] == sum(map(len, words))
        assert counts[LETTERS] == sum(kind in (LETTER, UPPER, SOLO) for kind in kinds)
        assert counts[UPPERS] == kinds.count(UPPER)
        assert counts[NUMBERS] == kinds.count(NUMBER)
        assert counts[SYMBOLS] == kinds.count(SYMBOL)


@settings(deadline=None, max_examples=200)
@given(texts)
@example(["a\n", "\n", "", "\n\na", " \n\u200b\n x \nx"])
def test_lines_end_in_a_line_feed_or_with_the_text(contents: list[str]) -> None:
    found, data = scan_texts(*contents)
    hashes = hash_lines(data, found.line_starts, found.line_ends, found.line_chars, CLASSES)
    for index, content in enumerate(contents):
        lines = content.split("\n")
        if not lines[-1]:
            lines.pop()
        here = slice(found.line_offsets[index], found.line_offsets[index + 1])
        spans = zip(found.line_starts[here], found.line_ends[here], strict=True)
        assert [data[start:end].tobytes().decode() for start, end in spans] == lines
        visible = [any(CLASSES[ord(char)] != BLANK for char in line) for line in lines]
        assert found.line_chars[here].tolist() == [
            len(line) if seen else 0 for line, seen in zip(lines, visible, strict=True)
        ]
        blanks = "".join({char for char in content if CLASSES[ord(char)] == BLANK})
        assert hashes[here].tolist() == [
            hash_bytes(line.strip(blanks).encode()) if seen else 0 for line, seen in zip(lines, visible, strict=True)
        ]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60))
@example(b"\xc0\x8a" * 30)
@example(b"\xe0\x80\x8a" * 20)
@example(b"a\xf7\xbf\xbf\xbf\xff")
@example(b"caf\xc3")
def test_damaged_utf8_is_scanned_without_harm(data: bytes) -> None:
    found = scan(np.frombuffer(data, np.uint8), np.array([0, len(data)], np.int32), CLASSES)
    assert found.token_starts.size <= (len(data) + 1) // 2 + 1
    assert found.line_starts.size <= data.count(b"\n") + 1
    assert (found.token_ends <= len(data)).all()


def test_texts_in_the_middle_of_a_buffer_are_scanned_alone() -> None:
    data = np.frombuffer(b"abc def ghi jkl", np.uint8)
    found = scan(data, np.array([2, 5, 9], np.int32), CLASSES)
    words = [data[s:e].tobytes() for s, e in zip(found.token_starts, found.token_ends, strict=True)]
    assert words == [b"c", b"d", b"ef", b"g"]


@pytest.mark.parametrize("text", ["e" + "\u0301" * 100_000, "\u200b" * 100_000, "\u202e" * 100_000, "漢" * 100_000])
def test_hostile_text_takes_no_longer_than_other_text(text: str) -> None:
    scan_texts("compile")
    start = time.perf_counter()
    found, _ = scan_texts(text)
    assert time.perf_counter() - start < 0.5
    assert found.counts[0, CHARS] == len(text)
    assert found.token_starts.size == {"e": 1, "漢": 100_000}.get(text[0], 0)
