"""Progress for people and programs: one live line on a terminal, plain lines in a log, JSON lines on request."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dataprep.console import one_line
from dataprep.events import Event, Listener

_LOG_EVERY_SECONDS = 10.0
_DRAW_EVERY_SECONDS = 0.1


@contextmanager
def listener(*, json_lines: bool) -> Iterator[Listener]:
    """A listener that fits where output goes; clears its live line at the end."""
    if json_lines:
        yield _print_json
        return
    display = _Terminal() if sys.stderr.isatty() else _Log()
    try:
        yield display.show
    finally:
        display.close()


def announce_compilation() -> None:
    """Say that kernels are compiled now, where this is the first time on this machine."""
    from dataprep.kernels import first_compile_pending

    if first_compile_pending():
        sys.stderr.write("compiling kernels, once on this machine: about half a minute\n")


def _print_json(event: Event) -> None:
    sys.stdout.write(json.dumps(event.as_dict(), ensure_ascii=True) + "\n")
    sys.stdout.flush()


class _Log:
    """Plain lines: every step, and now and then how far it is."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._step_started = 0.0

    def show(self, event: Event) -> None:
        """Write the event where it is worth a line."""
        if event.kind == "step":
            self._step_started = event.seconds
        if event.kind == "progress":
            if time.monotonic() - self._last < _LOG_EVERY_SECONDS:
                return
            self._last = time.monotonic()
        text = event.message
        if event.kind == "progress":
            text = _progress_text(event, event.seconds - self._step_started)
        if text and event.kind not in ("finished", "stopped"):
            prefix = "warning: " if event.kind == "warning" else ""
            sys.stderr.write(f"{prefix}{one_line(text)}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Nothing is pending in a log."""


class _Terminal:
    """One line that is redrawn, and lines above it for what should stay."""

    def __init__(self) -> None:
        self._drawn = 0.0
        self._step_started = 0.0

    def show(self, event: Event) -> None:
        """Draw the event."""
        if event.kind == "step":
            self._step_started = event.seconds
        if event.kind in ("note", "warning"):
            prefix = "warning: " if event.kind == "warning" else ""
            sys.stderr.write(f"\r\x1b[K{prefix}{one_line(event.message)}\n")
        elif event.kind in ("step", "progress"):
            if event.kind == "progress" and time.monotonic() - self._drawn < _DRAW_EVERY_SECONDS:
                return
            self._drawn = time.monotonic()
            text = event.message or _progress_text(event, event.seconds - self._step_started)
            sys.stderr.write(f"\r\x1b[K{one_line(text)}")
        sys.stderr.flush()

    def close(self) -> None:
        """Take the live line away."""
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _progress_text(event: Event, seconds: float) -> str:
    """Step, share done, rows a second, time left.

    >>> _progress_text(Event("progress", "prepare", done=50, total=100, rows=2000), 4.0)
    'prepare  50 %  2,000 rows  500 rows/s  4 s left'
    """
    text = f"{event.step}  {100 * event.done / event.total:.0f} %" if event.total else event.step
    text += f"  {event.rows:,} rows"
    if seconds > 0:
        text += f"  {event.rows / seconds:,.0f} rows/s"
        if event.done and event.total:
            text += f"  {seconds * (event.total - event.done) / event.done:.0f} s left"
    return text
