"""What may be written short in a pipeline file, written out before validation.

`too_short: off` switches a default rule off; `too_short: {threshold: 20}` changes one key of it; a section of which all
lines are commented out is left at its defaults.
"""

from __future__ import annotations

from dataprep.errors import InputError
from dataprep.pipeline import schema as schemas
from dataprep.pipeline.mistakes import Places, suggestion
from dataprep.pipeline.quoting import quoted
from dataprep.pipeline.yaml_tree import Node
from dataprep.rules.config import RuleConfig
from dataprep.rules.defaults import DEFAULT_RULES

_CONDITION = ("signal", "when")
"""A rule that gives one of these has a condition of its own and takes nothing from a default rule of its name."""

_EXAMPLE_CONDITION = 'signal: n_words, op: "<", threshold: 5'


def write_out(root: Node, places: Places) -> list[InputError]:
    """Write the shorthands out, in place.

    Args:
        root: the tree of the pipeline file.
        places: the same tree, for the lines of mistakes.

    Returns:
        Mistakes of shorthands; what has one is taken out of the tree, so that it is told once.
    """
    _fill_empty_sections(root, schemas.model_schema())
    rules = root.child("rules")
    if rules is None or not isinstance(rules.value, dict):
        return []
    mistakes = []
    for name, node in list(rules.value.items()):
        mistake = _rule(name, node, places)
        if mistake is not None:
            mistakes.append(mistake)
            del rules.value[name]
    return mistakes


def _fill_empty_sections(node: Node, schema: schemas.Schema) -> None:
    """Empty where a mapping with defaults belongs (`clean:` above commented lines) is that mapping, empty."""
    if not isinstance(node.value, dict):
        return
    for key, below in node.value.items():
        expected = schemas.child(schema, key)
        if expected is None or not schemas.takes(expected, "object"):
            continue
        if below.value is None and not schemas.nullable(expected) and not expected.get("required"):
            below.value = {}
        _fill_empty_sections(below, expected)


def _rule(name: str, node: Node, places: Places) -> InputError | None:
    path = ("rules", name)
    if node.value is False or node.value == schemas.OFF:
        if name not in DEFAULT_RULES:
            return places.mistake(path, *no_such_default(name))
        node.value = None
        return None
    if node.value is None:
        return places.mistake(path, f"the rule {quoted(name)} has no content", f"write `{name}: off` to switch it off")
    if node.value is True:
        hint = "default rules apply by themselves; remove the line" if name in DEFAULT_RULES else None
        return places.mistake(path, "expected a rule or `off`, got true", hint)
    if not isinstance(node.value, dict):
        condition = f"when: {quoted(node.value)}" if isinstance(node.value, str) else _EXAMPLE_CONDITION
        hint = f"write {name}: {{{condition}, action: drop}}"
        return places.mistake(path, "expected a rule (a mapping) or `off`", hint)
    return _complete(name, node, node.value, places)


def _complete(name: str, node: Node, keys: dict[str, Node], places: Places) -> InputError | None:
    """Give a rule that changes a default one the keys it leaves as they are."""
    if any(key in keys for key in _CONDITION):
        return None
    if name in DEFAULT_RULES:
        for key, value in DEFAULT_RULES[name].model_dump(exclude_none=True).items():
            keys.setdefault(key, Node(value, node.line, override=node.override))
        return None
    near = suggestion(name, DEFAULT_RULES)
    if near is None or not RuleConfig.model_fields.keys() >= keys.keys():  # a key that does not exist is told first
        return None
    message = f"{quoted(name)} is no default rule, and has no condition of its own"
    return places.mistake(("rules", name), message, f'did you mean "{near}"?')


def no_such_default(name: str) -> tuple[str, str]:
    """Message and hint for switching off a rule that is not there."""
    near = suggestion(name, DEFAULT_RULES)
    hint = f'did you mean "{near}"?' if near else f"default rules: {', '.join(DEFAULT_RULES)}"
    return f"there is no default rule {quoted(name)} to switch off", hint
