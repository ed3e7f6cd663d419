"""Commands about what waits for a person: `held`, `release`, `drop`, `accept-budget`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dataprep.cli.data import JsonOption, StoreOption
from dataprep.cli.help import examples
from dataprep.cli.output import reading_width, write_json, write_lines

if TYPE_CHECKING:
    import polars as pl

    from dataprep.budgets.report import BudgetReport
    from dataprep.decisions.place import Written

_PANEL = "Decide"
_SHOWN_TEXT = 1_500
"""Characters of a text that are shown; `--json` has all of it."""

QueueArgument = Annotated[
    str, typer.Argument(metavar="DATA|RUN", help="A version, such as support@latest, or a stopped run's id.")
]
IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="ID", help="Records, by their ids or the starts of these.")
]
BecauseOption = Annotated[str, typer.Option("--because", help="Why; the ledger and `dataprep why` tell it.")]
AllOfOption = Annotated[str | None, typer.Option("--all-of", metavar="RULE", help="All records that this rule holds.")]
DecisionsOption = Annotated[
    Path | None,
    typer.Option(help="The decisions file [default: the one of the pipeline file, else decisions.yaml beside it]."),
]
PipelineOption = Annotated[
    Path | None, typer.Option(help="The pipeline file [default: pipeline.yaml here, if there is one].")
]
WhoOption = Annotated[str | None, typer.Option(help="Who decided [default: your user name].")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(
        rich_help_panel=_PANEL,
        epilog=examples("held support@latest", "held support@latest --rule endless_word -n 20"),
    )(held)
    app.command(
        rich_help_panel=_PANEL,
        epilog=examples(
            'release support@latest 8f3ac2 --because "encoded on purpose"',
            'release support@latest --all-of no_given_split --to train --because "a new source"',
        ),
    )(release)
    app.command(rich_help_panel=_PANEL, epilog=examples('drop support@latest 8f3ac2 --because "a test row"'))(drop)
    app.command(
        "accept-budget",
        rich_help_panel=_PANEL,
        epilog=examples('accept-budget 20261122-183000-0a1b2c3d too_short --because "short answers are wanted"'),
    )(accept_budget)


def held(
    data: QueueArgument,
    rule: Annotated[str | None, typer.Option(help="Only what this rule holds.")] = None,
    rows: Annotated[int, typer.Option("-n", min=0, help="Records of each rule at most.")] = 10,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """List the records that wait for a person, with their text."""
    from dataprep.api import store_root
    from dataprep.budgets.stored import stored_report
    from dataprep.decisions.queue import held_records, rule_reasons
    from dataprep.store.layout import Store

    place = Store(store_root(store))
    # The first record of each rule is read in any case: it says how many there are.
    frame = held_records(place, data, rule=rule, each=max(rows, 1))
    report = stored_report(place, data)
    if json:
        write_json(_as_json(data, frame, rows, report))
    else:
        write_lines(_lines(data, frame, rows, rule_reasons(place, data), report, reading_width()))


def release(
    data: QueueArgument,
    records: IdsArgument = None,
    *,
    because: BecauseOption,
    to: Annotated[
        Literal["train", "validation", "test"] | None, typer.Option(help="The split where they belong.")
    ] = None,
    all_of: AllOfOption = None,
    decisions: DecisionsOption = None,
    pipeline: PipelineOption = None,
    who: WhoOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Let held records into a split, with the next run."""
    from dataprep.api import release as write_release

    written = write_release(
        data,
        *(records or ()),
        because=because,
        to=to,
        rule=all_of,
        decisions=decisions,
        pipeline=pipeline,
        who=who,
        store=store,
    )
    _tell(written, json=json)


