"""Texts found in JSON and written without escapes, against the standard library's parser."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.kernels.jsonstrings import unescape
from dataprep.kernels.jsontexts import ABSENT, FoundTexts, find_texts


def find(*rows: bytes, keys: tuple[bytes, ...] = (b"a",), n_required: int = 1) -> tuple[bytes, FoundTexts]:
    data = b"\n".join(rows)
    sizes = np.array([len(row) for row in rows], np.int64)
    starts = np.cumsum(sizes + 1) - sizes - 1
    skipped = np.zeros(len(rows), np.bool_)
    return data, find_texts(np.frombuffer(data, np.uint8), starts, starts + sizes, skipped, keys, n_required)


def texts(data: bytes, found: FoundTexts) -> list[str]:
    taken = found.taken
    sizes = found.sizes[taken].ravel()
    offsets = np.append(0, np.cumsum(sizes))
    spans = found.starts[taken].ravel(), found.ends[taken].ravel()
    written = unescape(np.frombuffer(data, np.uint8), *spans, offsets).tobytes()
    return [written[start : start + size].decode() for start, size in zip(offsets, sizes, strict=False)]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40)
ROWS = st.lists(st.tuples(TEXTS, TEXTS, st.dictionaries(st.text(max_size=3), VALUES, max_size=3)), max_size=4)


@settings(deadline=None)
@given(ROWS, st.booleans(), st.sampled_from([None, 1]))
def test_texts_and_rests_come_back_as_they_were_written(
    rows: list[tuple[str, str, dict[str, object]]], ascii_only: bool, indent: int | None
) -> None:
    objects = [rest | {"first key": first, "second": second} for first, second, rest in rows]
    written = [json.dumps(row, ensure_ascii=ascii_only, indent=indent).encode() for row in objects]
    data, found = find(*written, keys=(b"first key", b"second"), n_required=2)
    assert found.taken.all()
    assert texts(data, found) == [text for first, second, _ in rows for text in (first, second)]
    assert json.loads(found.rest.tobytes()) == [
        {key: value for key, value in row.items() if key not in ("first key", "second")} for row in objects
    ]


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b" ",
        b"[]",
        b'"a"',
        b"{}",
        b'{"b": "x"}',
        b'{"a"}',
        b'{"a" "x"}',
        b'{"a": }',
        b'{"a": null}',
        b'{"a": 1}',
        b'{"a": ["x"]}',
        b'{"a": "x"',
        b'{"a": "x',
        b'{"a": "x\\',
        b'{"a": "x\\"}',
        b'{"a": "x",}',
        b'{"a": "x",, "b": 1}',
        b'{, "a": "x"}',
        b'{"a": "x" "b": 1}',
        b'{"a": "x"; "b": 1}',
        b'{"a": "x"}}',
        b'{"a": "x"} {"a": "y"}',
        b'{"a": "x", "a": "y"}',
        b'{"a": "x", "b": [}',
        b'{"a": "x", "b": "}',
        b'{"a": "x", b: 1}',
        b"{'a': 'x'}",
        b'{"a": "\\x"}',
        b'{"a": "\\u12"}',
        b'{"a": "\\u12g4"}',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b'{"a": "\\ud800\\u0041"}',
        b'{"a": "\\ud800x\\udc00"}',
        b'{"a": "\\udc00\\ud800"}',
        b'{"a": "\\ud800\\ud',
        b'{"a": "tab\there"}',
        b'{"a": "nul\0here"}',
        b'{"a": "\xff"}',
        b'{"a": "\xc3"}',
        b'{"a": "\xc0\x80"}',
        b'{"a": "\xe0\x9f\xbf"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\xf0\x8f\xbf\xbf"}',
        b'{"a": "\xf4\x90\x80\x80"}',
        b'{"a": "\xf5\x80\x80\x80"}',
        b'{"a": "\xe2\\u0041\x82\xac"}',
        b'\xef\xbb\xbf{"a": "x"}',
    ],
)
def test_what_is_unusual_is_not_taken_and_takes_nothing_from_its_neighbours(row: bytes) -> None:
    good = b'{"a": "x", "n": 1}'
    data, found = find(good, row, good)
    assert found.taken.tolist() == [True, False, True]
    assert texts(data, found) == ["x", "x"]
    assert found.rest.tobytes() == b'[{"n":1},{"n":1}]'


@settings(deadline=None)
@given(st.binary(max_size=12))
def test_a_text_is_taken_exactly_where_it_is_utf8(raw: bytes) -> None:
    raw = bytes(byte for byte in raw if byte >= 0x20 and byte not in b'"\\')
    try:
        expected = [raw.decode()]
    except UnicodeDecodeError:
        expected = []
    data, found = find(b'{"a":"%s"}' % raw)
    assert texts(data, found) == expected


@pytest.mark.parametrize("length", range(20))
def test_escapes_are_found_wherever_they_stand_in_a_word(length: int) -> None:
    text = "x" * length + '"\\/\b\f\n\r\té€😀' + "y" * length
    for written in (json.dumps(text), json.dumps(text, ensure_ascii=False).replace("/", "\\/")):
        data, found = find(b'{"a":%s}' % written.encode())
        assert texts(data, found) == [text]


def test_a_key_that_may_be_lacking_has_an_empty_text_and_no_start() -> None:
    data, found = find(b'{"a": "x"}', b'{"b": "", "a": "y"}', keys=(b"a", b"b"))
    assert texts(data, found) == ["x", "", "y", ""]
    assert (found.starts[:, 1] == ABSENT).tolist() == [True, False]


def test_no_rows_have_no_rests() -> None:
    _, found = find()
    assert (found.taken.tolist(), found.rest.tobytes()) == ([], b"[]")
