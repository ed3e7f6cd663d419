from __future__ import annotations

import csv
import gzip
import io
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.errors import InputError
from dataprep.ingest.delimited import Dialect, split_records
from tests.ingest.reading import read

FIELDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=8)


@settings(deadline=None)
@given(
    st.lists(st.lists(FIELDS, min_size=2, max_size=2), min_size=1, max_size=8),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(1, 60),
)
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], delimiter: str, quoting: int, block_bytes: int
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerows([["text", "label"], *rows])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    options = {"delimiter": delimiter, "quote": '"', "header": True}
    content = read(path, out.getvalue().encode(), csv=options, block_bytes=block_bytes)
    assert [list(row.values()) for row in content.rows] == rows
    assert not content.rejects


@settings(deadline=None)
@given(st.text('a",\n', max_size=40))
def test_any_quotes_give_every_line_to_exactly_one_record(text: str) -> None:
    data = text.encode()
    spans = list(split_records(data, Dialect(",", '"'), at_end=True, max_open_bytes=1000))
    assert b"".join(data[span.start : span.end] for span in spans) == data
    assert [span.line for span in spans] == [data.count(b"\n", 0, span.start) for span in spans]
    for span in spans:
        if span.fault is None:
            record = data[span.start : span.end].decode().rstrip("\n")
            expected = list(csv.reader(io.StringIO(record, newline=""), strict=True)) if record else [[""]]
            assert [Dialect(",", '"').fields(record)] == expected


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected(tmp_path: Path, delimiter: str) -> None:
    rows = [["text", "label", "n"], ["one, two; three", "x|y", "1,5"], ["four", "z", "2,5"]]
    data = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    content = read(tmp_path / "a.csv", data.encode())
    assert [list(row.values()) for row in content.rows] == rows[1:]


def test_values_stay_text_and_empty_fields_stay_empty(tmp_path: Path) -> None:
    content = read(tmp_path / "a.csv", b"zip,town,n\n02134,Boston,\n00501,,1e5\n")
    assert content.rows == [{"zip": "02134", "town": "Boston", "n": ""}, {"zip": "00501", "town": "", "n": "1e5"}]


@pytest.mark.parametrize("block_bytes", [1, 20, 8_000_000])
def test_a_record_with_line_breaks_stands_at_its_first_line(tmp_path: Path, block_bytes: int) -> None:
    data = b'text,label\r\n"one\r\ntwo\n\n""three""",x\r\nfour,y\r\n\r\n"five,5",z'
    content = read(tmp_path / "a.csv", data, block_bytes=block_bytes)
    assert [row["text"] for row in content.rows] == ['one\r\ntwo\n\n"three"', "four", "five,5"]
    assert content.lines == [2, 6, 8]
    assert content.notes["blank_lines"] == 1
    for offset, raw in content.places:
        assert offset is not None
        assert data[offset:].startswith(raw)


@pytest.mark.parametrize("block_bytes", [1, 20, 8_000_000])
def test_an_unclosed_quote_costs_its_own_row_only(tmp_path: Path, block_bytes: int) -> None:
    data = b'text,label\na,1\n"never closed,2\nb,3\n"c",4\n"last, also open\nd,5\n'
    content = read(tmp_path / "a.csv", data, block_bytes=block_bytes)
    assert [row["text"] for row in content.rows] == ["a", "b", "c", "d"]
    assert content.reasons == [(3, "unclosed_quote"), (6, "unclosed_quote")]
    assert "line 3" in content.rejects[0].detail
    assert content.rejects[0].raw == b'"never closed,2'


def test_the_line_where_a_quote_opened_is_named_within_a_longer_record(tmp_path: Path) -> None:
    content = read(tmp_path / "a.csv", b'text,label\n"one\ntwo","open\nb,3\nc,4\n', csv={"header": True, "quote": '"'})
    assert content.rows == [{"text": "b", "label": "3"}, {"text": "c", "label": "4"}]
    assert content.reasons == [(2, "unclosed_quote")]
    assert "line 3" in content.rejects[0].detail
    assert content.rejects[0].raw == b'"one\ntwo","open'


