from __future__ import annotations

import codecs
import gzip
import os
import random
import shutil
import subprocess
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dataprep.errors import InputError
from dataprep.ingest.bytestream import ByteStream
from dataprep.ingest.config import IngestLimits
from tests.ingest.reading import Content, peak_megabytes, read

NOISE = random.Random(0)
LINES = b"".join(b'{"n": %d, "noise": "%s"}\n' % (n, NOISE.randbytes(30).hex().encode()) for n in range(3_000))


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(data)
    return sink.getvalue().to_pybytes()


COMPRESS = {"gzip": gzip.compress, "zstd": zstd}


def content_of(path: Path, *, size: int = 1000, encoding: str | None = None) -> bytes:
    with ByteStream(path, shown=path.name, limits=IngestLimits(), encoding=encoding) as stream:
        return b"".join(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize("how", ["gzip", "zstd"])
@pytest.mark.parametrize("size", [1, 1000, 10_000_000])
def test_members_and_frames_follow_each_other(tmp_path: Path, how: str, size: int) -> None:
    path = tmp_path / "a"
    parts = [LINES[:2000], b"", LINES[2000:5000]]
    path.write_bytes(b"".join(map(COMPRESS[how], parts)))
    assert content_of(path, size=size) == LINES[:5000]


@pytest.mark.parametrize("padding", [1, 511, 600_000])
def test_zero_padding_behind_gzip_is_counted(tmp_path: Path, padding: int) -> None:
    content = read(tmp_path / "a.jsonl.gz", gzip.compress(LINES) + b"\0" * padding)
    assert (len(content.rows), content.notes["trailing_gzip_padding"]) == (3_000, 1)


@pytest.mark.parametrize("how", ["gzip", "zstd"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.999])
def test_a_truncated_file_says_how_many_good_rows_came_before(tmp_path: Path, how: str, share: float) -> None:
    data = COMPRESS[how](LINES)
    content = Content()
    with pytest.raises(InputError, match=rf"{how} ended early after \d+ good rows") as caught:
        read(tmp_path / "a.jsonl.gz", data[: int(len(data) * share)], into=content, block_bytes=10_000)
    assert caught.value.message == f"{how} ended early after {len(content.rows)} good rows"
    assert caught.value.file == "a.jsonl.gz"
    assert [row["n"] for row in content.rows] == list(range(len(content.rows)))
    assert len(content.rows) >= 3_000 * share - (1_700 if how == "zstd" else 200)  # a zstd block holds 128 kB
    assert not content.rejects


def test_good_rows_do_not_count_rejects(tmp_path: Path) -> None:
    data = gzip.compress(b"bad\n" + LINES)
    content = Content()
    with pytest.raises(InputError, match="after 3000 good rows"):
        read(tmp_path / "a.jsonl.gz", data[:-4], into=content)
    assert content.reasons == [(1, "invalid_json")]


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_damage_in_the_middle_ends_the_file_there(tmp_path: Path, how: str) -> None:
    data = bytearray(COMPRESS[how](LINES))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(InputError, match=rf"{how}.* (damaged|ended early) after \d+ good rows"):
        read(tmp_path / "a.jsonl", bytes(data))


def test_other_bytes_behind_gzip_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="followed by bytes that are no gzip after 3000 good rows"):
        read(tmp_path / "a.jsonl.gz", gzip.compress(LINES) + b"garbage")


def test_what_the_command_line_tools_write_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for tool, suffix in (("gzip", ".gz"), ("zstd", ".zst")):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
        path.write_bytes(LINES)
        subprocess.run([tool, "-qfk", path], check=True)
        assert content_of(path.with_suffix(f".jsonl{suffix}")) == LINES


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_byte_order_marks_decide_the_encoding(tmp_path: Path, encoding: str, size: int) -> None:
    text = 'é\u2028😀\n{"a": "ü"}\n'
    mark = {"utf-16-be": codecs.BOM_UTF16_BE, "utf-16-le": codecs.BOM_UTF16_LE}.get(encoding, b"")
    path = tmp_path / "a"
    path.write_bytes(mark + text.encode(encoding))
    assert content_of(path, size=size) == text.encode()
    assert content_of(path, size=size, encoding="latin-1") == text.encode()


