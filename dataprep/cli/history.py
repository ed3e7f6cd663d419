"""The command that compares versions: `diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dataprep.cli.data import FormatOption, JsonOption, StoreOption
from dataprep.cli.help import examples
from dataprep.cli.output import reading_width, write_frame, write_json, write_lines

if TYPE_CHECKING:
    from dataprep.compare import Diff


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Look",
        epilog=examples(
            "diff support@1 support@2",
            "diff support@1 support@2 -n 10",
            "diff support@1 support@2 --format csv -o differences.csv",
        ),
    )(diff)


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A version: support@1, or an id's start.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The version to compare it with.")],
    rows: Annotated[int, typer.Option("-n", min=0, help="Examples of each kind at most.")] = 3,
    store: StoreOption = None,
    file_format: FormatOption = "table",
    json: JsonOption = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the rows to this file.")] = None,
) -> None:
    """Tell what differs between two versions, and why.

    Records added, removed, changed and moved between splits, each with its cause. The default shows counts and
    examples, --format every differing record, --json all of it.
    """
    from dataprep.api import diff as compare

    found = compare(a, b, store=store)
    if json:
        write_json(_as_json(found, rows))
    elif file_format == "table" and output is None:
        from dataprep.compare.text import render

        write_lines(render(found, reading_width(), rows))
    else:
        write_frame(found.records, file_format, output)


def _as_json(found: Diff, n: int) -> dict[str, Any]:
    before, after = found.names
    return {
        "a": {"name": before, "version_id": found.a.id},
        "b": {"name": after, "version_id": found.b.id},
        "counts": found.counts,
        "summary": found.summary.to_dicts(),
        "keys": found.keys.to_dicts(),
        "files": found.files.to_dicts(),
        "labels": found.labels.to_dicts(),
        "label_shift": found.label_shift,
        "notes": list(found.notes),
        "records": found.records.to_dicts(),
        "examples": found.examples(n).to_dicts(),
    }
