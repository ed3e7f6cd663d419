"""Advice on a learning rate and what goes with it, by the size of the data, each with its numbers and its source.

Rules of thumb, said as such: the ladder's validation losses outrank them. They are for what a ladder of short runs does
not see: how long the real run is, how much an adapter can hold, how little a small validation split can tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

_LORA_RANGE: Final = (1e-4, 5e-4)
_FULL_RANGE: Final = (1e-5, 5e-5)
"""Published rates are in `_range`. The upper ends are a choice: five times the lower ones."""
_HORIZON: Final = -0.32
"""Exponent of the tokens of a run with which the best rate falls (Bjorck et al. 2024, arXiv 2409.19913)."""
_MUCH_LONGER: Final = 3.0
_FEW_EXAMPLES: Final = 1000
_FEW_STEPS: Final = 100
_MANY_EPOCHS: Final = 4.0
_BITS_A_PARAMETER: Final = 2.0
"""Of facts, that a model can store (Allen-Zhu and Li 2024, arXiv 2404.05405)."""
_BITS_A_TOKEN: Final = 1.0
"""To know a usual dataset by heart: its loss, about 0.69 nats (Schulman et al. 2025). To generalise takes less."""
_SPREAD: Final = 0.5
"""Nats a token by which the mean losses of examples usually differ (standard deviation): an assumption."""


@dataclass(frozen=True)
class Situation:
    """What is trained on, with what."""

    examples: int
    """In train, after dropping; what is seen in one epoch."""
    trained_tokens: int
    """Of one epoch, masked ones left out."""
    epochs: float
    steps: int
    """Optimiser steps in all."""
    method: Literal["full", "lora"]
    parameters: int
    """That change: all weights, or the adapters."""
    learning_rate: float
    validation_examples: int
    rung_tokens: int | None = None
    """Tokens that a rung of the ladder saw, prompts included; None where there was none."""
    run_tokens: int = 0
    """Tokens that the run will see, counted alike."""


def advice(situation: Situation) -> list[str]:
    """What to consider, the most important first.

    >>> small = Situation(400, 60_000, 3, 75, "lora", 2_400_000, 2e-4, 40)
    >>> for line in advice(small):
    ...     print(line[:39])
    400 examples are few: 2,400,000 trainab
    75 optimiser steps are few: warm-up and
    40 validation examples tell losses apar
    """
    return [said for about in _ABOUT if (said := about(situation))]


def _range(at: Situation) -> str | None:
    low, high = _LORA_RANGE if at.method == "lora" else _FULL_RANGE
    if low <= at.learning_rate <= high:
        return None
    side = "below" if at.learning_rate < low else "above"
    source = (
        "QLoRA, Dettmers et al. 2023, arXiv 2305.14314, used 2e-4 up to 13 B parameters and 1e-4 above; Schulman et "
        "al. 2025, LoRA Without Regret, thinkingmachines.ai/blog/lora, found about ten times that of all weights best"
        if at.method == "lora"
        else "for 7 B parameters Alpaca, Taori et al. 2023, used 2e-5; for 65 B LIMA, Zhou et al. 2023, arXiv "
        "2305.11206, 1e-5"
    )
    what = "LoRA" if at.method == "lora" else "all weights"
    return f"{at.learning_rate:.3g} is {side} what is usual for {what}, {low:g} to {high:g} ({source})."


def _horizon(at: Situation) -> str | None:
    """The best rate of a short run is too high for a long one."""
    if not at.rung_tokens or at.run_tokens < _MUCH_LONGER * at.rung_tokens:
        return None
    longer = at.run_tokens / at.rung_tokens
    lower = at.learning_rate * longer**_HORIZON
    return (
        f"The run sees {longer:,.0f} times the tokens of a rung ({at.run_tokens:,} against {at.rung_tokens:,}), and in "
        f"pre-training the best rate falls with the length (Bjorck et al. 2024, arXiv 2409.19913). What was measured "
        f"goes first: stay at {at.learning_rate:.3g}, and only if validation loss turns early, take {lower:.2g}."
    )


def _few_examples(at: Situation) -> str | None:
    if at.examples >= _FEW_EXAMPLES:
        return None
    room = f"{at.parameters:,} trainable weights can learn {at.trained_tokens:,} tokens by heart"
    full = " LoRA with a small rank changes less." if at.method == "full" else ""
    return (
        f"{at.examples:,} examples are few: {room}, so expect validation loss to turn within {at.epochs:g} epochs and "
        "keep early stopping on. What they are counts more: LIMA (Zhou et al. 2023, arXiv 2305.11206) trained 65 B "
        f"parameters on 1,000 that were carefully curated.{full}"
    )


def _few_steps(at: Situation) -> str | None:
    if at.steps >= _FEW_STEPS:
        return None
    return (
        f"{at.steps:,} optimiser steps are few: warm-up and schedule take most of them. A smaller batch gives more "
        "steps of the same data; for Adam a batch of 1/k goes with a rate of 1/sqrt(k) (Malladi et al. 2022, "
        "arXiv 2205.10343)."
    )


def _capacity(at: Situation) -> str | None:
    """Whether an adapter can hold what the data say."""
    bits, room = at.trained_tokens * _BITS_A_TOKEN, at.parameters * _BITS_A_PARAMETER
    if at.method == "full" or bits <= room:
        return None
    return (
        f"The adapters may be too small: {at.trained_tokens:,} trained tokens hold up to {bits:,.0f} bits, "
        f"{at.parameters:,} weights about {room:,.0f} (2 bits a weight: Allen-Zhu and Li 2024, arXiv 2404.05405; 1 bit "
        "a token, to know them by heart: Schulman et al. 2025, thinkingmachines.ai/blog/lora). "
        f"{math.ceil(bits / room)} times the rank, or all weights, would hold them."
    )


def _many_epochs(at: Situation) -> str | None:
    if at.epochs <= _MANY_EPOCHS:
        return None
    return (
        f"{at.epochs:g} epochs: data seen up to {_MANY_EPOCHS:g} times are nearly as good as new ones, then each time "
        "adds less (Muennighoff et al. 2023, arXiv 2305.16264, for pre-training). Early stopping says when to end."
    )


def _small_validation(at: Situation) -> str | None:
    """Two standard errors of a mean over examples."""
    if at.validation_examples < 1:
        return "Without validation examples nothing can be said about any rate: hold some out."
    apart = 2 * _SPREAD / math.sqrt(at.validation_examples)
    if apart < 0.05:
        return None
    return (
        f"{at.validation_examples:,} validation examples tell losses apart that differ by {apart:.2f} nats a token "
        f"(two standard errors, where examples differ by {_SPREAD:g}): smaller differences between rates mean nothing."
    )


_ABOUT: Final[tuple[Callable[[Situation], str | None], ...]] = (
    _few_examples,
    _few_steps,
    _range,
    _horizon,
    _capacity,
    _many_epochs,
    _small_validation,
)
