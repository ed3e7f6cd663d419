"""Templates fill columns into text, and can do nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.errors import InputError
from dataprep.ingest.config import IngestLimits, SourceConfig, Template
from dataprep.ingest.shapes import Converter, RowError, detect
from dataprep.ingest.shapes.template import columns_of, renderer
from dataprep.record import MISSING_EXTRA


@given(st.text())
def test_text_with_doubled_braces_comes_back_as_it_was(text: str) -> None:
    assert renderer(text.replace("{", "{{").replace("}", "}}"))({})[0] == text


@given(st.text(alphabet=st.characters(exclude_characters="{}")), st.text(), st.text())
def test_a_value_stands_where_its_column_is_named(column: str, value: str, after: str) -> None:
    template = f"a{{{column}}}{after.replace('{', '{{').replace('}', '}}')}"
    assert renderer(template)({column: value}) == (f"a{value}{after}", None)


def test_braces_in_values_are_not_read_again() -> None:
    assert renderer("{a}-{b}")({"a": "{b}", "b": "x"})[0] == "{b}-x"


@pytest.mark.parametrize("template", ["{a", "a}", "{a{b}}", "}{", "{{a}"])
def test_a_brace_of_no_placeholder_is_an_error_that_shows_the_place(template: str) -> None:
    with pytest.raises(InputError, match="at character"):
        columns_of(template, key="template.prompt")


@pytest.mark.parametrize("name", ["a.__class__", "a[0]", "a!r", "a:>10", "0", "a b", ""])
def test_what_stands_between_braces_is_a_column_to_the_letter(name: str) -> None:
    assert columns_of(f"{{{name}}}") == (name,)
    assert renderer(f"<{{{name}}}>")({name: "v", "a": "other"})[0] == "<v>"


def test_a_column_that_does_not_exist_is_an_error_with_the_closest_one() -> None:
    config = SourceConfig(path="a.csv", template=Template(prompt="Sum: {bdy}", completion="{a.__class__}"))
    with pytest.raises(InputError) as caught:
        detect([{"body": "b", "a": "x"}], config, shown="a.csv")
    message = str(caught.value)
    assert "template.prompt: there is no column 'bdy'" in message
    assert "did you mean 'body'?" in message
    assert "no column 'a.__class__'" in message


def convert(row: dict[str, Any], **template: str) -> Any:
    config = SourceConfig(path="a.csv", template=Template(**template))
    mapping = detect([{"body": "b", "title": "t", "n": 1}], config, shown="a.csv")
    return Converter(mapping, config, IngestLimits()).convert(row, 1)


def test_a_template_of_one_column_keeps_its_missing_and_null_states() -> None:
    template = {"prompt": "Sum: {body}", "completion": "{title}"}
    absent, null, empty = (
        convert({"body": "b", **given}, **template).turns[1] for given in ({}, {"title": None}, {"title": ""})
    )
    assert [(turn.content, turn.extra) for turn in (absent, null, empty)] == [
        (None, MISSING_EXTRA),
        (None, None),
        ("", None),
    ]


def test_inside_other_text_a_missing_or_null_column_is_empty() -> None:
    assert [convert(row, text="<{body}>").turns[0].content for row in ({}, {"body": None}, {"body": ""})] == ["<>"] * 3


def test_turns_stand_in_the_order_of_a_dialogue_and_other_columns_stay_in_meta() -> None:
    record = convert({"body": "b", "title": "t", "n": 3}, completion="{title}", prompt="Sum: {body}", system="Be brief")
    assert [(turn.role, turn.content) for turn in record.turns] == [
        ("system", "Be brief"), ("user", "Sum: b"), ("assistant", "t")
    ]  # fmt: skip
    assert record.meta == {"n": 3}


def test_numbers_are_written_out_and_lists_are_rejects() -> None:
    assert convert({"n": 4.0, "body": "b"}, text="{n} {body}").turns[0].content == "4 b"
    with pytest.raises(RowError, match="got list"):
        convert({"body": ["b"]}, text="<{body}>")
