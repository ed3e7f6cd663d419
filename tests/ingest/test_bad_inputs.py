"""The rows of the bad-input table that concern reading, by their numbers; details are tested beside each reader."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataprep.errors import InputError
from dataprep.ingest.config import IngestLimits, SourceConfig
from dataprep.ingest.formats import detect_format, open_blocks
from dataprep.ingest.rows import Block
from tests.ingest.reading import Content, read

GOOD = b"".join(b'{"n": %d}\n' % n for n in range(100))


def parquet(path: Path) -> bytes:
    pq.write_table(pa.table({"n": list(range(100))}), path)
    return path.read_bytes()


class TestWrongExtensions:  # row 3
    @pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt", "a.parquet", "a", "a.gz"])
    @pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "json", "parquet"])
    def test_content_decides(self, tmp_path: Path, name: str, kind: str) -> None:
        data = {
            "jsonl": GOOD,
            "jsonl.gz": gzip.compress(GOOD),
            "json": json.dumps([{"n": n} for n in range(100)]).encode(),
            "parquet": parquet(tmp_path / "source"),
        }[kind]
        content = read(tmp_path / name, data)
        assert [row["n"] for row in content.rows] == list(range(100))
        fitting = {"a.jsonl": ("jsonl", "jsonl.gz", "json"), "a.parquet": ("parquet",)}
        suspicious = name not in ("a", "a.gz") and kind not in fitting.get(name, ())
        assert content.notes["wrong_extension"] == suspicious

    def test_csv_inside_gzip_under_the_name_csv(self, tmp_path: Path) -> None:
        assert read(tmp_path / "a.csv", gzip.compress(b"text,label\na,b\n")).rows == [{"text": "a", "label": "b"}]

    @pytest.mark.parametrize(
        ("name", "data", "message"),
        [
            ("a.jsonl", b"text,label\na,b\n", "named as JSON, but no line of it is"),
            ("a.parquet", b"text,label\na,b\n", "named as parquet, but holds text"),
            ("a.jsonl", b"PK\x03\x04\x14\0\0\0", "looks like a zip archive"),
            ("a.csv", b"PK\x03\x04\x14\0\0\0", "looks like a zip archive or an Excel"),
            ("a.jsonl.bz2", b"BZh91AY&SY\x8f\x01\x02", "looks like bzip2"),
            ("a.jsonl.xz", b"\xfd7zXZ\x00\x00\x04", "looks like xz"),
            ("a.jsonl", bytes(range(256)) * 8, "binary data, not text"),
        ],
    )
    def test_what_cannot_be_read_is_named(self, tmp_path: Path, name: str, data: bytes, message: str) -> None:
        with pytest.raises(InputError, match=message) as caught:
            read(tmp_path / name, data)
        assert caught.value.file == name
        assert caught.value.hint

    def test_a_declared_format_that_magic_bytes_contradict_is_refused(self, tmp_path: Path) -> None:
        parquet(tmp_path / "a.csv")
        with pytest.raises(InputError, match="looks like parquet, but `format` says csv"):
            read(tmp_path / "a.csv", format="csv")
        with pytest.raises(InputError, match="not a parquet file"):
            read(tmp_path / "b.parquet", GOOD, format="parquet")

    def test_a_declared_format_overrules_the_look_of_text(self, tmp_path: Path) -> None:
        assert read(tmp_path / "a.jsonl", GOOD, format="text").rows[0] == {"text": '{"n": 0}'}
        assert read(tmp_path / "a.txt", b"text,label\na,b\n", format="csv").rows == [{"text": "a", "label": "b"}]
        assert read(tmp_path / "a.csv", b"text,a\tlabel\nx,y\tz\n", format="tsv").rows == [
            {"text,a": "x,y", "label": "z"}
        ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt", "a.jsonl.gz"])
@pytest.mark.parametrize("data", [b"", b"\n\n \n\r\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_empty_files_and_blank_lines_have_no_rows(tmp_path: Path, name: str, data: bytes) -> None:  # row 4
    stored = gzip.compress(data) if name.endswith(".gz") else data
    content = read(tmp_path / name, stored)
    assert (content.rows, content.rejects) == ([], [])
    assert content.notes["blank_lines"] == data.count(b"\n")
    assert content.notes["empty_file"] == (b"\n" not in data)


def test_an_empty_gzip_file_of_no_bytes_is_empty(tmp_path: Path) -> None:  # rows 1 and 4
    assert read(tmp_path / "a.jsonl.gz", b"").notes == {"empty_file": 1}
    with pytest.raises(InputError, match="gzip ended early after 0 good rows"):
        read(tmp_path / "a.jsonl.gz", gzip.compress(GOOD)[:12])


def test_rows_and_rejects_add_up_to_the_lines_of_the_file(tmp_path: Path) -> None:
    lines = [
        *(b'{"t": "ok"}', b'{"t": "caf\xe9"}', b'{"t": "\\ud83d"}', b'{"t": "\\u0000"}', b"garbage", b"3", b"null"),
        *(b'{"a": 1, "a": 2}', b'{"t": NaN}', b'{"t": 123456789012345678901234567890}', b"[" * 5000 + b"]" * 5000),
        *(b'{"t": "' + b"x" * 5000 + b'"}', '{"t": "\u2028\u0085"}'.encode(), b"", b'{"t": "cut'),
    ]
    for block_bytes in (10, 1000, 1_000_000):
        content = read(
            tmp_path / "a.jsonl", b"\n".join(lines), block_bytes=block_bytes, limits={"max_record_bytes": 2_000}
        )
        assert len(content.rows) + len(content.rejects) + content.notes["blank_lines"] == len(lines)
        assert sorted(content.lines + [line for line, _ in content.reasons]) == [*range(1, 14), 15]
        assert content.reasons == sorted(
            [
                *((2, "invalid_utf8"), (3, "lone_surrogate"), (5, "invalid_json"), (6, "not_an_object")),
                *((7, "not_an_object"), (8, "duplicate_key"), (11, "too_long"), (12, "too_long")),
                (15, "truncated_row"),
            ]
        )


class TestFilesThatChange:  # row 27
    def blocks(self, path: Path) -> Iterator[Block]:
        config = SourceConfig(path=str(path))
        return open_blocks(path, format="auto", source=config, limits=IngestLimits(), block_bytes=50, shown="a")

    @pytest.mark.parametrize("kind", ["jsonl", "parquet"])
    def test_growing(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "a"
        path.write_bytes(GOOD if kind == "jsonl" else parquet(tmp_path / "source"))
        blocks = self.blocks(path)
        next(blocks)
        with path.open("ab") as file:
            file.write(b'{"n": 1}\n')
        with pytest.raises(InputError, match="changed while it was read"):
            list(blocks)

    def test_vanishing(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_bytes(GOOD)
        blocks = self.blocks(path)
        next(blocks)
        path.unlink()
        with pytest.raises(InputError, match="cannot be found"):
            list(blocks)

    def test_being_replaced_or_written_in_place(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_bytes(GOOD)
        blocks = self.blocks(path)
        next(blocks)
        other = tmp_path / "b"
        other.write_bytes(GOOD)
        other.replace(path)
        with pytest.raises(InputError, match="changed while it was read"):
            list(blocks)


def test_hostile_keys_pass_through_as_they_are(tmp_path: Path) -> None:  # row 28
    keys = ["a b", "'; drop table x --", "<script>", "\x1b[31m", "new\nline", "", "x" * 5000, "__class__", "\u202e"]
    content = read(tmp_path / "a.jsonl", json.dumps(dict.fromkeys(keys, 1)).encode() + b"\n")
    assert list(content.rows[0]) == keys


def test_a_hostile_file_name_is_found_by_its_path_and_shown_as_told(tmp_path: Path) -> None:  # row 28
    path = tmp_path / os.fsdecode(b"caf\xe9 *?[\n\x1b'.jsonl")
    assert len(read(path, GOOD).rows) == 100
    assert len(read(path, parquet(tmp_path / "source")).rows) == 100
    assert detect_format(path, SourceConfig(path="x")).kind == "parquet"


def test_blocks_may_be_parsed_in_any_order_and_again(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD)
    config = SourceConfig(path="a")
    blocks = list(
        open_blocks(
            tmp_path / "a.jsonl", format="auto", source=config, limits=IngestLimits(), block_bytes=100, shown="a"
        )
    )
    backwards, forwards = Content(), Content()
    for block in reversed(blocks):
        backwards.add(block.parse())
    for block in blocks:
        forwards.add(block.parse())
    assert sorted(backwards.lines) == forwards.lines == list(range(1, 101))


def test_detection_tells_what_init_needs(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress("text;label\ncafé;x\n".encode("utf-16")))
    found = detect_format(tmp_path / "a.csv.gz", SourceConfig(path="a"))
    assert (found.kind, found.compression, found.encoding) == ("csv", "gzip", "utf-16")
    assert found.csv is not None
    assert (found.csv.dialect.delimiter, found.csv.dialect.columns) == (";", ("text", "label"))
