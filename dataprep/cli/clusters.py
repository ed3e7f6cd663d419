"""The command that shows duplicates to look at: `clusters`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dataprep.cli.data import FormatOption, JsonOption, StoreOption
from dataprep.cli.help import examples
from dataprep.cli.output import reading_width, write_frame, write_json, write_lines
from dataprep.cli.queue import QueueArgument

_EACH = 5
_MEMBERS = 3
_OWN_MEMBERS = 20


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Look",
        epilog=examples(
            "clusters support@latest",
            "clusters support@latest --doubtful -n 20",
            "clusters support@latest --id 8f3ac2",
        ),
    )(clusters)


def clusters(
    data: QueueArgument,
    rows: Annotated[
        int | None,
        typer.Option(
            "-n", min=0, help="Clusters and removals at most; with --id its records [default: 5; with --id 20]."
        ),
    ] = None,
    largest: Annotated[bool, typer.Option("--largest", help="Only the largest clusters.")] = False,
    doubtful: Annotated[bool, typer.Option("--doubtful", help="Only removals with the lowest similarity.")] = False,
    kind: Annotated[str | None, typer.Option(help="Clusters of this kind only: exact or near.")] = None,
    record: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The cluster of this record, by its id or its start.")
    ] = None,
    store: StoreOption = None,
    file_format: FormatOption = "table",
    json: JsonOption = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the rows to this file.")] = None,
) -> None:
    """Show large clusters of duplicates and doubtful removals.

    Each record stands beside the one that it went for, with what differs in words. The default shows both parts;
    --format gives a row for each comparison, --json all of it, with the exact texts.
    """
    from dataprep.api import store_root
    from dataprep.clusters import find_clusters
    from dataprep.store.layout import Store

    own = record is not None
    found = find_clusters(
        Store(store_root(store)),
        data,
        n=rows if rows is not None else _OWN_MEMBERS if own else _EACH,
        largest=largest or not doubtful,
        doubtful=doubtful or not largest,
        kind=kind,
        record=record,
        members=_MEMBERS if not own else _OWN_MEMBERS if rows is None else rows,
    )
    if json:
        write_json(found.as_dict())
    elif file_format == "table" and output is None:
        from dataprep.clusters_text import render

        write_lines(render(found, reading_width()))
    else:
        write_frame(found.frame(), file_format, output)
