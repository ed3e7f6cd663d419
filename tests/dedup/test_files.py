"""`dedup` from file to file: rows that stay are as they were, in every format, whatever the text."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataprep.dedup.job import dedup
from dataprep.errors import InputError, RefusedError
from tests.commands import command
from tests.dedup.corpora import write

FOX = "The quick brown fox jumps over the lazy dog near the old mill by the river"
HOSTILE = '\\u2028 \u2028, "quotes", \\u0000, <script>alert(1)</script>, \x1b[2J, =1+1 and \N{GRINNING FACE} too'


def lines(*texts: str, end: str = "\n") -> bytes:
    rows = [json.dumps({"n": number, "text": text}) for number, text in enumerate(texts)]
    return (end.join(rows) + end).encode()


def test_json_lines_stay_byte_for_byte(tmp_path: Path) -> None:
    odd = b'{"text" :  "' + FOX.encode() + b'",\t"n": 1.50, "n2": 12345678901234567890}\r\n'
    source = tmp_path / "in.jsonl"
    source.write_bytes(odd + lines(HOSTILE, FOX.upper(), HOSTILE, "other words entirely here") + b"\n\n")
    result = dedup(source, tmp_path / "out.jsonl", text=["text"])
    assert (result.rows, result.kept, result.exact) == (5, 3, 2)
    kept = source.read_bytes().split(b"\n")
    assert (tmp_path / "out.jsonl").read_bytes() == b"\n".join([kept[0], kept[1], kept[4], b""])


def test_the_last_line_need_not_end(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text(f"{FOX}\n{FOX}\nthe end")
    dedup(source, tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == f"{FOX}\nthe end"


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst", ".jsonl"])
def test_what_is_packed_is_unpacked_and_packed_by_name(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.jsonl.gz", tmp_path / f"out{suffix}"
    source.write_bytes(gzip.compress(lines(FOX, FOX)))
    dedup(source, target)
    with pa.input_stream(str(target), compression="detect") as stream:
        assert stream.read() == lines(FOX)
    assert (tmp_path / "out.clusters.parquet").exists()


def test_csv_keeps_its_header_and_its_quotes(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(f'id;text\r\n1;"{FOX},\nand ""more"""\r\n2;{FOX}, and more\r\n3;short\r\n'.encode())
    dedup(source, tmp_path / "out.csv", text=["text"])
    assert (tmp_path / "out.csv").read_bytes() == f'id;text\r\n1;"{FOX},\nand ""more"""\r\n3;short\r\n'.encode()


