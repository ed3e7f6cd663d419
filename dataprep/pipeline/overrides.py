"""`key=value` overrides: the command line's `--set`, put into the tree of the pipeline file before it is validated.

They go through the same checks as the file, so that a typing mistake gets the same answer in both places.
"""

from __future__ import annotations

import re
from typing import Final

from dataprep.errors import InputError
from dataprep.pipeline import schema as schemas
from dataprep.pipeline.base import KeyPath
from dataprep.pipeline.mistakes import suggestion
from dataprep.pipeline.quoting import dotted, quoted
from dataprep.pipeline.yaml_tree import Node, parse

_SEGMENT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^.="]+)')
_OTHER_SCALARS: Final = ("integer", "number", "boolean")
_USAGE: Final = 'write key=value, such as rules.too_short.threshold=20 or splits.sources."my.data"=train'


def apply(root: Node, override: str) -> list[InputError]:
    """Put one override into the tree, in place.

    Args:
        root: the pipeline file's tree; its root must be a mapping.
        override: `path.of.keys=value`. Sources are named by position from 0 or by name; a part that holds a dot is
            written in double quotes. The value is YAML, or plain text where only text may stand.

    Returns:
        Mistakes that do not keep the tree from being validated.

    Raises:
        InputError: the override cannot be read, or leads nowhere.

    >>> root, _ = parse("name: x\\nsources: [{name: t0, path: a.jsonl}]", file="p.yaml")
    >>> apply(root, "sources.t0.path=b.jsonl")
    []
    >>> root.plain()
    {'name': 'x', 'sources': [{'name': 't0', 'path': 'b.jsonl'}]}
    """
    parts, text = _split(override)
    node, path = root, ()  # type: tuple[Node, KeyPath]
    for part in parts[:-1]:
        step = _step(node, path, part, override)
        node, path = _enter(node, (*path, step), override), (*path, step)
    last = _step(node, path, parts[-1], override)
    path = (*path, last)
    value, mistakes = _value(text, path, override)
    if isinstance(node.value, list) and isinstance(last, int):
        node.value[last] = value
    elif isinstance(node.value, dict):
        node.value[str(last)] = value
        node.key_lines[str(last)] = None
    return mistakes


def _split(override: str) -> tuple[list[str], str]:
    parts: list[str] = []
    position = 0
    while match := _SEGMENT.match(override, position):
        name, bare = match.groups()
        parts.append(re.sub(r"\\(.)", r"\1", name) if name is not None else bare.strip())
        position = match.end()
        if override[position : position + 1] != ".":
            break
        position += 1
    if not parts or override[position : position + 1] != "=" or not all(parts):
        raise InputError(f"the override {quoted(override)} is not of the form key=value", hint=_USAGE)
    return parts, override[position + 1 :]


def _step(node: Node, path: KeyPath, part: str, override: str) -> str | int:
    """The key or index that a part of the path means in this node."""
    if not isinstance(node.value, list):
        return part
    names = [_source_name(item, index) for index, item in enumerate(node.value)] if path == ("sources",) else []
    if part in names:
        return names.index(part)
    if part.isdecimal() and len(part) < 10 and int(part) < len(node.value):
        return int(part)
    known = f"one of {', '.join(map(quoted, names))}, or " if names else ""
    near = suggestion(part, names)
    message = f"the override {quoted(override)} names {quoted(part)}, which is not in `{dotted(path)}`"
    hint = f'did you mean "{near}"?' if near else f"{known}a position from 0 to {len(node.value) - 1}"
    raise InputError(message, key=dotted(path), hint=hint)


def _source_name(source: Node, index: int) -> str:
    given = source.child("name")
    return given.value if given is not None and isinstance(given.value, str) else f"source{index + 1}"


def _enter(node: Node, path: KeyPath, override: str) -> Node:
    """The node that a path leads into, made where it is absent, empty, or a rule that was switched off."""
    below = node.child(path[-1])
    switched_off = len(path) == 2 and path[0] == "rules" and below is not None and below.value in (False, schemas.OFF)
    if isinstance(node.value, dict) and (below is None or below.value is None or switched_off):
        below = node.value[str(path[-1])] = Node({}, override=override)
        node.key_lines[str(path[-1])] = None
    if below is None or not isinstance(below.value, dict | list):
        raise InputError(
            f"the override {quoted(override)} leads into `{dotted(path)}`, which has no keys", key=dotted(path)
        )
    return below


def _value(text: str, path: KeyPath, override: str) -> tuple[Node, list[InputError]]:
    schema = schemas.at(path)
    if schema is not None and _is_bare_text(text.lstrip(), schema):
        return Node(text, override=override), []
    node, mistakes = parse(text, file=None, override=override)
    _without_lines(node)
    return node, mistakes


def _is_bare_text(text: str, schema: schemas.Schema) -> bool:
    """Whether a value is text that needs no quotes, because no number or truth value may stand in its place."""
    if not schemas.takes(schema, "string") or any(schemas.takes(schema, kind) for kind in _OTHER_SCALARS):
        return False
    begins_otherwise = ("'", '"', "[") if schemas.takes(schema, "array") else ("'", '"')
    return text != "" and not text.startswith(begins_otherwise)


def _without_lines(node: Node) -> None:
    node.line = None
    node.key_lines = dict.fromkeys(node.key_lines)
    below = node.value.values() if isinstance(node.value, dict) else node.value if isinstance(node.value, list) else ()
    for item in below:
        _without_lines(item)