def test_a_quote_inside_a_quoted_field_is_rejected_not_guessed(tmp_path: Path) -> None:
    content = read(tmp_path / "a.csv", b'text,label\n"he said "hi" to me",1\n"b, c",2\n5" pipe,3\n')
    assert [row["text"] for row in content.rows] == ["b, c", '5" pipe']
    assert content.reasons == [(2, "stray_quote")]
    assert "doubled" in content.rejects[0].detail


def test_ragged_rows_are_rejected(tmp_path: Path) -> None:
    content = read(tmp_path / "a.csv", b"text,label\na,1\nb\nc,2,3\nd,4\n")
    assert [row["text"] for row in content.rows] == ["a", "d"]
    assert [(reject.line, reject.detail) for reject in content.rejects] == [
        (3, "expected 2 fields, got 1"),
        (4, "expected 2 fields, got 3"),
    ]


def test_bad_utf8_rejects_its_row_and_nuls_are_removed(tmp_path: Path) -> None:
    content = read(tmp_path / "a.csv", b"text,label\ncaf\xe9,1\na\x00b,2\n")
    assert content.rows == [{"text": "ab", "label": "2"}]
    assert content.reasons == [(2, "invalid_utf8")]
    assert content.rejects[0].byte_offset == 11
    assert content.notes["nul_removed"] == 1


def test_a_declared_encoding_is_decoded(tmp_path: Path) -> None:
    content = read(tmp_path / "a.csv", "text,label\ncafé,1\n".encode("cp1252"), encoding="cp1252")
    assert content.rows == [{"text": "café", "label": "1"}]
    assert content.places[0][0] is None


@pytest.mark.parametrize("block_bytes", [50, 100_000])
def test_a_record_over_the_limit_is_rejected(tmp_path: Path, block_bytes: int) -> None:
    long = b"x" * 50_000
    data = b"text,label\na,1\n" + long + b",2\nb,3\n"
    content = read(tmp_path / "a.csv", data, block_bytes=block_bytes, limits={"max_record_bytes": 1_000})
    assert ([row["text"] for row in content.rows], content.lines) == (["a", "b"], [2, 4])
    assert [(r.line, r.reason, r.length) for r in content.rejects] == [(3, "too_long", 50_002)]


def test_cr_line_ends_are_read(tmp_path: Path) -> None:
    content = read(tmp_path / "a.csv", b"text,label\ra,1\rb,2\r")
    assert ([row["text"] for row in content.rows], content.lines) == (["a", "b"], [2, 3])


