"""Everything that is checked of a recipe, in the order in which a person wants to know it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trainer.check.ledger import write_ledger
from trainer.check.rows import RowsReport, look_at_rows
from trainer.data.limits import check_limits
from trainer.data.prepare import prepare
from trainer.data.prepared import Prepared
from trainer.recipe import Recipe
from trainer.recipe_file import LoadedRecipe


@dataclass(frozen=True)
class Checked:
    """What was found.

    Attributes:
        recipe: the recipe.
        prepared: its data, as training would start from them.
        rows: the report on them.
        ledger: file with what became of every example.
        model: the model's folder.
    """

    recipe: Recipe
    prepared: Prepared
    rows: RowsReport
    ledger: Path
    model: Path

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
    on_progress: Callable[[int, int], None] | None = None,
) -> Checked:
    """Look at a recipe's rows under its tokenizer, and keep what became of each.

    Args:
        loaded: the recipe.
        allow_download: whether a model that is not on this machine may be fetched.
        samples: real examples to show.
        on_progress: told how many records are done, and of how many (0 where that is not known).

    Raises:
        InputError: the recipe, the model or the data cannot be used.
    """
    from trainer.models.load import load_config, load_tokenizer
    from trainer.models.quiet import quiet
    from trainer.models.resolve import resolve

    quiet()
    recipe = loaded.recipe
    folder = resolve(recipe.model.path, loaded.base, revision=recipe.model.revision, allow_download=allow_download)
    load_config(folder, recipe.model)
    tokenizer, notes = load_tokenizer(folder, recipe.model, loaded.base)
    prepared = prepare(recipe, loaded.base, tokenizer, cache=loaded.runs / "cache", on_progress=on_progress)
    rows = look_at_rows(prepared, recipe, tokenizer, samples=samples, notes=tuple(notes))
    return Checked(recipe, prepared, rows, write_ledger(prepared, recipe, beside=loaded.runs), folder)
