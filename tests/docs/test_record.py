"""docs/record.md: every column, every shape with its example, and how `data/` holds records."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import yaml

from dataprep.ingest.config import IngestLimits, SourceConfig
from dataprep.ingest.shapes import Converter, detect
from dataprep.ingest.shapes.vocabulary import SHAPES
from dataprep.record import FIELDS, RECORD_SCHEMA, Record
from dataprep.rules.defaults import describe
from dataprep.store.data_shapes import choose_shape
from tests.docs.reading import blocks, document, rows, section

TEXT = document("record.md")
NAMES = [line.strip("# `") for line in section(TEXT, "## Shapes").splitlines() if line.startswith("### ")]


def in_words(record: Record) -> dict[str, Any]:
    """A record as the document writes it: JSON parsed, nulls left out."""
    turns = [
        {"role": turn.role, "content": turn.content} | ({"extra": orjson.loads(turn.extra)} if turn.extra else {})
        for turn in record.turns
    ]
    fields = {name: value for name in FIELDS if (value := getattr(record, name)) is not None}
    if "tools" in fields:
        fields["tools"] = orjson.loads(fields["tools"])
    return {"turns": turns, **fields} | ({"meta": record.meta} if record.meta else {})


def test_every_shape_has_an_example() -> None:
    assert set(NAMES) == {*SHAPES, "template"}


@pytest.mark.parametrize("shape", NAMES)
def test_each_row_is_detected_and_becomes_the_record_beside_it(shape: str) -> None:
    text = section(TEXT, f"### `{shape}`")
    given, made = blocks(text, "json row"), blocks(text, "json record")
    source = SourceConfig(path="rows.jsonl", **yaml.safe_load("".join(blocks(text, "yaml source")) or "{}"))
    assert len(given) == len(made) > 0
    for row, record in zip(map(orjson.loads, given), map(orjson.loads, made), strict=True):
        mapping = detect([row], source, shown="rows.jsonl")
        assert mapping.shape == shape
        assert in_words(Converter(mapping, source, IngestLimits()).convert(row, 1)) == record


def test_the_columns_are_those_of_a_batch() -> None:
    documented = [(name, kind) for name, kind, _ in rows(section(TEXT, "## Columns"))]
    assert documented == [(field.name, str(field.type).replace(" not null", "")) for field in RECORD_SCHEMA]


def test_four_kinds_of_nothing_meet_the_rules_that_are_named(tmp_path) -> None:
    import dataprep
    from tests.making import table

    cases = rows(section(TEXT, "## Missing, null, empty, blank"))
    good = [{"prompt": f"What comes after {n}?", "completion": f"The number {n + 1}."} for n in range(20)]
    lines = [row for row, *_ in cases] + [orjson.dumps(row).decode() for row in good]
    source = tmp_path / "rows.jsonl"
    source.write_text("\n".join(lines), encoding="utf-8")
    left = table(dataprep.run(source, store=tmp_path / "store"), "records").sort("row").head(len(cases))
    assert left["rule"].to_list() == [rule for *_, rule in cases]
    assert {rule for *_, rule in cases} <= {rule.name for rule in describe()}


def test_data_has_the_shape_that_is_promised_for_each_kind_of_record() -> None:
    cases = rows(section(TEXT, "## How `data/` holds records"))
    assert len(cases) == 4
    for layouts, shape, _ in cases:
        assert choose_shape([name.strip("` ") for name in layouts.split(",")], "auto") == shape
