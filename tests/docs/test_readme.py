"""README.md: its commands run in order in a newcomer's folder, and the funnel is what the demo prints."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.reading import ROOT, blocks

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SET_UP = ("make", "pip", "git", "source")
"""Commands that prepare a machine rather than data."""


def commands() -> list[list[str]]:
    lines = [line[2:] for block in blocks(TEXT, "console") for line in block.splitlines() if line.startswith("$ ")]
    parsed = [shlex.split(line, comments=True) for line in lines]
    return [words for words in parsed if words[0] not in SET_UP]


def dataprep(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "DATAPREP_STORE"}
    done = subprocess.run(
        [sys.executable, "-m", "dataprep", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, f"dataprep {shlex.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "examples", place / "examples")
    return place


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
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
