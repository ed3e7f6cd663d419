from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.errors import InputError
from dataprep.ingest.bytestream import ByteStream
from dataprep.ingest.config import IngestLimits
from dataprep.ingest.jsonarray import read_json_values
from dataprep.ingest.jsonlayout import detect_json_layout
from dataprep.ingest.jsonlines import JsonOptions
from tests.ingest.reading import Content, peak_megabytes, read

ROWS = [
    {"n": 1, "t": 'brackets ]}[{ and "quotes" \\'},
    {"n": 2, "inner": {"list": [[1], {"x": "]"}]}},
    {"n": 3, "t": "a, b\n\u2028c"},
]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("block_bytes", [1, 10, 8_000_000])
def test_an_array_is_read_element_by_element(tmp_path: Path, indent: int | None, block_bytes: int) -> None:
    data = json.dumps(ROWS, indent=indent).encode()
    content = read(tmp_path / "a.json", data, block_bytes=block_bytes)
    assert content.rows == ROWS
    assert not content.rejects
    for row, line, (offset, raw) in zip(content.rows, content.lines, content.places, strict=True):
        assert offset is not None
        assert data[offset:].startswith(raw)
        assert json.loads(raw) == row
        assert line == data.count(b"\n", 0, offset) + 1


@pytest.mark.parametrize("block_bytes", [3, 8_000_000])
@pytest.mark.parametrize("between", ["", "\n", "\n\n", " ", "\x1e", ",\n", "\r\n"])
def test_values_that_follow_each_other_are_read(tmp_path: Path, between: str, block_bytes: int) -> None:
    data = between.join(json.dumps(row, indent=1) for row in ROWS).encode()
    content = read(tmp_path / "a.json", data, block_bytes=block_bytes)
    assert content.rows == ROWS
    assert not content.rejects
    assert content.notes["commas_between_values"] == (2 if "," in between else 0)


def test_lines_that_end_in_commas_are_read(tmp_path: Path) -> None:
    content = read(tmp_path / "a.jsonl", b'{"a": 1},\n{"a": 2},\n')
    assert content.rows == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("block_bytes", [2, 8_000_000])
def test_an_array_wrapped_in_an_object_is_read(tmp_path: Path, block_bytes: int) -> None:
    data = json.dumps({"version": "1.1", "data": ROWS, "license": "mit"}, indent=1).encode()
    content = read(tmp_path / "a.json", data, block_bytes=block_bytes)
    assert content.rows == ROWS
    assert content.notes["wrapper_keys_ignored"] == 2


def test_the_only_list_of_an_object_is_its_rows_unless_it_holds_turns(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", json.dumps({"questions": ROWS}).encode()).rows == ROWS
    record = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}
    assert read(tmp_path / "b.json", json.dumps(record, indent=1).encode()).rows == [record]
    assert read(tmp_path / "c.jsonl", json.dumps(record).encode()).rows == [record]


