"""`dataprep run`: prepare a dataset and publish it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataprep.cli.help import examples

if TYPE_CHECKING:
    from dataprep.flow import RunResult


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Prepare",
        epilog=examples("run pipeline.yaml", "run some.jsonl --name support", "run data/ --json > events.jsonl"),
    )(run)


def run(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="PIPELINE.yaml | FILE...", help="A pipeline file, or data files as they are."),
    ],
    store: Annotated[
        Path | None, typer.Option(help="Where versions live [default: $DATAPREP_STORE or ./store].")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The dataset's name [default: from the pipeline or file].")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the pipeline; repeatable.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads [default: all processors].")] = None,
    memory: Annotated[str | None, typer.Option(help="Memory limit of the SQL engine, such as 4GB.")] = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Wait for another run of the same dataset.")
    ] = 0.0,
    json: Annotated[bool, typer.Option("--json", help="Print events and the result as JSON lines.")] = False,
) -> None:
    """Prepare a dataset and publish it as a version."""
    from dataprep.api import run as run_dataset
    from dataprep.cli.progress import announce_compilation, listener

    announce_compilation()
    with listener(json_lines=json) as listen:
        result = run_dataset(
            *inputs,
            store=store,
            name=name,
            overrides=overrides or (),
            workers=workers,
            memory=memory,
            wait=wait,
            on_event=listen,
        )
    if not json:
        typer.echo(summary(result))


def summary(result: RunResult) -> str:
    """What a person wants to see after a run."""
    from dataprep.cli.funnel import funnel_lines
    from dataprep.console import one_line

    reference = f"{result.dataset}@{result.number}"
    state = "unchanged, the same version as before" if result.unchanged else "published"
    lines = ["", *funnel_lines(result.funnel), ""]
    near = result.near
    if near is not None and (near.removed or near.boilerplate or near.answers):
        lines += [*near.lines(), ""]
    lines += [f"note: {note}" for note in result.notes]
    lines += [
        f"{reference} {state}",
        f"  id     {result.version_id[:12]}",
        f"  lies   {result.path}",
        f"  try    dataprep sql \"from funnel\" --data '{reference}' --store {result.path.parent.parent}",
        f"         dataprep show '{reference}' --dropped --store {result.path.parent.parent}",
    ]
    return "\n".join(one_line(line) for line in lines)
