"""Rows taken apart give what whole rows give: records, rejects, notes and counts, to the bit."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.clean.config import CleanConfig
from dataprep.ingest.config import IngestLimits, SourceConfig
from dataprep.ingest.jsonlines import JsonLinesBlock, JsonOptions
from dataprep.ingest.linecut import Lines
from dataprep.ingest.rows import Block, Rows, parse_block
from dataprep.ingest.rowtexts import TextKeys
from dataprep.ingest.shapes import Converter, Mapping
from dataprep.ingest.shapes.flat import text_keys
from dataprep.pairs.config import DedupConfig
from dataprep.parts import PartSettings, PartSummary, prepare_block
from dataprep.record import batch_of

LIMITS = IngestLimits()
SOURCE = SourceConfig(path="a.jsonl")
MAPPINGS = [
    Mapping("prompt_completion", {"prompt": "a", "completion": "b"}),
    Mapping("prompt_completion", {"prompt": "b", "completion": "a", "system": "s"}, named=("system",), label="l"),
    Mapping("question_answer", {"question": "a", "answer": "b"}, time="t", time_kind="iso"),
    Mapping("alpaca", {"instruction": "a", "input": "s", "output": "b"}, id="l"),
    Mapping("alpaca", {"instruction": "a", "input": "i", "output": "b", "system": "s"}),
    Mapping("text", {"text": "a"}, group="l"),
    Mapping("text_label", {"text": "a"}, label="a"),
    Mapping("text", {"text": "\\u0061"}),
]


@dataclass(frozen=True)
class WholeBlock:
    """A block that cannot take rows apart."""

    block: Block

    def parse(self) -> Rows:
        return self.block.parse()


def block_of(data: bytes, max_record_bytes: int = 16_000_000) -> JsonLinesBlock:
    return JsonLinesBlock(Lines(data, 1, 0), JsonOptions(max_record_bytes, max_depth=8, allow_arrays=False))


def assert_same(block: Block, mapping: Mapping) -> None:
    converter = Converter(mapping, SOURCE, LIMITS)
    whole, apart = block.parse(), parse_block(block, converter.text_keys)
    assert (apart.lines, apart.rejects, apart.notes) == (whole.lines, whole.rejects, whole.notes)
    assert repr([apart.whole(index) for index in range(len(apart.rows))]) == repr(whole.rows)
    places = range(len(whole.rows))
    assert [apart.raw(place) for place in places] == [whole.raw(place) for place in places]
    columns, refused = converter.convert_block(apart)
    expected, errors = converter.convert_block(whole)
    assert [(at, repr(error)) for at, error in refused] == [(at, repr(error)) for at, error in errors]
    batch = batch_of("s", columns)
    batch.validate(full=True)
    assert batch.equals(batch_of("s", expected))


def prepared(block: Block, mapping: Mapping) -> tuple[PartSummary, dict[str, bytes]]:
    settings = PartSettings("s", SOURCE, mapping, LIMITS, CleanConfig(), DedupConfig(), None)
    with TemporaryDirectory() as folder:
        _, summary = prepare_block(block, settings, Path(folder), 0)
        return summary, {path.name: path.read_bytes() for path in Path(folder).iterdir()}


PIECES = [
    b"x", b"some words", b" ", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"\xe2\x80\xa8", b"\x7f", b"12345678901234567890123",
    b"\\n", b"\\t", b'\\"', b"\\\\", b"\\/", b"\\b\\f\\r", b"\\u00e9", b"\\ud83d\\ude00", b"\\u20AC", b"{[", b"}],:",
]  # fmt: skip
ODD_PIECES = [b"\\ud83d", b"\\u0000", b"\\x", b"\x01", b"\t", b"\xff", b"\xc3", b'"', b"\\"]
ODD_VALUES = [
    b"null", b"true", b"1", b"1.0", b"-0", b"1e5", b"NaN", b"12345678901234567890123", b"[]", b'["x", {"y": [1]}]',
    b'{"role": "user", "content": "z"}', b'[{"role": "user", "content": "z"}]', b"", b"tru", b"[}", b"1 2",
    b'{"y": 1, "y": 2}', b"[[[[[[[[1]]]]]]]]", b'"2020-01-02"', b'{"\\u0061": 1}',
]  # fmt: skip

space = st.sampled_from([b"", b"", b"", b" ", b"\t ", b"\r"])
plain_text = st.lists(st.sampled_from(PIECES), max_size=5).map(lambda pieces: b'"%s"' % b"".join(pieces))
odd_text = st.lists(st.sampled_from(PIECES + ODD_PIECES), max_size=4).map(lambda pieces: b'"%s"' % b"".join(pieces))
value = st.one_of(plain_text, plain_text, plain_text, st.sampled_from(ODD_VALUES), odd_text)
odd_key = st.sampled_from(["a", "b", "s", "i", "l", "t", "m", "é", "\\u0061", "", "a\\tb"]).map(str.encode)


@st.composite
def row(draw: st.DrawFn) -> bytes:
    ordinary = draw(st.booleans())
    usual = [(key, draw(plain_text if ordinary else value)) for key in (b"a", b"b")]
    keys = st.sampled_from([b"s", b"i", b"l", b"t", b"m"]) if ordinary else odd_key
    more = draw(
        st.lists(st.tuples(keys, value), max_size=3, unique_by=(lambda member: member[0]) if ordinary else None)
    )
    members = draw(st.permutations(usual + more))
    spaces = [draw(space) for _ in range(3)]
    joined = b",".join(b'%s"%s"%s:%s%s' % (spaces[0], key, spaces[1], spaces[2], text) for key, text in members)
    written = spaces[1] + b"{" + joined + spaces[2] + b"}" + spaces[0]
    damage = draw(st.sampled_from(["", "", "", "", "", "cut", "tail", "blank", "comma"]))
    if damage == "cut":
        return written[: draw(st.integers(0, len(written)))]
    return {"tail": written + b"x", "blank": spaces[0], "comma": written.replace(b"}", b",}")}.get(damage, written)


files = st.tuples(st.lists(row(), max_size=8), st.sampled_from([b"\n", b"\n", b"\r\n"]), st.booleans()).map(
    lambda parts: parts[1].join(parts[0]) + (parts[1] if parts[2] else b"")
)


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda mapping: f"{mapping.shape} {' '.join(mapping.columns)}")
@settings(deadline=None, max_examples=40)  # for each of the mappings
@given(data=files)
def test_rows_taken_apart_and_whole_rows_give_the_same(mapping: Mapping, data: bytes) -> None:
    assert_same(block_of(data), mapping)


@settings(deadline=None, max_examples=30)
@given(data=files, mapping=st.sampled_from(MAPPINGS))
def test_a_part_and_its_counts_do_not_depend_on_taking_rows_apart(data: bytes, mapping: Mapping) -> None:
    block = block_of(data)
    assert prepared(block, mapping) == prepared(WholeBlock(block), mapping)


def parse_apart(*rows: bytes, keys: tuple[str, ...] = ("a", "b"), max_record_bytes: int = 1_000) -> Rows:
    return block_of(b"".join(row + b"\n" for row in rows), max_record_bytes).parse_apart(TextKeys(keys))


def places(rows: Rows) -> list[int]:
    assert rows.texts is not None
    return list(rows.texts.places)


def test_ordinary_rows_are_taken_apart_and_others_stay_whole_in_their_places() -> None:
    rows = parse_apart(
        b'{"a": "0", "b": "", "n": 1}',
        b"",
        b'{"a": "1", "b": null}',
        b'{"a": "no row"',
        b'{"b": "\\u00e9\\n", "a": "2"}\r',
        b'{"a": "3", "b": "", "n": NaN}',
    )
    assert rows.rows == [{"n": 1}, {"a": "1", "b": None}, {}, {"a": "3", "b": "", "n": "NaN"}]
    assert rows.lines == [1, 3, 5, 6]
    assert places(rows) == [0, 2]
    assert rows.texts is not None
    assert rows.texts.of("a", "b").to_pylist() == ["0", "", "2", "é\n"]
    assert rows.whole(2) == {"b": "é\n", "a": "2"}


@pytest.mark.parametrize(
    "row",
    [
        b'{"a": "", "b": "", "\\u0061": ""}',
        b'{"a": "", "b": "", "n": {"x": 1, "x": 2}}',
        b'{"a": "", "b": "", "n": 1, "n": 2}',
        b'{"a": "", "b": "", "n": 9223372036854775808000}',
        b'{"a": "", "b": "", "n": "\\u0000"}',
        b'{"a": "", "b": "", "n": [[[[[[[[1]]]]]]]]}',
        b'{"a": "", "b": "%s"}' % (b"x" * 1_000),
    ],
)
def test_what_a_fast_parser_would_get_wrong_is_never_taken_apart(row: bytes) -> None:
    assert places(parse_apart(b'{"a": "x", "b": "y", "n": 1}', row)) == [0]


def test_rows_are_not_taken_apart_for_what_needs_them_whole() -> None:
    assert text_keys(Mapping("messages", {"messages": "a"})) is None
    assert text_keys(Mapping("template", template={"prompt": "{a}"})) is None
    assert text_keys(Mapping("question_answer", {"question": "a", "answer": "a"})) is None
    assert text_keys(Mapping("text", {"text": "a"}, time="a", time_kind="iso")) is None


@pytest.mark.parametrize("key", ['"', "\\", "\\ud800", "\ud800", "\\u0061", "\n"])
def test_keys_that_json_spells_with_escapes_or_not_at_all_leave_rows_whole(key: str) -> None:
    rows = parse_apart(
        b'{"\\"": "", "\\\\": "", "\\\\u0061": "", "\\n": ""}', b'{"\\u0061": ""}', b'{"a": ""}', keys=(key,)
    )
    assert len(rows.rows) == 3
    assert rows.texts is None or not len(rows.texts)


def test_alpaca_inputs_of_any_white_space_are_none() -> None:
    blanks = ["", " ", "\n\t", "\u3000", "\x1c", "\x85", "\u200b", "x"]
    rows = [{"a": instruction, "s": blank, "b": "."} for instruction in ("", "do") for blank in blanks]
    assert_same(block_of(b"".join(json.dumps(row).encode() + b"\n" for row in rows)), MAPPINGS[3])
    assert_same(block_of(b'{"a": "", "b": ""}\n{"a": "x", "b": "y", "i": "z"}\n'), MAPPINGS[4])


REAL: list[tuple[str, Mapping]] = [
    (
        "instructions/t0_train_50k.jsonl.gz",
        Mapping("prompt_completion", {"prompt": "prompt", "completion": "completion"}),
    ),
    ("qa/gsm8k_test.jsonl.gz", Mapping("question_answer", {"question": "question", "answer": "answer"})),
    ("multilingual/tatoeba_113_languages.jsonl.gz", Mapping("text_label", {"text": "text"}, label="lang")),
]


@pytest.mark.parametrize(("name", "mapping"), REAL, ids=[name for name, _ in REAL])
def test_real_rows_are_all_taken_apart(shared_data: Path, name: str, mapping: Mapping) -> None:
    if not (shared_data / name).exists():
        pytest.skip(f"no {name}")
    with gzip.open(shared_data / name) as file:
        data = file.read(2_000_000).rpartition(b"\n")[0] + b"\n"
    rows = block_of(data).parse_apart(Converter(mapping, SOURCE, LIMITS).text_keys or TextKeys(()))
    assert places(rows) == list(range(data.count(b"\n")))
    assert_same(block_of(data), mapping)
