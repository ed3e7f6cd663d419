from __future__ import annotations

import datetime as dt
import decimal
import json
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.errors import InputError
from dataprep.ingest.columnvalues import ValueReader, decoded_bytes
from tests.ingest.reading import Content, read

MESSAGES = [
    {"messages": [{"role": "user", "content": "hé"}, {"role": "assistant", "content": None}], "n": 1},
    {"messages": [], "n": None},
    {"messages": None, "n": 3},
]


def write(path: Path, table: pa.Table, kind: str) -> Path:
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=2, write_page_checksum=True)
    elif kind == "arrow":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    else:
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    return path


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream"])
@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.jsonl", "a.csv"])
def test_columnar_files_are_known_by_their_magic(tmp_path: Path, kind: str, name: str) -> None:
    content = read(write(tmp_path / name, pa.Table.from_pylist(MESSAGES), kind))
    assert content.rows == MESSAGES
    assert content.lines == [1, 2, 3]
    assert content.places[0] == (None, orjson.dumps(MESSAGES[0]))
    assert content.notes["wrong_extension"] == (name[2:] != ("parquet" if kind == "parquet" else "arrow"))


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream"])
def test_the_size_of_blocks_changes_nothing(tmp_path: Path, kind: str) -> None:
    rows = [{"t": "x" * (n % 7) * 100, "inner": {"list": ["y"] * (n % 3)}} for n in range(50)]
    content = read(write(tmp_path / "a.bin", pa.Table.from_pylist(rows), kind), block_bytes=500)
    assert (content.rows, content.lines) == (rows, list(range(1, 51)))
    assert len(content.block_rows) > 10


@pytest.mark.parametrize(
    ("array", "values"),
    [
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["a", "b" * 40, None]).cast(pa.string_view()), ["a", "b" * 40, None]),
        (pa.array([b"caf\xc3\xa9", None], pa.binary()), ["café", None]),
        (pa.array([b"ab", b"cd"], pa.binary(2)), ["ab", "cd"]),
        (pa.array([1.5, float("nan"), float("-inf"), None]), [1.5, "NaN", "-Infinity", None]),
        (pa.array([2**64 - 1], pa.uint64()), [2**64 - 1]),
        (pa.array([decimal.Decimal("1E+3"), decimal.Decimal("0.10")]), ["1000.00", "0.10"]),
        (pa.array([dt.date(2024, 2, 29), None]), ["2024-02-29", None]),
        (pa.array([0, 1_500], pa.timestamp("ms")), ["1970-01-01T00:00:00", "1970-01-01T00:00:01.5"]),
        (pa.array([1, None], pa.timestamp("ns", "Europe/Berlin")), ["1970-01-01T00:00:00.000000001Z", None]),
        (pa.array([dt.time(1, 2, 3, 40_000)]), ["01:02:03.04"]),
        (pa.array([59, None], pa.time32("s")), ["00:00:59", None]),
        (pa.array([-1_500], pa.duration("ms")), ["-PT1.5S"]),
        (pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())), [{"k": 1}, None, {}]),
        (pa.array([[(1, 2)]], pa.map_(pa.int64(), pa.int64())), [[[1, 2]]]),
        (pa.array([[1, 2], None], pa.list_(pa.int8(), 2)), [[1, 2], None]),
        (pa.array([[1], None, [2, 3]], pa.list_view(pa.int8())), [[1], None, [2, 3]]),
        (pa.RunEndEncodedArray.from_arrays([2, 3], ["a", None]), ["a", "a", None]),
        (pa.nulls(2), [None, None]),
        (pa.array([True, None]), [True, None]),
        (pa.array([{"x": {"y": ["z"]}}, None, {"x": None}]), [{"x": {"y": ["z"]}}, None, {"x": None}]),
    ],
    ids=str,
)
def test_every_type_becomes_json_and_slices_agree(array: pa.Array, values: list[Any]) -> None:
    assert ValueReader(Counter()).values(array) == values
    orjson.dumps(values)
    for start in range(len(values)):
        assert ValueReader(Counter()).values(array.slice(start)) == values[start:]
        assert ValueReader(Counter()).values(array.slice(start, 1)) == values[start : start + 1]
        assert decoded_bytes(array.slice(start)) >= 0


