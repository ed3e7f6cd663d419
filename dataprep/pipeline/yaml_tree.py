"""YAML text to a tree of nodes that remember their line, with every mistake in plain words.

`yaml.safe_load` gives values without lines, keeps the last of two equal keys without a word, and expands aliases
without bound. So the nodes that PyYAML composes are turned into a small tree of our own. Numbers follow YAML 1.2 (`012`
is twelve, `1e3` is a number, `12:30` and dates are text), because the 1.1 readings are silent surprises and editors
with a JSON Schema use 1.2; the words `yes no on off` stay booleans as in 1.1, because `too_short: off` should read as
it looks.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeAlias, cast

import yaml

from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted
from dataprep.pipeline.yaml_words import syntax_mistake

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 32
MAX_NODES: Final = 50_000
"""After aliases are expanded; a real pipeline file has a few hundred."""

Scalar: TypeAlias = str | int | float | bool | None
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"

_TAG = "tag:yaml.org,2002:"


@dataclass(slots=True)
class Node:
    """A value of the pipeline file and where it stands.

    Attributes:
        value: a scalar, a list of nodes, or nodes by key.
        line: 1-based line at which the value begins; None for what an override gave.
        raw: a scalar's text as written, before YAML read it as a number or a boolean.
        bare: whether a scalar was written without quotes.
        flow: whether a collection was written in brackets (`{a: 1}`) instead of lines.
        override: the `key=value` that gave this value, if it did not come from the file.
        key_lines: for a mapping, the line of each key.
    """

    value: Scalar | list[Node] | dict[str, Node]
    line: int | None = None
    raw: str = ""
    bare: bool = False
    flow: bool = False
    override: str | None = None
    key_lines: dict[str, int | None] = field(default_factory=dict)

    def plain(self) -> Plain:
        """The value without lines: what JSON can hold."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, part: str | int) -> Node | None:
        """The node under a key or an index, or None where there is none."""
        if isinstance(self.value, dict) and isinstance(part, str):
            return self.value.get(part)
        if isinstance(self.value, list) and isinstance(part, int) and -1 < part < len(self.value):
            return self.value[part]
        return None


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, composing only, with our reading of bare words and a limit on nesting."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}  # type: ignore[misc]
    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose one node; refuses nesting that would exhaust the stack."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            mark = self.get_mark()
            raise yaml.MarkedYAMLError(problem=f"nested more than {MAX_DEPTH} levels deep", problem_mark=mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


for _tag, _pattern, _first in (
    ("bool", r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", "yYnNtTfFoO"),
    ("int", r"[-+]?[0-9]+(?:_[0-9]+)*", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(_TAG + _tag, re.compile(rf"^(?:{_pattern})$"), list(_first))


def parse(text: str, *, file: str | None, override: str | None = None) -> tuple[Node, list[InputError]]:
    """Read one YAML document.

    Args:
        text: the document.
        file: its name for messages.
        override: the override that the text is the value of, if it is not a file.

    Returns:
        The tree, and the mistakes that do not keep it from being read further (equal keys, keys that are not text).

    Raises:
        InputError: the text is not one YAML document, or nested or expanded beyond reason.

    >>> tree, mistakes = parse("a: 1\\nb: [x, no]\\n", file="p.yaml")
    >>> tree.plain(), tree.value["b"].line
    ({'a': 1, 'b': ['x', False]}, 2)
    """
    try:
        loader = _Loader(text)
        document = loader.get_single_node()
    except yaml.YAMLError as error:
        raise syntax_mistake(error, text, file=file, override=override) from None
    if document is None:
        return Node(None, line=1, override=override), []
    builder = _Builder(file, override)
    return builder.build(document, 0), builder.mistakes


class _Builder:
    """Turns PyYAML's nodes into ours. Aliases are expanded into copies, counted against MAX_NODES."""

    def __init__(self, file: str | None, override: str | None) -> None:
        self.mistakes: list[InputError] = []
        self._file = file
        self._override = override
        self._count = 0
        self._open: set[int] = set()

    def build(self, node: yaml.Node, depth: int) -> Node:
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > MAX_NODES:
            raise self._mistake(f"more than {MAX_NODES:,} values once aliases (`*name`) are expanded", line)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, line)
        if id(node) in self._open or depth > MAX_DEPTH:
            raise self._mistake("an alias (`*name`) that contains itself, or nests too deep", line)
        self._open.add(id(node))
        built: Node
        if isinstance(node, yaml.SequenceNode):
            items = [self.build(item, depth + 1) for item in node.value]
            built = Node(items, line, flow=bool(node.flow_style), override=self._override)
        else:
            built = self._mapping(cast(yaml.MappingNode, node), depth, line)
        self._open.discard(id(node))
        if node.tag not in (_TAG + "map", _TAG + "seq"):
            self.mistakes.append(self._tag_mistake(node.tag, line))
        return built

    def _mapping(self, node: yaml.MappingNode, depth: int, line: int) -> Node:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        key_lines: dict[str, int | None] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if key_node.tag == _TAG + "merge":
                self._merge(value_node, depth, merged, key_lines, key_line)
                continue
            value = self.build(value_node, depth + 1)
            key = self._key(key_node, key_line)
            if key is None:
                continue
            if key in own:
                hint = "keep one of them; YAML would silently use the last"
                first = key_lines[key]
                self.mistakes.append(
                    self._mistake(f"the key {quoted(key)} stands here and in line {first}", key_line, hint)
                )
                continue
            own[key] = value
            key_lines[key] = key_line
        flow = bool(node.flow_style)
        return Node({**merged, **own}, line, flow=flow, override=self._override, key_lines=key_lines)

    def _merge(
        self, node: yaml.Node, depth: int, merged: dict[str, Node], key_lines: dict[str, int | None], line: int
    ) -> None:
        built = self.build(node, depth + 1)
        for mapping in built.value if isinstance(built.value, list) else [built]:
            if not isinstance(mapping.value, dict):
                self.mistakes.append(self._mistake("`<<` takes a mapping, such as `<<: *name`", line))
                continue
            for key, value in mapping.value.items():
                merged.setdefault(key, value)
                key_lines.setdefault(key, line)

    def _key(self, node: yaml.Node, line: int) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self.mistakes.append(self._mistake("a key must be a word, not a list or a mapping", line))
            return None
        if node.tag != _TAG + "str" and node.value != "null":  # a default rule has this name, and a key is never null
            hint = f"quote it if a name was meant: {quoted(node.value)}:"
            self.mistakes.append(self._mistake(f"YAML does not read the key {node.value[:40]} as text", line, hint))
            return None
        return self._text(node.value, line)

    def _scalar(self, node: yaml.ScalarNode, line: int) -> Node:
        value: Scalar = None
        match node.tag.removeprefix(_TAG):
            case "str" | "merge":
                value = self._text(node.value, line)
            case "bool":
                value = node.value.lower() in ("yes", "true", "on")
            case "int" if len(node.value) < 30 and (whole := _whole(node.value)) is not None:
                value = whole
            case "float" if math.isfinite(number := _float(node.value)):
                value = number
            case "null":
                value = None
            case "int" | "float":
                self.mistakes.append(self._mistake(f"{quoted(node.value)} is not a number of 64 bits", line))
            case _:
                self.mistakes.append(self._tag_mistake(node.tag, line))
        return Node(value, line, raw=node.value, bare=node.style is None, override=self._override)

    def _text(self, text: str, line: int) -> str:
        if any("\ud800" <= char <= "\udfff" for char in text):
            self.mistakes.append(self._mistake("half of a surrogate pair (`\\ud83d`) is not a character", line))
            return "\ufffd"
        return text

    def _tag_mistake(self, tag: str, line: int) -> InputError:
        shown = tag.replace(_TAG, "!!")
        hint = 'quote it if text was meant (op: "!=")' if shown.startswith("!") else None
        return self._mistake(f"the tag {quoted(shown)} means nothing here", line, hint)

    def _mistake(self, message: str, line: int, hint: str | None = None) -> InputError:
        if self._override is not None:
            return InputError(f"in the override {quoted(self._override)}: {message}", hint=hint)
        return InputError(message, file=self._file, line=line, hint=hint)


def _whole(text: str) -> int | None:
    try:
        number = int(text)
    except ValueError:  # what an `!!int` tag was put on
        return None
    return number if abs(number) < 2**63 else None


def _float(text: str) -> float:
    try:
        return float(text.replace("_", ""))
    except ValueError:  # .inf and .nan, and what a `!!float` tag was put on
        return math.nan


def tree_of(value: Plain) -> Node:
    """A tree without lines, for a pipeline that a program puts together.

    >>> tree_of({"a": [1, "x"]}).plain()
    {'a': [1, 'x']}
    """
    if isinstance(value, dict):
        return Node({key: tree_of(item) for key, item in value.items()})
    if isinstance(value, list):
        return Node([tree_of(item) for item in value])
    return Node(value, raw="" if value is None else str(value))
