"""`dataprep whatif`: what a changed pipeline would give, from what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataprep.cli.help import examples

if TYPE_CHECKING:
    import polars as pl

    from dataprep.what_if import WhatIf

_LINES = 10


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Prepare",
        epilog=examples(
            "whatif pipeline.yaml --set rules.too_short.threshold=20",
            "whatif pipeline.yaml --set dedup.exact=false --set splits.test=0.1",
        ),
    )(whatif)


def whatif(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="PIPELINE.yaml | FILE...", help="What was run: a pipeline file, or data files."),
    ],
    overrides: Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="What to change; repeatable.")],
    store: Annotated[
        Path | None, typer.Option(help="Where versions live [default: $DATAPREP_STORE or ./store].")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The dataset's name.")] = None,
    rows: Annotated[int, typer.Option("-n", min=0, help="Examples at most.")] = 5,
    json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Say what a changed pipeline would give, without running it."""
    from dataprep.api import whatif as compare
    from dataprep.console import one_line

    found = compare(*inputs, overrides=overrides, store=store, name=name, examples=rows)
    if json:
        from dataprep.cli.output import write_json
        from dataprep.what_if import as_json

        write_json(as_json(found))
    else:
        typer.echo("\n".join(one_line(line) for line in _lines(found)))


def _lines(found: WhatIf) -> Iterator[str]:
    from dataprep.console import counted

    yield f"{found.dataset}: {counted(found.changes.height, 'record')} would change sides"
    if found.missing:
        files = ", ".join(found.missing[:3]) + (f" and {len(found.missing) - 3} more" if len(found.missing) > 3 else "")
        yield (f"undetermined: {counted(found.undetermined, 'record')}, because of files to read anew: {files}")
    yield ""
    yield from _table(found.moves, "now", "then")
    before, after = found.kept("before"), found.kept("after")
    yield ""
    for split in dict.fromkeys([*before, *after]):
        yield f"{split}: {before.get(split, 0):,} -> {after.get(split, 0):,}"
    for line in found.budgets.over if found.budgets else ():
        yield f"over budget: {line.name}, {line.gone:,} of {line.records:,} would go; a run would publish nothing"
    if found.by_rule.height:
        yield ""
        yield from _table(found.by_rule.filter(found.by_rule["change"] != 0).head(_LINES))
    for name, frame in (("source", found.by_source), ("label", found.by_label), ("group", found.by_group_key)):
        if frame.height > (name == "source" and len(frame) == 1):
            yield ""
            yield f"kept by {name}, those that change most:"
            yield from _table(frame.head(_LINES))
    for example in found.examples:
        yield ""
        yield f"{example.before} -> {example.after} ({example.rule}) {example.record_id}"
        yield f"    {example.text}"
    for note in found.notes:
        yield f"note: {note}"


def _table(frame: pl.DataFrame, *renamed: str) -> list[str]:
    from dataprep.console import table

    columns = [*renamed, *frame.columns[len(renamed) :]]
    return table(columns, frame.rows()) if frame.height else []
