from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from dataprep.errors import MachineError
from tests.trainer.random_rows import documents, packed
from trainer.loop import CheckpointError, Fitted, fit, last_checkpoint
from trainer.models.load import Loaded, load
from trainer.recipe import Recipe
from trainer.sft import Sft
from trainer.steps import plan_steps

ROWS = packed(documents(60))
OTHERS = packed(documents(30, seed=1))


def recipe(method: str = "full", dtype: str = "float32", **training: Any) -> Recipe:
    defaults = {"epochs": 4, "batch_size": 2, "validations": 5, "learning_rate": 1e-3}
    return Recipe.model_validate(
        {
            "name": "a",
            "data": {"folder": "d"},
            "model": {"path": "m", "method": method, "dropout": 0.1, "dtype": dtype},
            "training": defaults | training,
        }
    )


def fitted(
    tiny: Path,
    folder: Path,
    made: Recipe,
    *,
    resume: bool = False,
    validation: Any = OTHERS,
    on_values: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> tuple[Fitted, Loaded, list[dict[str, Any]]]:
    loaded = load(tiny, made.model, tiny, made.training.seed)
    seen: list[dict[str, Any]] = []

    def note(values: Mapping[str, Any]) -> None:
        seen.append(dict(values))
        on_values(values)

    steps = plan_steps(len(ROWS), made)
    checkpoint = last_checkpoint(folder) if resume else None
    options: Any = {"train": ROWS, "validation": validation, "packed": True, "folder": folder}
    return fit(loaded, made, steps, **options, on_values=note, resume_from=checkpoint), loaded, seen


def weights(loaded: Loaded) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in loaded.model.parameters()])


def interrupt_at(step: int) -> Callable[[Mapping[str, Any]], None]:
    def note(values: Mapping[str, Any]) -> None:
        if values["step"] == step and "loss" in values:
            os.kill(os.getpid(), signal.SIGTERM)

    return note


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_same_seed_gives_the_same_weights(tiny: Path, tmp_path: Path, method: str) -> None:
    first, second, other = (
        weights(fitted(tiny, tmp_path / name, recipe(method, seed=seed))[1])
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("method", "dtype"), [("full", "float32"), ("lora", "float32"), ("full", "bfloat16")])
def test_interrupted_and_resumed_is_uninterrupted_to_the_bit(
    tiny: Path, tmp_path: Path, method: str, dtype: str
) -> None:
    made = recipe(method, dtype)
    whole, loaded, seen = fitted(tiny, tmp_path / "whole", made)
    first, _, before = fitted(tiny, tmp_path / "cut", made, on_values=interrupt_at(7))
    assert first.stopped_because == "signal"
    assert first.checkpoint is not None
    done, resumed, after = fitted(tiny, tmp_path / "cut", made, resume=True)
    assert torch.equal(weights(loaded), weights(resumed))
    assert (done.steps, done.verdict) == (whole.steps, whole.verdict)
    assert done.verdict.base_validation_loss is not None
    told = [(each["step"], each["tokens"], each["loss"]) for each in [*before, *after] if "loss" in each]
    assert told == [(each["step"], each["tokens"], each["loss"]) for each in seen if "loss" in each]


def test_the_best_weights_are_what_is_left_and_patience_ends_a_run(tiny: Path, tmp_path: Path) -> None:
    made = recipe(learning_rate=0.02, epochs=30, validations=30, early_stopping={"patience": 2})
    done, loaded, seen = fitted(tiny, tmp_path, made)
    losses = {each["step"]: each["validation_loss"] for each in seen if "validation_loss" in each}
    assert done.stopped_because == "early_stopping"
    assert done.steps < plan_steps(len(ROWS), made).total
    assert done.best_validation_loss == min(loss for step, loss in losses.items() if step > 0)
    assert done.verdict.base_validation_loss == losses[0]
    assert losses[done.best_step or 0] == done.best_validation_loss
    loaded.model.eval()
    total = tokens = 0.0
    with torch.no_grad():
        for ids, labels in documents(30, seed=1):
            logits = loaded.model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
            places = [(place, label) for place, label in enumerate(labels[1:]) if label >= 0]
            total -= sum(float(logits[place, label]) for place, label in places)
            tokens += len(places)
    assert total / tokens == pytest.approx(done.best_validation_loss, abs=1e-4)


