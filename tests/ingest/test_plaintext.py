from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.reading import read


@pytest.mark.parametrize("block_bytes", [1, 9, 8_000_000])
def test_a_line_is_a_row_and_paragraphs_are_not_guessed(tmp_path: Path, block_bytes: int) -> None:
    data = "one\r\n  two \n\n\nthree\u2028still three\n \t \nfour".encode()
    content = read(tmp_path / "a.txt", data, block_bytes=block_bytes)
    assert content.rows == [{"text": text} for text in ("one", "  two ", "three\u2028still three", "four")]
    assert content.lines == [1, 2, 5, 7]
    assert content.notes["blank_lines"] == 3
    assert [data[offset : offset + len(raw)] for offset, raw in content.places if offset is not None] == [
        raw for _, raw in content.places
    ]


def test_bad_utf8_rejects_its_line_and_nuls_are_removed(tmp_path: Path) -> None:
    content = read(tmp_path / "a.txt", b"one\ncaf\xe9 cr\xe8me\nt\x00wo\n")
    assert content.rows == [{"text": "one"}, {"text": "two"}]
    assert [(r.line, r.byte_offset, r.reason) for r in content.rejects] == [(2, 4, "invalid_utf8")]
    assert "0xe9 at position 4" in content.rejects[0].detail


def test_lines_over_the_limit_are_rejected(tmp_path: Path) -> None:
    data = b"a\n" + b"x" * 5_000 + b"\nb\n"
    content = read(tmp_path / "a.txt", data, limits={"max_record_bytes": 1_000})
    assert (len(content.rows), content.reasons) == (2, [(2, "too_long")])


def test_text_that_looks_a_little_like_json_stays_text(tmp_path: Path) -> None:
    for text in (b"[Verse 1]\nla la\n", b"{not json}\nnext\n", b"[\n"):
        assert len(read(tmp_path / "a.txt", text).rows) == text.count(b"\n")


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)), st.integers(1, 30))
def test_lines_come_back_as_written(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], block_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("text") / "a.txt"
    content = read(path, "\n".join(lines).encode(), format="text", encoding="utf-8", block_bytes=block_bytes)
    if not content.notes["bom_removed"]:
        assert [row["text"] for row in content.rows] == [line for line in lines if not line.isspace()]
