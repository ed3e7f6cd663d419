"""Weights & Biases. `WANDB_MODE=offline` writes to the run's folder, for `wandb sync`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Wandb:
    """A run of W&B.

    Args:
        project: its project.
        run_id: its id and name.
        folder: where it keeps its files.
    """

    def __init__(self, project: str, run_id: str, folder: Path) -> None:
        import wandb

        # By itself it would send every printed line, the name of the host, and what differs from git.
        settings = wandb.Settings(
            console="off", disable_git=True, disable_code=True, save_code=False, x_disable_machine_info=True, host=""
        )
        self._run: Any = wandb.init(
            project=project, id=run_id, name=run_id, dir=str(folder), settings=settings, resume="allow"
        )

    def params(self, values: Mapping[str, object]) -> None:
        """The run's config."""
        self._run.config.update(dict(values), allow_val_change=True)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers at a step."""
        self._run.log(dict(values), step=step)

    def close(self, status: str) -> None:
        """Finish the run; W&B knows success and failure."""
        self._run.summary["state"] = status
        self._run.finish(exit_code=int(status == "failed"))


def open_monitor(project: str, run_id: str, folder: Path) -> Wandb:
    """Begin a run."""
    return Wandb(project, run_id, folder)
