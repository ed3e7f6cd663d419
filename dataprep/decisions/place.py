"""Which decisions file a command means, and whether the pipeline file names it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dataprep.decisions.entries import Entry
from dataprep.decisions.file import add_decisions
from dataprep.errors import InputError
from dataprep.pipeline.load import LoadedPipeline, load
from dataprep.pipeline.quoting import quoted

DEFAULT_FILE: Final = "decisions.yaml"
DEFAULT_PIPELINE: Final = "pipeline.yaml"


@dataclass(frozen=True, slots=True)
class Place:
    """Where decisions go.

    Attributes:
        path: the decisions file.
        pipeline: the pipeline, where one is known.
        line: the line to add to the pipeline file; None where it names the file already.
    """

    path: Path
    pipeline: LoadedPipeline | None
    line: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """What was written into a decisions file.

    Attributes:
        place: where.
        entries: the new decisions; one about the same record or budget took an older one's place.
        total: decisions in the file now.
    """

    place: Place
    entries: tuple[Entry, ...]
    total: int


def find_place(decisions: Path | None, pipeline: Path | None) -> Place:
    """The decisions file to write, for what somebody named.

    Args:
        decisions: the file itself; default the one that the pipeline file names, else `decisions.yaml` beside it.
        pipeline: the pipeline file; default `pipeline.yaml` in the current folder, where there is one.

    Raises:
        InputError: the pipeline file that was named cannot be read.
    """
    if pipeline is None and Path(DEFAULT_PIPELINE).is_file():
        pipeline = Path(DEFAULT_PIPELINE)
    if pipeline is None:
        path = decisions or Path(DEFAULT_FILE)
        return Place(path, None, f"decisions: {quoted(str(path), None)}")
    loaded = load(pipeline)
    named = None if loaded.pipeline.decisions is None else loaded.base / loaded.pipeline.decisions
    path = decisions or named or loaded.base / DEFAULT_FILE
    if named is not None and named.resolve() == path.resolve():
        return Place(path, loaded, None)
    relative = os.path.relpath(path.resolve(), loaded.base.resolve())
    return Place(path, loaded, f"decisions: {quoted(relative, None)}")


def write_down(place: Place, entries: Sequence[Entry]) -> Written:
    """Add decisions to their file.

    Raises:
        InputError: the file that is there cannot be read, or its folder does not exist.
        MachineError: it cannot be written.
    """
    decisions = add_decisions(place.path, entries)
    return Written(place, tuple(entries), len(decisions.records) + len(decisions.budgets))


def person() -> str:
    """The name under which decisions are written down: that of the user who runs the command.

    Raises:
        InputError: the system has none.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        raise InputError("your name is not known here", key="--who", hint="name yourself by --who") from None
