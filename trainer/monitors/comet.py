"""Comet. `COMET_START_ONLINE=0` writes an archive into the run's folder, for `comet upload`."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any


class Comet:
    """An experiment of Comet.

    Args:
        project: its project.
        run_id: its name.
        folder: where it keeps its files.
    """

    def __init__(self, project: str, run_id: str, folder: Path) -> None:
        import comet_ml

        config = comet_ml.ExperimentConfig(
            name=run_id,
            offline_directory=str(folder / "comet"),
            # By itself it would send printed lines, source code, what differs from git and the name of the host.
            **dict.fromkeys(_OFF, False),
            auto_output_logging=None,
            display_summary_level=0,
        )
        # Its keys are 32 to 50 letters and digits; one made from the id finds the experiment again after a resume.
        key = sha256(run_id.encode()).hexdigest()[:32]
        self._run: Any = comet_ml.start(project_name=project, experiment_key=key, experiment_config=config)

    def params(self, values: Mapping[str, object]) -> None:
        """The experiment's parameters."""
        self._run.log_parameters(dict(values))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers at a step."""
        self._run.log_metrics(dict(values), step=step)

    def close(self, status: str) -> None:
        """End the experiment, with its state as a tag."""
        self._run.add_tag(status)
        self._run.end()


_OFF = (
    "log_code", "log_graph", "parse_args", "log_git_metadata", "log_git_patch", "log_env_details", "log_env_host",
    "auto_param_logging", "auto_metric_logging", "auto_log_co2",
)  # fmt: skip


def open_monitor(project: str, run_id: str, folder: Path) -> Comet:
    """Begin an experiment."""
    return Comet(project, run_id, folder)
