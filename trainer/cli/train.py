"""`trainer train`: train as a recipe says."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

OverrideOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as training.learning_rate=1e-4; repeatable."),
]
DownloadOption = Annotated[
    bool, typer.Option("--allow-download", help="Fetch the model from the Hub if it is not on this machine.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel="Train")(train)


def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe's YAML file.")],
    overrides: OverrideOption = None,
    allow_download: DownloadOption = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, even where a run could go on.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train; the same command continues an interrupted run."""
    from dataprep.cli.output import write_json, write_lines
    from dataprep.console import one_line
    from trainer.progress import Progress
    from trainer.recipe_file import load
    from trainer.train import result_lines
    from trainer.train import train as run

    with Progress(quiet=json) as progress:
        done = run(
            load(recipe, overrides or ()),
            allow_download=allow_download,
            fresh=fresh,
            on_note=progress.note,
            on_values=progress.show,
        )
    if not progress.first:
        return
    if json:
        write_json(done.as_dict())
    else:
        again = command_line(
            recipe, overrides or (), allow_download=allow_download, processes=int(os.environ.get("WORLD_SIZE", "1"))
        )
        write_lines([one_line(line) for line in result_lines(done, again)])
    if done.interrupted:
        raise typer.Exit(130)


def command_line(recipe: Path, overrides: Sequence[str], *, allow_download: bool, processes: int) -> str:
    """The command that goes on with a run: the one that began it, without `--fresh`, which would begin anew."""
    launch = ["accelerate", "launch", "--num_processes", str(processes), "-m"] if processes > 1 else []
    changed = [word for each in overrides for word in ("--set", each)]
    fetch = ["--allow-download"] if allow_download else []
    return shlex.join([*launch, "trainer", "train", str(recipe), *changed, *fetch])
