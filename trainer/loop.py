"""The training loop: from a model and rows to the best checkpoint, stopped early, by an alert, or by a signal.

What a resumed run needs beside what transformers saves (optimiser, schedule, random states) lies in each checkpoint:
the state of early stopping and of the alerts, and what was counted so far. Otherwise patience would begin anew.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from transformers import TrainerCallback

from dataprep.errors import MachineError
from dataprep.store.files import write_file
from trainer.check.batching import smaller_settings
from trainer.models.load import Loaded
from trainer.recipe import Recipe
from trainer.sft import Sft, sft_config
from trainer.steps import Steps
from trainer.watch.alerts import Alert, Watcher
from trainer.watch.stopping import EarlyStopping
from trainer.watch.verdict import Verdict

_STATE: Final = "watch.json"
_SERIOUS: Final = frozenset({"not_a_number", "diverged", "stuck", "stalled_input"})
"""Alerts that end a run if the recipe says so."""

_DISK: Final = ("pytorchstreamwriter", "unexpected pos", "no space left")
"""What torch says where a file cannot be written."""

OnValues = Callable[[Mapping[str, Any]], None]


class CheckpointError(MachineError):
    """A checkpoint cannot be written; those before it stay, so the same command can go on."""


@dataclass(frozen=True)
class Fitted:
    """What came of a run.

    Attributes:
        steps: optimiser steps that were done, with those before an interruption.
        verdict: what validations came to; the weights of the best step are what the model holds now.
        checkpoint: the last one.
        stopped_because: `early_stopping`, `alert: …` or `signal`; None where all steps were done.
    """

    steps: int
    verdict: Verdict
    checkpoint: Path | None
    stopped_because: str | None

    @property
    def best_step(self) -> int | None:
        """The step with the lowest validation loss."""
        return self.verdict.best_step

    @property
    def best_validation_loss(self) -> float | None:
        """That loss, in nats a token."""
        return self.verdict.best_validation_loss


@dataclass
class _Watch(TrainerCallback):  # type: ignore[misc]
    """Decides after each step and validation whether to go on, the same in every process."""

    recipe: Recipe
    watcher: Watcher
    stopping: EarlyStopping
    on_values: OnValues
    trainer: Any = None  # an `Sft`, which is made after its callbacks
    because: str | None = None
    interrupted: bool = False
    verdict: Verdict = field(default_factory=Verdict)
    tokens: int = 0
    seconds: float = 0.0
    _stepped: float = field(default_factory=time.monotonic)

    # -- what is measured --

    def tell(self, values: Mapping[str, Any]) -> None:
        """Hand on what was measured, and take it into the verdict."""
        self.verdict = self.verdict.after(values)
        self.on_values(values)

    def measured(self, step: int, logs: Mapping[str, float]) -> None:
        """Called with everything that the trainer logs."""
        if "eval_loss" in logs:
            self._validated(step, logs["eval_loss"], int(logs["eval_tokens"]))
        elif "loss" in logs and "learning_rate" in logs:
            self._trained(step, logs)

    def _trained(self, step: int, logs: Mapping[str, float]) -> None:
        new = self.trainer.take_tokens()
        now = time.monotonic()
        seconds = now - self._stepped
        self._stepped = now
        self.tokens += new
        self.seconds += seconds
        values = {
            "step": step,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 3),
            "loss": logs["loss"],
            "learning_rate": logs["learning_rate"],
            "grad_norm": float(logs.get("grad_norm", 0.0)),
            "tokens_per_second": round(new / max(seconds, 1e-9), 1),
            "memory_mb": round(memory_mb(), 1),
        }
        self.tell(values)
        self._alert(self.watcher.step(step, logs["loss"], values["grad_norm"], seconds))

    def _validated(self, step: int, loss: float, tokens: int) -> None:
        now = time.monotonic()
        self.seconds += now - self._stepped
        self._stepped = now
        values = {"step": step, "tokens": self.tokens, "seconds": round(self.seconds, 3)}
        self.tell(values | {"validation_loss": loss, "validation_tokens": tokens})
        self._alert(self.watcher.validation(step, loss))  # first: a run that diverged has not just stopped early
        self.stopping.validation(step, loss)
        if self.recipe.training.early_stopping.enabled and self.stopping.should_stop:
            self.because = self.because or "early_stopping"

    def _alert(self, alerts: list[Alert]) -> None:
        for alert in alerts:
            self.tell({"step": alert.step, "alert": alert.kind, "message": alert.message})
            if alert.kind in _SERIOUS and self.recipe.monitoring.on_alert == "stop":
                self.because = self.because or f"alert: {alert.message}"

    # -- what transformers asks --

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Say where the model stands before anything is learnt; time begins when the first step does."""
        if state.global_step == 0:
            loss, tokens = self.trainer.validation_loss(self.trainer.eval_dataset)
            self.tell({"step": 0, "tokens": 0, "seconds": 0.0, "validation_loss": loss, "validation_tokens": tokens})
            self._alert(self.watcher.validation(0, loss))
        self._stepped = time.monotonic()

    def on_step_end(self, _args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Validate and save at the last step; save and leave on a signal."""
        if state.global_step >= state.max_steps:
            control.should_evaluate = control.should_save = True
        if self._signalled():
            self.because = "signal"
            control.should_save = control.should_training_stop = True
        return control

    def on_log(self, _args: Any, _state: Any, control: Any, **_: Any) -> Any:
        """Leave after an alert."""
        return self._leave(control)

    def on_evaluate(self, _args: Any, _state: Any, control: Any, **_: Any) -> Any:
        """Leave when nothing has become better for long."""
        return self._leave(control)

    def on_save(self, args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Put what a resumed run needs beside the checkpoint."""
        if state.is_world_process_zero:
            folder = Path(args.output_dir, f"checkpoint-{state.global_step}")
            write_file(folder / f".{_STATE}", json.dumps(self.state()).encode())
            (folder / f".{_STATE}").replace(folder / _STATE)  # whole or not there: it says that the checkpoint is whole

    def _leave(self, control: Any) -> Any:
        if self.because is not None:
            control.should_training_stop = True
        return control

    def _signalled(self) -> bool:
        accelerator = self.trainer.accelerator
        if accelerator.num_processes == 1:
            return self.interrupted
        flag = torch.tensor(int(self.interrupted), device=accelerator.device)
        return bool(accelerator.reduce(flag, "sum"))  # one process may hear it and the others not

    def state(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {
            "watcher": self.watcher.state(),
            "stopping": self.stopping.state(),
            "verdict": self.verdict.as_dict(),
            "tokens": self.tokens,
            "seconds": self.seconds,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.watcher.restore(state["watcher"])
        self.stopping.restore(state["stopping"])
        self.verdict = Verdict(**state["verdict"])
        self.tokens, self.seconds = state["tokens"], state["seconds"]


def fit(
    loaded: Loaded,
    recipe: Recipe,
    steps: Steps,
    *,
    train: Any,
    validation: Any,
    packed: bool,
    folder: Path,
    on_values: OnValues,
    resume_from: Path | None = None,
    checkpoints: bool = True,
    ramp: tuple[float, float] | None = None,
) -> Fitted:
    """Train, and leave the best weights in the model.

    Args:
        loaded: the model.
        recipe: how.
        steps: how long.
        train, validation: rows as `datasets.Dataset` with `input_ids`, `labels`, `seq_lengths`.
        packed: whether rows hold several documents.
        folder: for checkpoints.
        on_values: told of steps, validations and alerts, in every process.
        resume_from: a checkpoint of an interrupted run.
        checkpoints: whether to keep any; without them the last weights are left, not the best.
        ramp: learning rates of a range test, see `Sft`.

    Raises:
        MachineError: out of memory, which says the next smaller settings.
        CheckpointError: the disk is full or broken.
    """
    stopping = recipe.training.early_stopping
    watch = _Watch(
        recipe,
        Watcher(vocabulary=loaded.model.get_input_embeddings().num_embeddings),
        EarlyStopping(patience=stopping.patience, least_gain=stopping.least_gain),
        on_values,
    )
    if resume_from is not None:
        watch.restore(json.loads((resume_from / _STATE).read_text(encoding="utf-8")))
    with _machine_errors(recipe, folder), _signals(watch):
        trainer = Sft(
            loaded.model,
            loaded.tokenizer,
            sft_config(recipe, folder=folder, steps=steps, bfloat16=loaded.bfloat16, checkpoints=checkpoints),
            train=train,
            validation=validation,
            packed=packed,
            l1=recipe.training.l1,
            ramp=ramp,
            on_log=watch.measured,
            callbacks=[watch],
        )
        watch.trainer = trainer
        trainer.train(resume_from_checkpoint=None if resume_from is None else str(resume_from))
    last = folder / f"checkpoint-{trainer.state.global_step}"
    return Fitted(
        steps=trainer.state.global_step,
        verdict=watch.verdict,
        checkpoint=last if last.is_dir() else None,
        stopped_because=watch.because,
    )


def last_checkpoint(folder: Path) -> Path | None:
    """The last complete checkpoint in a folder: what a killed process left half-written has no state beside it."""
    found = [path for path in folder.glob("checkpoint-*") if (path / _STATE).is_file()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def memory_mb() -> float:
    """The most memory that this process has had: of the GPU where there is one."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated()) / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


@contextmanager
def _signals(watch: _Watch) -> Iterator[None]:
    """While training, SIGTERM and the first Ctrl-C save and leave; a second Ctrl-C leaves at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, _frame: Any) -> None:
        if watch.interrupted and number == signal.SIGINT:
            raise KeyboardInterrupt
        watch.interrupted = True

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _machine_errors(recipe: Recipe, folder: Path) -> Iterator[None]:
    """Turn what libraries say of memory and of the disk into one error with what to change."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(recipe) from error
    except (OSError, RuntimeError, SafetensorError) as error:
        words = str(error).lower()
        if "out of memory" in words or "can't allocate memory" in words:
            raise _out_of_memory(recipe) from error
        if isinstance(error, OSError | SafetensorError) or any(said in words for said in _DISK):
            hint = "make room, then run the same command: it goes on from the last checkpoint"
            raise CheckpointError("a checkpoint cannot be written", file=str(folder), hint=hint) from error
        raise


def _out_of_memory(recipe: Recipe) -> MachineError:
    settings = smaller_settings(
        batch_size=recipe.training.batch_size,
        accumulation=recipe.training.accumulation,
        max_length=recipe.data.max_length,
        gradient_checkpointing=recipe.model.gradient_checkpointing,
        method=recipe.model.method,
        lora_rank=recipe.model.lora.rank,
    )
    hint = f"try, in this order: {'; '.join(settings)}" if settings else "take a smaller model"
    return MachineError("out of memory while training; checkpoints stay", hint=hint)
