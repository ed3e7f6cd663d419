"""The command that tells a run to lineage catalogues: `lineage`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dataprep.cli.data import StoreOption
from dataprep.cli.help import examples


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Keep",
        epilog=examples("lineage support@latest >> lineage.ndjson", "lineage 20261122-183331-a827221f -o run.ndjson"),
    )(lineage)


def lineage(
    data: Annotated[
        str, typer.Argument(metavar="DATA | RUN", help="A version, which stands for its run, or a run's id.")
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file instead.")] = None,
    namespace: Annotated[
        str,
        typer.Option(
            envvar="OPENLINEAGE_NAMESPACE",
            show_envvar=False,
            help="Namespace of the job; also $OPENLINEAGE_NAMESPACE.",
        ),
    ] = "dataprep",
    parent: Annotated[
        str | None,
        typer.Option(
            metavar="NAMESPACE/JOB/RUN",
            envvar="OPENLINEAGE_PARENT_ID",
            show_envvar=False,
            help="The task that started the run; also $OPENLINEAGE_PARENT_ID.",
        ),
    ] = None,
    base: Annotated[
        Path | None, typer.Option(help="The folder that sources with relative names are in [default: left relative].")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Print a run as OpenLineage events, one JSON object a line.

    START, and COMPLETE, FAIL or ABORT once it has ended; with names, counts and digests, never text.
    """
    import orjson

    from dataprep.api import store_root
    from dataprep.cli.output import write_text
    from dataprep.errors import InputError
    from dataprep.lineage import ParentRun, lineage_events
    from dataprep.store.layout import Store

    task = None if parent is None else ParentRun.parse(parent)
    events = lineage_events(Store(store_root(store)), data, namespace=namespace, parent=task, base=base)
    lines = b"".join(orjson.dumps(event) + b"\n" for event in events)
    if output is None:
        write_text(lines.decode())
        return
    try:
        with output.open("xb") as handle:
            handle.write(lines)
    except OSError as error:
        message = f"cannot be written ({error.strerror})"
        raise InputError(message, file=str(output), hint="name another file, or use >> to add to one") from error
