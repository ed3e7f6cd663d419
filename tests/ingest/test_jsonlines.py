from __future__ import annotations

import gzip
import hashlib
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.ingest.jsonlines import JsonOptions, parse_spans
from dataprep.ingest.jsonvalue import parse_exact
from dataprep.ingest.linecut import Lines
from dataprep.ingest.rows import RowError, Rows
from tests.ingest.reading import read

OPTIONS = JsonOptions(max_record_bytes=16_000_000, max_depth=100, allow_arrays=True)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=5)


def parse(data: bytes) -> Rows:
    lines = Lines(data, 1, 0)
    starts, ends = lines.spans()
    return parse_spans(lines, starts, ends, range(1, len(starts) + 1), OPTIONS, cut_off=lines.unterminated)


def as_stored(value: Any) -> Any:
    """What the readers make of a Python value: numbers that nothing could store as text, no NULs."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [as_stored(element) for element in value]
    if isinstance(value, dict):
        return {as_stored(key): as_stored(field) for key, field in value.items()}
    return value


@settings(deadline=None)  # the first call compiles the scan
@given(OBJECTS, st.booleans())
def test_every_object_comes_back_as_it_was_written(value: dict[str, Any], ascii_only: bool) -> None:
    stored = as_stored(value)
    result = parse(json.dumps(value, ensure_ascii=ascii_only).encode() + b"\n")
    if str(value).count("\\x00") and not result.rows:
        assert result.rejects[0].reason == "duplicate_key"  # two keys that differ by a NUL only
    else:
        assert result.rows == [stored]


@settings(deadline=None)  # the first call compiles the scan
@given(st.lists(st.tuples(st.sampled_from("abc"), VALUES), min_size=1, max_size=5))
def test_the_fast_way_and_the_exact_way_agree(pairs: list[tuple[str, Any]]) -> None:
    raw = ("{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs) + "}").encode()
    result = parse(raw + b"\n")
    if result.rejects:
        with pytest.raises(RowError) as caught:
            parse_exact(raw, Counter())
        assert [reject.reason for reject in result.rejects] == [caught.value.reason]
    else:
        assert result.rows == [parse_exact(raw, Counter())]


@settings(deadline=None)  # the first call compiles the scan
@given(st.binary(max_size=60))
def test_any_bytes_become_rows_rejects_or_blank_lines(data: bytes) -> None:
    result = parse(data + b"\n")
    accounted = len(result.rows) + len(result.rejects) + result.notes["blank_lines"]
    assert accounted >= data.count(b"\n") + 1 - result.notes["lone_cr"]
    for row in result.rows:
        orjson.dumps(row)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'{"x": [{"b": {"a": 1, "\\u0061": 2}}]}', "duplicate_key"),
        (b'{"a": 1, "a\\u0000": 2}', "duplicate_key"),
        (b'{"a": "\\ud83d"}', "lone_surrogate"),
        (b'{"\\udc00": 1}', "lone_surrogate"),
        (b'{"a": "caf\xe9"}', "invalid_utf8"),
        (b'{"a": "\xed\xa0\x80"}', "invalid_utf8"),
        (b'{"a": 1', "invalid_json"),
        (b"{'a': 1}", "invalid_json"),
        (b"garbage", "invalid_json"),
        (b'{"a": "tab\there"}', "invalid_json"),
        (b"3", "not_an_object"),
        (b"null", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "too_deep"),
    ],
)
def test_a_bad_line_is_rejected_with_its_reason_and_the_next_is_read(line: bytes, reason: str) -> None:
    result = parse(b'{"first": 1}\n' + line + b'\n{"last": 1}\n')
    assert result.rows == [{"first": 1}, {"last": 1}]
    (reject,) = result.rejects
    assert (reject.line, reject.byte_offset, reject.reason) == (2, 13, reason)
    assert reject.raw == line
    assert (reject.length, reject.digest) == (len(line), hashlib.sha256(line).hexdigest())


def test_the_detail_names_what_was_found_instead_of_an_object(tmp_path: Path) -> None:
    content = read(tmp_path / "a.jsonl", b'{"a": 1}\n{"a": 1}\n3\n["x"]\nnull\ntrue\n')
    assert [reject.detail for reject in content.rejects] == [
        "expected object, got number",
        "expected object, got array",
        "expected object, got null",
        "expected object, got boolean",
    ]


def test_arrays_are_rows_where_the_file_is_made_of_them(tmp_path: Path) -> None:
    content = read(tmp_path / "a.jsonl", b'["good", "pos"]\n["bad", "neg"]\n')
    assert content.rows == [["good", "pos"], ["bad", "neg"]]


def test_equal_keys_of_different_objects_are_no_duplicates() -> None:
    result = parse(b'{"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}], "c": "a"}\n')
    assert len(result.rows) == 1


def test_more_keys_than_the_scan_remembers_are_still_checked() -> None:
    wide = {f"key{index}": index for index in range(700)}
    raw = json.dumps(wide).encode()
    assert parse(raw + b"\n").rows == [wide]
    assert parse(raw[:-1] + b', "key699": 1}\n').rejects[0].reason == "duplicate_key"


def test_nuls_are_removed_and_counted() -> None:
    result = parse(b'{"a\\u0000": "x\\u0000y", "b": ["\\u0000"]}\n{"c": "raw\x00nul", "d": "\\\\u0000"}\n')
    assert result.rows == [{"a": "xy", "b": [""]}, {"c": "rawnul", "d": "\\u0000"}]
    assert result.notes["nul_removed"] == 4


def test_unicode_line_separators_are_data(tmp_path: Path) -> None:
    text = "a\u2028b\u2029c\u0085d\x0b"
    content = read(tmp_path / "a.jsonl", json.dumps({"t": text}, ensure_ascii=False).encode() + b'\n{"t": "e"}\n')
    assert content.rows == [{"t": text}, {"t": "e"}]
    assert content.lines == [1, 2]


def test_crlf_ends_a_line_and_belongs_to_no_row(tmp_path: Path) -> None:
    content = read(tmp_path / "a.jsonl", b'{"a": 1}\r\n\r\nbad\r\n{"a": 2}\r\n')
    assert content.rows == [{"a": 1}, {"a": 2}]
    assert content.places == [(0, b'{"a": 1}'), (17, b'{"a": 2}')]
    assert content.rejects[0].raw == b"bad"
    assert (content.notes["crlf"], content.notes["blank_lines"]) == (4, 1)


def test_a_file_with_cr_line_ends_is_read_by_line(tmp_path: Path) -> None:
    content = read(tmp_path / "a.jsonl", b'{"a": 1}\rbad\r{"a": 2}\r')
    assert content.rows == [{"a": 1}, {"a": 2}]
    assert (content.lines, content.reasons) == ([1, 3], [(2, "invalid_json")])
    assert content.notes["cr_line_ends"] == 1


def test_rows_with_cr_between_them_among_lines_are_found(tmp_path: Path) -> None:
    content = read(tmp_path / "a.jsonl", b'{"a": 1}\n{"a": 2}\r{"a": 3}\n{"a": 4}\n')
    assert [row["a"] for row in content.rows] == [1, 2, 3, 4]
    assert content.places[2] == (18, b'{"a": 3}')


def test_only_the_cut_off_last_line_is_called_truncated(tmp_path: Path) -> None:
    assert read(tmp_path / "a.jsonl", b'{"a": 1}\n{"a": 1}\n{"a":').reasons == [(3, "truncated_row")]
    assert read(tmp_path / "b.jsonl", b'{"a": 1}\n{"a": 1}\n{"a":\n').reasons == [(3, "invalid_json")]


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 8_000_000])
def test_the_size_of_blocks_changes_nothing(tmp_path: Path, block_bytes: int) -> None:
    data = b"".join(b'{"n": %d, "t": "%s"}\n' % (n, b"x" * (n % 50)) for n in range(60)) + b"bad\n" + b'{"n": 60}'
    whole = read(tmp_path / "a.jsonl", data)
    cut = read(tmp_path / "a.jsonl", block_bytes=block_bytes)
    assert (cut.rows, cut.lines, cut.places, cut.rejects) == (whole.rows, whole.lines, whole.places, whole.rejects)
    assert [data[offset : offset + len(raw)] for offset, raw in whole.places if offset is not None] == [
        raw for _, raw in whole.places
    ]


@pytest.mark.parametrize("block_bytes", [100, 900, 10_000])
def test_a_line_over_the_limit_is_measured_and_the_next_is_read(tmp_path: Path, block_bytes: int) -> None:
    long = b'{"t": "' + b"x" * 200_000 + b'"}'
    data = b'{"a": 1}\n' + long + b'\n{"a": 2}\n{"a": 3}\n' + long
    content = read(tmp_path / "a.jsonl", data, block_bytes=block_bytes, limits={"max_record_bytes": 1_000})
    assert (content.rows, content.lines) == ([{"a": 1}, {"a": 2}, {"a": 3}], [1, 3, 4])
    first, last = content.rejects
    assert (first.line, first.byte_offset, first.reason, first.length) == (2, 9, "too_long", len(long))
    assert first.digest == hashlib.sha256(long).hexdigest()
    assert first.raw == long[: 64 * 1024]
    assert first.detail == f"record of {len(long)} bytes over the limit of 1000"
    assert (last.line, last.byte_offset, last.length) == (5, 9 + len(long) + 1 + 18, len(long))


def test_numbers_that_fit_64_bits_stay_numbers() -> None:
    row = {"a": 2**63, "b": 2**64 - 1, "c": -(2**63), "d": 1234567890123456789, "e": 0.1234567890123456789}
    result = parse(json.dumps(row).encode() + b"\n")
    assert result.rows == [row]


def test_numbers_beyond_64_bits_become_text() -> None:
    result = parse(b'{"a": 18446744073709551616, "b": -9223372036854775809, "c": 1e999, "d": -Infinity}\n')
    expected = {"a": "18446744073709551616", "b": "-9223372036854775809", "c": "1e999", "d": "-Infinity"}
    assert result.rows == [expected]
    digits = b"9" * 10_000
    assert parse(b'{"a": ' + digits + b"}\n").rows == [{"a": digits.decode()}]


def test_real_rows_equal_those_of_the_standard_parser(shared_data: Path) -> None:
    path = shared_data / "qa" / "gsm8k_test.jsonl.gz"
    content = read(path, block_bytes=10_000)
    assert content.rows == [json.loads(line) for line in gzip.decompress(path.read_bytes()).split(b"\n")[:-1]]
    assert not content.rejects
    assert len(content.block_rows) > 10


def test_spans_of_a_block_without_a_final_line_end() -> None:
    starts, ends = Lines(b"a\nbc", 1, 0).spans()
    assert np.array_equal(starts, [0, 2])
    assert np.array_equal(ends, [1, 4])
