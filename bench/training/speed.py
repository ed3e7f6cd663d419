"""Trained tokens a second of one model on the same rows: by our loop with our defaults, and by TRL with its own.

Both see every row once. Counted is the time from the beginning of training to the end of the last optimiser step;
loading and tokenising come before, validation and saving after it. On a processor these are CPU seconds. Ours includes
whatever our loop does in each step, and validations on one row; TRL's does not validate by default.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from bench.training.models import Shape, llama
from bench.training.texts import Row, write_rows

IGNORED: Final = -100


@dataclass(frozen=True)
class Speed:
    """What one pass over the rows took.

    Attributes:
        tokens: without padding.
        trained_tokens: those that the loss is of.
        seconds: see the module.
        steps: of the optimiser.
    """

    tokens: int
    trained_tokens: int
    seconds: float
    steps: int

    @property
    def rate(self) -> float:
        """Trained tokens a second."""
        return self.trained_tokens / self.seconds

    def __str__(self) -> str:
        return (
            f"{self.rate:9,.1f} trained tokens/s  {self.tokens / self.seconds:9,.0f} tokens/s  "
            f"{self.steps:4} steps in {self.seconds:.1f} s"
        )


def clock_of(device: str) -> Callable[[], float]:
    """What to measure by: a processor's own seconds, which other processes lengthen little; else wall time."""
    return time.process_time if device == "cpu" else time.perf_counter


def examples_of(rows: Sequence[Row], tokenizer: Any, folder: Path, max_length: int = 1024) -> pa.Table:
    """The rows as the trainer tokenises and masks them, all of them to train on."""
    from trainer.data.prepare import prepare
    from trainer.recipe import Recipe

    write_rows(folder / "rows" / "train.jsonl", rows)
    write_rows(folder / "rows" / "validation.jsonl", rows[:1])
    data = {"folder": "rows", "max_length": max_length, "limits": {"overlap": 1.0}}
    recipe = Recipe.model_validate({"name": "speed", "data": data, "model": {"path": "none"}})
    return prepare(recipe, folder, tokenizer).train


def ours(
    shape: Shape,
    tokenizer: Any,
    examples: pa.Table,
    *,
    max_length: int = 1024,
    row_length: int | None = None,
    device: str = "cpu",
    vocabulary: int | None = None,
    dtype: str = "auto",
    **training: Any,
) -> Speed:
    """Our loop with our defaults over some examples: packed, rows as long as `trainer train` makes them.

    Args:
        shape: of the model.
        tokenizer: of it.
        examples: see `trainer.data.prepare.Prepared`.
        max_length: of the recipe.
        row_length: of packed rows; by default as `trainer train` chooses it.
        device: to make the model on.
        vocabulary: rows of its embedding, if more than the tokenizer has.
        dtype: of the recipe.
        training: settings of the recipe that are not the defaults.
    """
    from trainer.loop import fit
    from trainer.models.load import Loaded, computes_in_bfloat16
    from trainer.recipe import Recipe
    from trainer.sequences import row_length as chosen_length
    from trainer.sequences import rows_of
    from trainer.steps import plan_steps

    recipe = Recipe.model_validate(
        {
            "name": "speed",
            "data": {"folder": "rows", "max_length": max_length},
            "model": {"path": "none", "method": "full", "dtype": dtype},
            "training": {"epochs": 1.0, **training},
        }
    )
    length = row_length or chosen_length(examples, max_length)
    packed = rows_of(examples, packing=True, length=length)
    model = llama(shape, tokenizer, vocabulary=vocabulary, device=device)
    loaded = Loaded(model, tokenizer, Path(), computes_in_bfloat16(recipe.model.dtype)[0], ())
    clock = clock_of(device)
    seen: list[tuple[float, Mapping[str, Any]]] = []
    with tempfile.TemporaryDirectory(prefix="bench-ours-") as folder:
        fit(
            loaded,
            recipe,
            plan_steps(len(packed), recipe),
            train=packed,
            validation=rows_of(examples.slice(0, 1), packing=True, length=length),
            packed=True,
            folder=Path(folder),
            on_values=lambda values: seen.append((clock(), values)),
            checkpoints=False,
        )
    steps = [(at, values) for at, values in seen if "loss" in values]
    tokens = int(steps[-1][1]["tokens"])
    trained = sum(label != IGNORED for labels in examples["labels"].to_pylist() for label in labels)
    return Speed(tokens, trained, steps[-1][0] - seen[0][0], len(steps))


def trls(
    shape: Shape,
    tokenizer: Any,
    rows: Sequence[Row],
    *,
    device: str = "cpu",
    vocabulary: int | None = None,
    **settings: Any,
) -> Speed:
    """TRL's trainer with its own defaults over the same rows as conversational prompt and completion.

    Args:
        shape: of the model.
        tokenizer: of it.
        rows: to learn.
        device: to make the model on.
        vocabulary: rows of its embedding, if more than the tokenizer has.
        settings: of `SFTConfig` that are not TRL's defaults, to tell what a difference comes from.
    """
    import datasets
    import torch
    from transformers import PrinterCallback, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    clock = clock_of(device)

    class Clock(TrainerCallback):  # type: ignore[misc]
        """When training begins, and when the last step is done."""

        began = ended = 0.0
        steps = 0

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.began = clock()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.ended = clock()
            self.steps += 1

    said = [
        {
            "prompt": [{"role": "user", "content": row.prompt}],
            "completion": [{"role": "assistant", "content": row.completion}],
        }
        for row in rows
    ]
    watch = Clock()
    with tempfile.TemporaryDirectory(prefix="bench-trl-") as folder:
        config = SFTConfig(
            output_dir=folder,
            num_train_epochs=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=device == "cpu",
            **settings,
        )
        made = SFTTrainer(
            model=llama(shape, tokenizer, vocabulary=vocabulary, device=device),
            args=config,
            processing_class=tokenizer,
            train_dataset=datasets.Dataset.from_list(said),
            callbacks=[watch],
        )
        made.remove_callback(PrinterCallback)
        tokenised = made.train_dataset.with_format(None).to_list()
        made.train()
    return Speed(
        sum(len(row["input_ids"]) for row in tokenised),
        sum(label != IGNORED for row in tokenised for label in row["labels"]),
        watch.ended - watch.began,
        watch.steps,
    )
