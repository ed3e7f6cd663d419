"""`trainer check`: what would be trained on, before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainer.cli.train import DownloadOption, OverrideOption


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel="Prepare")(check)


def check(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe's YAML file.")],
    overrides: OverrideOption = None,
    allow_download: DownloadOption = False,
    samples: Annotated[int, typer.Option("--samples", min=0, help="Real examples to show.")] = 3,
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Take a few steps to know the time.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check rows under the tokenizer, template and length of a recipe.

    Exits 1 where more is dropped, cut or in validation and train at once than the recipe allows.
    """
    from dataclasses import asdict

    from dataprep.cli.output import reading_width, write_json, write_lines
    from dataprep.console import wrap
    from trainer.check.run import check as look
    from trainer.progress import Progress
    from trainer.recipe_file import load

    with Progress(quiet=json) as progress:
        checked = look(
            load(recipe, overrides or ()),
            allow_download=allow_download,
            samples=samples,
            probe=probe,
            on_progress=progress.records,
        )
    if json:
        needs = asdict(checked.needs)
        write_json(
            asdict(checked.rows)
            | {"needs": needs, "steps": asdict(checked.steps), "ledger": str(checked.ledger)}
            | {"ok": not checked.rows.excesses}
        )
    else:
        from trainer.check.rows_text import render

        width = reading_width()
        compute = [part for line in checked.needs.lines() for part in wrap(line, width)]
        write_lines([*render(checked.rows, width), "", *wrap(checked.steps.text(), width), *compute])
    checked.refuse()
