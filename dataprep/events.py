"""What a running job says: typed events that the terminal, a log, `--json` and Python callers all read.

An event never carries dataset text, so that a log can be kept and shared.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from dataprep.errors import Cancelled

Kind = Literal["run", "step", "progress", "note", "warning", "stopped", "finished"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: `run` starts a run, `step` starts a step, `progress` counts within it, `note` and `warning` are for
            people, `stopped` and `finished` end the run.
        step: the step of the flow.
        message: one line in words.
        done, total: units of the step (bytes for ingest, records elsewhere); total is 0 where unknown.
        rows: rows handled so far in the step.
        seconds: since the run began.
        data: further machine-readable fields.
    """

    kind: Kind
    step: str
    message: str = ""
    done: int = 0
    total: int = 0
    rows: int = 0
    seconds: float = 0.0
    data: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The event as one JSON object; see docs/events.md."""
        return asdict(self)


Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A listener that does nothing."""


class Reporter:
    """Sends events of one run, stamps their time, and is where a cancelled run stops.

    Args:
        listener: receives every event, on the thread that caused it.
        cancel: set by the caller to stop the run at the next safe point.
    """

    def __init__(self, listener: Listener = ignore, cancel: threading.Event | None = None) -> None:
        self._listener = listener
        self._cancel = cancel
        self._start = time.monotonic()
        self._step = "start"
        self._step_start = self._start
        self.step_seconds: dict[str, float] = {}

    def _send(self, kind: Kind, message: str = "", **values: Any) -> None:
        seconds = round(time.monotonic() - self._start, 3)
        self._listener(Event(kind=kind, step=self._step, message=message, seconds=seconds, **values))

    def checkpoint(self) -> None:
        """Raise `Cancelled` if the caller asked the run to stop."""
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled(f"stopped at step {self._step}", hint="nothing was published; run the same command again")

    def run(self, message: str, **data: Any) -> None:
        """Say that a run starts."""
        self._send("run", message, data=data)

    def step(self, name: str, message: str = "") -> None:
        """Say that a step starts; its predecessor ends."""
        self.checkpoint()
        self._close_step()
        self._step = name
        self._send("step", message)

    def progress(self, done: int, total: int, rows: int = 0) -> None:
        """Count within the current step."""
        self.checkpoint()
        self._send("progress", done=done, total=total, rows=rows)

    def note(self, message: str) -> None:
        """Say something worth knowing, such as what was assumed."""
        self._send("note", message)

    def warn(self, message: str) -> None:
        """Say something a person should know."""
        self._send("warning", message)

    def stopped(self, message: str, **data: Any) -> None:
        """Say that the run ended without publishing."""
        self._close_step()
        self._send("stopped", message, data=data)

    def finished(self, message: str, **data: Any) -> None:
        """Say that the run ended well."""
        self._close_step()
        self._send("finished", message, data=data)

    def _close_step(self) -> None:
        now = time.monotonic()
        self.step_seconds[self._step] = round(self.step_seconds.get(self._step, 0.0) + now - self._step_start, 3)
        self._step_start = now
