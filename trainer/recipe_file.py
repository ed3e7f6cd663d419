"""Reading a recipe from YAML, every mistake with its line, and changing one value in it without touching the rest."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dataprep.errors import InputError, ManyInputErrors
from dataprep.pipeline import overrides as override_texts
from dataprep.pipeline.base import InconsistentError, KeyPath
from dataprep.pipeline.mistakes import Places, in_words
from dataprep.pipeline.yaml_tree import MAX_BYTES, parse
from trainer.recipe import Recipe

_VALUE: Final = re.compile(r"^(\s*[\w-]+:[ \t]*)([^#\n]*?)([ \t]*(?:#.*)?)$")


@dataclass(frozen=True)
class LoadedRecipe:
    """A validated recipe and where it came from.

    Attributes:
        recipe: the recipe.
        path: its file, as the user named it.
        base: the folder that relative paths in it are taken against.
        text: the file as it was read.
    """

    recipe: Recipe
    path: Path
    base: Path
    text: str
    _places: Places

    def mistake(self, path: KeyPath, message: str, hint: str | None = None) -> InputError:
        """An InputError about a key of this recipe, with file and line, for what only later steps can know."""
        return self._places.mistake(path, message, hint)

    @property
    def runs(self) -> Path:
        """Where runs go: as the recipe says, else `training/` of the store, else `runs/` beside the recipe."""
        if self.recipe.runs is not None:
            return self.base / self.recipe.runs
        if self.recipe.data.version is not None:
            return self.base / self.recipe.data.store / "training"
        return self.base / "runs"


def load(path: Path, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """Read and validate a recipe.

    Args:
        path: the YAML file.
        overrides: `training.learning_rate=1e-4`, applied in order over the file's values.

    Raises:
        InputError: the file cannot be read, or has a mistake; ManyInputErrors where it has several.
    """
    name = os.fspath(path)
    text = _read(path)
    root, mistakes = parse(text, file=name)
    if not isinstance(root.value, dict):
        raise InputError("is no recipe: a mapping of keys to values", file=name, hint="write one with `trainer init`")
    for override in overrides:
        try:
            mistakes += override_texts.apply(root, override)
        except InputError as error:
            mistakes.append(error)
    places = Places(root, name)
    try:
        recipe = Recipe.model_validate_json(json.dumps(root.plain()), strict=True)
    except ValidationError as error:
        mistakes += [mistake for detail in error.errors(include_url=False) for mistake in _explained(detail, places)]
        recipe = None
    if mistakes or recipe is None:
        mistakes.sort(key=lambda mistake: (mistake.line is None, mistake.line or 0))
        raise mistakes[0] if len(mistakes) == 1 else ManyInputErrors(mistakes)
    return LoadedRecipe(recipe, path, path.parent, text, places)


def set_number(path: Path, key: KeyPath, value: float) -> None:
    """Change a number of a recipe that stands in the file, and nothing else: comments stay.

    Raises:
        InputError: the key does not stand in the file on a line of its own.
    """
    text = _read(path)
    lines = text.splitlines(keepends=True)
    places = Places(parse(text, file=os.fspath(path))[0], os.fspath(path))
    reached, node = places.reach(key)
    found = _VALUE.match(lines[node.line - 1].rstrip("\n")) if reached == key and node.line else None
    if found is None:
        hint = f"write it there: {'.'.join(map(str, key))}: {value:g}"
        raise places.mistake(key, "the key stands on no line of its own", hint)
    lines[(node.line or 1) - 1] = f"{found[1]}{value:g}{found[3]}\n"
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text("".join(lines), encoding="utf-8")
    unfinished.replace(path)


def _read(path: Path) -> str:
    name = os.fspath(path)
    try:
        data = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=name) from None
    if data is None:
        raise InputError("no such file", file=name, hint="check the name, or write a recipe with `trainer init`")
    if len(data) > MAX_BYTES:
        raise InputError(f"larger than {MAX_BYTES:,} bytes; is it a recipe?", file=name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError("is not UTF-8", file=name, line=line, hint="save the file as UTF-8") from None


def _explained(detail: ErrorDetails, places: Places) -> list[InputError]:
    path = places.written(detail["loc"])
    if detail["type"] == "extra_forbidden":
        return [places.unknown_key(path, _keys(path[:-1]))]
    if detail["type"] == "missing":
        key = str(detail["loc"][-1])
        return [
            places.mistake((*path, key), f"the key `{key}` is missing", "`trainer init` writes a recipe that works")
        ]
    if detail["type"] == "value_error":
        error = detail.get("ctx", {}).get("error")
        if isinstance(error, InconsistentError):
            return [places.mistake((*path, *below), message) for below, message in error.found]
    _, node = places.reach(path)
    return [places.mistake(path, f"{_asked(detail)}, got {in_words(node)}")]


def _asked(detail: ErrorDetails) -> str:
    """What should stand there: pydantic's words without its grammar."""
    return detail["msg"].replace("Input should be", "expected").replace("a valid string", "text")


def _keys(path: KeyPath) -> list[str]:
    """The keys that may stand at a place."""
    model: type[BaseModel] = Recipe
    for part in path:
        field = model.model_fields.get(str(part))
        found = [] if field is None else _models(field.annotation)
        if not found:
            return []
        model = found[0]
    return list(model.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]
