"""Benchmark files of every format become items with a name that people find them by, or an error that says where."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataprep.benchmark_files import Benchmarks, read_benchmarks
from dataprep.clean.config import CleanConfig
from dataprep.errors import InputError, ManyInputErrors
from dataprep.ingest.config import IngestLimits
from dataprep.pairs.benchmarks import BenchmarkIndex
from dataprep.pairs.config import BenchmarkConfig
from dataprep.record import RECORD_SCHEMA, Turns

ROWS = [{"question": f"What is {number} + {number}?", "answer": str(2 * number)} for number in range(3)]


def read(base: Path, *files: Any, limits: IngestLimits | None = None, workers: int = 1) -> Benchmarks:
    config = BenchmarkConfig.model_validate({"files": files})
    limits = limits or IngestLimits()
    return read_benchmarks(
        config, base=base, limits=limits, clean=CleanConfig(), key="benchmarks.files", workers=workers
    )


def contents(found: Benchmarks) -> list[str | None]:
    return Turns(found.items.batch["turns"]).contents.to_pylist()


def json_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def write_as(path: Path, rows: list[dict[str, Any]]) -> None:
    match path.suffixes:
        case [".jsonl", *_]:
            data = json_lines(rows)
        case [".json", *_]:
            data = json.dumps(rows, indent=1).encode()
        case [".csv", *_]:
            data = "".join(",".join(line) + "\n" for line in [rows[0], *(row.values() for row in rows)]).encode()
        case _:
            pq.write_table(pa.Table.from_pylist(rows), path)
            return
    if path.suffix == ".gz":
        data = gzip.compress(data)
    if path.suffix == ".zst":
        data = pa.compress(data, "zstd", asbytes=True)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("b.jsonl", [1, 2, 3]),
        ("b.jsonl.gz", [1, 2, 3]),
        ("b.jsonl.zst", [1, 2, 3]),
        ("b.json", [2, 6, 10]),
        ("b.csv", [2, 3, 4]),
        ("b.parquet", [1, 2, 3]),
    ],
)
def test_formats(tmp_path: Path, name: str, lines: list[int]) -> None:
    write_as(tmp_path / name, ROWS)
    found = read(tmp_path, name)
    assert found.items.names == tuple(f"{name}:{line}" for line in lines)
    assert contents(found) == [text for row in ROWS for text in row.values()]
    assert found.items.batch.schema == RECORD_SCHEMA
    assert [file.shown for file in found.files] == [name]
    assert found.mappings[name].shape == "question_answer"


def test_plain_text_is_an_item_a_line(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("First question?\n\nSecond question?\n", encoding="utf-8")
    found = read(tmp_path, "b.txt")
    assert (found.items.names, contents(found)) == (("b.txt:1", "b.txt:3"), ["First question?", "Second question?"])


def test_each_file_has_a_shape_of_its_own_and_globs_are_read_in_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/2.jsonl").write_bytes(json_lines([{"text": "a document", "label": "x"}]))
    (tmp_path / "b/1.jsonl").write_bytes(json_lines([{"prompt": "p", "completion": "c"}]))
    (tmp_path / "last.jsonl").write_bytes(json_lines([{"messages": [{"role": "user", "content": "m"}]}]))
    found = read(tmp_path, "last.jsonl", "b/*.jsonl")
    assert found.items.names == ("last.jsonl:1", "b/1.jsonl:1", "b/2.jsonl:1")
    assert contents(found) == ["m", "p", "c", "a document"]
    assert found.items.batch["label"].to_pylist() == [None, None, "x"]


def test_a_file_may_be_told_how_it_is_read(tmp_path: Path) -> None:
    row = {"prompt": "def add(a, b):", "canonical_solution": "return a + b", "choices": ["x", "y"]}
    (tmp_path / "code.jsonl").write_bytes(json_lines([row]))
    with pytest.raises(InputError, match="no shape fits") as caught:
        read(tmp_path, "code.jsonl")
    assert "in place of the path alone" in str(caught.value)
    columns = {"prompt": "prompt", "completion": "canonical_solution"}
    assert contents(read(tmp_path, {"path": "code.jsonl", "columns": columns})) == ["def add(a, b):", "return a + b"]
    template = {"prompt": "Complete: {prompt}", "completion": "{canonical_solution}"}
    templated = read(tmp_path, {"path": "code.jsonl", "template": template})
    assert contents(templated) == ["Complete: def add(a, b):", "return a + b"]


def test_items_are_cleaned_as_records_are(tmp_path: Path) -> None:
    rows = [{"question": "Where is MÃ¼nchen?\r\n", "answer": "In Bavaria.<|endoftext|>"}]
    (tmp_path / "b.jsonl").write_bytes(json_lines(rows))
    assert contents(read(tmp_path, "b.jsonl")) == ["Where is München?", "In Bavaria."]


def test_items_on_one_line_have_different_names(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(json.dumps(ROWS), encoding="utf-8")
    assert read(tmp_path, "b.json").items.names == ("b.json:1", "b.json:1#2", "b.json:1#3")


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    write_as(tmp_path / "b.jsonl", ROWS)
    found = read(tmp_path, "b.jsonl", "*.jsonl")
    assert (len(found.items), found.warnings) == (3, ("b.jsonl: named twice, read once",))


def test_many_blocks_are_one_batch(tmp_path: Path) -> None:
    rows = [{"question": f"{number} " + "word " * 400, "answer": "x"} for number in range(6000)]
    (tmp_path / "b.jsonl").write_bytes(json_lines(rows))
    items = read(tmp_path, "b.jsonl").items
    assert (len(items), items.batch.num_rows, items.names[-1]) == (6000, 6000, "b.jsonl:6000")
    assert items.batch["line"].to_pylist() == list(range(1, 6001))


def test_a_row_that_cannot_be_read_is_an_error_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(json_lines(ROWS[:2]) + b'{"question": \n' + json_lines(ROWS[2:]))
    with pytest.raises(InputError) as caught:
        read(tmp_path, "b.jsonl")
    assert (caught.value.file, caught.value.line) == ("b.jsonl", 3)
    assert caught.value.hint


def test_of_several_blocks_with_such_rows_the_first_is_named_whatever_the_workers(tmp_path: Path) -> None:
    rows = [{"question": f"{number} " + "word " * 400, "answer": "x"} for number in range(6_000)]
    lines = json_lines(rows).splitlines(keepends=True)
    lines[5_500] = b"{\n"
    lines[3_000] = b"{\n"
    (tmp_path / "b.jsonl").write_bytes(b"".join(lines))
    for workers in (1, 4):
        with pytest.raises(InputError) as caught:
            read(tmp_path, "b.jsonl", workers=workers)
        assert caught.value.line == 3_001


def test_a_row_that_becomes_no_item_is_one_too(tmp_path: Path) -> None:
    rows = [*ROWS, {"question": 7, "answer": "a number"}]
    (tmp_path / "b.jsonl").write_bytes(json_lines(rows))
    with pytest.raises(InputError, match="question") as caught:
        read(tmp_path, "b.jsonl")
    assert (caught.value.file, caught.value.line) == ("b.jsonl", 4)


def test_of_many_rows_the_first_are_named(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(json_lines(ROWS) + b"oops\n" * 50)
    with pytest.raises(ManyInputErrors) as caught:
        read(tmp_path, "b.jsonl")
    assert [error.line for error in caught.value.errors] == list(range(4, 14))


@pytest.mark.parametrize("data", [b"", b"\n\n", gzip.compress(b"")])
def test_an_empty_file_is_a_mistake(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "b.jsonl").write_bytes(data)
    with pytest.raises(InputError, match="no items") as caught:
        read(tmp_path, "b.jsonl")
    assert (caught.value.file, caught.value.key) == ("b.jsonl", "benchmarks.files")


@pytest.mark.parametrize("path", ["none.jsonl", "*.csv"])
def test_a_path_that_names_nothing_is_a_mistake(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, path)
    assert caught.value.key == "benchmarks.files"


def test_no_files_are_no_items(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert (len(found.items), found.items.batch.num_rows, found.files) == (0, 0, ())


def test_gsm8k(shared_data: Path) -> None:
    found = read(shared_data, "qa/gsm8k_test.jsonl.gz")
    assert len(found.items) == 1319
    assert found.items.names[602] == "qa/gsm8k_test.jsonl.gz:603"
    counts = BenchmarkIndex(found.items, ngram=13).counts
    assert (counts.items, counts.copies, counts.empty, counts.exact_only) == (1319, 0, 0, 0)
