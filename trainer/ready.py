"""What training, `check` and `find-lr` begin with: the model found, the data tokenised, the rows laid out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.recipe_file import LoadedRecipe

if TYPE_CHECKING:
    import datasets

    from trainer.data.prepare import Prepared


@dataclass(frozen=True)
class Ready:
    """Everything but the model.

    Attributes:
        folder: of the model.
        tokenizer: with the recipe's template and a padding token of its own.
        prepared: the examples, and what became of all that could have been ones.
        train, validation: rows with `input_ids`, `labels` and `seq_lengths`.
        length: tokens of a packed row of train.
    """

    folder: Path
    tokenizer: Any
    prepared: Prepared
    train: datasets.Dataset
    validation: datasets.Dataset
    length: int


def make_ready(
    loaded: LoadedRecipe,
    *,
    allow_download: bool = False,
    turn: AbstractContextManager[None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Ready:
    """Find the model and lay out the data of a recipe.

    Args:
        loaded: the recipe.
        allow_download: whether a model that is not on this machine may be fetched.
        turn: a context to tokenise in, in which one process goes before the others.
        on_progress: told how many records are done, of how many.

    Raises:
        InputError: the model or the data cannot be used.
    """
    from trainer.data.prepare import prepare
    from trainer.models.load import load_config, load_tokenizer
    from trainer.models.quiet import quiet
    from trainer.models.resolve import resolve
    from trainer.sequences import row_length, rows_of

    quiet()
    recipe = loaded.recipe
    folder = resolve(recipe.model.path, loaded.base, revision=recipe.model.revision, allow_download=allow_download)
    load_config(folder, recipe.model)
    tokenizer, _ = load_tokenizer(folder, recipe.model, loaded.base)
    with turn or nullcontext():
        prepared = prepare(recipe, loaded.base, tokenizer, cache=loaded.runs / "cache", on_progress=on_progress)
    length = row_length(prepared.train, recipe.data.max_length)
    train, validation = (
        # an example of validation may be longer than any of train
        rows_of(table, packing=recipe.data.packing, length=max(length, row_length(table, recipe.data.max_length)))
        for table in (prepared.train, prepared.validation)
    )
    return Ready(folder, tokenizer, prepared, train, validation, length)
