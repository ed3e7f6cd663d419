"""docs/python.md: its examples run, and it has every parameter, field and member."""

from __future__ import annotations

import dataclasses
import inspect
import re
import shutil
from pathlib import Path

import pytest

import dataprep
from dataprep import errors
from dataprep.flow import RunResult
from dataprep.planning import Plan, PlannedRule, PlannedSource
from dataprep.what_if import WhatIf
from tests.docs.reading import ROOT, document, rows, run_examples, section

TEXT = document("python.md")


def tables(name: str) -> dict[str, list[list[str]]]:
    """The tables of a section, by the head of their first column."""
    found: dict[str, list[list[str]]] = {}
    for table in re.findall(r"^\|.*?(?=\n\n|\Z)", section(TEXT, f"## `dataprep.{name}`"), re.MULTILINE | re.DOTALL):
        found[table.split("|")[1].strip()] = rows(table)
    return found


def test_every_function_is_documented() -> None:
    assert sorted(re.findall(r"^## `dataprep\.(\w+)`$", TEXT, re.MULTILINE)) == sorted(dataprep.__all__)


@pytest.mark.parametrize("name", dataprep.__all__)
def test_every_parameter_is_documented(name: str) -> None:
    documented = [row[0] for row in tables(name)["parameter"]]
    assert documented == list(inspect.signature(getattr(dataprep, name)).parameters)


@pytest.mark.parametrize(("name", "kind"), [("run", RunResult), ("plan", Plan), ("whatif", WhatIf)])
def test_every_field_of_a_result_is_documented(name: str, kind: type) -> None:
    assert [row[0] for row in tables(name)["field"]] == [field.name for field in dataclasses.fields(kind)]


@pytest.mark.parametrize(("field", "kind"), [("sources", PlannedSource), ("rules", PlannedRule)])
def test_every_field_of_a_plans_parts_is_documented(field: str, kind: type) -> None:
    words = dict(tables("plan")["field"])[field]
    assert re.findall(r"`(\w+)`", words) == [part.name for part in dataclasses.fields(kind)]


def test_every_class_of_error_is_documented_with_its_exit_code() -> None:
    documented = {name: int(code) for name, code, _ in tables("run")["class"]}
    classes = {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, errors.DataprepError) and kind is not errors.DataprepError
    }
    assert documented == classes


def test_every_member_of_a_version_is_documented(published: RunResult) -> None:
    cells = ", ".join(row[0] for row in tables("open")["member of `Version`"])
    documented = set(re.sub(r"\(\w*\)|`", "", cells).split(", "))
    version = dataprep.open("assistant", store=published.path.parent.parent)
    assert documented == {name for name in dir(version) if not name.startswith("_")}


def test_the_examples_run_as_shown(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    run_examples(TEXT, tmp_path)
