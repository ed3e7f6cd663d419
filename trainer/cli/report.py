"""`trainer report`: a training run as one HTML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from dataprep.cli.data import StoreOption
from dataprep.errors import InputError
from trainer.cli.places import RunsOption, run_folders

_EXAMPLES = "\b\nExamples:\n  trainer report latest\n  trainer report support-20261123T120000Z-1a2b -o support.html"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel="Record", epilog=_EXAMPLES)(report)


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its start or end, its folder, or latest.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write to this file [default: report.html in the run's folder]."),
    ] = None,
    runs: RunsOption = None,
    store: StoreOption = None,
) -> None:
    """Write a run's report: curves, recipe, data, code and remarks in one HTML file that needs no network."""
    from dataprep.cli.output import write_lines
    from dataprep.console import one_line
    from dataprep.store.files import write_atomically
    from trainer.page.report import render
    from trainer.runs.listing import find_run

    path = find_run(run, run_folders(runs, store))
    target = output or path / "report.html"
    if not target.parent.is_dir():
        raise InputError("there is no such folder", file=os.fspath(target.parent))
    if output is not None and output.exists():
        raise InputError("this file is there already", file=os.fspath(output), hint="name another file")
    write_atomically(target, render(path).encode("utf-8", errors="replace"))
    write_lines([one_line(os.fspath(target))])
