"""docs/trainer.md: every key of the recipe stands there with its default and its own description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.docs.reading import document, rows, section
from trainer.recipe import Recipe

TEXT = document("trainer.md")


def keys(schema: dict[str, Any], below: str = "") -> Iterator[list[str]]:
    """Key, default and description of everything that can stand in a recipe."""
    for name, field in schema["properties"].items():
        options = [*field.get("anyOf", []), field]
        inner = next((part["$ref"].rpartition("/")[2] for part in options if "$ref" in part), None)
        if inner is None:
            default = f"`{json.dumps(field['default'])}`" if field.get("default") is not None else "none"
            needed = "**needed**" if below + name in NEEDED else default
            yield [below + name, needed.strip("`"), " ".join(field["description"].split()).replace("|", "\\|")]
        else:
            yield from keys(DEFINITIONS[inner], f"{below}{name}.")


SCHEMA = Recipe.model_json_schema()
DEFINITIONS = SCHEMA["$defs"]
NEEDED = ("name", "model.path", "data.mixture.weights")


def test_every_key_stands_there_with_its_default_and_what_it_is() -> None:
    table = "".join(f"| `{key}` | {_shown(default)} | {what} |\n" for key, default, what in keys(SCHEMA))
    assert rows(section(TEXT, "## The recipe")) == list(keys(SCHEMA)), f"the table is:\n{table}"


def _shown(default: str) -> str:
    return default if default in ("none", "**needed**") else f"`{default}`"


def test_the_ten_mistakes_are_ten() -> None:
    numbered = [line for line in section(TEXT, "## Ten usual mistakes").splitlines() if line.startswith("| ")]
    assert [line.split("|")[1].strip() for line in numbered[1:]] == [str(number) for number in range(1, 11)]
