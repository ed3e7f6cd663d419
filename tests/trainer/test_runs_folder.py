"""The run's folder: what is written is read back, whatever ends the process, and nobody else writes meanwhile."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.errors import InputError, MachineError
from dataprep.store import catalog
from dataprep.store.layout import Store
from trainer.recipe import Recipe
from trainer.runs.folder import RunFolder

DATA = {"dataset": "support", "version": 3, "version_id": "ab" * 32, "digest": "cd" * 32, "train": {"examples": 7}}


def recipe(**changes: Any) -> Recipe:
    return Recipe.model_validate(
        {"name": "support", "data": {"version": "support@3"}, "model": {"path": "m"}} | changes
    )


def create(runs: Path, **named: Any) -> RunFolder:
    return RunFolder.create(runs, recipe(), DATA, base=runs.parent, **named)


def test_a_new_run_says_what_it_is_and_is_named_by_recipe_and_time(tmp_path: Path) -> None:
    with create(tmp_path / "runs", recipe_text="name: support  # ours\n", model={"parameters": 9}) as run:
        record = json.loads((run.path / "run.json").read_text())
        name, moment, end = run.run_id.rsplit("-", 2)
        assert name == "support"
        assert moment.endswith("Z")
        assert len(end) == 4
        assert record["data"] == DATA
        assert record["recipe"]["training"]["seed"] == record["seeds"]["seed"] == 20
        assert record["model"] == {"parameters": 9}
        assert record["packages"].keys() >= {"python", "torch", "transformers", "trl"}
        assert record["hardware"]["memory_bytes"] > 1e8
        assert (run.path / "recipe.yaml").read_text() == "name: support  # ours\n"
        assert run.state == "running"


def test_runs_of_one_second_get_folders_of_their_own(tmp_path: Path) -> None:
    made = [create(tmp_path / "runs") for _ in range(3)]
    assert len({run.path for run in made}) == 3
    for run in made:
        run.close()


NUMBERS = st.floats(allow_nan=False) | st.integers(-(2**53), 2**53)


@given(st.lists(st.dictionaries(st.sampled_from(["loss", "grad_norm", "tokens"]), NUMBERS), max_size=5))
def test_what_is_logged_is_read_back(lines: list[dict[str, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder), {})
        for step, values in enumerate(lines, 1):
            run.log(step=step, **values)
        assert run.metrics() == [{"step": step, **values} for step, values in enumerate(lines, 1)]
        run.close()


def test_a_loss_that_is_not_a_number_is_kept_and_the_file_stays_json(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, {})
    run.log(step=1, loss=math.nan, grad_norm=math.inf)
    run.log(step=1, alert="not_a_number", message="NaN")
    run.close()
    text = (tmp_path / "metrics.jsonl").read_text()
    assert json.loads(text.splitlines()[0], parse_constant=pytest.fail)["loss"] == "NaN"
    first, second = run.metrics()
    assert math.isnan(first["loss"])
    assert first["grad_norm"] == math.inf
    assert second["message"] == "NaN"


@given(st.integers(0, 10_000))
def test_wherever_the_last_line_is_torn_the_others_stay_and_the_next_is_whole(cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "metrics.jsonl")
        lines = [{"step": step, "loss": 1 / step} for step in range(1, 5)]
        data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        path.write_bytes(data[: cut % (len(data) + 1)])
        run = RunFolder(Path(folder), {})
        whole = path.read_bytes().count(b"\n")
        assert run.metrics() == lines[:whole]
        run.log(step=9, loss=0.5)
        run.close()
        assert run.metrics() == [*lines[:whole], {"step": 9, "loss": 0.5}]
        assert path.read_bytes().count(b"\n") == whole + 1


def test_a_resumed_run_forgets_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    with create(tmp_path / "runs") as run:
        for step in range(1, 6):
            run.log(step=step, loss=float(step))
        run.log(step=3, validation_loss=0.5)
    again = RunFolder.resume(run.path, step=3)
    assert [line["step"] for line in again.metrics()] == [1, 2, 3, 3]
    again.log(step=4, loss=0.25)
    again.finish("finished", best_step=3)
    read = RunFolder.open(run.path)
    assert [line["step"] for line in read.metrics()] == [1, 2, 3, 3, 4]
    assert [each["step"] for each in read.record["resumed"]] == [3]
    assert read.record["results"] == {"best_step": 3}


def test_nobody_else_goes_on_with_a_run_that_is_alive(tmp_path: Path) -> None:
    with create(tmp_path / "runs") as run:
        with pytest.raises(MachineError, match="still going on"):
            RunFolder.resume(run.path, step=0)
        assert RunFolder.open(run.path).state == "running"
    assert RunFolder.open(run.path).state == "killed"
    RunFolder.resume(run.path, step=0).finish("finished")
    assert RunFolder.open(run.path).state == "finished"


def test_a_killed_process_leaves_a_run_that_reads_as_killed_with_all_its_lines(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom trainer.recipe import Recipe\n"
        "from trainer.runs.folder import RunFolder\n"
        "recipe = Recipe(name='a', data={'folder': 'd'}, model={'path': 'm'})\n"
        "run = RunFolder.create(Path(sys.argv[1]), recipe, {'digest': 'x'})\n"
        "for step in range(1, 101): run.log(step=step, loss=0.5)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    (path,) = tmp_path.iterdir()
    run = RunFolder.open(path)
    assert run.state == "killed"
    assert [line["step"] for line in run.metrics()] == list(range(1, 101))


def test_results_are_merged_and_paths_and_odd_numbers_can_be_told(tmp_path: Path) -> None:
    with create(tmp_path / "runs") as run:
        run.update(results={"best_step": 3, "checkpoint": tmp_path / "best"})
        run.update(results={"best_step": 4, "best_validation_loss": math.nan})
    assert RunFolder.open(run.path).record["results"] == {
        "best_step": 4,
        "checkpoint": str(tmp_path / "best"),
        "best_validation_loss": "NaN",
    }


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training run is here"):
        RunFolder.open(tmp_path)


def test_any_client_of_the_catalog_sees_a_run_of_the_store_when_it_has_ended(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.root.mkdir()
    catalog.rebuild(store)
    with create(store.training) as run:
        run.log(step=1, loss=0.5)
        run.finish("finished", best_step=1)
    with duckdb.connect(str(store.current_catalog.resolve()), read_only=True) as con:
        found = con.execute(
            "SELECT t.dataset, t.state, m.loss FROM training_runs t JOIN training_metrics m USING (run)"
        )
        assert found.fetchall() == [("support", "finished", 0.5)]
