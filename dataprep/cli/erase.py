"""`dataprep forget`: erase a record's text everywhere in the store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from dataprep.cli.data import JsonOption, StoreOption
from dataprep.cli.help import examples
from dataprep.cli.output import write_json, write_lines

if TYPE_CHECKING:
    from dataprep.store.forgotten import Forgotten

_SHOWN = 20
"""Entries of a list that are shown; `--json` has all."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Keep",
        epilog=examples(
            'forget 8f3ac2d1 --because "asked for on 3 May, ticket 4711" --dry-run',
            'forget 8f3ac2d1 --because "asked for on 3 May, ticket 4711"',
            'forget --reject data/train.jsonl:17 --because "a password"',
        ),
    )(forget)


def forget(
    because: Annotated[str, typer.Option(help="Why; it stays with the record's id. Name no person in it.")],
    record_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of records, or their start.")
    ] = None,
    rejects: Annotated[
        list[str] | None,
        typer.Option("--reject", metavar="FILE:LINE", help="A rejected row, or its SHA-256; repeatable."),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="The ids are those of this dataset's records.")] = None,
    only_this_id: Annotated[
        bool, typer.Option("--only-this-id", help="Keep records of other ids that have the same text.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Erase a record's text everywhere in the store.

    From every version, removed rows, rejects, runs, the cache and training runs. Ids, digests and counts stay, so
    versions keep their ids and verify. It cannot be undone.
    """
    from dataclasses import asdict

    from dataprep.api import forget as erase

    told = erase(
        *(record_ids or ()),
        because=because,
        rejects=rejects or (),
        dataset=dataset,
        only_this_id=only_this_id,
        dry_run=dry_run,
        store=store,
    )
    if json:
        write_json(asdict(told))
    else:
        write_lines(report(told))


def report(told: Forgotten) -> list[str]:
    """What a person wants to see after a forget, or before."""
    from dataprep.console import counted, one_line

    going = [counted(len(told.records), "record")] if told.records or not told.rejects else []
    going += [counted(len(told.rejects), "rejected row")] if told.rejects else []
    lines = [f"{'would forget' if told.dry_run else 'forgot'} {' and '.join(going)}"]
    if not told.records and not told.rejects:
        lines = ["nothing holds this any more" if told.already else "nothing to forget"]
    lines += _listed(f"{one_line(each.record_id)}, {each.relation}: {_held(each.held_by)}" for each in told.records)
    lines += _listed(f"rejected {one_line(each.source)}: {_held(each.held_by)}" for each in told.rejects)
    lines += _listed(f"{one_line(record_id)} was forgotten before" for record_id in told.already)
    if told.dry_run:
        lines.append(f"steps of the cache that would go, to be made again when needed: {len(told.cache)}")
    else:
        files, steps = counted(told.files, "file"), counted(len(told.cache), "step")
        lines.append(f"{files} written anew, {steps} of the cache removed")
    if told.similar:
        lines += ["", "stays: duplicates whose text is not the same letter by letter; name them to forget them, too"]
        lines += _listed(map(one_line, told.similar))
    return [*lines, *_remaining(told)]


def _remaining(told: Forgotten) -> list[str]:
    """What is not erased, and how it comes back."""
    from dataprep.console import one_line

    lines = ["", f"{'would not be' if told.dry_run else 'not'} erased, for you to see to"]
    kinds = {
        "source": "your own source files; a run over them brings it back, into the cache and into every new version:",
        "training run": "training runs that used it; their models have learned from it:",
        "file": "files in the store that name it and are no tables:",
    }
    for kind, words in kinds.items():
        some = [one_line(each.what) for each in told.remains if each.kind == kind]
        if some:
            lines += [f"  {words}", *_listed(some, indent="    ")]
    return [*lines, "  exports, backups and copies of this store made elsewhere"]


def _held(names: tuple[str, ...]) -> str:
    from dataprep.console import one_line

    return ", ".join(map(one_line, names))


def _listed(lines: Iterable[str], indent: str = "  ") -> list[str]:
    shown = [f"{indent}{line}" for line in lines]
    more = [f"{indent}and {len(shown) - _SHOWN:,} more (--json has all)"] if len(shown) > _SHOWN else []
    return [*shown[:_SHOWN], *more]
