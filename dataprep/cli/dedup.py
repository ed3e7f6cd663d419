"""`dataprep dedup`: remove near duplicates from one file, without a store."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dataprep.cli.help import examples


class EngineOption(StrEnum):
    """Who compares."""

    auto = "auto"
    kernel = "kernel"
    datasketch = "datasketch"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Prepare",
        epilog=examples(
            "dedup in.parquet -o out.parquet",
            "dedup rows.jsonl.gz -o rows.jsonl --text question --text answer --threshold 0.9",
        ),
    )(dedup)


def dedup(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Parquet, Arrow, JSON Lines, CSV, TSV or plain text.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the rows that stay go, in the same format.")],
    text: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="What is compared; repeatable [default: by the rows' shape]."),
    ] = None,
    threshold: Annotated[float, typer.Option(help="Exact Jaccard similarity from which on a row goes.")] = 0.8,
    ngram: Annotated[int, typer.Option(help="Words in a shingle.")] = 5,
    memory: Annotated[str, typer.Option(help="About how much memory to use, such as 4GB.")] = "1GB",
    workers: Annotated[int | None, typer.Option(min=1, help="Threads [default: all processors].")] = None,
    engine: Annotated[
        EngineOption, typer.Option(help="Who compares; datasketch is the slow reference.")
    ] = EngineOption.auto,
    signatures: Annotated[
        Path | None, typer.Option(metavar="FILE.parquet", help="Write each row's MinHash signature there.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Remove near duplicates from one file."""
    from dataprep.cli.output import write_json, write_lines
    from dataprep.cli.progress import announce_compilation
    from dataprep.console import one_line
    from dataprep.dedup.job import dedup as remove
    from dataprep.dedup.summary import summary_lines
    from dataprep.kernels import CompileError
    from dataprep.memory import memory_limit

    if engine is not EngineOption.datasketch:
        with suppress(CompileError):  # the job says what it does instead
            announce_compilation()
    result = remove(
        source,
        output,
        text=text or (),
        threshold=threshold,
        ngram=ngram,
        memory_bytes=memory_limit(memory, workers or 1),
        workers=workers,
        engine=engine.value,
        signatures=signatures,
        on_note=lambda note: typer.echo(one_line(note), err=True),
    )
    if json:
        write_json(result.as_dict())
    else:
        write_lines([one_line(line) for line in summary_lines(result)])
