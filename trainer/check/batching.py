"""Batch and accumulation that fit a card and make the optimiser step as large as wanted; and what to try next if not.

An optimiser step learns from batch times accumulation sequences, whatever the factors; memory grows with the batch
alone. So the batch is the largest that fits, and accumulation the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from trainer.check.memory import Workload, estimate, memory_text, usable_bytes
from trainer.check.shapes import ModelShape

_SHORTEST: Final = 256
"""Tokens below which a shorter `max_length` is no advice any more."""
_SMALL_RANK: Final = 8


@dataclass(frozen=True)
class Proposal:
    """What fits: sequences of a batch, batches before an optimiser step, and the memory of it in bytes."""

    batch_size: int
    accumulation: int
    tokens: int
    """Of an optimiser step."""
    memory: int


def propose(shape: ModelShape, load: Workload, *, target_tokens: int, card: float) -> Proposal | None:
    """The largest batch on a card of so many GB, of powers of two, with the accumulation that reaches the target.

    The step is of at least `target_tokens` tokens, and of less than one batch more. None where not even one sequence
    fits: `smaller_settings` says what then. `load.batch_size` is not looked at.

    >>> small = ModelShape("llama", 30, 576, 9, 3, 64, 1536, 49152, tied=True)
    >>> found = propose(small, Workload("lora", 1024), target_tokens=32_768, card=8)
    >>> found.batch_size, found.accumulation, found.tokens
    (4, 8, 32768)
    """
    sequences = max(1, math.ceil(target_tokens / load.sequence_length))
    best: tuple[int, int] | None = None
    batch = 1
    while batch == 1 or batch <= sequences:
        memory = estimate(shape, replace(load, batch_size=batch)).total
        if memory > usable_bytes(card):
            break
        best = (batch, memory)
        batch *= 2
    if best is None:
        return None
    batch, memory = best
    accumulation = math.ceil(sequences / batch)
    return Proposal(batch, accumulation, batch * accumulation * load.sequence_length, memory)


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
