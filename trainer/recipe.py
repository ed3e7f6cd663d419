"""The recipe: everything a training run depends on beside the data and the machine, in one frozen document.

Defaults are chosen against the ten usual mistakes (docs/trainer.md), not inherited from the libraries below: what
these call their default is often silent (cutting rows, bfloat16 on a processor without it, no validation).
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from dataprep.pipeline.base import Config, InconsistentError

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]

MonitorName = Literal["wandb", "comet", "mlflow", "tensorboard", "trackio"]
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class LimitsConfig(Config):
    """The most that may go wrong with rows before `check` and `train` refuse to go on. Shares are of all examples."""

    dropped: Share = 0.02
    """Examples that cannot be trained on: no answer, or longer than `max_length` where these are dropped."""
    cut: Share = 0.01
    """Examples that lose their end."""
    overlap: Share = 0.0
    """Held-out examples, of validation or test, whose input stands in train or in the other of them, word for word
    after normalisation."""


class MixtureConfig(Config):
    """How often examples of a source, label or template are seen, against how often they stand in the data."""

    by: Literal["source", "label"] = "source"
    """What the weights are of."""
    weights: Annotated[dict[str, NotNegative], Field(min_length=1)]
    """Times that each example of a group is seen in an epoch: 2 twice, 0.5 every second one, 0 never. Groups without
    a weight have 1."""


class DataConfig(Config):
    """What is trained on."""

    version: str | None = None
    """A dataset version in a store: `support@latest`, `support@3`, or the start of an id."""
    store: str = "store"
    """The store that holds it; relative to the recipe."""
    folder: str | None = None
    """Instead of a version: a folder or file that `datasets` can load: messages, prompt and completion, or text."""
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of train that is held out where the data have no validation split: whole conversations, by a hash."""
    max_length: Annotated[int, Field(ge=8)] = 1024
    """Tokens of an example."""
    too_long: Literal["drop", "cut"] = "drop"
    """What becomes of longer examples: a cut one teaches never to end."""
    packing: bool = True
    """Whether several examples share a sequence, isolated from each other: no padding."""
    mixture: MixtureConfig | None = None
    """Weights by source or label; by default every example once in an epoch."""
    limits: LimitsConfig = LimitsConfig()
    """When to refuse."""

    @model_validator(mode="after")
    def _names_one_place(self) -> Self:
        if (self.version is None) == (self.folder is None):
            message = "name a `version` of a store or a `folder`" if self.version is None else "not both"
            raise InconsistentError([(("version",), f"{message}: `version: support@latest`, or `folder: data/`")])
        return self


class LoraConfig(Config):
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685)."""

    rank: Annotated[int, Field(ge=1, le=1024)] = 16
    """Rank of each adapter."""
    alpha: Positive = 32.0
    """Scale: adapters are multiplied by alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Dropout before each adapter."""
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    """Modules that get one: all linear layers but the head, or names such as `q_proj`."""


class ModelConfig(Config):
    """The model that training begins from."""

    path: str
    """A folder (relative to the recipe), or a name on the Hub that lies in the local cache."""
    revision: str | None = None
    """Branch, tag or commit of a name on the Hub."""
    remote_code: bool = False
    """Whether Python code that comes with the model may run. It runs as you."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Numbers to compute in: auto is bfloat16 on a GPU or processor that has instructions for it, else float32."""
    method: Literal["full", "lora"] = "lora"
    """Train all weights, or low-rank adapters beside them."""
    lora: LoraConfig = LoraConfig()
    """Used where `method` is lora."""
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Dropout inside the model, where its family has any; by default as the model brings it."""
    chat_template: str | None = None
    """A file with a Jinja chat template, in place of the model's own."""
    gradient_checkpointing: bool = False
    """Whether activations are computed twice to save memory."""


class EarlyStoppingConfig(Config):
    """When training ends before its last step: the best checkpoint is what remains in any case."""

    enabled: bool = True
    """Whether to stop early."""
    patience: Annotated[int, Field(ge=1)] = 3
    """Validations in a row without a new best."""
    least_gain: NotNegative = 0.001
    """Nats a token by which a validation loss must be lower to count as a new best."""


class TrainingConfig(Config):
    """How weights change."""

    learning_rate: Positive = 2e-4
    """Highest learning rate; `trainer find-lr` finds one: 1e-4 to 5e-4 for LoRA, a tenth of it for all weights."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How it falls after warm-up."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the steps in which it rises to that."""
    epochs: Positive = 3.0
    """Times that every example is seen; early stopping usually ends before."""
    max_steps: Annotated[int, Field(ge=1)] | None = None
    """Optimiser steps, instead of epochs."""
    batch_size: Annotated[int, Field(ge=1)] = 8
    """Sequences that a device computes at a time."""
    accumulation: Annotated[int, Field(ge=1)] = 1
    """Batches before each optimiser step."""
    weight_decay: NotNegative = 0.01
    """Decoupled weight decay (AdamW). Tune on a logarithmic grid."""
    l1: NotNegative = 0.0
    """Weight of the sum of absolute weights in the loss: pulls weights to zero."""
    max_grad_norm: Positive = 1.0
    """Gradients are clipped to this norm."""
    seed: Annotated[int, Field(ge=0, lt=1 << 31)] = 20
    """Of everything that is drawn: order, dropout, adapters."""
    validations: Annotated[int, Field(ge=1)] = 20
    """How often, evenly over the run, the model is validated and saved, as far as `validation_cost` allows."""
    validation_cost: Positive = 0.2
    """Most that validating may take, as a share of the time of training; twice it is validated in any case."""
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    """Checkpoints that stay on the disk, beside the best."""
    early_stopping: EarlyStoppingConfig = EarlyStoppingConfig()
    """When to stop before the last step."""


class MonitoringConfig(Config):
    """Who is told how training goes. The run's own folder always is."""

    to: tuple[MonitorName, ...] = ()
    """Services beside it; each is an installed package, imported when it is named."""
    project: str | None = None
    """Project or experiment there; by default the recipe's name."""
    on_alert: Literal["stop", "warn"] = "stop"
    """What happens when the loss is not a number or diverges, or input stalls. Of overfitting it only ever warns: early
    stopping is what ends that."""


class Recipe(Config):
    """One training run.

    >>> recipe = Recipe(name="support", data={"folder": "data"}, model={"path": "models/base"})
    >>> recipe.training.early_stopping.patience, recipe.data.packing
    (3, True)
    """

    name: str
    """Of the runs that this recipe makes: letters, digits, `.`, `_` and `-`."""
    data: DataConfig
    """What is trained on."""
    model: ModelConfig
    """What training begins from."""
    training: TrainingConfig = TrainingConfig()
    """How weights change."""
    monitoring: MonitoringConfig = MonitoringConfig()
    """Who is told."""
    runs: str | None = None
    """Folder for runs; by default `training/` of the store, or `runs/` beside the recipe."""

    @model_validator(mode="after")
    def _has_a_name_for_files(self) -> Self:
        if not _NAME.fullmatch(self.name):
            message = "a name is letters, digits, `.`, `_` and `-`, at most 100, and begins with a letter or digit"
            raise InconsistentError([(("name",), message)])
        if PurePath(self.model.path).is_absolute() and self.model.revision is not None:
            raise InconsistentError([(("model", "revision"), "a folder has no revisions: leave it out")])
        return self
