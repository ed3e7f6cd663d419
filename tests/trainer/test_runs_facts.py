"""What a run was made with: code and its changes, packages, machine; never data, never the environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from trainer.recipe import Recipe
from trainer.runs.facts import MAX_DIFF_BYTES, collect
from trainer.runs.folder import RunFolder


def git(folder: Path, *arguments: str) -> None:
    identity = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "init.defaultBranch=main",
    ]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "recipes").mkdir(parents=True)
    (folder / "train.py").write_text("rate = 1\n")
    (folder / "recipes/data.jsonl").write_text('{"text": "call me on 555 0100"}\n')
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def test_a_clean_repository_is_named_by_its_commit(repository: Path) -> None:
    facts = collect(repository / "recipes")
    assert len(facts.code["commit"]) == 40
    assert facts.code["branch"] == "main"
    assert facts.code["dirty"] is False
    assert facts.diff == b""


def test_changes_of_code_are_kept_and_those_of_data_are_not(repository: Path) -> None:
    (repository / "train.py").write_text("rate = 2\n")
    (repository / "recipes/data.jsonl").write_text('{"text": "my PIN is 4321"}\n')
    (repository / "new.py").write_text("never seen by git\n")
    facts = collect(repository / "recipes")
    assert facts.code["dirty"] is True
    assert facts.code["untracked"] == 1
    assert b"+rate = 2" in facts.diff
    assert b"PIN" not in facts.diff
    assert b"555" not in facts.diff
    assert facts.code["diff_bytes"] == len(facts.diff)


def test_a_change_of_data_alone_is_dirty_without_a_diff(repository: Path, tmp_path: Path) -> None:
    (repository / "recipes/data.jsonl").write_text("{}\n")
    recipe = Recipe.model_validate({"name": "a", "data": {"folder": "d"}, "model": {"path": "m"}})
    with RunFolder.create(tmp_path / "runs", recipe, {}, base=repository) as run:
        assert run.record["code"]["dirty"] is True
        assert not (run.path / "code.diff").exists()


def test_a_huge_change_is_cut_at_a_line(repository: Path) -> None:
    (repository / "train.py").write_text("x = 'a longer line of code'\n" * 100_000)
    facts = collect(repository)
    assert len(facts.diff) <= MAX_DIFF_BYTES
    assert facts.diff.endswith(b"\n")
    assert facts.code["diff_bytes"] > MAX_DIFF_BYTES


def test_no_programs_that_a_repository_names_are_run(repository: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {trap}\n")
    program.chmod(0o755)
    for key in ("diff.external", "core.fsmonitor", "core.pager", "diff.trap.textconv"):
        git(repository, "config", key, str(program))
    (repository / ".gitattributes").write_text("*.py diff=trap\n")
    (repository / "train.py").write_text("rate = 3\n")
    assert b"+rate = 3" in collect(repository).diff
    assert not trap.exists()


def test_a_recipe_outside_a_repository_has_no_commit(tmp_path: Path) -> None:
    assert collect(tmp_path).code == {"commit": None}


def test_nothing_of_the_environment_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "secret-8f3a")
    facts = collect(tmp_path)
    assert "secret-8f3a" not in json.dumps([facts.code, facts.packages, facts.hardware])
    assert facts.hardware["cores"] >= 1
    assert isinstance(facts.hardware["cpu"], str)
