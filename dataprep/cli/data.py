"""Commands that read what was published: `sql`, `show`, `why`, `versions`, `verify`, `export`, `catalog`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dataprep.cli.help import examples
from dataprep.cli.output import TableFormat, reading_width, write_frame, write_json, write_lines

if TYPE_CHECKING:
    from dataprep.recompute import Recomputation
    from dataprep.store.layout import Store

StoreOption = Annotated[
    Path | None, typer.Option("--store", help="Where versions live [default: $DATAPREP_STORE or ./store].")
]
DataArgument = Annotated[
    str, typer.Argument(metavar="DATA", help="A version: support@latest, support@3, or an id's start.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, with the exact text.")]
FormatOption = Annotated[TableFormat, typer.Option("--format", help="How to print the rows.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    look, keep = "Look", "Keep"
    app.command(
        rich_help_panel=look,
        epilog=examples(
            "show support@latest -n 3",
            """show support@latest --where "label = 'refund' and n_words < 5" """.rstrip(),
            "show support@latest --dropped --seed 1",
        ),
    )(show)
    app.command(rich_help_panel=look, epilog=examples("why 8f3ac2", "why data/train.jsonl:17", 'why "my card is"'))(why)
    app.command(
        rich_help_panel=look,
        epilog=examples(
            'sql "from funnel" --data support@latest',
            "sql drop_reasons --data support@latest",
            'sql "select label, count(*) from records group by all" --format csv -o labels.csv',
        ),
    )(sql)
    app.command(rich_help_panel=keep)(versions)
    app.command(rich_help_panel=keep, epilog=examples("verify support@latest", "verify support@latest --recompute 1%"))(
        verify
    )
    app.command(
        rich_help_panel=keep,
        epilog=examples(
            "export support@latest out --to messages",
            "export support@latest support.csv",
            "export support@latest train.jsonl --split train",
        ),
    )(export)
    app.command(rich_help_panel=keep, epilog=examples("catalog --rebuild"))(catalog)


def sql(
    query: Annotated[list[str] | None, typer.Argument(metavar="SQL | NAME", help="SQL, or a named query.")] = None,
    store: StoreOption = None,
    data: Annotated[
        str | None, typer.Option("--data", help="A version or stopped run; the views hold only that.")
    ] = None,
    file_format: FormatOption = "table",
    json: JsonOption = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file instead.")] = None,
    list_queries: Annotated[bool, typer.Option("--list", help="List named queries, views and their columns.")] = False,
) -> None:
    """Ask the store in SQL, read-only.

    Without a query: the list of named queries and views.
    """
    from dataprep.store import query as queries

    if list_queries or not query:
        write_lines(_contents())
        return
    frame = queries.sql(_store(store), " ".join(query), data)
    write_frame(frame, "json" if json else file_format, output)


def show(
    data: DataArgument,
    where: Annotated[str | None, typer.Option(help="An SQL condition on record columns and signals.")] = None,
    rows: Annotated[int, typer.Option("-n", min=0, help="Rows at most.")] = 10,
    dropped: Annotated[bool, typer.Option("--dropped", help="Records that were dropped.")] = False,
    held: Annotated[bool, typer.Option("--held", help="Records that wait for a person.")] = False,
    seed: Annotated[int | None, typer.Option(help="Draw rows at random; the same seed draws the same.")] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show rows of a version, with their full text."""
    from dataprep.errors import InputError
    from dataprep.show import Status, render
    from dataprep.show import show as show_rows

    if dropped and held:
        raise InputError("a record is dropped or held, not both", key="--held", hint="give one of --dropped and --held")
    status: Status = "dropped" if dropped else "held" if held else "kept"
    frame = show_rows(_store(store), data, status=status, where=where, limit=rows, seed=seed)
    if json:
        write_json(frame.to_dicts())
    else:
        write_lines(render(frame, reading_width()) or [f"no {status} records fit"])


