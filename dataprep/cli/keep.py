"""`dataprep gc`: free what nothing in the store refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dataprep.cli.data import JsonOption, StoreOption
from dataprep.cli.help import examples
from dataprep.cli.output import write_json, write_lines

if TYPE_CHECKING:
    from dataprep.store.gc import GcReport


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel="Keep", epilog=examples("gc", "gc --delete"))(gc)


def gc(
    delete: Annotated[bool, typer.Option("--delete", help="Delete it; without this nothing is changed.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Say what nothing in the store needs; delete it if asked.

    Versions with a number or a candidate, training runs and records of runs always stay.
    """
    from dataclasses import asdict

    from dataprep.api import gc as collect

    report = collect(store=store, delete=delete)
    if json:
        write_json(asdict(report) | {"bytes": report.bytes})
    else:
        write_lines(_lines(report))


def _lines(report: GcReport) -> list[str]:
    from dataprep.console import counted, file_size, one_line, table

    if not report.items:
        return ["nothing to free: everything in the store is referred to"]
    rows = [(item.kind, file_size(item.bytes), one_line(item.path), item.why) for item in report.items]
    total = f"{counted(len(report.items), 'thing')}, {file_size(report.bytes)}"
    end = f"freed {total}" if report.deleted else f"{total} can be freed; nothing was deleted, add --delete for that"
    return [*table(["kind", "size", "where", "why"], rows), "", end]