@settings(deadline=None)
@given(
    st.lists(
        st.none()
        | st.fixed_dictionaries({"a": st.none() | st.text(max_size=5), "b": st.lists(st.none() | st.integers(-9, 9))}),
        max_size=6,
    ),
    st.integers(0, 6),
)
def test_nested_values_equal_those_of_arrow(rows: list[Any], start: int) -> None:
    kind = pa.struct([("a", pa.string()), ("b", pa.list_(pa.int64()))])
    array = pa.array(rows, kind).slice(min(start, len(rows)))
    expected = json.loads(json.dumps(array.to_pylist()).replace("\\u0000", ""))
    assert ValueReader(Counter()).values(array) == expected


def not_utf8(kind: pa.DataType) -> pa.Array:
    return pa.array([b"good", b"b\xffd", b"good"], pa.binary()).view(kind)


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
@pytest.mark.parametrize("column", [not_utf8(pa.string()), not_utf8(pa.binary())], ids=["text", "binary"])
def test_text_and_binary_that_is_not_utf8_rejects_its_row(tmp_path: Path, kind: str, column: pa.Array) -> None:
    nested = pa.ListArray.from_arrays([0, 1, 2, 3], pa.StructArray.from_arrays([column], names=["content"]))
    content = read(write(tmp_path / "a.bin", pa.table({"n": [1, 2, 3], "m": nested}), kind))
    assert content.rows == [{"n": 1, "m": [{"content": "good"}]}, {"n": 3, "m": [{"content": "good"}]}]
    assert content.lines == [1, 3]
    assert content.reasons == [(2, "invalid_utf8")]
    assert json.loads(content.rejects[0].raw) == {"n": 2, "m": [{"content": "b\\xffd"}]}


def test_nuls_are_removed_and_counted(tmp_path: Path) -> None:
    content = read(write(tmp_path / "a.parquet", pa.table({"t\0": ["a\0b\0", "c"]}), "parquet"))
    assert content.rows == [{"t": "ab"}, {"t": "c"}]
    assert content.notes["nul_removed"] == 2


def test_column_names_may_be_hostile(tmp_path: Path) -> None:
    names = ["a b", "'; drop table x --", "<script>", "\x1b[31m", "new\nline", "x" * 255]
    table = pa.table({name: ["v"] for name in names})
    assert list(read(write(tmp_path / "a.parquet", table, "parquet")).rows[0]) == names


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"]), "two columns are named 'x'"),
        (pa.table({"x": pa.array([(1, 2, 3)], pa.month_day_nano_interval())}), "no form in JSON"),
    ],
)
def test_columns_that_cannot_be_rows_are_refused(tmp_path: Path, table: pa.Table, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(write(tmp_path / "a.arrow", table, "arrow"))


@pytest.fixture
def parquet_bytes(tmp_path: Path) -> bytes:
    table = pa.table({"t": [f"row {n} " * 20 for n in range(200)], "n": list(range(200))})
    path = tmp_path / "source.parquet"
    pq.write_table(table, path, write_page_checksum=True, use_dictionary=False, compression="none")
    return path.read_bytes()


@pytest.mark.parametrize("cut", [4, 8, 100, 5_000, -1, -8])
def test_a_parquet_file_cut_short_is_refused(tmp_path: Path, parquet_bytes: bytes, cut: int) -> None:
    with pytest.raises(InputError, match="not a readable Parquet file") as caught:
        read(tmp_path / "a.parquet", parquet_bytes[:cut])
    assert caught.value.file == "a.parquet"


def test_flipped_bytes_in_a_page_are_noticed_by_its_checksum(tmp_path: Path, parquet_bytes: bytes) -> None:
    for place in (1_000, 5_000, 20_000):
        flipped = bytearray(parquet_bytes)
        flipped[place] ^= 0x20
        with pytest.raises(InputError, match="not a readable Parquet file"):
            read(tmp_path / "a.parquet", bytes(flipped))


@pytest.mark.parametrize("data", [b"", b"\0" * 4096, b"PAR1", b"PAR1PAR1", b"\x15\x04\x15\x10" * 100])
def test_a_parquet_file_of_nothing_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path / "a.parquet", data)
    assert caught.value.file == "a.parquet"


