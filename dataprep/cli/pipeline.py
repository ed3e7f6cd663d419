"""Commands about the pipeline file: `init`, `plan`, `schema`, `rules`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dataprep.planning import Plan


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (init, plan, schema, rules):
        app.command(rich_help_panel="prepare")(command)


def init(
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Data files or folders to look at.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The pipeline file to write.")] = Path("pipeline.yaml"),
    name: Annotated[str | None, typer.Option(help="The dataset's name [default: from the first file].")] = None,
    force: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
) -> None:
    """Look at data and write a commented pipeline file that runs as it is."""
    from dataprep.cli.progress import announce_compilation
    from dataprep.console import printable
    from dataprep.errors import InputError
    from dataprep.pipeline.init import write

    if output.exists() and not force:
        raise InputError("exists already", file=str(output), hint="name another file with -o, or add --force")
    announce_compilation()
    text = write(data, name=name, base=output.parent)
    output.write_text(text, encoding="utf-8")
    typer.echo(printable(f"wrote {output}; next: dataprep plan {output}"))


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
    """Check everything, try a sample, show what each rule would remove; writes nothing."""
    from dataprep.api import plan as make_plan
    from dataprep.cli.progress import announce_compilation
    from dataprep.console import printable

    announce_compilation()
    made = make_plan(*inputs, store=store, name=name, overrides=overrides or (), sample_rows=rows)
    if json:
        typer.echo(_as_json(made))
    else:
        typer.echo("\n".join(printable(line) for line in _plan_lines(made)))


def schema() -> None:
    """Print the JSON Schema of the pipeline file, for editors."""
    import json

    from dataprep.pipeline.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def rules() -> None:
    """List the default rules: what each removes, why, and where it comes from."""
    from dataprep.rules.defaults import describe

    for rule in describe():
        typer.echo(f"{rule.name}: {rule.action} where {rule.condition}\n    {rule.why}\n    from: {rule.source}")


def _plan_lines(plan: Plan) -> list[str]:
    from dataprep.cli.funnel import funnel_lines

    lines = [f"dataset {plan.dataset}, into {plan.store}"]
    lines += [f"assumed: {text}" for text in plan.assumed]
    lines += [f"warning: {text}" for text in plan.warnings]
    for source in plan.sources:
        files = ", ".join(source.files[:3]) + (f" and {len(source.files) - 3} more" if len(source.files) > 3 else "")
        lines += ["", f"source {source.name}: {files} ({source.bytes / 1e6:,.1f} MB)", f"  {source.mapping}"]
        if source.to_prepare:
            lines.append(f"  to read, clean and measure: {source.to_prepare} of {len(source.files)} files")
        else:
            lines.append("  read, cleaned and measured already")
        rejected = ", ".join(f"{reason} {count}" for reason, count in source.sample_rejects.items()) or "none"
        lines.append(f"  sample of {source.sample_rows:,} rows, rejected: {rejected}")
    cleaners = ", ".join(f"{name} changed {count:,} texts" for name, count in plan.cleaners.items()) or "nothing to do"
    lines += ["", f"cleaning of the sample: {cleaners}", "", "rules, on the sample:"]
    for rule in plan.rules:
        if rule.fired:
            decided = "" if rule.took == rule.fired else f", {rule.took:,} of them decided by it"
            lines += [f"  {rule.description}", f"      meets {rule.fired:,} records{decided}"]
        if rule.example:
            lines.append(f"      such as {rule.example}")
    idle = [rule.name for rule in plan.rules if not rule.fired]
    if idle:
        lines.append(f"  meet nothing here: {', '.join(idle)}")
    lines += ["", *funnel_lines(plan.funnel), "", f"splits by {plan.split_mode}"]
    lines += [f"note: {note}" for note in plan.notes]
    lines.append("duplicates of rows outside the sample are not seen here; a run finds them all. Nothing was written.")
    return lines


def _as_json(plan: Plan) -> str:
    import json
    from dataclasses import asdict, replace

    import polars as pl

    document = asdict(replace(plan, funnel=pl.DataFrame())) | {"funnel": plan.funnel.to_dicts()}
    return json.dumps(document, indent=2, default=str)
