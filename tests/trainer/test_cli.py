"""The command as a person meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.cli import program
from trainer.recipe_file import load

ROOT = Path(__file__).parents[2]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = program.run(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    (tmp_path / "rows").mkdir()
    lines = [{"prompt": f"where is my card {number}", "completion": f"card {number}"} for number in range(40)]
    (tmp_path / "rows" / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path / "rows"


def test_help_groups_the_commands_and_loads_no_library() -> None:
    code = (
        "import sys; from trainer.cli import program\n"
        "assert program.run(['--help']) == 0\n"
        "assert not {'torch', 'transformers', 'trl', 'numpy', 'pydantic'} & set(sys.modules)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    places = [
        done.stdout.index(word) for word in ("Prepare:", "  check ", "Train:", "  find-lr ", "Record:", "  report ")
    ]
    assert places == sorted(places)
    assert "Judge" not in done.stdout


def test_without_the_extra_one_line_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    code, out, err = run(capsys, "check", "recipe.yaml")
    assert (code, out) == (2, "")
    advice = "pip install '.[trainer]' in a checkout of dataprep"
    assert err == f"trainer: the trainer is not installed (torch is missing): {advice}\n"
    monkeypatch.setitem(sys.modules, "peft", None)
    assert "(torch, peft are missing)" in run(capsys, "check", "recipe.yaml")[2]


def test_a_first_recipe_runs_as_it_is(capsys: pytest.CaptureFixture[str], rows: Path, tiny: Path) -> None:
    path = rows.parent / "recipe.yaml"
    code, out, err = run(capsys, "init", str(rows), "--model", str(tiny), "-o", str(path))
    assert (code, err) == (0, "")
    assert f"next: trainer check {path}" in out
    assert load(path).recipe.data.folder == "rows"
    code, out, err = run(capsys, "check", str(path), "--no-probe")
    assert code == 0, err
    assert "⟦card" in out
    assert "a card of 8 GB" in out
    code, out, err = run(capsys, "train", str(path), "--set", "training.max_steps=2")
    assert code == 0, err
    assert "done after 2 steps" in out
    code, out, err = run(capsys, "report", str(next((rows.parent / "runs").glob("rows-*"))))
    assert code == 0, err
    assert Path(out.strip()).read_text().startswith("<!doctype html>")
    code, out, err = run(
        capsys, "export", "latest", "--runs", str(rows.parent / "runs"), "-o", str(rows.parent / "out")
    )
    assert code == 0, err
    assert "model.safetensors" in out


def test_check_says_how_long_it_will_take(capsys: pytest.CaptureFixture[str], rows: Path, tiny: Path) -> None:
    path = rows.parent / "recipe.yaml"
    run(capsys, "init", str(rows), "--model", str(tiny), "-o", str(path))
    code, out, err = run(capsys, "check", str(path), "--json", "--set", "training.batch_size=2")
    assert code == 0, err
    told = json.loads(out)
    assert told["ok"] is True
    assert told["needs"]["time"]["seconds"] > 0
    assert told["needs"]["cards"]["lora"] == 8


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["init", "nothing-here", "--model", "m"], "name a version such as support@latest"),
        (["init", "support@latest", "--model", "m", "--store", "none"], "there is no store"),
        (["init", ".", "--model", "m", "--method", "all"], "lora or full"),
        (["train", "none.yaml"], "trainer init"),
        (["find-lr", "none.yaml"], "trainer init"),
        (["export", "none", "-o", "model"], "there are no training runs"),
        (["report", "none"], "there are no training runs"),
    ],
)
def test_what_is_wrong_is_said_in_two_lines_with_the_next_step(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_a_file_that_is_there_is_not_written_over(capsys: pytest.CaptureFixture[str], rows: Path) -> None:
    path = rows.parent / "recipe.yaml"
    path.write_text("mine")
    code, _, err = run(capsys, "init", str(rows), "--model", "m", "-o", str(path))
    assert code == 2
    assert "--force" in err
    assert path.read_text() == "mine"


def test_a_validation_row_may_be_longer_than_any_of_train(
    capsys: pytest.CaptureFixture[str], rows: Path, tiny: Path
) -> None:
    long = {"prompt": "and a long one?", "completion": "card " * 300}
    (rows / "validation.jsonl").write_text(json.dumps(long) + "\n")
    path = rows.parent / "recipe.yaml"
    run(capsys, "init", str(rows), "--model", str(tiny), "-o", str(path))
    code, _, err = run(capsys, "check", str(path), "--no-probe")
    assert code == 0, err


def test_a_file_without_a_byte_is_no_bug(capsys: pytest.CaptureFixture[str], tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "train.jsonl").touch()
    path = tmp_path / "recipe.yaml"
    run(capsys, "init", str(tmp_path / "rows"), "--model", str(tiny), "-o", str(path))
    code, _, err = run(capsys, "check", str(path))
    assert code == 2
    assert "no rows" in err
