"""`trainer init`: write a recipe that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel="Prepare")(init)


def init(
    data: Annotated[str, typer.Argument(metavar="VERSION|FOLDER", help="support@latest, or a folder of rows.")],
    model: Annotated[str, typer.Option(help="A model's folder, or its name on the Hub.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the recipe goes.")] = Path("recipe.yaml"),
    store: Annotated[str, typer.Option(envvar="DATAPREP_STORE", help="The store that holds the version.")] = "store",
    method: Annotated[str, typer.Option(help="lora, or full for all weights.")] = "lora",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a commented recipe."""
    from dataprep.cli.output import write_lines
    from dataprep.console import one_line
    from trainer.start import start

    lines = start(data, model, output, store=store, method=method, force=force)
    write_lines([one_line(line) for line in lines])