def test_parquet_keeps_columns_types_and_compression(tmp_path: Path) -> None:
    turns = [[{"role": "system", "content": "You help."}, {"role": "user", "content": FOX}]] * 2
    table = pa.table(
        {
            "messages": [*turns, [{"role": "user", "content": "something else is asked for here"}]],
            "when": pa.array([1, 2, 3], pa.timestamp("us", "UTC")),
            "kind": pa.array(["a", None, "b"]).dictionary_encode(),
            "deep": [{"x": [1, 2]}, None, {"x": []}],
        }
    ).replace_schema_metadata({"made": "by hand"})
    pq.write_table(table, tmp_path / "in.parquet", compression={"messages": "zstd"} | dict.fromkeys(("when",), "gzip"))
    result = dedup(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert "messages" in result.comparing
    written = pq.read_table(tmp_path / "out.parquet")
    assert written.equals(pq.read_table(tmp_path / "in.parquet").take([0, 2]), check_metadata=True)
    codecs = [
        pq.read_metadata(tmp_path / f"{name}.parquet").row_group(0).column(2).compression for name in ("in", "out")
    ]
    assert codecs == ["GZIP", "GZIP"]


@pytest.mark.parametrize("stream", [True, False])
def test_arrow_files_and_streams(tmp_path: Path, stream: bool) -> None:
    table = pa.table({"text": pa.array([FOX, "other", FOX], pa.large_string()), "n": [1, 2, 3]})
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(str(tmp_path / "in.arrow"), table.schema) as writer:
        writer.write_table(table)
    dedup(tmp_path / "in.arrow", tmp_path / "out.arrow")
    opened = (pa.ipc.open_stream if stream else pa.ipc.open_file)((tmp_path / "out.arrow").read_bytes())
    assert opened.read_all().equals(table.take([0, 1]))


def test_several_columns_are_compared_together(tmp_path: Path) -> None:
    table = pa.table({"q": [FOX, FOX], "a": ["yes and no and maybe so", "an answer of another kind"]})
    pq.write_table(table, tmp_path / "in.parquet")
    assert dedup(tmp_path / "in.parquet", tmp_path / "out.parquet", text=["q"]).kept == 1
    assert dedup(tmp_path / "in.parquet", tmp_path / "out.parquet", text=["q", "a"]).kept == 2
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    assert dedup(tmp_path / "in.jsonl", tmp_path / "out.jsonl", text=["q"]).kept == 1
    assert dedup(tmp_path / "in.jsonl", tmp_path / "out.jsonl", text=["q", "a"]).kept == 2


def test_rows_that_cannot_be_read_are_counted_and_kept_beside(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(lines(FOX) + b"{broken\n" + lines("more words in this one", FOX))
    result = dedup(source, tmp_path / "out.jsonl", text=["text"])
    assert (result.rows, result.kept, result.rejected) == (3, 2, 1)
    rejects = [json.loads(line) for line in (tmp_path / "out.rejects.jsonl").read_bytes().splitlines()]
    assert [(each["line"], each["reason"], each["raw"]) for each in rejects] == [(2, "invalid_json", "{broken")]


def test_too_many_of_them_stop_the_job_and_nothing_is_written(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(lines(FOX) + b"{broken\n" * 30)
    with pytest.raises(RefusedError, match="30 of 31 rows"):
        dedup(source, tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_the_input_is_never_written_over(tmp_path: Path) -> None:
    source = write(tmp_path / "in.parquet", [FOX])
    (tmp_path / "link.parquet").symlink_to(source)
    for target in (source, tmp_path / "link.parquet"):
        with pytest.raises(InputError, match="written over the input"):
            dedup(source, target)


def test_users_mistakes_say_what_to_do(tmp_path: Path) -> None:
    write(tmp_path / "in.parquet", [FOX])
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "in.parquet").read_bytes()[:60])
    (tmp_path / "one.json").write_text('[{"text": "a"}]')
    mistakes = [
        (("in.parquet", "-o", "out.parquet", "--text", "txt"), "did you mean 'text'?"),
        (("in.parquet", "-o", "out.parquet", "--text", "id"), "holds int64, not text"),
        (("in.parquet", "-o", "out.jsonl"), "end it in .parquet"),
        (("in.parquet", "-o", "no/where.parquet"), "there is no such folder"),
        (("cut.parquet", "-o", "out.parquet"), "not a readable Parquet file"),
        (("none.parquet", "-o", "out.parquet"), "there is no such file"),
        (("one.json", "-o", "out.json"), "not JSON Lines"),
        (("in.parquet", "-o", "out.parquet", "--memory", "lots"), "no size"),
    ]
    for arguments, words in mistakes:
        done = command("dedup", *arguments, folder=tmp_path)
        assert done.code == 2, arguments
        assert words in done.err
        assert "next:" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.parquet", "in.parquet", "one.json"]


def test_the_command_tells_what_it_did_in_words_and_as_json(tmp_path: Path) -> None:
    write(tmp_path / "in.parquet", [FOX, FOX.lower(), f"{FOX} today", "other words that stay as they are"])
    done = command("dedup", "in.parquet", "-o", "out.parquet", folder=tmp_path)
    assert done.code == 0
    assert "comparing 'text'" in done.err
    assert "removed              2  (50.0%: 1 exact, 1 near)" in done.out
    assert "removed through a chain: 0.0%" in done.out
    told = json.loads(command("dedup", "in.parquet", "-o", "out.parquet", "--json", folder=tmp_path).stdout)
    assert (told["rows"], told["kept"], told["profile"]["1.0"], told["chained_share"]) == (4, 2, 1, 0.0)
    clusters = pq.read_table(tmp_path / "out.clusters.parquet").to_pydict()
    assert clusters["row"] == [0, 1, 2]
    assert clusters["kept_row"] == [0, 0, 0]
    assert clusters["cluster_size"] == [3, 3, 3]


@pytest.mark.parametrize(
    "text", [HOSTILE, "\ud800".encode("utf-8", "replace").decode(), "\x00" * 50, "\u202e" * 9, "e" + "\u0301" * 5000]
)
def test_hostile_text_is_text(tmp_path: Path, text: str) -> None:
    safe = text.encode("utf-16", "surrogatepass").decode("utf-16")
    write(tmp_path / "in.parquet", [f"{FOX} {safe}", f"{FOX} {safe}", "x"])
    assert dedup(tmp_path / "in.parquet", tmp_path / "out.parquet", text=["text"]).kept == 2


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "txt"])
def test_a_file_without_a_byte_gives_one_without_a_byte(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    source.write_bytes(b"")
    assert dedup(source, target).rows == 0
    assert target.read_bytes() == b""
    with pytest.raises(InputError, match=r"end it in \.jsonl"):
        dedup(source, tmp_path / "out.parquet")
