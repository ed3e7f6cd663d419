"""What a killed export left gets into no other one, and what another one is writing is left alone."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.docs.reading import ROOT
from trainer.export import export
from trainer.recipe_file import load
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
    for name in (".model.part", ".model.part-0badcafe"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model-00001-of-00002.safetensors").write_bytes(b"half of")
    files = export(run, tmp_path / "model")
    assert "model-00001-of-00002.safetensors" not in {path.name for path in files}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_export_killed_at_its_work_is_cleared_by_the_next(run: Path, tmp_path: Path) -> None:
    slow = (
        "import sys, time; from pathlib import Path; import trainer.export as t\n"
        "t.card = lambda told: time.sleep(600)\n"  # everything else is written by then
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
    def fail(_: object) -> str:
        raise OSError("no space left")

    monkeypatch.setattr("trainer.export.card", fail)
    with pytest.raises(OSError, match="no space"):
        export(run, tmp_path / "model")
    assert not list(tmp_path.iterdir())
