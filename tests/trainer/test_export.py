"""What a killed export left gets into no other one, and what another one is writing is left alone."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.docs.reading import ROOT
from trainer.card import card
from trainer.export import export
from trainer.recipe_file import load
from trainer.runs.folder import RunFolder
from trainer.start import start
from trainer.train import train


@pytest.fixture(scope="module")
def run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short finished run."""
    folder = tmp_path_factory.mktemp("export")
    lines = (json.dumps({"prompt": f"card {number}", "completion": f"lost {number % 5}"}) for number in range(60))
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    start(str(folder / "rows.jsonl"), str(tiny), folder / "recipe.yaml", store="store", method="full")
    return train(load(folder / "recipe.yaml", ("training.max_steps=2", "model.dtype=float32"))).run


def test_what_a_killed_export_left_is_taken_away_and_gets_into_no_model(run: Path, tmp_path: Path) -> None:
    for name in (".model.part-0badcafe", ".model.part-12345678"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model-00001-of-00002.safetensors").write_bytes(b"half of")
    files = export(run, tmp_path / "model")
    assert "model-00001-of-00002.safetensors" not in {path.name for path in files}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_export_killed_at_its_work_is_cleared_by_the_next(run: Path, tmp_path: Path) -> None:
    slow = (
        "import sys, time; from pathlib import Path; import trainer.export as t\n"
        "t.card = lambda *told: time.sleep(600)\n"  # everything else is written by then
        "t.export(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-c", slow, str(run), str(tmp_path / "model")]
    begun = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not list(tmp_path.glob(".model.part*/tokenizer.json")):
        assert begun.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    export(run, tmp_path / "other")
    assert len(list(tmp_path.glob(".model.part*"))) == 1
    begun.send_signal(signal.SIGKILL)
    begun.wait()
    export(run, tmp_path / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "other"]


def test_whoever_may_read_one_file_of_the_best_weights_may_read_all(run: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    assert {path.stat().st_mode for path in (run / "best").iterdir()} == {(tmp_path / "plain").stat().st_mode}


def test_what_a_living_export_writes_is_left_alone(run: Path, tmp_path: Path) -> None:
    other = tmp_path / ".model.part-00112233"
    other.mkdir()
    held = os.open(other, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        export(run, tmp_path / "model")
    finally:
        os.close(held)
    assert other.is_dir()


def test_an_export_that_fails_leaves_nothing(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise OSError("no space left")

    monkeypatch.setattr("trainer.export.card", fail)
    with pytest.raises(OSError, match="no space"):
        export(run, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_every_file_of_a_model_has_the_mode_that_the_umask_gives(run: Path, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        files = export(run, tmp_path / "model")
    finally:
        os.umask(before)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in files} == {path.name: "0o644" for path in files}


def test_a_card_says_rows_losses_and_recipe_in_words_that_markdown_leaves_alone(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "model")
    text = (tmp_path / "model" / "README.md").read_text()
    assert "None" not in text
    assert "{" not in text
    assert "\\_" not in text
    assert re.search(r"\| train \| 5\d \| 5\d \| [\d,]+ \| [\d,]+ \|", text)
    assert "| validation, the base model before training | 0 | " in text
    assert "| validation, these weights | 2 | " in text
    assert "| training, mean of the steps since " in text
    assert "10% of the rows, held out of train" in text
    assert "validation split" not in text
    assert "base_model" not in text, "a folder has no name on the Hub"
    recipe = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])
    assert recipe["training"]["max_steps"] == 2
    assert "lora" not in recipe["model"]


def test_a_card_names_a_base_model_of_the_hub_and_stays_one_page(run: Path) -> None:
    told = RunFolder.open(run).record
    hostile = {"path": "a`|\n# b", "folder": "/cache/models--org--base-1b/snapshots/1"}
    text = card({**told, "model": told["model"] | hostile, "recipe": told["recipe"] | {"name": "x`\n# y"}}, [])
    head = yaml.safe_load(text.split("---\n")[1])
    assert head["base_model"] == "org/base-1b"
    assert [line for line in text.splitlines() if line.startswith("# ")] == ["# `x'\\n# y`"]