@pytest.mark.parametrize("kind", ["arrow", "stream"])
def test_damaged_arrow_files_give_errors_or_rows_and_never_crash(tmp_path: Path, kind: str) -> None:
    good = write(tmp_path / "good", pa.Table.from_pylist(MESSAGES * 5), kind).read_bytes()
    refused = 0
    for place in range(8, len(good), 29):
        bad = bytearray(good)
        bad[place] ^= 0xFF
        try:
            content = read(tmp_path / "a.arrow", bytes(bad))
        except InputError:
            refused += 1
        else:
            assert len(content.rows) + len(content.rejects) <= 15
    assert refused


def test_an_arrow_file_cut_short_is_refused(tmp_path: Path) -> None:
    good = write(tmp_path / "good", pa.Table.from_pylist(MESSAGES * 5), "arrow").read_bytes()
    with pytest.raises(InputError, match="not a readable Arrow file"):
        read(tmp_path / "a.arrow", good[: len(good) // 2])


def repeated(text: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([text]))


@pytest.mark.parametrize("nested", [False, True])
def test_a_parquet_bomb_is_refused_before_it_unfolds(tmp_path: Path, nested: bool) -> None:
    column: pa.Array = repeated("x" * 100_000, 200_000)
    if nested:
        column = pa.ListArray.from_arrays(pa.array(range(200_001), pa.int32()), column)
    pq.write_table(pa.table({"t": column}), tmp_path / "a.parquet", compression="zstd", store_schema=False)
    content = Content()
    before = pa.total_allocated_bytes()
    with pytest.raises(InputError, match="decompression bomb"):
        read(
            tmp_path / "a.parquet",
            block_bytes=1_000_000,
            limits={"max_expanded_bytes": 10_000_000},
            into=content,
        )
    assert 0 < len(content.rows) <= 100
    assert pa.total_allocated_bytes() - before < 50_000_000


def test_repeated_text_is_cut_into_blocks_of_its_full_size(tmp_path: Path) -> None:
    pq.write_table(pa.table({"t": repeated("x" * 1000, 100)}), tmp_path / "a.parquet")
    content = read(tmp_path / "a.parquet", block_bytes=10_000)
    assert (len(content.rows), max(content.block_rows) <= 10) == (100, True)


def test_a_row_over_the_limit_is_rejected(tmp_path: Path) -> None:
    pq.write_table(pa.table({"t": ["a", "x" * 5_000, "b"]}), tmp_path / "a.parquet")
    content = read(tmp_path / "a.parquet", limits={"max_record_bytes": 1_000})
    assert ([row["t"] for row in content.rows], content.reasons) == (["a", "b"], [(2, "too_long")])


def test_a_compressed_parquet_file_is_refused_with_advice(tmp_path: Path) -> None:
    import gzip

    write(tmp_path / "a.parquet", pa.table({"t": ["x"]}), "parquet")
    with pytest.raises(InputError, match="parquet inside gzip"):
        read(tmp_path / "a.parquet.gz", gzip.compress((tmp_path / "a.parquet").read_bytes()))


def test_an_empty_table_has_no_rows(tmp_path: Path) -> None:
    for kind in ("parquet", "arrow", "stream"):
        assert read(write(tmp_path / f"a.{kind}", pa.table({"t": pa.array([], pa.string())}), kind)).rows == []
