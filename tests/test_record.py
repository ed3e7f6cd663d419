"""Digests of records: the same content gives the same digest wherever it stands, other content another."""

from __future__ import annotations

import struct
from dataclasses import replace
from hashlib import blake2b

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dataprep.record import FIELDS, ROLES, Record, Turn, build_batch, content_digests, source_digests

nullable = st.none() | st.text(max_size=3)
records = st.lists(
    st.builds(
        Record,
        turns=st.lists(st.builds(Turn, st.sampled_from(ROLES), nullable, nullable), min_size=1, max_size=3),
        meta=st.dictionaries(st.text(max_size=2), nullable, max_size=2),
        line=st.integers(1, 100),
        **dict.fromkeys(FIELDS, nullable),
    ),
    min_size=1,
    max_size=6,
)


def source(*given: Record) -> list[bytes]:
    return build_batch("s", given)["digest"].to_pylist()


def content(*given: Record) -> list[bytes]:
    return content_digests(build_batch("s", given)).to_pylist()


def said(*contents: str | None) -> Record:
    return Record([Turn("user", text) for text in contents], meta={}, line=1)


@settings(deadline=None)
@given(records)
def test_a_digest_depends_on_its_record_alone(made: list[Record]) -> None:
    assert source(*made) == [source(record)[0] for record in made]
    assert content(*made) == [content(record)[0] for record in made]


@settings(deadline=None)
@given(records, st.data())
def test_a_slice_of_a_batch_has_the_digests_of_its_records(made: list[Record], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(made)))
    batch = build_batch("s", made)
    part = batch.slice(start, data.draw(st.integers(0, len(made) - start)))
    stop = start + part.num_rows
    assert source_digests("s", part) == batch["digest"][start:stop]
    assert content_digests(part) == content_digests(batch)[start:stop]


@settings(deadline=None)
@given(records)
def test_different_records_have_different_digests(made: list[Record]) -> None:
    def identity(record: Record) -> str:
        return repr((record.turns, sorted(record.meta.items()), [getattr(record, name) for name in FIELDS]))

    def seen(record: Record) -> str:
        return repr((record.turns, record.tools, record.label))

    assert len(set(source(*made))) == len(set(map(identity, made)))
    assert len(set(content(*made))) == len(set(map(seen, made)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (said("ab", "c"), said("a", "bc")),
        (said(""), said(None)),
        (said("a"), said("a", "")),
        (said("a", None), said("a", "")),
        (said("a"), Record([Turn("assistant", "a")], meta={}, line=1)),
        (said("a"), Record([Turn("user", None, "a")], meta={}, line=1)),
        (replace(said("a"), tools="x"), replace(said("a"), label="x")),
        (replace(said("a"), label=""), said("a")),
        (said("ax"), replace(said("a"), label="x")),
    ],
)
def test_a_moved_boundary_is_another_content(one: Record, other: Record) -> None:
    assert content(one) != content(other)
    assert source(one) != source(other)


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in ("tools", "label")])
def test_fields_that_no_trainer_sees_are_identity_but_not_content(name: str) -> None:
    plain = said("a")
    marked = replace(plain, **{name: "x"})
    assert content(plain) == content(marked)
    assert source(plain) != source(marked)


def test_the_line_is_no_part_of_the_identity_and_the_source_name_is() -> None:
    record = said("a")
    assert source(record) == source(replace(record, line=2))
    assert source(record) != build_batch("t", [record])["digest"].to_pylist()


@settings(deadline=None)
@given(nullable, nullable)
def test_a_digest_does_not_see_how_arrow_stores_a_null(first: str | None, second: str | None) -> None:
    assume(first is None or second is None)
    batch = build_batch("s", [said(first, second)])
    hidden = pa.StructArray.from_arrays(
        [
            pa.array(["user", "user"]),
            pa.StringArray.from_buffers(
                2,
                pa.array([0, 3, 6], pa.int32()).buffers()[1],
                pa.py_buffer(b"abcdef"),
                pa.array([first is not None, second is not None]).buffers()[1],
            ),
            pa.nulls(2, pa.string()),
        ],
        fields=list(batch["turns"].type.value_type),
    )
    shown = ["abc" if first is not None else None, "def" if second is not None else None]
    column = pa.ListArray.from_arrays(pa.array([0, 2], pa.int32()), hidden)
    stored = batch.set_column(batch.schema.get_field_index("turns"), batch.schema.field("turns"), column)
    assert content_digests(stored).to_pylist() == content(said(*shown))


def test_a_batch_of_no_records_has_no_digests() -> None:
    assert source() == content() == []


@settings(deadline=None)
@given(records)
def test_a_content_digest_is_the_blake2b_of_a_frame_and_the_texts(made: list[Record]) -> None:
    """Digests are stored and compared with those of earlier versions: another frame needs a new version of the step."""

    def length(text: str | None) -> int:
        return -1 if text is None else len(text.encode())

    def message(record: Record) -> bytes:
        frame = [len(record.turns), length(record.tools), length(record.label)]
        for turn in record.turns:
            frame += [ROLES.index(turn.role), length(turn.content), length(turn.extra)]
        texts = [turn.content for turn in record.turns] + [turn.extra for turn in record.turns]
        texts += [record.tools, record.label]
        return struct.pack(f"<{len(frame)}i", *frame) + "".join(text or "" for text in texts).encode()

    person = blake2b(b"content", digest_size=16).digest()
    assert content(*made) == [blake2b(message(each), digest_size=16, person=person).digest() for each in made]
