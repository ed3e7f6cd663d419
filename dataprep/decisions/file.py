"""The decisions file: reading it with every mistake placed, writing it so that a review shows what changed.

    - accept_budget: "too_short"
      up_to: 0.0734
      because: "the new source has many one-word answers"
      who: "ada"
      when: "2026-11-22T18:30:00Z"
    - record: "8f3ac2…"
      digest: "8f3ac2…"
      decision: release
      because: "encoded data on purpose"
      …

One entry for a record or a budget, in a fixed order, every free text quoted: adding an entry changes its own lines and
no others. Every value is read as the text that stands there, so that an id such as `012` or `no` is that id. Read as a
stream of events instead of by a loader: nesting, aliases and tags have no place in such a file, and what never builds a
tree cannot be made to build a huge one. 100,000 entries (21 MB) take 3.6 s to read and 2.8 s to write.
"""

from __future__ import annotations

import difflib
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from dataprep.decisions.entries import AcceptedBudget, Decisions, Entry, RecordDecision
from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted
from dataprep.pipeline.yaml_words import syntax_mistake
from dataprep.store.files import machine_errors, write_atomically

MAX_BYTES: Final = 200_000_000
"""A larger file is not one of decisions: about a million of them take this much."""

_HEADER: Final = """\
# What people decided about held records and budgets. Written by `dataprep release`, `drop` and `accept-budget`, which
# put entries into order and keep no comments; may be changed by hand. The pipeline file names it: `decisions: FILE`.
"""
_EXAMPLE: Final = "write a list of entries: `- record: ID`, `  decision: release`, … (see docs/held.md)"
_WORDS: Final = frozenset({"decision", "to"})
"""Keys whose values are words of ours and need no quotes."""
_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where it is there: ten times as fast."""


@dataclass(slots=True)
class _Raw:
    """An entry as it was written: values as text (None for an empty one), and where each stands."""

    line: int
    values: dict[str, str | None] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def read_decisions(path: Path) -> Decisions:
    """Read a decisions file.

    Raises:
        InputError: there is no such file, it cannot be read, or an entry has a mistake.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "decisions.yaml")
    ...     _ = file.write_text("- {record: 007, decision: drop, because: a test row, who: ada, when: 2026-01-02}")
    ...     read_decisions(file).records["007"].because
    'a test row'
    """
    name = str(path)
    entries: dict[tuple[type[Entry], str], int] = {}
    found: list[Entry] = []
    for raw in _raw_entries(_read(path), name):
        entry = _entry(raw, name)
        about = entry.record if isinstance(entry, RecordDecision) else entry.accept_budget
        first = entries.setdefault((type(entry), about), raw.line)
        if first != raw.line:
            message = f"{quoted(about)} is decided about here and in line {first}"
            raise InputError(message, file=name, line=raw.line, hint="keep one of the two entries")
        found.append(entry)
    return Decisions.of(found)


def write_decisions(path: Path, decisions: Decisions) -> None:
    """Write a decisions file in place of what is there; a reader sees the old file or the new one. Links are followed.

    Raises:
        InputError: its folder does not exist.
        MachineError: it cannot be written.
    """
    if not path.parent.is_dir():
        raise InputError("there is no such folder", file=str(path.parent), hint="name another file by --decisions")
    with machine_errors(path):
        write_atomically(path.resolve(), _as_yaml(decisions.entries()).encode())


def add_decisions(path: Path, entries: Iterable[Entry]) -> Decisions:
    """Add entries to a decisions file, which is made where there is none; returns all that it holds then.

    Raises:
        InputError: the file that is there cannot be read, or its folder does not exist.
        MachineError: it cannot be written.
    """
    known = read_decisions(path) if path.exists() else Decisions()
    decisions = known.plus(entries)
    write_decisions(path, decisions)
    return decisions


def _as_yaml(entries: Iterable[Entry]) -> str:
    lines = [_HEADER]
    for entry in entries:
        mark = "- "
        for key in _keys(type(entry)):
            value = getattr(entry, key)
            if value is not None:
                lines.append(f"{mark}{key}: {_written(key, value)}\n")
                mark = "  "
    return "".join(lines)


def _written(key: str, value: str | float) -> str:
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")  # many readers of YAML take 1e-06 for a text
    return value if key in _WORDS else quoted(value, None)


def _keys(kind: type[Entry]) -> list[str]:
    """The keys of an entry in the order of the file: what is decided, then why, who and when."""
    reasons = ("because", "who", "when")
    return [key for key in kind.model_fields if key not in reasons] + list(reasons)


def _read(path: Path) -> str:
    name = str(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError("not a file", file=name, hint="name the decisions file itself")
        if status.st_size > MAX_BYTES:
            raise InputError(f"larger than {MAX_BYTES:,} bytes; is it a data file?", file=name)
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        hint = "`dataprep release`, `drop` and `accept-budget` write it; without decisions remove the key"
        raise InputError("no such decisions file", file=name, key="decisions", hint=hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InputError(f"cannot be read: {reason}", file=name) from None


def _raw_entries(text: str, file: str) -> Iterator[_Raw]:
    """The entries of a YAML text: a list of flat mappings, or nothing."""
    entry: _Raw | None = None
    key: str | None = None
    listed = False
    for event, line in _events(text, file):
        if getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise InputError("anchors, aliases and tags mean nothing here", file=file, line=line, hint=_EXAMPLE)
        match event:
            case yaml.SequenceStartEvent() if not listed:
                listed = True
            case yaml.MappingStartEvent() if listed and entry is None:
                entry = _Raw(line)
            case yaml.MappingEndEvent() if entry is not None:
                yield entry
                entry = None
            case yaml.ScalarEvent() if entry is not None and key is None:
                key = str(event.value)
                if key in entry.values:
                    raise InputError(f"the key {quoted(key)} stands here twice", file=file, line=line)
                entry.lines[key] = line
                entry.values[key] = None
            case yaml.ScalarEvent() if entry is not None and key is not None:
                empty = not event.style and event.value in ("", "~", "null")
                entry.values[key] = None if empty else str(event.value)
                key = None
            case yaml.ScalarEvent(value="") if not listed:
                return
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent() | yaml.ScalarEvent():
                raise InputError("expected a list of decisions, each a few keys", file=file, line=line, hint=_EXAMPLE)
            case _:
                pass


def _events(text: str, file: str) -> Iterator[tuple[yaml.Event, int]]:
    """YAML's events, each with the line where it begins."""
    try:
        for event in yaml.parse(text, Loader=_Loader):
            yield event, 1 if event.start_mark is None else event.start_mark.line + 1
    except yaml.YAMLError as error:
        raise syntax_mistake(error, text, file=file) from None


