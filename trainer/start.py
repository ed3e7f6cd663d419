"""A first recipe for some data and a model: paths as seen from the recipe, defaults for the method."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted
from trainer.recipe import Recipe
from trainer.recipe_text import recipe_text

_RATES = {"lora": 2e-4, "full": 2e-5}
"""Where to begin before `find-lr` has measured: all weights need about a tenth of what adapters do."""


def start(data: str, model: str, output: Path, *, store: str, method: str, force: bool = False) -> list[str]:
    """Write a recipe; returns what was done and what comes next, a sentence a line.

    Args:
        data: a dataset version (`support@latest`) or a folder or file of rows.
        model: a model's folder, or its name on the Hub.
        output: the file.
        store: the store of a version.
        method: `lora` or `full`.
        force: whether to write over a file that is there.

    Raises:
        InputError: the data are not there, or the file is.
    """
    if method not in _RATES:
        raise InputError(f"there is no method {quoted(method)}", key="--method", hint="lora or full")
    if output.exists() and not force:
        hint = "take another name with -o, or write over it with --force"
        raise InputError("is there already", file=str(output), hint=hint)
    if not output.parent.is_dir():
        raise InputError("there is no such folder", file=str(output.parent), hint="make it first")
    from_recipe = output.absolute().parent
    path = Path(data)
    wanted: dict[str, Any]
    if path.exists():
        wanted = {"folder": _seen_from(path, from_recipe)}
        name = path.stem or path.absolute().name
    elif "@" in data:
        if not Path(store).is_dir():
            hint = "name it with --store, or prepare data with `dataprep run`"
            raise InputError("there is no store", file=store, hint=hint)
        wanted = {"version": data, "store": _seen_from(Path(store), from_recipe)}
        name = data.partition("@")[0]
    else:
        hint = "name a version such as support@latest, or a folder or file of rows"
        raise InputError(f"there is no {quoted(data)}", hint=hint)
    folder = Path(model)
    recipe = Recipe(
        name="".join(char if char.isalnum() or char in "._-" else "-" for char in name).strip("._-") or "run",
        data=wanted,  # type: ignore[arg-type] # validated
        model={"path": _seen_from(folder, from_recipe) if folder.is_dir() else model, "method": method},  # type: ignore[arg-type]
        training={"learning_rate": _RATES[method]},  # type: ignore[arg-type]
    )
    unfinished = output.with_name(f".{output.name}.part")
    unfinished.write_text(recipe_text(recipe), encoding="utf-8")
    unfinished.replace(output)
    return [f"wrote {output}", f"next: trainer check {output}"]


def _seen_from(path: Path, base: Path) -> str:
    """A path as a recipe in `base` names it: relative where it lies near, so that both can be moved together."""
    relative = os.path.relpath(path.absolute(), base)
    return str(path.absolute()) if relative.startswith(f"..{os.sep}..") else relative
