"""Trackio. It writes a database of its own (`TRACKIO_DIR`, else the Hub's cache), for `trackio show`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any


class Trackio:
    """A run of Trackio.

    Args:
        project: its project.
        run_id: its name.
    """

    def __init__(self, project: str, run_id: str) -> None:
        import trackio

        self._project, self._name, self._trackio = project, run_id, trackio
        self._run: Any = None

    def params(self, values: Mapping[str, object]) -> None:
        """The run begins here: Trackio takes its config with its start."""
        self._begin(
            {name: value if isinstance(value, str | int | float) else str(value) for name, value in values.items()}
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers at a step."""
        if self._run is None:
            self._begin({})
        self._run.log(dict(values), step=step)

    def close(self, status: str) -> None:  # noqa: ARG002 - Trackio keeps none
        """Send what is left."""
        if self._run is not None:
            with redirect_stdout(sys.stderr):
                self._trackio.finish()  # the run's own `finish` would leave it to be ended again at exit

    def _begin(self, config: dict[str, Any]) -> None:
        with redirect_stdout(sys.stderr):  # it prints, and what a command prints may be JSON
            self._run = self._trackio.init(
                self._project,
                self._name,
                config=config,
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )


def open_monitor(project: str, run_id: str, folder: Path) -> Trackio:  # noqa: ARG001 - it has a folder of its own
    """Begin a run, or go on with it."""
    return Trackio(project, run_id)
