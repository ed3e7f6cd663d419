"""The JSON Schema for editors, and the page of documentation: both say what the program does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dataprep.pipeline import docs
from dataprep.pipeline.load import load
from dataprep.pipeline.models import Pipeline
from dataprep.pipeline.schema import DIALECT, at, json_schema

ROOT = Path(__file__).parents[2]


def complaints(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Iterator[str]:
    """The part of JSON Schema that ours uses: enough to judge example files."""
    if "$ref" in schema:
        yield from complaints(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in schema and all(any(complaints(value, option, root)) for option in schema["anyOf"]):
        yield f"{value!r} fits none of {len(schema['anyOf'])}"
    if "enum" in schema and not any(value == option and type(value) is type(option) for option in schema["enum"]):
        yield f"{value!r} not in {schema['enum']}"
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    kind = schema.get("type")
    numbers = {"integer": (int,), "number": (int, float)}
    if kind in kinds and not isinstance(value, kinds[kind]):
        yield f"{value!r} is no {kind}"
    if kind in numbers and (isinstance(value, bool) or not isinstance(value, numbers[kind])):
        yield f"{value!r} is no {kind}"
    if isinstance(value, dict):
        yield from (f"missing {key}" for key in schema.get("required", ()) if key not in value)
        other = schema.get("additionalProperties", True)
        for key, item in value.items():
            if key in schema.get("properties", {}):
                yield from complaints(item, schema["properties"][key], root)
            elif other is False:
                yield f"unknown {key}"
            elif isinstance(other, dict):
                yield from complaints(item, other, root)
            pattern = schema.get("propertyNames", {}).get("pattern")
            if pattern and not re.search(pattern, key):
                yield f"name {key}"
    if isinstance(value, list):
        for item in value:
            yield from complaints(item, schema.get("items", {}), root)
    if isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{value} out of range"


SCHEMA = json_schema()


def test_it_says_its_dialect_and_refuses_unknown_keys() -> None:
    assert SCHEMA["$schema"] == DIALECT
    assert SCHEMA["additionalProperties"] is False
    assert all(part["additionalProperties"] is False for part in SCHEMA["$defs"].values())
    json.dumps(SCHEMA)


def test_every_key_is_described_for_people() -> None:
    for part in (SCHEMA, *SCHEMA["$defs"].values()):
        for key, field in part["properties"].items():
            assert len(field.get("description", "")) > 10, key
            assert "\n" not in field["description"]
            assert "title" not in field


def test_every_reference_leads_somewhere() -> None:
    for name in re.findall(r'"\$ref": "#/\$defs/(\w+)"', json.dumps(SCHEMA)):
        assert name in SCHEMA["$defs"]


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/**/pipeline*.yaml")), ids=str)
def test_example_files_fit(path: Path) -> None:
    assert list(complaints(yaml.safe_load(path.read_text()), SCHEMA, SCHEMA)) == []


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (docs.EXAMPLE, True),
        ("name: x\nsources: [{path: a}]\nrules: {a: off, b: 'off', c: {threshold: 2}}\nclean:\n", True),
        ("name: x\nsources: [{path: [a, b], csv: {delimiter: ';'}}]\n", True),
        ("name: x\n", False),
        ("name: x\nsources: [{path: a}]\ndedupe: {}\n", False),
        ("name: x\nsources: [{path: a}]\nrules: {a: on}\n", False),
        ("name: x\nsources: [{path: a}]\nrules: {Bad: off}\n", False),
        ("name: x\nsources: [{path: a, format: xml}]\n", False),
        ("name: x\nsources: [{path: a}]\nlimits: {max_turns: 0}\n", False),
    ],
)
def test_it_judges_as_the_loader_does(text: str, fits: bool) -> None:
    assert (list(complaints(yaml.safe_load(text), SCHEMA, SCHEMA)) == []) is fits


def test_places_are_found_by_their_path() -> None:
    assert at(("sources", 3, "csv", "skip_rows"))["type"] == "integer"
    assert at(("rules", "anything", "action"))["enum"] == ["drop", "hold", "flag"]
    assert at(("sources", 0, "nothing")) is None


def test_the_page_is_what_the_program_says() -> None:
    written = (ROOT / "docs/pipeline-file.md").read_text(encoding="utf-8")
    assert written == docs.page(), "run: python -m dataprep.pipeline.docs > docs/pipeline-file.md"


def test_the_page_has_every_key() -> None:
    page = docs.page()
    for part in (SCHEMA, *SCHEMA["$defs"].values()):
        for key in part["properties"]:
            assert f"| `{key}` |" in page


def test_the_example_of_the_page_is_a_pipeline_file(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(docs.EXAMPLE)
    assert isinstance(load(file).pipeline, Pipeline)
