"""Where commands look for training runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from dataprep.errors import InputError

RunsOption = Annotated[
    Path | None, typer.Option("--runs", metavar="FOLDER", help="Where runs lie [default: the store's, and ./runs].")
]


def run_folders(runs: Path | None, store: Path | None) -> list[Path]:
    """The folders of runs that a command looks into: the one named; else `training/` of the store, and `runs/` here.

    Raises:
        InputError: the folder that was named is not there.
    """
    if runs is not None:
        if not runs.is_dir():
            raise InputError("there is no such folder of runs", file=os.fspath(runs))
        return [runs]
    root = store or Path(os.environ.get("DATAPREP_STORE") or "store")
    return [root / "training"] if store is not None else [root / "training", Path("runs")]