def _entry(raw: _Raw, file: str) -> Entry:
    kind: type[Entry] = AcceptedBudget if "accept_budget" in raw.values else RecordDecision
    values: dict[str, Any] = {key: value for key, value in raw.values.items() if value is not None}
    if "up_to" in values:
        values["up_to"] = _number(values["up_to"])
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise _mistake(error, raw, kind, file) from None


def _number(text: str) -> float | str:
    """The number that a text is; the text itself where it is none, for the model to refuse."""
    try:
        return float(text)
    except ValueError:
        return text


def _mistake(error: ValidationError, raw: _Raw, kind: type[Entry], file: str) -> InputError:
    """The first mistake of an entry in plain words; an unknown key before what is missing because of it."""
    found = sorted(error.errors(include_url=False), key=lambda detail: detail["type"] != "extra_forbidden")[0]
    key = str(found["loc"][0]) if found["loc"] else ""
    line = raw.lines.get(key, raw.line)
    allowed = _keys(kind)
    if found["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key[:100], allowed, n=1)
        meant = f"; did you mean {quoted(near[0])}?" if near else ""
        return InputError(f"unknown key {quoted(key)}{meant}", file=file, line=line, hint=f"keys: {', '.join(allowed)}")
    if found["type"] == "missing":
        hint = _EXAMPLE if key in ("record", "decision") else None
        return InputError(f"the key `{key}` is missing", file=file, line=line, hint=hint)
    if not key:
        return InputError(str(found["ctx"]["error"]), file=file, line=line)
    return InputError(f"{_EXPECTED[key]}, not {quoted(str(found['input']))}", file=file, line=line, key=key)


_EXPECTED: Final = {
    "record": "`record` is a record's id",
    "digest": "`digest` is the record's digest, 32 hex characters",
    "decision": "`decision` is release or drop",
    "to": "`to` is train, validation or test",
    "because": "`because` is a reason in at most 2,000 characters",
    "who": "`who` is a name in at most 2,000 characters",
    "when": "`when` is a date or a time such as 2026-11-22T18:30:00Z",
    "accept_budget": "`accept_budget` is a budget's name",
    "up_to": "`up_to` is a share from 0 to 1",
}