class TestHeaders:
    def test_without_a_header_columns_are_numbered(self, tmp_path: Path) -> None:
        content = read(tmp_path / "a.csv", b"Where is my card?,card_arrival\nIt is lost.,lost_card\n")
        assert [list(row) for row in content.rows] == [["column1", "column2"]] * 2
        assert content.notes["no_header"] == 1

    def test_a_first_row_whose_label_comes_again_is_data(self, tmp_path: Path) -> None:
        assert len(read(tmp_path / "a.csv", b"nice,pos\nbad,neg\ngood,pos\n").rows) == 3

    def test_the_user_decides_about_the_header(self, tmp_path: Path) -> None:
        data = b"nice,pos\nbad,neg\ngood,pos\n"
        assert len(read(tmp_path / "a.csv", data, csv={"header": True}).rows) == 2
        assert len(read(tmp_path / "a.csv", b"text,label\na,b\n", csv={"header": False}).rows) == 2

    def test_given_names_replace_the_header(self, tmp_path: Path) -> None:
        content = read(tmp_path / "a.csv", b"text,text\na,1\n", csv={"column_names": ("x", "y")})
        assert content.rows == [{"x": "a", "y": "1"}]

    def test_the_unnamed_index_of_pandas_gets_a_name(self, tmp_path: Path) -> None:
        content = read(tmp_path / "a.csv", b",text\n0,a\n1,b\n")
        assert content.rows == [{"column1": "0", "text": "a"}, {"column1": "1", "text": "b"}]
        assert content.notes["unnamed_column_named"] == 1

    @pytest.mark.parametrize(
        ("data", "message", "option"),
        [
            (b"text,text\na,b\nc,d\n", "two columns are named 'text'", "csv.column_names"),
            (b"text,,label\na,b,c\nd,e,f\n", "column 2 has no name", "csv.column_names"),
            (b"My survey of 2020\ntext,label\na,b\nc,d\n", "the first row has 1 fields", "csv.skip_rows"),
            (b"text,score\nwords,points\na,1\nb,2\nc,3\nd,4\n", "two header rows", "csv.skip_rows"),
        ],
    )
    def test_a_header_that_cannot_be_used_names_the_option(
        self, tmp_path: Path, data: bytes, message: str, option: str
    ) -> None:
        with pytest.raises(InputError, match=message) as caught:
            read(tmp_path / "a.csv", data)
        assert (caught.value.file, caught.value.key) == ("a.csv", option)
        assert option in str(caught.value)

    def test_rows_before_the_header_are_skipped_on_request(self, tmp_path: Path) -> None:
        data = b"text,score\nwords,points\na,1\nb,2\nc,3\nd,4\n"
        content = read(tmp_path / "a.csv", data, csv={"skip_rows": 1})
        assert content.rows[0] == {"words": "a", "points": "1"}
        assert content.lines[0] == 3

    def test_a_missing_value_in_the_first_row_is_no_second_header(self, tmp_path: Path) -> None:
        assert len(read(tmp_path / "a.csv", b"text,score\nx,n/a\na,1\nb,2\nc,3\nd,4\n").rows) == 5

    def test_a_header_alone_has_no_rows(self, tmp_path: Path) -> None:
        assert read(tmp_path / "a.csv", b"text,label\n").rows == []

    def test_names_may_be_hostile(self, tmp_path: Path) -> None:
        data = b'\'; drop table,<script>,\x1b[31m,"a\nb"\n1,2,3,4\n'
        assert list(read(tmp_path / "a.csv", data).rows[0]) == ["'; drop table", "<script>", "\x1b[31m", "a\nb"]


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"delimiter": "é"}, "csv.delimiter"),
        ({"delimiter": '"', "quote": '"'}, "csv.quote"),
        ({"column_names": ("a", "a")}, "csv.column_names"),
        ({"column_names": ("a",)}, "csv.column_names"),
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path: Path, options: dict[str, object], key: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path / "a.csv", b"text,label\na,1\n", csv=options)
    assert caught.value.key == key


def test_faults_on_every_line_do_not_make_reading_quadratic(tmp_path: Path) -> None:
    data = b"text,label\n" + b'"open,1\n"a"" b"",2\n""" ,3\n' * 20_000
    start = time.process_time()
    content = read(tmp_path / "a.csv", data, csv={"header": True, "quote": '"', "delimiter": ","})
    assert time.process_time() - start < 10
    assert content.rejects


@pytest.mark.parametrize(
    ("name", "rows", "header"),
    [
        ("intents/banking77_train.csv", 10_003, True),
        ("intents/bitext_dev.csv", 810, True),
        ("bias/crows_pairs_anonymized.csv", 1_508, True),
        ("region/airline_tweets_2015.csv.gz", 14_640, True),
        ("region/fivethirtyeight_flying-etiquette.csv", 1_040, True),
        ("near_duplicates/sts2016_answer-answer.tsv", 1_572, False),
        ("near_duplicates/sts2016_headlines.tsv", 1_498, False),
    ],
)
def test_real_files_equal_what_the_csv_module_reads(shared_data: Path, name: str, rows: int, header: bool) -> None:
    path = shared_data / name
    raw = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    literal = name.startswith("near_duplicates")
    reader = csv.reader(
        io.StringIO(raw.decode(), newline=""),
        delimiter="\t" if literal else ",",
        quoting=csv.QUOTE_NONE if literal else csv.QUOTE_MINIMAL,
    )
    content = read(path, block_bytes=100_000)
    assert [list(row.values()) for row in content.rows] == list(reader)[header:]
    assert (len(content.rows), content.rejects) == (rows, [])
