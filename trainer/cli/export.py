"""`trainer export`: a run's best weights as a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dataprep.cli.data import StoreOption
from trainer.cli.places import RunsOption, run_folders


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel="Record")(export)


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its start or end, its folder, or latest.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where the model goes.")],
    runs: RunsOption = None,
    store: StoreOption = None,
) -> None:
    """Write a run's best weights, adapters merged, with a model card."""
    import sys

    from dataprep.cli.output import write_lines
    from dataprep.console import one_line
    from trainer.export import export as write
    from trainer.runs.folder import RunFolder
    from trainer.runs.listing import find_run
    from trainer.watch.verdict import Verdict

    folder = find_run(run, run_folders(runs, store))
    files = write(folder, output)
    for warning in Verdict.of(RunFolder.open(folder).metrics()).warnings():
        sys.stderr.write(f"trainer: warning: {one_line(warning)}\n")
    write_lines([one_line(str(path)) for path in files])
