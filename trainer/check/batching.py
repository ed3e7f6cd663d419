"""Batch and accumulation that fit a card and leave the recipe's optimiser step as it is; and what to try next if not.

An optimiser step learns from batch times accumulation sequences, whatever the factors; memory grows with the batch
alone. So the batch is the largest that fits, and accumulation the rest. The product is the recipe's, unless the data
are so few that an epoch would have next to no steps: a fixed number of tokens a step, the alternative, knows neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from dataprep.console import counted
from trainer.check.memory import Workload, estimate, memory_text, usable_bytes
from trainer.check.shapes import ModelShape

_SHORTEST: Final = 256
"""Tokens below which a shorter `max_length` is no advice any more."""
_SMALL_RANK: Final = 8
_LEAST_STEPS: Final = 20
"""Optimiser steps of an epoch, below which a smaller step is proposed."""


@dataclass(frozen=True)
class Proposal:
    """What fits a card: sequences of a batch, batches before an optimiser step, and why."""

    batch_size: int
    accumulation: int
    memory: int
    """Bytes."""
    card: float
    """GB."""
    why: str

    def text(self) -> str:
        """In words."""
        settings = f"batch_size {self.batch_size}, accumulation {self.accumulation}"
        return f"proposed: {settings}: {self.why}; fits a card of {self.card:g} GB"


def propose(shape: ModelShape, load: Workload, *, accumulation: int, rows: int, card: float) -> Proposal | None:
    """The recipe's optimiser step, in the largest batches that fit a card; a smaller step where the data are few.

    None where not even one sequence fits: `smaller_settings` says what then.

    Args:
        shape: the model.
        load: how it is trained, with the recipe's batch.
        accumulation: of the recipe.
        rows: sequences of an epoch.
        card: GB.

    >>> small = ModelShape("llama", 30, 576, 9, 3, 64, 1536, 49152, tied=True)
    >>> print(propose(small, Workload("lora", 1024, 8), accumulation=1, rows=1624, card=8).text())
    proposed: batch_size 4, accumulation 2: the recipe's 8 sequences a step, 203 steps an epoch; fits a card of 8 GB
    """
    sequences, why = step_of(load.batch_size * accumulation, rows)
    best: tuple[int, int] | None = None
    for batch in (each for each in range(1, sequences + 1) if sequences % each == 0):
        memory = estimate(shape, replace(load, batch_size=batch)).total
        if memory > usable_bytes(card):
            break
        best = (batch, memory)
    return None if best is None else Proposal(best[0], sequences // best[0], best[1], card, why)


def step_of(wanted: int, rows: int) -> tuple[int, str]:
    """Sequences of an optimiser step, and why: as wanted, or fewer where an epoch would have less than some 20 steps.

    Below that warm-up and schedule have nothing to work with, and a mistake in the rate cannot be mended.

    >>> step_of(8, 60)
    (2, "the recipe's 8 sequences a step are 8 steps an epoch, which is few; 2 are 30")
    >>> step_of(128, 1)
    (1, 'the data are 1 sequence, so a step has no more')
    """
    steps = math.ceil(rows / wanted)
    if steps >= _LEAST_STEPS or wanted == 1:
        return wanted, f"the recipe's {counted(wanted, 'sequence')} a step, {counted(steps, 'step')} an epoch"
    fewer = 1 << max(rows // _LEAST_STEPS, 1).bit_length() - 1
    if rows <= 1:
        return 1, "the data are 1 sequence, so a step has no more"
    have = f"the recipe's {wanted:,} sequences a step are {counted(steps, 'step')} an epoch, which is few"
    return fewer, f"{have}; {fewer:,} {'is' if fewer == 1 else 'are'} {math.ceil(rows / fewer):,}"


def smaller_settings(
    *,
    batch_size: int,
    accumulation: int,
    max_length: int,
    gradient_checkpointing: bool,
    method: str,
    lora_rank: int = 16,
) -> list[str]:
    """Settings of a recipe that take less memory, the first to try first: those that change no result come first.

    Halving the batch changes neither the step nor the loss, checkpointing costs about a third more time, and a shorter
    length, LoRA and a smaller rank change what is learnt. Empty when nothing is left but a smaller model.

    >>> for line in smaller_settings(
    ...     batch_size=8, accumulation=2, max_length=1024, gradient_checkpointing=False, method="full"
    ... ):
    ...     print(line)
    training.batch_size: 4 and training.accumulation: 4 (were 8 and 2): the same step in half the memory for activations
    model.gradient_checkpointing: true: keeps one tensor a layer, for about a third more time
    data.max_length: 512 (was 1024): longer examples are dropped or cut; `trainer check` counts them
    model.method: lora: gradients and optimiser states of the adapters only
    """
    found = []
    if batch_size > 1:
        half = batch_size // 2
        found.append(
            f"training.batch_size: {half} and training.accumulation: {math.ceil(batch_size * accumulation / half)} "
            f"(were {batch_size} and {accumulation}): the same step in half the memory for activations"
        )
    if not gradient_checkpointing:
        found.append("model.gradient_checkpointing: true: keeps one tensor a layer, for about a third more time")
    if max_length > _SHORTEST:
        found.append(
            f"data.max_length: {max(_SHORTEST, max_length // 2)} (was {max_length}): longer examples are dropped or "
            "cut; `trainer check` counts them"
        )
    if method == "full":
        found.append("model.method: lora: gradients and optimiser states of the adapters only")
    elif lora_rank > _SMALL_RANK:
        found.append(f"model.lora.rank: {_SMALL_RANK} (was {lora_rank}): smaller adapters")
    return found


def out_of_memory_text(shape: ModelShape, load: Workload, card: float) -> str:
    """One sentence on what is needed and what is there.

    >>> llama = ModelShape("llama", 32, 4096, 32, 32, 128, 11008, 32000, tied=False)
    >>> out_of_memory_text(llama, Workload("full", 1024), 24)
    'about 57.9 GiB are needed and 22.1 GiB of 24 GB can be used'
    """
    needed = estimate(shape, load).total
    return f"about {memory_text(needed)} are needed and {memory_text(usable_bytes(card))} of {card:g} GB can be used"
