"""`trainer find-lr`: the learning rate, by short runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainer.cli.train import DownloadOption, OverrideOption


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("find-lr", rich_help_panel="Train")(find_lr)


def find_lr(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe's YAML file.")],
    overrides: OverrideOption = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of each short run [default: a fifth].")] = None,
    lowest: Annotated[float, typer.Option(help="Lowest learning rate.")] = 1e-5,
    highest: Annotated[float, typer.Option(help="Highest learning rate.")] = 1e-2,
    write: Annotated[bool, typer.Option("--write/--no-write", help="Write the choice into the recipe.")] = True,
    allow_download: DownloadOption = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Find a learning rate by short real runs on a ladder; writes it into the recipe."""
    from dataprep.cli.output import write_json, write_lines
    from dataprep.console import one_line
    from trainer.progress import Progress
    from trainer.rates.find import as_dict, find_rate
    from trainer.recipe_file import load, set_number

    with Progress(quiet=json) as progress:
        loaded = load(recipe, overrides or ())
        found = find_rate(
            loaded, steps=steps, lowest=lowest, highest=highest, allow_download=allow_download, on_note=progress.note
        )
    rate = found.choice.learning_rate
    if write and rate is not None:
        set_number(recipe, ("training", "learning_rate"), rate)
    if json:
        write_json(as_dict(found))
    else:
        said = [f"wrote training.learning_rate: {rate:g} into {recipe}"] if write and rate is not None else []
        write_lines([one_line(line) for line in [*found.lines(), *said, f"next: {found.next}"]])
    if rate is None:
        raise typer.Exit(1)
