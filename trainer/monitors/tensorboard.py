"""TensorBoard: event files in the run's folder, for `tensorboard --logdir <runs>`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TensorBoard:
    """Event files of a run.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(log_dir=str(folder / "tensorboard"), flush_secs=20)

    def params(self, values: Mapping[str, object]) -> None:
        """One text; indented, so that Markdown in a value stays as it is."""
        lines = (f"    {name}: {' '.join(str(value).split())}" for name, value in values.items())
        self._writer.add_text("recipe", "\n".join(lines))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers at a step."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, global_step=step)

    def close(self, status: str) -> None:
        """Write what is left."""
        self._writer.add_text("state", status)
        self._writer.close()


def open_monitor(project: str, run_id: str, folder: Path) -> TensorBoard:  # noqa: ARG001 - it knows folders alone
    """Begin event files."""
    return TensorBoard(folder)