def test_pretty_printed_single_record_is_one_row(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", json.dumps(ROWS[0], indent=2).encode()).rows == [ROWS[0]]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"actors": {"A": ["x", "y"]}, "actresses": {"B": ["z"]}}, "one JSON object of objects"),
        ({"id1": {"text": "x"}}, "one JSON object of objects"),
        ({"text": ["a", "b"], "label": ["c", "d"]}, "one JSON object of columns"),
        (["a", "b"], "array of strings"),
        ([1, 2], "array of single values"),
        ({"train": [{"a": 1}], "test": [{"a": 2}]}, "more than one list of rows: 'train', 'test'"),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_json_that_is_no_list_of_rows_is_refused_with_advice(
    tmp_path: Path, value: Any, message: str, indent: int | None
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path / "a.json", json.dumps(value, indent=indent).encode())
    assert caught.value.file == "a.json"
    assert caught.value.hint


def test_a_big_object_of_objects_is_refused_by_its_beginning(tmp_path: Path) -> None:
    value = {"first": {f"key{n}": "x" * 100 for n in range(15_000)}}
    with pytest.raises(InputError, match="one JSON object of objects"):
        read(tmp_path / "a.json", json.dumps(value).encode())


def test_bold_is_refused_with_a_way_to_reshape_it(shared_data: Path) -> None:
    with pytest.raises(InputError, match="one JSON object of objects") as caught:
        read(shared_data / "bias" / "bold_gender_prompt.json")
    assert "jq -c" in str(caught.value)


def test_a_second_list_behind_the_head_is_refused(tmp_path: Path) -> None:
    rows = [{"t": "x" * 1000} for _ in range(1200)]
    with pytest.raises(InputError, match="more than one list"):
        read(tmp_path / "a.json", json.dumps({"data": rows, "other": [1]}).encode())


@pytest.mark.parametrize(
    ("data", "good", "reasons"),
    [
        (b'[{"a": 1}, 5, null, {"a": 2}]', 2, ["not_an_object", "not_an_object"]),
        (b'[{"a": 1}, {"a": 1, "a": 2}, {"a": 3}]', 2, ["duplicate_key"]),
        (b'[{"a": 1}, {"a": oops}, {"a": 3}]', 2, ["invalid_json"]),
        (b'[{"a": 1}, , {"a": 3}]', 2, ["invalid_json"]),
        (b'[{"a": 1}, {"a": "never closed}\n, {"a": 3}]', 2, ["invalid_json"]),
        (b'[{"a": 1}, {"a": 2}, {"a"', 2, ["truncated_row"]),
        (b'[{"a": 1}, {"a": 2},\n', 2, ["truncated_row"]),
        (b'[{"a": 1}, {"a": 2}] {"a": 3}', 2, ["trailing_data"]),
        (b'[{"a": 1}, {"a": ' + b"[" * 5000 + b"]" * 5000 + b'}, {"a": 3}]', 2, ["too_deep"]),
        (b'[{"a": 1}, {"a": "\xff"}, {"a": 3}]', 2, ["invalid_utf8"]),
        (b'{"a":\n1}\ngarbage\n{"a":\n3}\n', 2, ["invalid_json"]),
        (b'{"a":\n1}\n{"a":\n3}\n{"a":', 2, ["truncated_row"]),
        (b'{"a":\n1}\n{"a": "unclosed\n}\n{"a":\n3}\n', 2, ["invalid_json", "invalid_json"]),
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 8_000_000])
def test_bad_elements_are_rejected_and_the_others_read(
    tmp_path: Path, data: bytes, good: int, reasons: list[str], block_bytes: int
) -> None:
    content = read(tmp_path / "a.json", data, block_bytes=block_bytes)
    assert (len(content.rows), [reject.reason for reject in content.rejects]) == (good, reasons)
    for reject in content.rejects:
        assert reject.byte_offset is not None
        assert data[reject.byte_offset :].startswith(reject.raw)


@pytest.mark.parametrize("block_bytes", [100, 3_000, 100_000])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("in_array", [True, False])
def test_a_value_over_the_limit_is_measured_and_the_next_is_read(
    tmp_path: Path, block_bytes: int, indent: int | None, in_array: bool
) -> None:
    rows = [{"a": 1}, {"a": ["x" * 50] * 1000}, {"a": 2}]
    values = [json.dumps(row, indent=indent).encode() for row in rows]
    data = b"[" + b", ".join(values) + b"]" if in_array else b"\n".join((b'{\n"a"\n:\n0\n}', *values))
    content = read(tmp_path / "a.json", data, block_bytes=block_bytes, limits={"max_record_bytes": 1_000})
    assert [row["a"] for row in content.rows][-2:] == [1, 2]
    (reject,) = content.rejects
    assert (reject.reason, reject.length) == ("too_long", len(values[1]))
    assert reject.digest == hashlib.sha256(values[1]).hexdigest()
    assert reject.byte_offset == data.index(values[1])
    assert content.lines[-1] == data[: data.rindex(values[2])].count(b"\n") + 1


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3), min_size=1), st.integers(1, 40))
def test_arrays_cut_anywhere_give_the_rows_of_the_standard_parser(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]], block_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("arrays") / "a.json"
    path.write_bytes(json.dumps(rows, ensure_ascii=False).encode())
    layout = detect_json_layout(path.read_bytes(), complete=True, named_json=True, lines_expected=False, shown="a")
    assert layout is not None
    content = Content()
    with ByteStream(path, shown="a", limits=IngestLimits()) as stream:
        options = JsonOptions(10_000, 100, allow_arrays=False)
        for block in read_json_values(stream, layout, options, block_bytes=block_bytes, shown="a"):
            content.add(block.parse())
    cleaned = [{key.replace("\0", ""): text.replace("\0", "") for key, text in row.items()} for row in rows]
    if not content.rejects:
        assert content.rows == cleaned
    else:
        assert {reject.reason for reject in content.rejects} == {"duplicate_key"}


LONG_ROW = json.dumps({"a": "x" * 1_100_000}).encode()


@pytest.mark.parametrize("opening", [b"[\n" + LONG_ROW + b"]", b'{"data": [\n' + LONG_ROW + b"]}"])
@pytest.mark.parametrize("tail", [b'\n{"a": 2}\n{"a": 3}\n', b"\n" + b"x" * 70_000])
def test_rows_behind_the_end_of_an_array_are_not_passed_over(tmp_path: Path, opening: bytes, tail: bytes) -> None:
    content = Content()
    with pytest.raises(InputError, match="more data behind the end") as caught:
        read(tmp_path / "a.json", opening + tail, into=content, block_bytes=100_000)
    assert caught.value.line in (2, 3)
    assert len(content.rows) == 1


def test_a_long_list_inside_the_first_line_is_not_taken_for_the_rows(tmp_path: Path) -> None:
    row = {"steps": [{"t": "x" * 1000} for _ in range(1200)]}
    content = read(tmp_path / "a.jsonl", json.dumps(row).encode() + b'\n{"steps": []}\n')
    assert content.rows == [row, {"steps": []}]


def test_an_empty_array_has_no_rows(tmp_path: Path) -> None:
    content = read(tmp_path / "a.json", b"[ ]\n")
    assert (content.rows, content.rejects) == ([], [])


def test_real_arrays_equal_those_of_the_standard_parser(shared_data: Path) -> None:
    for name in ("chat/glaive_toolcall_en_demo_sharegpt.json.gz", "instructions/codegen_instruct.json.gz"):
        path = shared_data / name
        content = read(path, block_bytes=50_000)
        assert content.rows == json.loads(gzip.decompress(path.read_bytes()))
        assert not content.rejects


def test_a_large_array_takes_the_memory_of_a_block(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    element = json.dumps({"t": "x" * 100_000}).encode()
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"[" + b",".join([element] * 20))
        for _ in range(50):
            file.write(b"," + b",".join([element] * 20))
        file.write(b"]")
    peak, outcome = peak_megabytes(path)
    assert "grows to more" not in outcome
    assert outcome.startswith("1020 rows")
    # 102 MB of rows: the test program keeps them all, so what counts is what comes on top of them
    assert peak < 102 * 2.2 + 40