def why(
    what: Annotated[
        str, typer.Argument(metavar="ID | FILE:LINE | TEXT", help="A record's id or its start, place or text.")
    ],
    data: Annotated[str | None, typer.Option("--data", help="A version or stopped run [default: the latest].")] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Tell one record's story, from source line to split or rule."""
    from dataclasses import asdict

    from dataprep.why import why as ask
    from dataprep.why_text import render

    answer = ask(_store(store), what, data)
    if json:
        write_json({"kind": type(answer).__name__, **asdict(answer)})
    else:
        write_lines(render(answer, reading_width()))


def versions(
    dataset: Annotated[str | None, typer.Argument(metavar="[DATASET]", help="Only this dataset.")] = None,
    store: StoreOption = None,
    file_format: FormatOption = "table",
    json: JsonOption = False,
) -> None:
    """List the versions in the store."""
    from dataprep.sqlfiles import read_sql
    from dataprep.store.query import open_catalog, run_query

    with open_catalog(_store(store)) as con:
        frame = run_query(con, read_sql("catalog/list_versions"), dataset=dataset)
    write_frame(frame, "json" if json else file_format)


def verify(
    data: DataArgument,
    recompute: Annotated[
        str | None,
        typer.Option("--recompute", metavar="SHARE", help="Also compute this share of the records anew, such as 1%."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws another sample to compute anew.")] = 0,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Check that a version's files are as they were published.

    With --recompute also that digests, signals and verdicts follow from the stored text. Exits 1 and names the file, or
    the record and value, where one does not fit.
    """
    from dataclasses import asdict

    from dataprep.console import counted, one_line
    from dataprep.store.verify import verify as check

    place = _store(store)
    share = None if recompute is None else _share(recompute)
    result = check(place, data)
    again = _recompute(place, data, share, seed) if share is not None and result.ok else None
    ok = result.ok and (again is None or again.ok)
    if json:
        write_json({**asdict(result), "ok": ok, **({} if again is None else {"recomputed": asdict(again)})})
    else:
        whole = f"{result.files} files, {result.bytes:,} bytes, all as published"
        write_lines([f"{one_line(result.data)}: {whole if result.ok else counted(len(result.problems), 'problem')}"])
        write_lines([f"  {one_line(f'{found.file}: {found.kind}, {found.detail}')}" for found in result.problems])
        if again is not None:
            write_lines(_recomputed(again))
        elif share is not None:
            write_lines(["not computed anew: what is not as published is no base for it"])
    if not ok:
        raise typer.Exit(1)


def export(
    data: DataArgument,
    out: Annotated[
        Path, typer.Argument(help="A folder (one file per split), or a .parquet, .jsonl or .csv file for all.")
    ],
    to: Annotated[
        Literal["auto", "messages", "prompt_completion", "text"],
        typer.Option(help="The shape; auto keeps the version's."),
    ] = "auto",
    file_format: Annotated[
        Literal["parquet", "jsonl", "csv"] | None,
        typer.Option("--format", help="[default: as the name ends, or parquet]"),
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="Only this split; repeatable.")] = None,
    flat: Annotated[bool, typer.Option("--flat", help="No nested columns, for BI tools.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Write a version's kept records as files for other programs."""
    from dataprep.console import one_line
    from dataprep.export import export as write
    from dataprep.store.reading import open_version

    version = open_version(data, store=_store(store).root)
    written = write(version, out, to=to, file_format=file_format, splits=split, flat=flat, force=force)
    if json:
        write_json([{"file": str(path), "rows": rows} for path, rows in written.files.items()])
    else:
        write_lines([f"{one_line(str(path))}: {rows:,} rows" for path, rows in written.files.items()])


def catalog(
    store: StoreOption = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build it anew, as after moving the store.")] = False,
) -> None:
    """Say where the catalog lies, for any DuckDB client.

    It holds the views over everything in the store, and is derived: deleting it loses nothing.
    """
    from dataprep.console import one_line
    from dataprep.store.catalog import rebuild as build
    from dataprep.store.query import open_catalog

    place = _store(store)
    open_catalog(place).close()  # builds it where it is missing, and says so where there is no store
    if rebuild:
        build(place)
    write_lines([one_line(str(place.current_catalog.absolute()))])


def _store(root: Path | None) -> Store:
    from dataprep.api import store_root
    from dataprep.store.layout import Store

    return Store(store_root(root))


def _share(text: str) -> float:
    from dataprep.recompute import parse_share

    return parse_share(text)


def _recompute(store: Store, data: str, share: float, seed: int) -> Recomputation:
    from dataprep.recompute import recompute

    return recompute(store, data, share, seed=seed)


def _recomputed(result: Recomputation) -> list[str]:
    """What was computed anew: a head line, then what disagrees and what was not compared."""
    from dataprep.console import counted, one_line
    from dataprep.recompute import describe

    sample = f"{counted(result.records, 'record')} of {result.population:,}"
    compared = f"{counted(len(result.signals), 'signal')} and {counted(len(result.rules), 'rule')}"
    found = counted(len(result.problems), "difference") if result.problems else "all as stored"
    lines = [f"computed anew: {sample}, {compared} each, and the id: {found}"]
    return lines + [f"  {one_line(line)}" for line in describe(result)]


def _contents() -> list[str]:
    """What there is to ask: named queries, then views with their columns."""
    from dataprep.console import wrap
    from dataprep.store.query import named_queries, view_descriptions

    lines = ["named queries (dataprep sql NAME)"]
    lines += [f"  {name:20} {query.question}" for name, query in named_queries().items()]
    lines += ["", 'views (dataprep sql "from NAME")']
    for view in view_descriptions():
        lines.append(f"  {view.name:20} {view.about}")
        lines += wrap(", ".join(view.columns), reading_width(), " " * 23)
    return lines
