"""Commands about the pipeline file: `init`, `plan`, `schema`, `rules`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dataprep.cli.help import examples

if TYPE_CHECKING:
    from dataprep.near_plan import PlannedNear
    from dataprep.planning import Plan

_PANEL = "Prepare"
_PREAMBLE = 160
"""Characters of a preamble that are shown."""


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(rich_help_panel=_PANEL, epilog=examples("init data/*.jsonl -o pipeline.yaml"))(init)
    app.command(
        rich_help_panel=_PANEL,
        epilog=examples("plan pipeline.yaml", "plan some.jsonl --set rules.too_short.threshold=5"),
    )(plan)


def register_reference(app: typer.Typer) -> None:
    """Add the commands that tell about pipeline files without one."""
    app.command(rich_help_panel=_PANEL)(rules)
    app.command(rich_help_panel=_PANEL, epilog=examples("schema > pipeline.schema.json"))(schema)


def init(
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Data files or folders to look at.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The pipeline file to write.")] = Path("pipeline.yaml"),
    name: Annotated[str | None, typer.Option(help="The dataset's name [default: from the first file].")] = None,
    force: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
) -> None:
    """Look at data and write a pipeline file that works."""
    from dataprep.cli.progress import announce_compilation
    from dataprep.console import one_line
    from dataprep.errors import InputError
    from dataprep.pipeline.init import write

    if output.exists() and not force:
        raise InputError("exists already", file=str(output), hint="name another file with -o, or add --force")
    announce_compilation()
    text = write(data, name=name, base=output.parent)
    output.write_text(text, encoding="utf-8")
    typer.echo(one_line(f"wrote {output}; next: dataprep plan {output}"))


def plan(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="PIPELINE.yaml | FILE...", help="A pipeline file, or data files as they are."),
    ],
    store: Annotated[
        Path | None, typer.Option(help="Where versions live [default: $DATAPREP_STORE or ./store].")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The dataset's name.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the pipeline; repeatable.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows of each source to try.")] = 1_000,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Check the pipeline, try it on a sample, write nothing."""
    from dataprep.api import plan as make_plan
    from dataprep.cli.progress import announce_compilation
    from dataprep.console import one_line

    announce_compilation()
    made = make_plan(*inputs, store=store, name=name, overrides=overrides or (), sample_rows=rows)
    if json:
        typer.echo(_as_json(made))
    else:
        typer.echo("\n".join(one_line(line) for line in _plan_lines(made)))


def schema() -> None:
    """Print the JSON Schema of the pipeline file, for editors."""
    import json

    from dataprep.pipeline.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def rules() -> None:
    """List the default rules, with reasons and sources."""
    from dataprep.rules.defaults import describe

    for rule in describe():
        typer.echo(f"{rule.name}: {rule.action} where {rule.condition}\n    {rule.why}\n    from: {rule.source}")


def _plan_lines(plan: Plan) -> list[str]:
    from dataprep.cli.funnel import funnel_lines
    from dataprep.console import counted, file_size

    lines = [f"dataset {plan.dataset}, into {plan.store}"]
    lines += [f"assumed: {text}" for text in plan.assumed]
    lines += [f"warning: {text}" for text in plan.warnings]
    for source in plan.sources:
        files = ", ".join(source.files[:3]) + (f" and {len(source.files) - 3} more" if len(source.files) > 3 else "")
        lines += ["", f"source {source.name}: {files} ({file_size(source.bytes)})", f"  {source.mapping}"]
        if source.to_prepare:
            lines.append(f"  to read, clean and measure: {source.to_prepare} of {counted(len(source.files), 'file')}")
        elif source.to_compute:
            steps = ", ".join(f"{step} of {counted(files, 'file')}" for step, files in source.to_compute.items())
            lines.append(f"  read and cleaned already; to compute: {steps}")
        else:
            lines.append("  read, cleaned and measured already")
        rejected = ", ".join(f"{reason} {count}" for reason, count in source.sample_rejects.items()) or "none"
        lines.append(f"  sample: the first {counted(source.sample_rows, 'row')}, rejected: {rejected}")
    cleaners = ", ".join(f"{name} changed {counted(count, 'text')}" for name, count in plan.cleaners.items())
    lines += ["", f"cleaning of the sample: {cleaners or 'nothing to do'}", "", "rules, on the sample:"]
    for rule in plan.rules:
        if rule.fired:
            decided = "" if rule.took == rule.fired else f", {rule.took:,} of them decided by it"
            lines += [f"  {rule.description}", f"      meets {counted(rule.fired, 'record')}{decided}"]
        if rule.example:
            lines.append(f"      such as {rule.example}")
        if rule.near_misses:
            lines += [] if rule.fired else [f"  {rule.description}"]
            lines.append(f"      just misses {counted(rule.near_misses, 'record')}, within 10 % of the threshold")
    idle = [rule.name for rule in plan.rules if not rule.fired and not rule.near_misses]
    if idle:
        lines.append(f"  meet nothing here: {', '.join(idle)}")
    lines += ["", *_near_lines(plan.near), "", *funnel_lines(plan.funnel), "", f"splits by {plan.split_mode}"]
    lines += [f"note: {note}" for note in plan.notes]
    if plan.decided:
        lines.append(f"decided already: a run gives version {plan.decided[:12]}")
    lines.append(plan.disk.describe())
    if not plan.disk.fits:
        lines.append("warning: the store's disk has not that much free")
    lines.append("duplicates of rows outside the sample are not seen here; a run finds them all. Nothing was written.")
    return lines


def _near_lines(near: PlannedNear | None) -> list[str]:
    from dataprep.console import counted

    if near is None:
        return ["near duplicates are not looked for (dedup.near.action: none)"]
    lines = ["near duplicates:", *(f"  {words}" for words in near.words)]
    for one in near.preambles:
        text = one.text if len(one.text) <= _PREAMBLE else f"{one.text[:_PREAMBLE]}…"
        size = counted(one.words, "word")
        lines.append(f"  {one.share:.0%} of the {one.role} turns of {one.source} begin with the same {size}: {text}")
    if near.preambles:
        lines.append("      put such texts into dedup.near.strip, or they make records alike; --json has them whole")
    return lines


def _as_json(plan: Plan) -> str:
    import json
    from dataclasses import asdict, replace

    import polars as pl

    document = asdict(replace(plan, funnel=pl.DataFrame())) | {"funnel": plan.funnel.to_dicts()}
    return json.dumps(document, indent=2, default=str)
