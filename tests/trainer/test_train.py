"""The commands on a folder of rows, from the recipe to a model that transformers loads alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dataprep.errors import InputError, MachineError, RefusedError
from tests.trainer.tiny import tiny_model
from trainer.check.run import check
from trainer.export import export
from trainer.page.report import render
from trainer.rates.find import find_rate
from trainer.recipe_file import LoadedRecipe, load
from trainer.runs.folder import RunFolder
from trainer.runs.listing import summary
from trainer.start import start
from trainer.train import Trained, result_lines, train

ROOT = Path(__file__).parents[2]
TOPICS = ("card", "transfer", "refund", "limit", "account", "payment")


def rows(count: int) -> list[dict[str, str]]:
    return [
        {"prompt": f"my {TOPICS[number % 6]} number {number} is gone", "completion": f"about {TOPICS[number % 6]}"}
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rows and a model."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "rows").mkdir()
    written = "".join(json.dumps(row) + "\n" for row in rows(120))
    (folder / "rows" / "train.jsonl").write_text(written)
    tiny_model(folder / "base", [" ".join(row.values()) for row in rows(120)])
    return folder


def recipe(place: Path, name: str, *overrides: str, method: str = "full") -> LoadedRecipe:
    path = place / f"{name}.yaml"
    start(str(place / "rows"), str(place / "base"), path, store="store", method=method, force=True)
    fast = (
        "model.dtype=float32",
        "training.learning_rate=3e-3",
        "training.epochs=6",
        "training.batch_size=2",
        "training.validations=6",
    )
    return load(path, [f"name={name}", f"runs={name}-runs", *fast, *overrides])


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


@pytest.fixture(scope="module")
def done(place: Path) -> Trained:
    return train(recipe(place, "whole"))


def test_a_run_leaves_everything_that_it_was_in_its_folder(done: Trained) -> None:
    run = RunFolder.open(done.run)
    assert run.state == "finished"
    told = run.record
    assert told["recipe"]["training"]["learning_rate"] == 3e-3
    assert told["data"]["digest"]
    assert told["model"]["parameters"] > 50_000
    assert told["packages"]["trl"]
    assert told["results"]["best_validation_loss"] == done.fitted.best_validation_loss
    steps = [line for line in run.metrics() if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, done.fitted.steps + 1))
    assert all(line["tokens_per_second"] > 0 and line["memory_mb"] > 0 for line in steps)


def test_validation_begins_before_the_first_step_and_falls(done: Trained) -> None:
    losses = [line["validation_loss"] for line in RunFolder.open(done.run).metrics() if "validation_loss" in line]
    assert losses[0] == pytest.approx(5.5, abs=0.6)  # ln of the vocabulary: nothing learnt yet
    assert min(losses) < losses[0] - 1


def test_a_run_that_is_worse_than_its_base_model_says_so_wherever_it_is_shown(place: Path, tmp_path: Path) -> None:
    options = ["training.max_steps=6", "training.learning_rate=10", "monitoring.on_alert=warn"]
    worse = train(recipe(place, "worse", *options))
    assert worse.fitted.verdict.worse_than_base
    said = "no step was better than the base model: validation loss "
    assert any(line.startswith(f"warning: {said}") for line in result_lines(worse, ""))
    assert worse.as_dict()["warnings"][-1].startswith(said)
    results = RunFolder.open(worse.run).record["results"]
    outcome = summary(worse.run).outcome
    assert results["best_validation_loss"] == worse.fitted.best_validation_loss == outcome.best_validation_loss
    assert results["base_validation_loss"] == outcome.base_validation_loss
    assert "No step was better than the base model" in render(worse.run)
    export(worse.run, tmp_path / "model")
    assert f"> **Warning:** {said}" in (tmp_path / "model" / "README.md").read_text()


DIVERGES = ("training.max_steps=40", "training.validations=20", "training.learning_rate=100")


def test_a_run_that_diverges_before_patience_ends_it_is_stopped_for_that(place: Path) -> None:
    with pytest.raises(RefusedError, match="stopped by an alert: the validation loss at step 2 is") as raised:
        train(recipe(place, "diverges", *DIVERGES))
    assert raised.value.exit_code == 1
    (run,) = (place / "diverges-runs").glob("*/run.json")
    told = RunFolder.open(run.parent)
    assert (told.state, told.record["results"]["alert"]) == ("stopped", "diverged")


def test_a_run_that_may_diverge_says_so_to_the_end(place: Path, tmp_path: Path) -> None:
    done = train(recipe(place, "may-diverge", *DIVERGES, "monitoring.on_alert=warn"))
    assert done.fitted.stopped_because == "early_stopping"
    assert any(line.startswith("warning: this run diverged at step 2") for line in result_lines(done, ""))
    assert summary(done.run).outcome.notes[0] == "diverged at step 2"
    assert "Diverged at step 2: the validation loss at step 2 is" in render(done.run)
    export(done.run, tmp_path / "model")
    assert "this run diverged at step 2" in (tmp_path / "model" / "README.md").read_text()


def test_no_text_of_the_data_is_in_the_run(done: Trained) -> None:
    for path in done.run.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".jsonl", ".yaml") and "tokenizer" not in path.name:
            assert "is gone" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("method", ["full", "lora"])
def test_an_exported_model_is_loaded_by_transformers_alone(place: Path, tmp_path: Path, method: str) -> None:
    made = train(recipe(place, f"export-{method}", "training.max_steps=4", method=method))
    output = tmp_path / "model"
    files = export(made.run, output)
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= {path.name for path in files}
    code = (
        "import sys, torch\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        "model = AutoModelForCausalLM.from_pretrained(sys.argv[1])\n"
        "tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])\n"
        "prompt = [{'role': 'user', 'content': 'my card is gone'}]\n"
        "more = dict(add_generation_prompt=True, return_tensors='pt', return_dict=True)\n"
        "ids = tokenizer.apply_chat_template(prompt, **more)\n"
        "out = model.generate(**ids, max_new_tokens=3, do_sample=False)\n"
        "assert out.shape[1] > ids['input_ids'].shape[1]\n"
        "assert 'peft' not in sys.modules and 'trainer' not in sys.modules\n"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(output)], env=environment, check=True, timeout=120)
    card = (output / "README.md").read_text()
    assert "| validation, these weights | " in card
    assert "was not measured here" in card


def test_merged_adapters_are_the_model_that_was_trained(place: Path, tmp_path: Path) -> None:
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM

    made = train(recipe(place, "merge", "training.max_steps=6", method="lora"))
    export(made.run, tmp_path / "model")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    beside = AutoPeftModelForCausalLM.from_pretrained(made.run / "best").eval()
    ids = torch.arange(5, 25)[None]
    with torch.no_grad():
        assert torch.allclose(merged(ids).logits, beside(ids).logits, atol=1e-4)
        base = AutoModelForCausalLM.from_pretrained(place / "base").eval()
        assert not torch.allclose(merged(ids).logits, base(ids).logits, atol=1e-3)


def command(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "trainer", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


def metrics_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/metrics.jsonl"))


def test_the_same_command_goes_on_with_a_run_however_it_was_ended(place: Path) -> None:
    options = ["training.epochs=12", "training.validations=12", "training.early_stopping.enabled=false"]
    whole = train(recipe(place, "ended-whole", *options))
    recipe(place, "ended")
    overrides = [
        "model.dtype=float32",
        "name=ended",
        "runs=ended-runs",
        "training.learning_rate=3e-3",
        "training.batch_size=2",
        *options,
    ]
    arguments = ["train", "ended.yaml", *(word for each in overrides for word in ("--set", each))]
    steps = whole.fitted.steps
    for sent, code, step in ((signal.SIGTERM, 130, steps // 3), (signal.SIGKILL, -signal.SIGKILL, 2 * steps // 3)):
        begun = command(*arguments, folder=place)
        while not any(f'"step":{step},' in path.read_text() for path in metrics_of(place / "ended-runs")):
            assert begun.poll() is None, begun.communicate()
            time.sleep(0.05)
        begun.send_signal(sent)
        out, err = begun.communicate(timeout=60)
        assert begun.returncode == code
        if sent == signal.SIGTERM:
            assert re.match(
                r"interrupted after step \d+; all of it is saved in \S+\nnext: trainer train ended.yaml ", out
            )
            assert "interrupted" not in err
    last = command(*arguments, folder=place)
    _, err = last.communicate(timeout=120)
    assert last.returncode == 0, err
    assert "goes on after step" in err
    (run,) = metrics_of(place / "ended-runs")
    ended, unbroken = weights(run.parent / "best"), weights(whole.run / "best")
    assert all(torch.equal(ended[key], unbroken[key]) for key in unbroken)
    told = [line["step"] for line in RunFolder.open(run.parent).metrics() if "loss" in line]
    assert told == list(range(1, steps + 1))


@pytest.mark.parametrize("command", [check, train])
def test_a_monitor_that_is_not_installed_is_refused_before_anything_is_read(
    place: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[[LoadedRecipe], object]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    made = recipe(place, "no-wandb", "monitoring.to=[wandb]")
    shutil.rmtree(made.runs, ignore_errors=True)
    with pytest.raises(InputError, match="wandb needs a package that is not here") as raised:
        command(made)
    assert "pip install wandb" in str(raised.value)
    assert not made.runs.exists()


@pytest.mark.parametrize("refused", [InputError("log in"), MachineError("no room"), RuntimeError("a bug")])
def test_a_run_that_ends_before_its_first_step_is_over(
    place: Path, monkeypatch: pytest.MonkeyPatch, refused: Exception
) -> None:
    from trainer.monitors import base

    def refuse(*_: Any, **__: Any) -> Any:
        raise refused

    monkeypatch.setattr(base, "open_monitors", refuse)
    name = f"refused-{type(refused).__name__}"
    with pytest.raises(type(refused)):
        train(recipe(place, name))
    left = [RunFolder.open(path.parent).state for path in (place / f"{name}-runs").glob("*/run.json")]
    assert left == ([] if isinstance(refused, InputError) else ["failed"])


def test_rows_that_are_lost_past_the_limit_stop_before_the_model_is_loaded(place: Path) -> None:
    with pytest.raises(RefusedError, match="dropped"):
        train(recipe(place, "short", "data.max_length=27"))
    assert not list((place / "short-runs").glob("*/run.json"))


def test_two_processes_train_what_one_does_with_twice_the_batch(place: Path) -> None:
    one = train(recipe(place, "one", "training.batch_size=4", "training.max_steps=5"))
    path = place / "two.yaml"
    recipe(place, "two")
    overrides = [
        "model.dtype=float32",
        "name=two",
        "runs=two-runs",
        "training.learning_rate=3e-3",
        "training.batch_size=2",
    ]
    overrides += ["training.max_steps=5", "training.validations=6"]
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    line = [*launch, "-m", "trainer", "train", path.name, *(word for each in overrides for word in ("--set", each))]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
    }
    done = subprocess.run(line, cwd=place, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    (run,) = (place / "two-runs").glob("*/run.json")
    told = RunFolder.open(run.parent)
    assert told.record["model"]["processes"] == 2
    assert told.record["results"]["best_validation_loss"] == pytest.approx(one.fitted.best_validation_loss, abs=0.05)
    losses = [line["loss"] for line in told.metrics() if "loss" in line]
    alone = [line["loss"] for line in RunFolder.open(one.run).metrics() if "loss" in line]
    assert losses[0] == pytest.approx(alone[0], abs=0.02)
    assert len(losses) == 5


def test_the_ladder_picks_the_rate_that_works_and_says_which_do_not(place: Path) -> None:
    found = find_rate(recipe(place, "ladder"), steps=12, lowest=1e-5, highest=1.0)
    scores = dict(found.choice.scores)
    assert found.choice.learning_rate is not None
    assert 3e-4 <= found.choice.learning_rate <= 0.1
    best = min(loss for loss in scores.values() if loss is not None)
    assert scores[found.choice.learning_rate] == pytest.approx(best, abs=0.02)
    assert scores[1e-5] is not None
    assert scores[1e-5] > best + 0.5
    assert found.picture.read_text().startswith("<svg")
    assert json.loads(found.table.read_text())["choice"]["learning_rate"] == found.choice.learning_rate
    assert found.advice
    assert f"recommended: {found.choice.learning_rate:.3g}: validation loss" in "\n".join(found.lines())
    assert found.next.startswith("trainer train ")
