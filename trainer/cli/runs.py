"""`trainer runs`: which training runs there are, and how two differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dataprep.cli.data import JsonOption, StoreOption
from trainer.cli.places import RunsOption, run_folders

if TYPE_CHECKING:
    from trainer.runs.listing import Comparison, Outcome, RunSummary

_EXAMPLES = "\b\nExamples:\n  trainer runs\n  trainer runs 1a2b 9f00\n  trainer runs --json"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel="Record", epilog=_EXAMPLES)(runs)


def runs(
    a: Annotated[
        str | None, typer.Argument(metavar="A", help="A run's id, its start or end, its folder, or latest.")
    ] = None,
    b: Annotated[str | None, typer.Argument(metavar="B", help="The run to compare it with.")] = None,
    folder: RunsOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """List training runs, newest first; of one, show all that is known; compare two.

    In SQL: dataprep sql "from training_runs", and training_metrics.
    """
    from dataprep.cli.output import write_json, write_lines
    from trainer.runs.folder import RunFolder
    from trainer.runs.listing import as_json, compare, find_run, list_runs, summary

    folders = run_folders(folder, store)
    if a is None:
        found = list_runs(folders)
        if json:
            write_json([as_json(each) for each in found])
        else:
            write_lines(_listed(found))
    elif b is None:
        path = find_run(a, folders)
        if json:
            write_json({**as_json(summary(path)), "record": RunFolder.open(path).record})
        else:
            write_lines(_described(summary(path), RunFolder.open(path).record))
    else:
        comparison = compare(find_run(a, folders), find_run(b, folders))
        if json:
            write_json(as_json(comparison))
        else:
            write_lines(_compared(comparison))


def _listed(found: list[RunSummary]) -> list[str]:
    from dataprep.cli.output import terminal_width
    from dataprep.console import table

    if not found:
        return ["(no training runs yet)"]
    columns = ["run", "state", "data", "model", "steps", "best step", "best loss"]
    rows: list[list[Any]] = [
        [
            each.run,
            each.state,
            each.data,
            each.model,
            each.outcome.steps,
            each.outcome.best_step,
            each.outcome.best_validation_loss,
        ]
        for each in found
    ]
    if any(each.outcome.notes for each in found):
        columns.append("mind")
        rows = [[*row, "; ".join(each.outcome.notes)] for row, each in zip(rows, found, strict=True)]
    return table(columns, rows, width=terminal_width())


def _described(run: RunSummary, record: dict[str, Any]) -> list[str]:
    """One run: what it came to, then its record, key by key."""
    from dataprep.cli.output import terminal_width
    from dataprep.console import table
    from trainer.runs.listing import PARTS, flatten

    head = {"run": run.run, "state": run.state, "started": run.started, **_in_words(run.outcome)}
    parts = {part: record.get(part) or {} for part in (*PARTS, "results")}
    return table(["", "value"], [*head.items(), *flatten(parts).items()], width=terminal_width())


def _in_words(outcome: Outcome) -> dict[str, Any]:
    """What a run came to, by name; what to mind is a sentence."""
    from dataclasses import asdict

    return {**asdict(outcome), "notes": "; ".join(outcome.notes) or None}


def _compared(found: Comparison) -> list[str]:
    """Two runs beside each other: what they came to, then in what they differ."""
    from dataprep.cli.output import terminal_width
    from dataprep.console import table, wrap

    width = terminal_width()
    a, b = _in_words(found.a.outcome), _in_words(found.b.outcome)
    head = [("state", found.a.state, found.b.state)] + [(key.replace("_", " "), a[key], b[key]) for key in a]
    lines = table(["", found.a.run, found.b.run], head, width=width)
    for note in found.notes:
        lines += wrap(f"mind: {note}", width or 100)
    lines.append("")
    if not found.differences:
        return [*lines, "no other difference"]
    rows = [(each.part, each.key, each.a, each.b) for each in found.differences]
    return lines + table(["differs", "key", found.a.run, found.b.run], rows, width=width)
