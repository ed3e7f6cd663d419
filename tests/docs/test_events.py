"""docs/events.md has the fields and kinds of events, and what a run really sends."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import get_args

import orjson
import pytest

import dataprep
from dataprep.errors import RefusedError
from dataprep.events import Event, Kind
from tests.docs.reading import blocks, document, rows, section
from tests.making import pairs, write_jsonl

TEXT = document("events.md")
KINDS = {kind: set(re.findall(r"`(\w+)`", keys)) for kind, _, keys in rows(section(TEXT, "## Kinds"))}
STEPS = set(re.findall(r"`(\w+)`", {name: words for name, _, words in rows(section(TEXT, "## Fields"))}["step"]))


def test_the_fields_are_those_of_an_event() -> None:
    documented = [(name, kind) for name, kind, _ in rows(section(TEXT, "## Fields"))]
    assert documented == [(field.name, field.type) for field in dataclasses.fields(Event)]


def test_the_kinds_are_those_of_an_event() -> None:
    assert tuple(KINDS) == get_args(Kind)


def test_the_examples_are_events() -> None:
    for text in blocks(TEXT, "json"):
        example = orjson.loads(text)
        assert Event(**example).as_dict() == example
        assert example["data"].keys() == KINDS[example["kind"]]


def events_of(folder: Path, *lines: str) -> list[Event]:
    source = write_jsonl(folder / "a.jsonl", pairs(20))
    with source.open("a", encoding="utf-8") as handle:
        handle.writelines(f"{line}\n" for line in lines)
    events: list[Event] = []
    try:
        item = write_jsonl(folder / "test.jsonl", pairs(1, start=50))
        overrides = [f"benchmarks.files=[{item}]"]
        dataprep.run(source, store=folder / "store", overrides=overrides, on_event=events.append)
    except RefusedError:
        assert lines
    return events


@pytest.mark.parametrize(("broken", "last"), [(0, "finished"), (15, "stopped")])
def test_a_run_sends_what_is_documented_from_first_to_last(tmp_path: Path, broken: int, last: str) -> None:
    events = events_of(tmp_path, *["broken"] * broken)
    assert (events[0].kind, events[-1].kind) == ("run", last)
    assert {event.step for event in events} <= STEPS
    assert broken or {event.step for event in events} == STEPS
    for event in events:
        assert event.data.keys() == KINDS[event.kind]
