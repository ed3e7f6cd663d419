"""docs/held.md: its examples run, and it has every key of a decisions file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dataprep.decisions.entries import AcceptedBudget, Entry, RecordDecision
from dataprep.decisions.file import read_decisions, write_decisions
from tests.docs.reading import ROOT, blocks, document, rows, run_examples, section

TEXT = document("held.md")
FILE = section(TEXT, "## The decisions file")


def test_the_examples_run_as_shown(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    run_examples(TEXT, tmp_path)


def test_the_file_that_is_shown_is_as_the_commands_write_it(tmp_path: Path) -> None:
    (text,) = blocks(FILE, "yaml")
    path = tmp_path / "decisions.yaml"
    path.write_text(text, encoding="utf-8")
    write_decisions(path, read_decisions(path))
    assert "".join(line for line in path.read_text(encoding="utf-8").splitlines(True) if line[0] != "#") == text


@pytest.mark.parametrize(("about", "kind"), [("record", RecordDecision), ("budget", AcceptedBudget)])
def test_every_key_is_documented(about: str, kind: type[Entry]) -> None:
    _, _, table = FILE.partition(f"| key of a {about}'s entry | what it is |\n")
    assert {key for key, _ in rows(table.partition("\n\n")[0])} == set(kind.model_fields)
