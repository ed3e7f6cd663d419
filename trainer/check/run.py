"""Everything that is checked of a recipe, in the order in which a person wants to know it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from trainer.check.compute import Needs, needs, time_of
from trainer.check.ledger import write_ledger
from trainer.check.rows import RowsReport, look_at_rows
from trainer.data.limits import check_limits
from trainer.data.prepared import Prepared
from trainer.recipe import Recipe
from trainer.recipe_file import LoadedRecipe
from trainer.steps import Steps, plan_steps

if TYPE_CHECKING:
    from trainer.check.timing import TimeEstimate
    from trainer.ready import Ready


@dataclass(frozen=True)
class Checked:
    """What was found.

    Attributes:
        recipe: the recipe.
        prepared: its data, as training would start from them.
        rows: the report on them.
        needs: memory, cards, batch and time.
        steps: how many there will be on one device, and how often it is validated.
        ledger: file with what became of every example.
    """

    recipe: Recipe
    prepared: Prepared
    rows: RowsReport
    needs: Needs
    steps: Steps
    ledger: Path

    def refuse(self) -> None:
        """Say no where a limit is passed.

        Raises:
            RefusedError: with the numbers.
        """
        check_limits(self.prepared, self.recipe)


def check(
    loaded: LoadedRecipe,
    *,
    allow_download: bool = False,
    samples: int = 3,
    probe: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> Checked:
    """Look at a recipe's rows under its tokenizer, and keep what became of each.

    Args:
        loaded: the recipe.
        allow_download: whether a model that is not on this machine may be fetched.
        samples: real examples to show.
        probe: whether to take a few real steps to know the time; only where no limit is passed.
        on_progress: told how many records are done, and of how many (0 where that is not known).

    Raises:
        InputError: the recipe, the model or the data cannot be used.
    """
    from trainer.models.load import load_tokenizer
    from trainer.ready import make_ready

    recipe = loaded.recipe
    ready = make_ready(loaded, allow_download=allow_download, on_progress=on_progress)
    _, notes = load_tokenizer(ready.folder, recipe.model, loaded.base)
    rows = look_at_rows(ready.prepared, recipe, ready.tokenizer, samples=samples, notes=tuple(notes))
    ledger = write_ledger(ready.prepared, recipe, beside=loaded.runs)
    needed = needs(orjson.loads((ready.folder / "config.json").read_bytes()), recipe, ready.length)
    steps = plan_steps(len(ready.train), recipe, validation_rows=len(ready.validation))
    if probe and not rows.excesses:
        needed = replace(needed, time=_probed(loaded, ready, steps))
    return Checked(recipe, ready.prepared, rows, needed, steps, ledger)


def _probed(loaded: LoadedRecipe, ready: Ready, steps: Steps) -> TimeEstimate | None:
    from trainer.models.load import load

    recipe = loaded.recipe
    tokens = sum(map(sum, ready.train["seq_lengths"]))
    with_validations = steps.total + round(steps.validation_cost * (1 + steps.validations))
    seen = with_validations * recipe.training.batch_size * recipe.training.accumulation / len(ready.train)
    model = load(ready.folder, recipe.model, loaded.base, recipe.training.seed)
    return time_of(model, recipe, ready.train, steps=with_validations, tokens=int(seen * tokens))
