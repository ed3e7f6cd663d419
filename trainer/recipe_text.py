"""A recipe as a commented file: every key with what it means, so that the file is its own manual."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

from dataprep.pipeline.quoting import quoted
from trainer.recipe import Recipe

_WIDTH: Final = 100


def recipe_text(recipe: Recipe) -> str:
    """The recipe as YAML that `trainer.recipe_file.load` reads back as the same recipe.

    Keys that are null are written as comments.

    >>> text = recipe_text(Recipe(name="a", data={"folder": "data"}, model={"path": "models/base"}))
    >>> [line for line in text.splitlines() if line.strip().startswith(("path:", "# version:", "epochs:"))]
    ['  # version:', '  path: models/base', '  epochs: 3']
    """
    head = "# A training recipe. Check it with `trainer check FILE`, then `trainer train FILE`.\n"
    return head + "".join(f"{line}\n" for line in _lines(recipe, 0))


def _lines(model: BaseModel, depth: int) -> Iterator[str]:
    descriptions = _descriptions(type(model))
    indent = "  " * depth
    for name in type(model).model_fields:
        value = getattr(model, name)
        if depth == 0:
            yield ""
        for line in textwrap.wrap(descriptions[name], _WIDTH - len(indent) - 2):
            yield f"{indent}# {line}"
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from _lines(value, depth + 1)
        elif value is None:
            yield f"{indent}# {name}:"
        else:
            yield f"{indent}{name}: {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(key, None)}: {_scalar(each)}" for key, each in value.items()) + "}"
    text = str(value)
    plain = all(char.isalnum() or char in "._/-" for char in text) and text[:1].isalpha()
    return text if plain and text.lower() not in _WORDS else quoted(text, None) if isinstance(value, str) else text


_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
"""Bare words that YAML reads as something else."""


@cache
def _descriptions(model: type[BaseModel]) -> dict[str, str]:
    properties = model.model_json_schema()["properties"]
    return {name: " ".join(found.get("description", "").split()) for name, found in properties.items()}
