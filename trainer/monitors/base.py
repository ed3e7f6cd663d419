"""Services that are told how a run goes, behind one small protocol. The run's folder is the truth: they only follow.

Each is an installed package, imported when a recipe names it. What one lacks is said before training begins; one that
fails later is switched off with a warning, since no run must end because a service is down. They are told parameters
and numbers, and each is kept from collecting more by itself: printed lines, source code, changes in git.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

from dataprep.console import one_line
from dataprep.errors import InputError
from trainer.runs.listing import flatten

PACKAGES: Final = {
    "wandb": "wandb",
    "comet": "comet-ml",
    "mlflow": "mlflow",
    "tensorboard": "tensorboard",
    "trackio": "trackio",
}
"""What to install for each service; its module here has the service's name."""


_MODULES: Final = {"comet": "comet_ml"}
"""Modules that are not called as their service is."""


class Monitor(Protocol):
    """A service that is told how one run goes."""

    def params(self, values: Mapping[str, object]) -> None:
        """Parameters of the run, by dotted name. Called once, first."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """What was measured at a step. Steps never fall; one may come twice, with other names."""

    def close(self, status: str) -> None:
        """The run has ended: finished, stopped, interrupted or failed."""


def to_stderr(message: str) -> None:
    """Say a warning where people look."""
    sys.stderr.write(f"trainer: {message}\n")


def check_monitors(names: Iterable[str]) -> None:
    """See that the packages of some services are installed, without importing them: before any data are read.

    Raises:
        InputError: one is not.
    """
    for name in names:
        if name in PACKAGES and find_spec(_MODULES.get(name, name)) is None:
            raise _lacks(name, f"No module named {_MODULES.get(name, name)!r}")


def open_monitors(
    names: Iterable[str], *, project: str, run_id: str, folder: Path, warn: Callable[[str], None] = to_stderr
) -> list[Monitor]:
    """Begin to tell services about a run; a run that is resumed goes on under its id where the service can do that.

    Args:
        names: of services, as in a recipe.
        project: the project or experiment there.
        run_id: the run's name there.
        folder: of the run, for those that write files.
        warn: told when one fails and is switched off.

    Raises:
        InputError: a package is not installed, or a service refuses.
    """
    opened: list[Monitor] = []
    try:
        for name in names:
            opened += [Guarded(name, _open(name, project, run_id, folder), warn)]
    except InputError:
        for monitor in opened:
            monitor.close("failed")
        raise
    return opened


class Guarded:
    """A monitor that cannot fail: the first error switches it off, with a warning.

    Args:
        name: of the service.
        monitor: what may fail.
        warn: told of the first failure.
    """

    def __init__(self, name: str, monitor: Monitor, warn: Callable[[str], None] = to_stderr) -> None:
        self.name = name
        self._monitor: Monitor | None = monitor
        self._warn = warn

    def params(self, values: Mapping[str, object]) -> None:
        """Parameters of the run; nested ones by dotted name, and nothing for those that are None."""
        flat = {key: value for key, value in flatten(values).items() if value is not None}
        self._try(lambda monitor: monitor.params(flat))

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """The numbers among `values`."""
        numbers = {key: float(value) for key, value in values.items() if _is_measure(key, value)}
        if numbers:
            self._try(lambda monitor: monitor.log(step, numbers))

    def close(self, status: str) -> None:
        """The run has ended."""
        self._try(lambda monitor: monitor.close(status))
        self._monitor = None

    def _try(self, tell: Callable[[Monitor], None]) -> None:
        if self._monitor is None:
            return
        try:
            tell(self._monitor)
        except Exception as error:  # what a service raises is its own affair, and none may end a run
            self._monitor = None
            self._warn(f"{self.name} failed and is switched off for this run: {one_line(str(error))[:500]}")


def finite(values: Mapping[str, float]) -> dict[str, float]:
    """Without what is not a finite number, for services that refuse it.

    >>> finite({"loss": float("nan"), "grad_norm": 1.5})
    {'grad_norm': 1.5}
    """
    return {key: value for key, value in values.items() if math.isfinite(value)}


def _is_measure(key: str, value: object) -> bool:
    return key != "step" and isinstance(value, int | float)


def _open(name: str, project: str, run_id: str, folder: Path) -> Monitor:
    if name not in PACKAGES:
        raise InputError(f"no monitor is called {name!r}", key="monitoring.to", hint=f"known: {', '.join(PACKAGES)}")
    try:
        monitor: Monitor = import_module(f"trainer.monitors.{name}").open_monitor(project, run_id, folder)
    except ImportError as error:
        raise _lacks(name, str(error)) from error
    except (
        Exception
    ) as error:  # services raise what they like; whatever it is, the recipe asks for one that is not there
        refused = f"{name} cannot be told of this run: {one_line(str(error))[:500]}"
        raise InputError(refused, key="monitoring.to", hint="log in to it, or leave it out") from error
    return monitor


def _lacks(name: str, why: str) -> InputError:
    lacks = f"{name} needs a package that is not here ({one_line(why)})"
    return InputError(lacks, key="monitoring.to", hint=f"pip install {PACKAGES[name]}, or leave it out")
