"""The recipe in TRL's words: the only file that knows its names and those of the trainer below it.

Rows come tokenised, labelled and packed already, so that what `check` counted is what is trained on; TRL's own
preparation cuts and masks without a word. Its defaults that surprise are all set here (docs/trainer.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader
from transformers import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from trainer.data.encode import IGNORED
from trainer.recipe import Recipe
from trainer.steps import Steps

if TYPE_CHECKING:
    import datasets


def sft_config(recipe: Recipe, *, folder: Path, steps: Steps, bfloat16: bool, checkpoints: bool = True) -> SFTConfig:
    """TRL's configuration of a run.

    Args:
        recipe: of the run.
        folder: for checkpoints.
        steps: how long it is.
        bfloat16: whether to compute in bfloat16.
        checkpoints: whether to keep any; without them the last weights are left, not the best.
    """
    training = recipe.training
    return SFTConfig(
        output_dir=str(folder),
        # the weights
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.schedule,
        warmup_steps=training.warmup,  # below 1 a share of all steps
        max_steps=steps.total,
        per_device_train_batch_size=training.batch_size,
        gradient_accumulation_steps=training.accumulation,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        optim="adamw_torch",
        seed=training.seed,
        data_seed=training.seed,
        # the device
        bf16=bfloat16,
        fp16=False,
        use_cpu=not torch.cuda.is_available(),
        activation_checkpointing=recipe.model.gradient_checkpointing,
        dataloader_pin_memory=torch.cuda.is_available(),
        # the rows, which are ready
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        packing=False,
        eval_packing=False,
        remove_unused_columns=False,
        # validation and checkpoints
        eval_strategy="steps",
        eval_steps=steps.validate_every,
        save_strategy="steps" if checkpoints else "no",
        save_steps=steps.validate_every,
        save_total_limit=training.keep_checkpoints,
        load_best_model_at_end=checkpoints,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        # what is told, and to whom
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,  # or NaN is logged as 0
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        ddp_find_unused_parameters=False,
    )


def warmed(usual: Callable[[int], float], steps: int) -> Callable[[int], float]:
    """A schedule that rises in so many steps, the first of them above 0, to the highest rate in the step after.

    The library's begins at 0: its first step computes and changes nothing, and where warm-up is one step that is all
    of it. Not at 1/steps, which of one step would leave no warm-up. Its constant schedule knows no warm-up at all.

    >>> rate = warmed(lambda step: 1.0, 4)
    >>> [rate(step) for step in range(6)]
    [0.2, 0.4, 0.6, 0.8, 1.0, 1.0]
    """
    return lambda step: (step + 1) / (steps + 1) if step < steps else usual(step)


@dataclass
class Collator:
    """Rows to a batch: right-padded, documents of a packed row isolated by positions that begin anew.

    Attributes:
        pad: id of the padding token.
        packed: whether rows hold several documents.
    """

    pad: int
    packed: bool

    def __call__(self, rows: list[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """The batch of some rows: tensors of shape (rows, longest row)."""
        length = max(len(row["input_ids"]) for row in rows)
        ids = torch.full((len(rows), length), self.pad)
        labels = torch.full((len(rows), length), IGNORED)
        positions = torch.zeros((len(rows), length), dtype=torch.long)
        for index, row in enumerate(rows):
            size = len(row["input_ids"])
            ids[index, :size] = torch.as_tensor(row["input_ids"])
            labels[index, :size] = torch.as_tensor(row["labels"])
            begin = 0
            for document in row["seq_lengths"] if self.packed else [size]:
                positions[index, begin : begin + document] = torch.arange(document)
                labels[index, begin] = IGNORED  # nothing in its own document comes before it
                begin += document
        if self.packed:
            return {"input_ids": ids, "labels": labels, "position_ids": positions}
        sizes = torch.tensor([len(row["input_ids"]) for row in rows])
        mask = (torch.arange(length)[None] < sizes[:, None]).long()
        return {"input_ids": ids, "labels": labels, "attention_mask": mask}


class Sft(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer with a validation loss by tokens, L1, and one place where everything that is measured comes out.

    Args:
        model, tokenizer: what is trained.
        config: see `sft_config`.
        train, validation: rows with `input_ids`, `labels` and `seq_lengths`.
        packed: whether rows hold several documents.
        l1: weight of the sum of absolute weights.
        ramp: lowest and highest learning rate of a range test, which rises exponentially, in place of the schedule.
        on_log: told of every step (`loss`, `grad_norm`, …) and every validation (`eval_loss`, `eval_tokens`), in every
            process.
        callbacks: transformers' own.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        config: SFTConfig,
        *,
        train: datasets.Dataset,
        validation: datasets.Dataset,
        packed: bool,
        l1: float = 0.0,
        ramp: tuple[float, float] | None = None,
        on_log: Callable[[int, dict[str, float]], None] | None = None,
        callbacks: list[TrainerCallback] | None = None,
    ) -> None:
        super().__init__(
            model=model,
            args=config,
            processing_class=tokenizer,
            data_collator=Collator(tokenizer.pad_token_id, packed),
            train_dataset=train,
            eval_dataset=validation,
            callbacks=callbacks,
        )
        self.remove_callback(PrinterCallback)
        self._l1 = l1
        self._ramp = ramp
        self._on_log = on_log
        self._tokens: torch.Tensor | int = 0

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The schedule; here and not in a callback, where the rate that is logged would be that of another step."""
        if self._ramp is None:
            usual = super().create_scheduler(num_training_steps, optimizer).lr_lambdas[0]
            rate = warmed(usual, self.args.get_warmup_steps(num_training_steps))
        else:
            low, high = self._ramp
            base = self.args.learning_rate
            growth = (high / low) ** (1 / max(num_training_steps - 1, 1))

            def rate(step: int) -> float:
                return float(low / base * growth**step)

        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer if optimizer is None else optimizer, rate)
        self._created_lr_scheduler = True
        return self.lr_scheduler

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of a batch, with the share of L1 that is this batch's of the step's."""
        found = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if not self._l1 or not model.training:
            return found
        weights = (each for each in model.parameters() if each.requires_grad)
        penalty = self._l1 * sum(each.abs().sum() for each in weights) / self.current_gradient_accumulation_steps
        return (found[0] + penalty, found[1]) if return_outputs else found + penalty

    def training_step(self, model: Any, inputs: Any, *arguments: Any, **named: Any) -> Any:
        """One forward and backward pass; counts tokens without waiting for the device."""
        self._tokens = self._tokens + (inputs["input_ids"] != self.data_collator.pad).sum().detach()
        return super().training_step(model, inputs, *arguments, **named)

    def take_tokens(self) -> int:
        """Tokens of all processes that were trained on since this was called before, padding not counted."""
        tokens = torch.as_tensor(self._tokens, device=self.accelerator.device)
        self._tokens = 0
        return int(self.accelerator.reduce(tokens, "sum"))

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: Any = None,  # noqa: ARG002 - of outputs, which are not gathered
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Negative log-likelihood in nats a token over all rows: the mean over batches depends on their size."""
        rows = self.eval_dataset if eval_dataset is None else eval_dataset
        loss, tokens = self.validation_loss(rows)
        metrics = {f"{metric_key_prefix}_loss": loss, f"{metric_key_prefix}_tokens": float(tokens)}
        self.log(metrics)
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def validation_loss(self, rows: datasets.Dataset) -> tuple[float, int]:
        """Nats a trained token of some rows under the model as it is, and the number of these tokens."""
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        own = rows.select(range(rank, len(rows), world))
        loader = DataLoader(own, batch_size=self.args.per_device_train_batch_size, collate_fn=self.data_collator)
        totals = torch.zeros(2, dtype=torch.float64, device=self.accelerator.device)
        training = self.model.training
        self.model.eval()
        with torch.no_grad(), self.compute_loss_context_manager():
            for batch in loader:
                inputs = self._prepare_inputs(batch)
                outputs = self.model(**inputs, use_cache=False, fused_lm_head=True)
                totals[0] -= outputs.log_probs.double().sum()
                totals[1] += outputs.label_mask.sum()
        self.model.train(training)
        totals = self.accelerator.reduce(totals, "sum")
        return float(totals[0] / totals[1].clamp(min=1)), int(totals[1])

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Hand what was measured to the listener, in every process."""
        super().log(logs, start_time)
        if self._on_log is not None:
            self._on_log(self.state.global_step, dict(logs))
