"""docs/history.md: its examples run, and it has every kind, member and column of a difference."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import dataprep
from dataprep.compare import Diff
from dataprep.compare.diff import KINDS
from dataprep.flow import RunResult
from tests.docs.reading import ROOT, document, rows, run_examples, section

TEXT = document("history.md")


def test_the_examples_run_as_shown(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    run_examples(TEXT, tmp_path)


def test_every_kind_is_documented() -> None:
    assert tuple(row[0] for row in rows(section(TEXT, "### Kinds"))) == KINDS


def test_every_cause_is_documented() -> None:
    statement = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "sql/diff").glob("*.sql")))
    named = re.search(r"named as \((.*?)end as cause", statement, re.DOTALL)
    assert named is not None
    causes = set(re.findall(r"(?:then|else|,) '([a-z]+)'", named[1]))
    assert {row[0] for row in rows(section(TEXT, "### Causes"))} == causes


def test_every_member_and_column_is_documented(published: RunResult) -> None:
    told = rows(section(TEXT, "### From Python"))
    columns = [row[:2] for row in told if len(row) == 3]
    store = published.path.parent.parent
    frame = dataprep.diff("assistant", "assistant", store=store).records
    assert columns == [[name, str(kind)] for name, kind in frame.schema.items()]
    members = {name for row in told if len(row) == 2 for name in re.findall(r"\w+", re.sub(r"\(\w*\)", "", row[0]))}
    public = {name for name in dir(Diff) if not name.startswith("_")}
    assert members == public | {field.name for field in dataclasses.fields(Diff)}
