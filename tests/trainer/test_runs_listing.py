"""`trainer runs`: which runs there are, newest first, and in what two differ."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from dataprep.errors import InputError
from trainer.cli import report as report_command
from trainer.cli import runs as runs_command
from trainer.recipe import Recipe
from trainer.runs.folder import RunFolder
from trainer.runs.listing import compare, find_run, list_runs, outcome

app = typer.Typer(pretty_exceptions_enable=False)
runs_command.register(app)
report_command.register(app)

DATA = {"dataset": "support", "version": 3, "version_id": "ab" * 32, "digest": "aa"}


def make(runs: Path, started: str, *, data: dict[str, Any] = DATA, best: float = 1.0, **training: Any) -> Path:
    """A finished run of two steps."""
    values = {"name": "support", "data": {"version": "support@3"}, "model": {"path": "base"}, "training": training}
    run = RunFolder.create(runs, Recipe.model_validate(values), data, base=runs.parent)
    run.log(step=1, tokens=100, seconds=1.0, loss=2.0)
    run.log(step=1, validation_loss=best + 0.5)
    run.log(step=2, tokens=200, seconds=2.0, loss=1.5)
    run.log(step=2, validation_loss=best)
    run.update(started=started)
    run.finish("finished", best_validation_loss=best, best_step=2, steps=2)
    return run.path


def trainer(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    old = make(tmp_path / "runs", "2026-01-01T00:00:00+00:00")
    new = make(tmp_path / "runs", "2026-01-02T00:00:00+00:00", best=0.75)
    lines = trainer("runs", "--runs", tmp_path / "runs").splitlines()
    assert [line.split()[0] for line in lines[2:]] == [new.name, old.name]
    assert lines[2].split()[1:] == ["finished", "support@3", "base", "2", "2", "0.75"]
    found = json.loads(trainer("runs", "--json", "--runs", tmp_path / "runs"))
    assert [each["run"] for each in found] == [new.name, old.name]
    assert found[0]["outcome"]["tokens_per_second"] == 100.0


def test_a_damaged_run_does_not_hide_the_others(tmp_path: Path) -> None:
    path = make(tmp_path / "runs", "2026-01-01T00:00:00+00:00")
    (tmp_path / "runs/broken").mkdir()
    (tmp_path / "runs/broken/run.json").write_text("{")
    (tmp_path / "runs/empty").mkdir()
    assert [each.path.name for each in list_runs([tmp_path / "runs", tmp_path / "absent"])] == [path.name]


def test_a_run_is_found_by_its_id_an_end_of_it_its_folder_or_as_the_latest(tmp_path: Path) -> None:
    folders = [tmp_path / "runs"]
    one = make(folders[0], "2026-01-01T00:00:00+00:00")
    two = make(folders[0], "2026-01-02T00:00:00+00:00")
    assert find_run(one.name, folders) == one
    assert find_run(str(one), []) == one
    assert find_run("latest", folders) == two
    if one.name[-4:] != two.name[-4:]:
        assert find_run(one.name[-4:], folders) == one
    with pytest.raises(InputError, match="2 training runs"):
        find_run("support", folders)
    with pytest.raises(InputError, match="no training run is called"):
        find_run("other", folders)
    with pytest.raises(InputError, match="no training runs in"):
        find_run("other", [tmp_path / "absent"])


def test_a_comparison_has_each_difference_by_its_key_and_both_outcomes(tmp_path: Path) -> None:
    one = make(tmp_path / "runs", "2026-01-01T00:00:00+00:00", learning_rate=1e-4)
    other = {**DATA, "version": 4, "digest": "bb"}
    two = make(tmp_path / "runs", "2026-01-02T00:00:00+00:00", data=other, best=0.5, learning_rate=3e-4, seed=7)
    found = compare(one, two)
    assert [(each.part, each.key, each.a, each.b) for each in found.differences] == [
        ("recipe", "training.learning_rate", 1e-4, 3e-4),
        ("recipe", "training.seed", 20, 7),
        ("data", "version", 3, 4),
        ("data", "digest", "aa", "bb"),
        ("seeds", "seed", 20, 7),
    ]
    assert (found.a.outcome.best_validation_loss, found.b.outcome.best_validation_loss) == (1.0, 0.5)
    assert found.notes == ("the data differ, so the validation losses may be of different examples",)
    text = trainer("runs", one, two)
    assert re.search(r"^best validation loss +1 +0.5$", text, re.MULTILINE)
    assert re.search(r"^recipe +training.learning_rate +0.0001 +0.0003$", text, re.MULTILINE)
    assert "mind: the data differ" in text
    assert json.loads(trainer("runs", one, two, "--json"))["differences"][2]["key"] == "version"


def test_a_run_does_not_differ_from_itself(tmp_path: Path) -> None:
    path = make(tmp_path / "runs", "2026-01-01T00:00:00+00:00")
    assert compare(path, path).differences == ()
    assert "no other difference" in trainer("runs", path, path)


def test_one_run_is_shown_with_all_that_is_known(tmp_path: Path) -> None:
    path = make(tmp_path / "runs", "2026-01-01T00:00:00+00:00")
    assert re.search(r"^recipe.training.learning_rate +0.0002$", trainer("runs", path), re.MULTILINE)
    assert json.loads(trainer("runs", path, "--json"))["record"]["results"]["best_step"] == 2


def test_the_lowest_finite_validation_loss_is_the_best() -> None:
    lines = [{"step": 1, "validation_loss": 2.0}, {"step": 2, "validation_loss": float("nan")}]
    found = outcome([*lines, {"step": 3, "validation_loss": 1.5}, {"step": 4, "validation_loss": 1.75}])
    assert (found.best_step, found.best_validation_loss, found.last_validation_loss) == (3, 1.5, 1.75)


def test_a_run_that_measured_nothing_has_no_outcome() -> None:
    assert outcome([]).best_validation_loss is None
    assert outcome([{"step": 1, "alert": "stuck", "message": "x"}]).alerts == 1


def test_no_runs_are_said_in_words(tmp_path: Path) -> None:
    assert trainer("runs", "--store", tmp_path) == "(no training runs yet)\n"
    with pytest.raises(InputError, match="no such folder"):
        trainer("runs", "--runs", tmp_path / "absent")


def test_names_that_drive_a_terminal_are_shown_as_escapes(tmp_path: Path) -> None:
    make(tmp_path / "runs", "2026-01-01T00:00:00+00:00", data={"folder": "a\x1b[31mb"})
    assert "a\\x1b[31mb" in trainer("runs", "--runs", tmp_path / "runs")