def test_without_early_stopping_all_steps_are_done(tiny: Path, tmp_path: Path) -> None:
    made = recipe(learning_rate=0.02, epochs=8, validations=8, early_stopping={"enabled": False, "patience": 1})
    done, _, _ = fitted(tiny, tmp_path, made)
    assert (done.steps, done.stopped_because) == (plan_steps(len(ROWS), made).total, None)


def test_patience_goes_on_after_a_resume(tiny: Path, tmp_path: Path) -> None:
    made = recipe(learning_rate=0.02, epochs=30, validations=30, early_stopping={"patience": 3})
    whole, _, _ = fitted(tiny, tmp_path / "whole", made)
    for stop in range(3, whole.steps - 2, 4):
        cut, _, _ = fitted(tiny, tmp_path / "cut", made, resume=True, on_values=interrupt_at(stop))
        assert cut.stopped_because == "signal"
    done, _, _ = fitted(tiny, tmp_path / "cut", made, resume=True)
    assert (done.steps, done.best_step, done.stopped_because) == (whole.steps, whole.best_step, "early_stopping")


def test_a_loss_that_is_not_a_number_stops_the_run(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Sft.training_step

    def broken(self: Sft, model: Any, *arguments: Any, **named: Any) -> Any:
        if self.state.global_step == 4:
            with torch.no_grad():
                next(model.parameters()).fill_(torch.nan)
        return usual(self, model, *arguments, **named)

    monkeypatch.setattr(Sft, "training_step", broken)
    done, _, seen = fitted(tiny, tmp_path, recipe())
    assert done.stopped_because is not None
    assert done.stopped_because.startswith("alert:")
    assert done.steps <= 6
    assert next(each["alert"] for each in seen if "alert" in each) == "not_a_number"
    assert not all(each["loss"] == each["loss"] for each in seen if "loss" in each)  # NaN stays NaN


def test_a_warning_lets_it_go_on(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = recipe(epochs=2, early_stopping={"enabled": False})
    made = made.model_copy(update={"monitoring": made.monitoring.model_copy(update={"on_alert": "warn"})})
    usual = Sft.training_step

    def broken(self: Sft, model: Any, *arguments: Any, **named: Any) -> Any:
        return usual(self, model, *arguments, **named) * torch.nan

    monkeypatch.setattr(Sft, "training_step", broken)
    done, _, seen = fitted(tiny, tmp_path, made)
    assert (done.steps, done.stopped_because) == (plan_steps(len(ROWS), made).total, None)
    assert any("alert" in each for each in seen)


def test_out_of_memory_says_what_to_make_smaller(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(Sft, "training_step", full)
    with pytest.raises(MachineError, match="batch_size") as raised:
        fitted(tiny, tmp_path, recipe())
    assert raised.value.exit_code == 3


def test_a_full_disk_is_said_and_the_run_goes_on_to_the_same_end(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, loaded, _ = fitted(tiny, tmp_path / "whole", recipe())
    usual, saved = torch.save, []

    def full(*arguments: Any, **named: Any) -> None:
        saved.append(arguments)
        if len(saved) == 8:
            raise RuntimeError(
                "[enforce fail at inline_container.cc:783] . PytorchStreamWriter failed writing file data"
            )
        usual(*arguments, **named)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CheckpointError, match="goes on from the last checkpoint") as raised:
        fitted(tiny, tmp_path / "full", recipe())
    assert raised.value.exit_code == 3
    done, resumed, _ = fitted(tiny, tmp_path / "full", recipe(), resume=True)
    assert torch.equal(weights(loaded), weights(resumed))
    assert done.best_validation_loss == whole.best_validation_loss


def test_a_checkpoint_that_was_cut_off_is_not_taken(tmp_path: Path) -> None:
    for name, files in (("checkpoint-2", ["watch.json"]), ("checkpoint-10", ["watch.json"]), ("checkpoint-12", [])):
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text(json.dumps({}))
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert last_checkpoint(tmp_path / "none") is None