def drop(
    data: QueueArgument,
    records: IdsArgument = None,
    *,
    because: BecauseOption,
    all_of: AllOfOption = None,
    decisions: DecisionsOption = None,
    pipeline: PipelineOption = None,
    who: WhoOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Drop held or kept records, with the next run."""
    from dataprep.api import drop as write_drop

    written = write_drop(
        data,
        *(records or ()),
        because=because,
        rule=all_of,
        decisions=decisions,
        pipeline=pipeline,
        who=who,
        store=store,
    )
    _tell(written, json=json)


def accept_budget(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id of the run that stopped.")],
    budget: Annotated[
        str,
        typer.Argument(metavar="RULE", help="The rule whose budget it is, `overall`, or a slice as it was shown."),
    ],
    because: BecauseOption,
    decisions: DecisionsOption = None,
    pipeline: PipelineOption = None,
    who: WhoOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Accept what an exceeded budget says, up to what had gone."""
    from dataprep.api import accept_budget as write_acceptance

    written = write_acceptance(
        run, budget, because=because, decisions=decisions, pipeline=pipeline, who=who, store=store
    )
    _tell(written, json=json)


def _lines(
    data: str,
    frame: pl.DataFrame,
    rows: int,
    reasons: dict[str, str],
    report: BudgetReport | None,
    width: int,
) -> list[str]:
    from dataprep.budgets.page import page
    from dataprep.console import counted, one_line, wrap

    name = one_line(data)
    lines = [f"budgets that {name} exceeds", "", *page(report)] if report is not None and report.over else []
    groups = frame.partition_by("step", "rule", maintain_order=True)
    total = sum(int(group["held_by_rule"][0]) for group in groups)
    lines.append(f"{name} holds {counted(total, 'record')}")
    for group in groups:
        step, rule, count = group["step"][0], group["rule"][0], group["held_by_rule"][0]
        lines += ["", f"{one_line(step)}.{one_line(rule)} holds {counted(count, 'record')}"]
        lines += wrap(one_line(reasons[rule]), width, "  ") if rule in reasons else []
        for record in group.head(rows).iter_rows(named=True):
            lines += ["", *_record(record, width)]
        if count > rows:
            lines += ["", f"and {count - rows:,} more"]
    if total:
        lines += ["", f"next: dataprep release {name} ID --because …, or drop; --all-of RULE for all that a rule holds"]
    return lines


def _record(record: dict[str, Any], width: int) -> list[str]:
    from dataprep.console import cell, one_line, wrap

    about = [f"{one_line(record['path'])}:{record['line']}"]
    about += [f"label {one_line(record['label'])}"] if record["label"] is not None else []
    about += [f"{name} {cell(record[name])}" for name in ("value", "threshold") if record[name] is not None]
    about += [one_line(record["detail"])] if record["detail"] is not None else []
    text = record["text"]
    shown = "(the text is no longer there)" if text is None else text[:_SHOWN_TEXT]
    lines = [f"{'─' * min(width, 20)} {one_line(record['record_id'])}", *wrap(" · ".join(about), width), ""]
    lines += wrap(shown, width)
    if text is not None and len(text) > _SHOWN_TEXT:
        lines.append(f"… ({len(text):,} characters in all; --json has them)")
    return lines


def _as_json(data: str, frame: pl.DataFrame, rows: int, report: BudgetReport | None) -> dict[str, Any]:
    """The queue for programs: how many each rule holds, the records, and the budgets of a run that measured some."""
    groups = frame.partition_by("step", "rule", maintain_order=True)
    return {
        "data": data,
        "held": [
            {
                "step": group["step"][0],
                "rule": group["rule"][0],
                "records": group["held_by_rule"][0],
                "shown": group.drop("step", "rule", "held_by_rule").head(rows).to_dicts(),
            }
            for group in groups
        ],
        "budgets": None if report is None else report.as_dict(),
    }


def _tell(written: Written, *, json: bool) -> None:
    """Say what was written where, and what else it needs."""
    from dataprep.console import counted, one_line

    place = written.place
    path = one_line(str(place.path))
    pipeline = None if place.pipeline is None else str(place.pipeline.path)
    if json:
        entries = [entry.model_dump(mode="json", exclude_none=True) for entry in written.entries]
        write_json({"file": str(place.path), "written": entries, "entries": written.total, "add_line": place.line})
        return
    lines = [f"{counted(len(written.entries), 'decision')} written to {path}, which holds {written.total:,}"]
    if place.line is not None:
        lines.append(f"  add to {one_line(pipeline or 'the pipeline file')}: {one_line(place.line)}")
    lines.append(f"  next: dataprep run {one_line(pipeline or 'PIPELINE.yaml')}")
    write_lines(lines)
