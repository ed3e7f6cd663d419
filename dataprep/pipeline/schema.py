"""The JSON Schema of the pipeline file: for editors, and the one source of what messages and docs say is allowed."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, TypeAlias

from dataprep.pipeline.base import KeyPath
from dataprep.pipeline.models import Pipeline

Schema: TypeAlias = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
OFF: Final = "off"
RULE_NAME_HELP: Final = "a rule's name is lower-case letters, digits and `_`, beginning with a letter: too_short"


_PLURALS: Final = {"a mapping": "mappings", "a number": "numbers", "a whole number": "whole numbers"}


def json_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of the pipeline file, for editors that complete and check YAML.

    Unlike the models it allows `off` (and `false`, which is what YAML 1.1 makes of it) in place of a rule, a rule that
    gives only the keys in which it differs from the default rule of its name, and a section that is left empty.

    >>> schema = json_schema()
    >>> schema["$schema"], schema["required"]
    ('https://json-schema.org/draft/2020-12/schema', ['name', 'sources'])
    """
    schema = Pipeline.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        _tidy(part)
    rules = schema["properties"]["rules"]
    name_pattern = rules.pop("propertyNames", {}).get("pattern") or next(iter(rules["patternProperties"]))
    rules.pop("patternProperties", None)
    rules["propertyNames"] = {"pattern": name_pattern, "description": RULE_NAME_HELP}
    rules["additionalProperties"] = {
        "anyOf": [
            {"$ref": "#/$defs/RuleConfig"},
            {"enum": [OFF, False], "description": "Switches the default rule of this name off."},
        ]
    }
    for section in schema["properties"].values():
        if "$ref" in section:
            section["anyOf"] = [{"$ref": section.pop("$ref")}, {"type": "null"}]
    return {"$schema": DIALECT, "title": "dataprep pipeline file", **{k: v for k, v in schema.items() if k != "title"}}


def _tidy(model: Schema) -> None:
    """Drop what pydantic adds for programmers: titles made of names, line breaks of the docstrings."""
    model.pop("title", None)
    model["description"] = " ".join(model.get("description", "").split())
    for field in model.get("properties", {}).values():
        field.pop("title", None)
        if "description" in field:
            field["description"] = " ".join(field["description"].split())


@cache
def model_schema() -> Schema:
    """The schema of the validated models, as pydantic gives it. Shared: not to be changed."""
    return Pipeline.model_json_schema()


def expand(schema: Schema) -> Schema:
    """The schema with a `$ref` at its top replaced by what it refers to; keys beside the reference win."""
    if "$ref" not in schema:
        return schema
    target: Schema = model_schema()["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def variants(schema: Schema) -> list[Schema]:
    """The alternatives of a schema, without null and with references expanded."""
    found = [expand(option) for option in expand(schema).get("anyOf", [schema])]
    return [option for option in found if option.get("type") != "null"]


def nullable(schema: Schema) -> bool:
    """Whether null is one of the values."""
    return any(option.get("type") == "null" for option in expand(schema).get("anyOf", []))


def child(schema: Schema, part: str | int) -> Schema | None:
    """The schema of what stands under a key or an index, or None where nothing may."""
    for option in variants(schema):
        if isinstance(part, int):
            if option.get("type") == "array":
                return expand(option["items"])
        elif part in option.get("properties", {}):
            return expand(option["properties"][part])
        elif isinstance(other := other_keys(option), dict):
            return expand(other)
    return None


def other_keys(option: Schema) -> Schema | None:
    """The schema of the values of a mapping whose keys are the user's."""
    if patterns := option.get("patternProperties"):
        found: Schema = next(iter(patterns.values()))
        return found
    other = option.get("additionalProperties")
    return other if isinstance(other, dict) else None


def at(path: KeyPath) -> Schema | None:
    """The schema of a place in the pipeline file.

    >>> at(("limits", "rejects", "rows"))["minimum"]
    0
    """
    schema: Schema | None = model_schema()
    for part in path:
        schema = child(schema, part) if schema is not None else None
    return schema


def allowed_keys(schema: Schema) -> list[str]:
    """The keys of a mapping whose keys are fixed."""
    return [key for option in variants(schema) for key in option.get("properties", {})]


def takes(schema: Schema, kind: str) -> bool:
    """Whether a JSON type (`string`, `integer`, `array`, …) is among those that may stand here."""
    return any(option.get("type") == kind for option in variants(schema))


def in_words(schema: Schema) -> str:
    """What may stand in a place, for messages and docs.

    >>> in_words(at(("limits", "rejects", "share")))
    'a number from 0 to 1'
    >>> in_words(at(("sources", 0, "path")))
    'text, or a list of text'
    """
    words = [_option_in_words(option) for option in variants(schema)]
    if "a number" in words and "a whole number" in words:
        words.remove("a whole number")
    return ", or ".join(dict.fromkeys(words))


def _option_in_words(option: Schema) -> str:
    if "enum" in option:
        return f"one of {', '.join(map(str, option['enum']))}"
    match option.get("type"):
        case "string":
            return "text" + _length(option)
        case "integer":
            return "a whole number" + _range(option)
        case "number":
            return "a number" + _range(option)
        case "boolean":
            return "true or false"
        case "array":
            few = "a non-empty list of" if option.get("minItems") else "a list of"
            items = in_words(option["items"])
            return f"{few} {_PLURALS.get(items, items).replace('one of', 'these:')}"
        case _ if (other := other_keys(option)) is not None:
            return f"a mapping of names to {in_words(other)}"
    return "a mapping"


def _range(option: Schema) -> str:
    low, high = option.get("minimum"), option.get("maximum")
    if low is not None and high is not None:
        return f" from {low:,} to {high:,}"
    return f" of at least {low:,}" if low is not None else ""


def _length(option: Schema) -> str:
    low, high = option.get("minLength", 0), option.get("maxLength")
    if high is None:
        return ""
    if high == 1:
        return " of one character" + ("" if low else " or none")
    return f" of {low} to {high} characters" if low else f" of at most {high} characters"
