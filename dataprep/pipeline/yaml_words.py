"""What PyYAML's parser complains about, in words for someone who does not know YAML's grammar."""

from __future__ import annotations

import re

import yaml

from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted

_QUOTE_OPERATOR = re.compile(r"\bop:\s*(>=?|!=|=|<=?)")


def syntax_mistake(error: yaml.YAMLError, text: str, *, file: str | None, override: str | None = None) -> InputError:
    """The InputError for what PyYAML could not read, with the line (or the override) and what to do.

    >>> try:
    ...     yaml.compose("prompt: Summarize: x")
    ... except yaml.YAMLError as error:
    ...     print(syntax_mistake(error, "prompt: Summarize: x", file="p.yaml"))
    p.yaml line 1: a second ": " in one value
      next: put the value in quotes if the colon belongs to it; otherwise check the indentation
    """
    line, message, hint = _described(error, text)
    if override is not None:
        return InputError(f"in the override {quoted(override)}: {message}", hint=hint)
    return InputError(message, file=file, line=line, hint=hint)


def _described(error: yaml.YAMLError, text: str) -> tuple[int, str, str | None]:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        message = f"the control character {quoted(chr(_code(error)))} is not allowed in YAML"
        return line, message, "remove it, or write it as an escape inside double quotes"
    if not isinstance(error, yaml.MarkedYAMLError):  # pragma: no cover - PyYAML marks all others
        return 1, "not valid YAML", None
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    lines = text.split("\n")
    at_line = lines[line - 1] if line <= len(lines) else ""
    opened = error.context_mark.line + 1 if error.context_mark else line
    return line, *_words(error, at_line, opened)


def _code(error: yaml.reader.ReaderError) -> int:
    character = error.character
    return ord(character) if isinstance(character, str) else int(character)


def _words(error: yaml.MarkedYAMLError, at_line: str, opened: int) -> tuple[str, str | None]:
    problem, context = error.problem or "", error.context or ""
    if operator := _QUOTE_OPERATOR.search(at_line):
        return "YAML gives this operator a meaning of its own", f'quote it: op: "{operator[1]}"'
    if "\\t" in problem or ("\t" in at_line and at_line[: len(at_line) - len(at_line.lstrip())].count("\t")):
        return "a tab where YAML allows only spaces", "indent with spaces"
    if "mapping values are not allowed" in problem:
        hint = "put the value in quotes if the colon belongs to it; otherwise check the indentation"
        return 'a second ": " in one value', hint
    if "could not find expected ':'" in problem:
        return "a key without `:` after it", f"write `key: value`; the line in question is {opened}"
    if "cannot start any token" in problem:
        character = re.search(r"character '(.+)' that", problem)
        shown = f"`{character[1]}`" if character else "this character"
        return f"a value cannot begin with {shown}", "put the value in quotes"
    if "single document" in context:
        return "a second document (`---`); a pipeline file holds one", "put the second one into a file of its own"
    if "unexpected end of stream" in problem and "quoted scalar" in context:
        return f"the quote opened in line {opened} is never closed", "close it"
    if "flow" in context:
        return f"the bracket opened in line {opened} is not closed, or a comma is missing", "close it, or use lines"
    if "undefined alias" in problem:
        return "`*name` refers to an anchor that is not defined", "put the value in quotes if text was meant"
    if "duplicate anchor" in context or "duplicate anchor" in problem:
        return "two anchors (`&name`) have the same name", None
    if "unknown escape character" in problem:
        return "an unknown escape in double quotes", "use single quotes, or double the backslash"
    if "expected <block end>" in problem or "block mapping" in context or "block collection" in context:
        return "the indentation does not fit the lines above", "put keys of one level in one column"
    if "nested more than" in problem:
        return problem, None
    return f"not valid YAML: {problem or context}", None
