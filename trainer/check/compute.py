"""What training will need: memory by method, the card that holds it, a batch that fits, and the time, from a probe.

Memory is arithmetic on the model's configuration and loads nothing; time cannot be known without trying, so
`trainer.check.probe` takes a few real steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from dataprep.errors import InputError
from trainer.check.batching import Proposal, propose
from trainer.check.memory import CARDS, Workload, estimate, memory_text, smallest_card
from trainer.check.shapes import ModelShape
from trainer.check.timing import TimeEstimate
from trainer.recipe import Recipe

_METHODS: Final[tuple[Literal["full", "lora", "lora_4bit"], ...]] = ("full", "lora", "lora_4bit")
_WORDS: Final = {"full": "all weights", "lora": "LoRA", "lora_4bit": "LoRA on 4 bits (not trained here)"}


@dataclass(frozen=True)
class Needs:
    """What training needs.

    Attributes:
        shape: the model in numbers; None where its configuration is not known here.
        memory: bytes by method; empty where it is not estimated.
        cards: the smallest card in GB by method; None where none of 8 to 80 GB holds it.
        proposal: batch and accumulation for the recipe's method, on the smallest card that holds its batch, else on
            the largest; None where not even one sequence fits that.
        time: of the whole run; None where it was not probed.
        not_estimated: why there is no estimate of memory; None where there is one.
    """

    shape: ModelShape | None
    memory: Mapping[str, int]
    cards: Mapping[str, int | None]
    proposal: Proposal | None
    time: TimeEstimate | None = None
    not_estimated: str | None = None

    def lines(self) -> list[str]:
        """In words, a sentence a line."""
        if self.shape is None:
            found = [f"memory is not estimated: {self.not_estimated}"]
        else:
            found = [f"{self.shape.parameters:,} parameters, family {self.shape.family}"]
        for method, needed in self.memory.items():
            card = self.cards[method]
            where = f"a card of {card} GB" if card is not None else "no single card of 80 GB"
            found.append(f"{_WORDS[method]:<34}{memory_text(needed):>10}, {where}")
        if self.proposal is not None:
            found.append(self.proposal.text())
        if self.time is not None:
            found.append(f"the run takes {self.time.text()}; early stopping may end it before")
            found.append(f"{self.time.probed}; loading and tokenising are not in it")
        return found


def needs(config: Mapping[str, Any], recipe: Recipe, length: int, rows: int) -> Needs:
    """Memory, cards and a batch, by arithmetic; none of them for a model that the arithmetic does not know.

    Args:
        config: the model's configuration, as `config.json` has it.
        recipe: of the run.
        length: tokens of a row.
        rows: of an epoch.
    """
    try:
        shape = ModelShape.from_config(config)
    except InputError as error:  # it can be trained all the same: what cannot was refused when it was found
        return Needs(None, {}, {}, None, not_estimated=error.message)
    work = {method: _workload(method, recipe, length) for method in _METHODS}
    memory: dict[str, int] = {method: estimate(shape, load).total for method, load in work.items()}
    cards: dict[str, int | None] = {method: smallest_card(needed) for method, needed in memory.items()}
    card, load = cards[recipe.model.method] or CARDS[-1], work[recipe.model.method]
    proposal = propose(shape, load, accumulation=recipe.training.accumulation, rows=rows, card=card)
    return Needs(shape, memory, cards, proposal)


def _workload(method: Literal["full", "lora", "lora_4bit"], recipe: Recipe, length: int) -> Workload:
    return Workload(
        method,
        length,
        recipe.training.batch_size,
        weights="float32" if method == "full" else "bfloat16",
        gradient_checkpointing=recipe.model.gradient_checkpointing,
        lora_rank=recipe.model.lora.rank,
    )
