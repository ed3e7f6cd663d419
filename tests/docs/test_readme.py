"""README.md: its commands run in order in a newcomer's folder, and the funnel is what the demo prints."""

from __future__ import annotations

import shlex
import shutil
from contextlib import chdir
from pathlib import Path

import pytest

from tests.commands import command
from tests.docs.reading import ROOT, blocks

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SET_UP = ("make", "pip", "git", "source")
"""Commands that prepare a machine rather than data."""
ELSEWHERE = ("trainer",)
"""Programs that need a model: their commands are checked by test_mentions, and run in tests/trainer/test_overfit.py."""


def commands() -> list[list[str]]:
    lines = [line[2:] for block in blocks(TEXT, "console") for line in block.splitlines() if line.startswith("$ ")]
    parsed = [shlex.split(line, comments=True) for line in lines]
    return [words for words in parsed if words[0] not in (*SET_UP, *ELSEWHERE)]


def dataprep(folder: Path, *arguments: str) -> str:
    done = command(*arguments, folder=folder)
    assert done.code == 0, f"dataprep {shlex.join(arguments)}\n{done.out}{done.err}"
    return done.out


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DATAPREP_STORE", raising=False)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def test_the_funnel_is_what_the_demo_prints(folder: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "dataprep run examples/assistant/pipeline.yaml" in makefile
    printed = dataprep(folder, "run", "examples/assistant/pipeline.yaml", "--store", "demo-store")
    assert printed.strip("\n").split("\n\n")[0] == blocks(TEXT, "text")[0].strip("\n")


def test_every_command_runs_in_order_and_the_python_after_them(folder: Path) -> None:
    assert len(commands()) >= 8
    for program, *arguments in commands():
        assert program == "dataprep"
        assert dataprep(folder, *arguments)
    (code,) = blocks(TEXT, "python")
    with chdir(folder):
        exec(code, {})