def test_marks_and_decoding_are_counted(tmp_path: Path) -> None:
    assert read(tmp_path / "a.jsonl", codecs.BOM_UTF8 + LINES).notes == {"bom_removed": 1}
    notes = read(tmp_path / "a.jsonl", LINES.decode().encode("utf-16")).notes
    assert notes == {"bom_removed": 1, "utf16_decoded": 1}
    assert read(tmp_path / "a.jsonl", LINES, encoding="cp1252").notes == {"cp1252_decoded": 1}


def test_offsets_count_the_mark(tmp_path: Path) -> None:
    content = read(tmp_path / "a.jsonl", codecs.BOM_UTF8 + b'{"a": 1}\nbad\n')
    assert (content.places[0][0], content.rejects[0].byte_offset) == (3, 12)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8")), st.sampled_from(["utf-16", "utf-32", "utf-8-sig"]), st.integers(1, 9))
def test_decoding_in_pieces_gives_the_text(
    tmp_path_factory: pytest.TempPathFactory, text: str, encoding: str, size: int
) -> None:
    assume((encoding, text[:1]) != ("utf-16", "\0"))  # whose mark and NUL are the mark of UTF-32
    path = tmp_path_factory.mktemp("encodings") / "a"
    path.write_bytes(text.encode(encoding))
    assert content_of(path, size=size) == text.encode()


@pytest.mark.parametrize(
    ("encoding", "bad"),
    [("utf-16-le", b"\x3d\xd8"), ("utf-32-le", b"\x00\x00\x11\x00"), ("cp1252", b"\x81"), ("shift_jis", b"\xfd")],
)
def test_what_an_encoding_cannot_mean_rejects_its_row_only(tmp_path: Path, encoding: str, bad: bytes) -> None:
    first, last = '{"a": "1"}\n{"a": "'.encode(encoding), '"}\n{"a": "3"}\n'.encode(encoding)
    content = read(tmp_path / "a.jsonl", first + bad + last, encoding=encoding)
    assert content.rows == [{"a": "1"}, {"a": "3"}]
    assert content.reasons == [(2, "invalid_utf8")]
    assert content.rejects[0].byte_offset is None


@pytest.mark.parametrize("encoding", ["utf9", "rot13", "hex", "a\0b"])
def test_an_encoding_that_does_not_exist_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(InputError, match="no text encoding") as caught:
        read(tmp_path / "a.jsonl", LINES, encoding=encoding)
    assert caught.value.key == "encoding"


def test_utf16_without_a_mark_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="UTF-16 without") as caught:
        read(tmp_path / "a.jsonl", LINES.decode().encode("utf-16-be"))
    assert "utf-16-be" in str(caught.value)


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_a_bomb_is_refused_in_bounded_memory(tmp_path: Path, how: str) -> None:
    path = tmp_path / "a.jsonl.gz"
    if how == "gzip":
        member = gzip.compress(b"\n" * 10_000_000, 9)
        path.write_bytes(member * 26)
    else:
        sink = pa.OSFile(str(path), "wb")
        with pa.CompressedOutputStream(sink, "zstd") as out:
            for _ in range(26):
                out.write(b"\n" * 10_000_000)
        sink.close()
    assert path.stat().st_size < 260_000
    peak, outcome = peak_megabytes(path, max_expanded_bytes=250_000_000)
    assert "decompression bomb" in outcome
    assert peak < 100


def test_a_line_of_any_length_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b'{"a": 1}\n' * 10_000)
        file.truncate(200_000_000)  # a hole: zero bytes that need no disk
        file.seek(0, os.SEEK_END)
        file.write(b'\n{"a": 2}\n')
    peak, outcome = peak_megabytes(path)
    assert outcome == "10001 rows, [('too_long', 199910000)]"
    assert peak < 100


def test_a_fifo_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    raised: list[InputError] = []

    def attempt() -> None:
        try:
            read(tmp_path / "a.jsonl")
        except InputError as error:
            raised.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(10)
    assert raised
    assert "not a regular file" in str(raised[0])


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    for name in (".", "absent.jsonl"):
        with pytest.raises(InputError):
            read(tmp_path / name)
