"""Everything that is checked of a recipe, in the order in which a person wants to know it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from trainer.check.compute import Needs, needs
from trainer.check.ledger import write_ledger
from trainer.check.rows import RowsReport, look_at_rows
from trainer.check.timing import TimeEstimate, estimate_time
from trainer.data.limits import check_limits
from trainer.data.prepared import Prepared
from trainer.recipe import Recipe
from trainer.recipe_file import LoadedRecipe
from trainer.steps import Steps, plan_steps

if TYPE_CHECKING:
    from trainer.ready import Ready

_SAVED_BYTES: Final = 12
"""In a checkpoint, for each weight that is trained: the weight and two states of AdamW, in float32."""


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
        InputError: the recipe, the model, a monitor or the data cannot be used.
    """
    from trainer.models.load import load_tokenizer
    from trainer.monitors.base import check_monitors
    from trainer.ready import make_ready

    recipe = loaded.recipe
    check_monitors(recipe.monitoring.to)
    ready = make_ready(loaded, allow_download=allow_download, on_progress=on_progress)
    _, notes = load_tokenizer(ready.folder, recipe.model, loaded.base)
    rows = look_at_rows(ready.prepared, recipe, ready.tokenizer, samples=samples, notes=tuple(notes))
    ledger = write_ledger(ready.prepared, recipe, beside=loaded.runs)
    needed = needs(orjson.loads((ready.folder / "config.json").read_bytes()), recipe, ready.length, len(ready.train))
    steps = plan_steps(len(ready.train), recipe, validation_rows=len(ready.validation))
    if probe and not rows.excesses:
        needed = replace(needed, time=_probed(loaded, ready, steps))
    return Checked(recipe, ready.prepared, rows, needed, steps, ledger)


def _probed(loaded: LoadedRecipe, ready: Ready, steps: Steps) -> TimeEstimate | None:
    from trainer.check.probe import probe
    from trainer.models.load import load

    recipe = loaded.recipe
    model = load(ready.folder, recipe.model, loaded.base, recipe.training.seed)
    trained = sum(each.numel() for each in model.model.parameters() if each.requires_grad)
    probed = probe(model, recipe, ready.train, ready.validation)
    validated, train_tokens = (sum(map(sum, rows["seq_lengths"])) for rows in (ready.validation, ready.train))
    seen = steps.total * recipe.training.batch_size * recipe.training.accumulation / len(ready.train)
    found = estimate_time(probed.steps, steps=steps.total, tokens=int(seen * train_tokens))
    if found is None:
        return None
    if probed.validation is None:  # the time was up before
        validation = steps.validation_cost * found.seconds / steps.total
    else:
        validation = probed.validation[1] * validated / probed.validation[0]
    found = found.with_validations(1 + steps.validations, validation, saved_bytes=_SAVED_BYTES * trained)
    return replace(found, probed=probed.text())
