"""MLflow. Without `MLFLOW_TRACKING_URI` it writes `mlflow.db` beside the runs, one file for all of them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

_LONGEST = 500
"""Characters of a parameter that every backend takes."""


class Mlflow:
    """A run of MLflow, by its client alone: nothing in the process is switched over to it.

    Args:
        project: its experiment.
        run_id: its name.
        folder: of the run.
    """

    def __init__(self, project: str, run_id: str, folder: Path) -> None:
        from mlflow import MlflowClient

        local = f"sqlite:///{(folder.parent / 'mlflow.db').absolute()}"
        self._client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or local)
        known = self._client.get_experiment_by_name(project)
        experiment = known.experiment_id if known else self._client.create_experiment(project, str(folder / "mlflow"))
        found = self._client.search_runs([experiment], f"tags.run_folder = '{run_id}'", max_results=1)
        run = found[0] if found else self._client.create_run(experiment, run_name=run_id, tags={"run_folder": run_id})
        self._run = run.info.run_id
        self._client.update_run(self._run, status="RUNNING")

    def params(self, values: Mapping[str, object]) -> None:
        """The run's parameters: text, by names of a few characters."""
        for name, value in values.items():
            self._client.log_param(self._run, re.sub(r"[^\w.\- /]", "_", name)[:250], str(value)[:_LONGEST])

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers at a step."""
        for name, value in values.items():
            self._client.log_metric(self._run, name, value, step=step)

    def close(self, status: str) -> None:
        """End the run in the state that MLflow has for it."""
        states = {"failed": "FAILED", "interrupted": "KILLED"}
        self._client.set_terminated(self._run, states.get(status, "FINISHED"))


def open_monitor(project: str, run_id: str, folder: Path) -> Mlflow:
    """Begin a run, or find it again."""
    return Mlflow(project, run_id, folder)
