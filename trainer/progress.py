"""Progress on a terminal: one line that is rewritten, or a line now and then where output goes to a file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any, Final, Self

from dataprep.console import counted, one_line

_EVERY_SECONDS: Final = 10.0
_REWRITE_SECONDS: Final = 0.2


class Progress:
    """Shows what a run says of itself, on standard error; nothing in any process but the first.

    Args:
        quiet: show alerts and nothing else.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.first = os.environ.get("RANK", "0") == "0"
        self._quiet = quiet
        self._rewrites = sys.stderr.isatty()
        self._shown = 0.0
        self._open = False
        self._validation = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_line()

    def note(self, text: str) -> None:
        """A sentence about what was decided."""
        if self.first and not self._quiet:
            self._line(text)

    def records(self, done: int, total: int) -> None:
        """Records that are prepared, and of how many (0 where that is not known)."""
        now = time.monotonic()
        if (
            not self.first
            or self._quiet
            or now - self._shown < (_REWRITE_SECONDS if self._rewrites else _EVERY_SECONDS)
        ):
            return
        self._shown = now
        text = f"{done:,} of {counted(total, 'record')}" if total else counted(done, "record")
        if self._rewrites:
            sys.stderr.write(f"\r\x1b[2K{text}")
            sys.stderr.flush()
            self._open = True
        else:
            self._line(text)

    def show(self, values: Mapping[str, Any]) -> None:
        """A step, a validation or an alert."""
        if not self.first:
            return
        if "alert" in values:
            self._line(f"alert at step {values['step']}: {values['message']}")
        elif self._quiet:
            return
        elif "validation_loss" in values:
            said = f"  validation {values['validation_loss']:.4f}"
            self._validation = f"{said} (step {values['step']})"
            if not self._rewrites:
                self._line(f"step {values['step']}{said}")
        elif "loss" in values:
            now = time.monotonic()
            if now - self._shown >= (_REWRITE_SECONDS if self._rewrites else _EVERY_SECONDS):
                self._shown = now
                self._step(values)

    def _step(self, values: Mapping[str, Any]) -> None:
        text = (
            f"step {values['step']}  loss {values['loss']:.4f}  rate {values['learning_rate']:.2e}"
            f"  {values['tokens_per_second']:,.0f} tokens/s{self._validation}"
        )
        if self._rewrites:
            sys.stderr.write(f"\r\x1b[2K{one_line(text)}")
            sys.stderr.flush()
            self._open = True
        else:
            self._line(text)

    def _line(self, text: str) -> None:
        self._close_line()
        sys.stderr.write(f"{one_line(text)}\n")
        sys.stderr.flush()

    def _close_line(self) -> None:
        if self._open:
            sys.stderr.write("\n")
            self._open = False
