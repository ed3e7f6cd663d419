"""From a failed validation to mistakes in plain words, each with file, line, dotted key and the next step.

Pydantic finds the mistakes; the words come from the JSON Schema of the place and from what was written there, because
pydantic speaks of types of Python, and because a union gives it one complaint for each of its branches.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dataprep.errors import InputError
from dataprep.pipeline import schema as schemas
from dataprep.pipeline.base import InconsistentError, KeyPath
from dataprep.pipeline.quoting import dotted, quoted, shortened
from dataprep.pipeline.yaml_tree import Node

_NUMBERS: Final = ("integer", "number")


class UnknownKeyError(InputError):
    """A key of the pipeline file that does not exist; names the nearest that does. Exit code 2."""

    def __str__(self) -> str:
        place = f" in {self.file} line {self.line}" if self.file else ""
        known, _, rest = self.message.partition(";")
        text = f"{known}{place};{rest}" if rest else f"{known}{place}"
        return f"{text}\n  next: {self.hint}" if self.hint else text


@dataclass(frozen=True)
class Places:
    """Where the keys of one pipeline file stand.

    Args:
        root: the file's tree, overrides applied.
        file: the file's name for messages; None where there is no file.
    """

    root: Node
    file: str | None

    def reach(self, path: Iterable[str | int]) -> tuple[KeyPath, Node]:
        """Follow a path as far as it goes: the part that exists, and the node there."""
        node, reached = self.root, []
        for part in path:
            below = node.child(part)
            if below is None:
                break
            node = below
            reached.append(part)
        return tuple(reached), node

    def written(self, location: Iterable[str | int]) -> KeyPath:
        """The part of pydantic's location that exists: of a union it names the branch, which nobody wrote."""
        node, reached = self.root, []
        for part in location:
            below = node.child(part)
            if below is not None:
                node = below
                reached.append(part)
        return tuple(reached)

    def line(self, path: KeyPath) -> int | None:
        """The line that a person should look at: of a scalar itself, of a list's or mapping's key."""
        reached, node = self.reach(path)
        if not reached or not isinstance(node.value, dict | list):
            return node.line if reached else 1
        _, parent = self.reach(reached[:-1])
        return parent.key_lines.get(str(reached[-1]), node.line)

    def mistake(self, path: KeyPath, message: str, hint: str | None = None) -> InputError:
        """An InputError about a place, which need not exist: the nearest existing one above it gives the line."""
        _, node = self.reach(path)
        key = dotted(path) or None
        if node.override is not None:
            return InputError(f"in the override {quoted(node.override)}: {message}", key=key, hint=hint)
        return InputError(message, file=self.file, line=self.line(path) if self.file else None, key=key, hint=hint)

    def unknown_key(self, path: KeyPath, allowed: Sequence[str]) -> InputError:
        """The mistake of a key that does not exist."""
        _, parent = self.reach(path[:-1])
        _, node = self.reach(path)
        key = str(path[-1])
        near = suggestion(key, allowed)
        message = f"unknown key {quoted(key)}" + (f'; did you mean "{near}"?' if near else "")
        hint = None if near else f"allowed here: {', '.join(allowed)}"
        if node.override is not None:
            return UnknownKeyError(f"in the override {quoted(node.override)}: {message}", key=dotted(path), hint=hint)
        return UnknownKeyError(message, file=self.file, line=parent.key_lines.get(key), key=dotted(path), hint=hint)


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant.

    >>> suggestion("dedupe", ["dedup", "splits"])
    'dedup'
    """
    near = difflib.get_close_matches(word[:100].lower(), list(known), n=1, cutoff=0.6)
    return near[0] if near else None


def explain(error: ValidationError, places: Places) -> list[InputError]:
    """One InputError for each mistaken place.

    Args:
        error: what pydantic found.
        places: the tree that was validated, for lines and what was written.
    """
    found = [(places.written(detail["loc"]), detail) for detail in error.errors(include_url=False)]
    mistakes: list[InputError] = []
    told: set[KeyPath] = set()
    for path, detail in found:
        if detail["type"] == "extra_forbidden":
            allowed = schemas.allowed_keys(schemas.at(path[:-1]) or {})
            mistakes.append(places.unknown_key(path, allowed))
        elif detail["loc"] and detail["loc"][-1] == "[key]":
            mistakes.append(places.mistake(path, f"{quoted(str(path[-1]))} cannot be a name", schemas.RULE_NAME_HELP))
        elif detail["type"] == "missing":
            mistakes.append(_missing(path, str(detail["loc"][-1]), places))
        elif detail["type"] == "value_error":
            mistakes.extend(_inconsistent(path, detail, places))
        elif path not in told and not any(len(other) > len(path) and other[: len(path)] == path for other, _ in found):
            told.add(path)
            mistakes.append(_wrong_value(path, places))
    return mistakes


def _missing(path: KeyPath, key: str, places: Places) -> InputError:
    schema = schemas.at((*path, key)) or {}
    what = " ".join(str(schema.get("description", "")).split()).split(". ")[0].rstrip(".")
    return places.mistake(
        (*path, key), f"the key `{key}` is missing", f"add `{key}:` ({what[:1].lower()}{what[1:]})" if what else None
    )


def _inconsistent(path: KeyPath, detail: ErrorDetails, places: Places) -> list[InputError]:
    error = detail.get("ctx", {}).get("error")
    if isinstance(error, InconsistentError):
        return [places.mistake((*path, *below), message) for below, message in error.found]
    return [places.mistake(path, str(error))]


def _wrong_value(path: KeyPath, places: Places) -> InputError:
    _, node = places.reach(path)
    schema = schemas.at(path) or {}
    given = in_words(node)
    hint = _advice(str(path[-1]) if path else "", node, schema)
    return places.mistake(path, f"expected {schemas.in_words(schema)}, got {given}", hint)


def in_words(node: Node) -> str:
    """What was written, short and safe to show."""
    match node.value:
        case None:
            return "nothing"
        case bool() | int() | float():
            return f"{'' if isinstance(node.value, bool) else 'the number '}{shortened(node.raw or str(node.value))}"
        case str():
            return (
                quoted(node.value) if len(node.value) <= 60 else f"{quoted(node.value)} ({len(node.value)} characters)"
            )
        case list():
            return "a list" if node.value else "an empty list"
    return "a mapping"


def _advice(key: str, node: Node, schema: schemas.Schema) -> str | None:
    """What to write instead, where what was meant can be told from what was written."""
    value = node.value
    options = [choice for option in schemas.variants(schema) for choice in option.get("enum", [])]
    if options and isinstance(value, str):
        near = suggestion(value, options)
        return f"did you mean {near}?" if near else None
    if schemas.takes(schema, "string") and isinstance(value, bool | int | float) and node.bare:
        read_as = f"the truth value {str(value).lower()}" if isinstance(value, bool) else "a number"
        return (
            f"YAML reads the bare word {node.raw} as {read_as}; quote it if text was meant: {key}: {quoted(node.raw)}"
        )
    if schemas.takes(schema, "string") and isinstance(value, dict) and node.flow:
        return f'text with braces must be quoted: {key}: "{{column}}"'
    if schemas.takes(schema, "array") and not schemas.takes(schema, "string") and isinstance(value, str):
        return f"write a list: {key}: [{quoted(value)}]"
    if (keys := schemas.allowed_keys(schema)) and not isinstance(value, dict):
        return f"indent keys below it: {', '.join(keys)}"
    if any(schemas.takes(schema, kind) for kind in _NUMBERS):
        if isinstance(value, float) and value.is_integer():
            return f"write {int(value)}"
        if isinstance(value, str) and not node.bare and _is_number(value):
            return "write the number without quotes"
    if schemas.takes(schema, "boolean") and isinstance(value, str) and value.lower() in ("true", "false", "yes", "no"):
        return "write it without quotes"
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
