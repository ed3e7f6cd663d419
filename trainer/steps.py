"""How a run is laid out in optimiser steps: how many, and how often it is validated.

Validating often costs as much as training when a run is short or the validation split large: a pass over the split
takes the same time however few steps lie between two of them. So validations come as often as the recipe asks and no
more often than `training.validation_cost` allows. A validated row costs a third of a trained one, as backward is twice
forward (Kaplan et al. 2020, arXiv 2001.08361, section 2.1), and half of one beside adapters, where frozen weights need
no gradients of their own. The pass before the first step is not counted: a run without one says little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from trainer.recipe import Recipe

_FORWARD: Final = {"full": 1 / 3, "lora": 1 / 2}
_FEWEST: Final = 2
"""Validations, whatever they cost: in the middle and at the end, so that the better one can be kept."""


@dataclass(frozen=True)
class Steps:
    """How a run is laid out, in optimiser steps.

    Attributes:
        total: all of them.
        validate_every: so many; the last one is validated too.
        validation_cost: steps that take as long as a validation does.
    """

    total: int
    validate_every: int
    validation_cost: float = 0.0

    @property
    def validations(self) -> int:
        """After the first step."""
        return math.ceil(self.total / self.validate_every)

    def text(self) -> str:
        """In words.

        >>> Steps(500, 25, 2.5).text()
        '500 steps, validated every 25, which adds about 10% to the time of training'
        """
        adds = self.validations * self.validation_cost / self.total
        every = f"validated every {self.validate_every:,}"
        return f"{self.total:,} steps, {every}, which adds about {adds:.0%} to the time of training"


def plan_steps(rows: int, recipe: Recipe, processes: int = 1, *, validation_rows: int = 0) -> Steps:
    """Lay out a run over so many sequences.

    Args:
        rows: of train.
        recipe: of the run.
        processes: that share a step, and a validation.
        validation_rows: sequences of a validation.

    >>> recipe = Recipe(name="a", data={"folder": "d"}, model={"path": "m"}, training={"epochs": 2, "batch_size": 4})
    >>> plan_steps(100, recipe, validation_rows=8)
    Steps(total=50, validate_every=5, validation_cost=1.0)
    """
    training = recipe.training
    in_a_step = training.batch_size * training.accumulation * processes
    total = training.max_steps or max(1, -int(-(training.epochs * rows) // in_a_step))
    cost = _FORWARD[recipe.model.method] * validation_rows / in_a_step
    return Steps(total, _interval(total, training.validations, cost, training.validation_cost), cost)


def _interval(total: int, wanted: int, cost: float, share: float) -> int:
    """Steps between two validations."""
    as_wanted = max(1, total // wanted)
    affordable = math.ceil(cost / share)
    return max(as_wanted, min(affordable, math.ceil(total / _FEWEST)))
