"""`forget`: a person's text must go, from every place of the store that holds it, while what was published stays told.

A version cannot be published anew: models, scores and people refer to its id. So the id, the digests it is made of, the
verdicts and the counts stay, the text goes, and a tombstone says who took it out and why (`dataprep.store.tombstones`).
The alternatives, hiding rows from readers or encrypting each record with a key to throw away, leave the text on the
disk, or cost every reader the key.

Order of writes, each of which may be the last one before a kill; the same command, run again, finishes:

    cache, runs, derived, training   idempotent: what is gone is not found again
    each version                     all of its files or none (`dataprep.store.amend`)
    catalog                          built anew; older catalog files go, since manifests in them may quote a label
    files without rows               last, when no catalog names them

Throughout, `runs/.lock` is held alone and no run is alive, so no run, `gc` or other forget can meet half of it; a run
that starts meanwhile waits. Readers go on: each file is renamed over the old one.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from dataprep.errors import InputError, MachineError
from dataprep.store import amend, catalog, inventory
from dataprep.store.connect import connect
from dataprep.store.erase import BAD_FILE, Marks, holds, move_over, rewrite
from dataprep.store.files import exclusive_lock, machine_errors, remove_file, remove_folder, write_atomically
from dataprep.store.forgotten import Forgotten, ForgottenRecord, ForgottenReject, Remains
from dataprep.store.holdings import Found, FoundReject, Place, Relation, copies_of, find_records, find_rejects, places
from dataprep.store.inventory import Json
from dataprep.store.layout import Store
from dataprep.store.locks import is_alive
from dataprep.store.publish import now
from dataprep.store.stray_copies import (
    Identity,
    cached_steps,
    clear_messages,
    files_beside,
    names_record,
    take_out,
    trained_on,
    without_quotes,
)
from dataprep.store.sweep import sweep
from dataprep.store.tombstones import RECORDS_KEY, REJECTS_KEY, RejectTombstone, Tombstone

_STRUCTURE: Final = frozenset(
    {"format", "version_id", "dataset", "parent", "created_at", "run_id", "pipeline", "sources", "counts", "shape"}
    | {"split_mode", "meta_columns", "rules", "signals", "packages", "inputs", "gathered", "files"}
    | {"against", "benchmarks", "sketches"}
)
"""Keys of a manifest whose texts are the user's configuration or ours; any other may quote a record's label."""
_QUOTABLE: Final = ("label", "user_id", "group_key", "time")


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that was found, before anything is changed; `records` and `rejects` have one entry for each place."""

    everywhere: list[Place]
    records: list[Found]
    rejects: list[FoundReject]
    similar: list[str]

    def marks(self, place: Place) -> Marks:
        """What must go from one place; false where nothing must."""
        found = [each for each in self.records if each.place is place]
        fresh = [each for each in found if not each.forgotten]
        rejects = [each for each in self.rejects if each.place is place and not each.forgotten]
        return Marks(
            frozenset(each.record_id for each in fresh),
            frozenset(each.digest for each in rejects if each.digest),
            frozenset(each.path for each in self.records) if fresh or rejects else frozenset(),
        )

    @property
    def changing(self) -> list[tuple[Place, Marks]]:
        """The places that must change."""
        return [(place, marks) for place in self.everywhere if (marks := self.marks(place))]

    @property
    def identity(self) -> Identity:
        digests = {digest for each in self.records for digest in (each.digest, each.content_digest)}
        digests |= {each.digest for each in self.rejects}
        return Identity(
            frozenset(each.record_id for each in self.records), frozenset(digest for digest in digests if digest)
        )


def forget(
    store: Store,
    record_ids: Sequence[str],
    *,
    because: str,
    rejects: Sequence[str] = (),
    dataset: str | None = None,
    only_this_id: bool = False,
    who: str | None = None,
    dry_run: bool = False,
) -> Forgotten:
    """Erase records and rejected rows from everything in a store. See `dataprep.forget`.

    Raises:
        InputError: an id or a reject is not there or not clear, no reason is given, or a file is damaged.
        MachineError: a run is going on, or the disk is full or cannot be written.
    """
    if not because.strip():
        raise InputError("a reason is needed", key="--because", hint='--because "asked for on 3 May, ticket 4711"')
    if not record_ids and not rejects:
        raise InputError("nothing to forget", hint="name a record's id, or --reject FILE:LINE")
    if not store.versions.is_dir() and not store.runs.is_dir():
        raise InputError("there is no store here", file=str(store.root), hint="name one by --store or DATAPREP_STORE")
    with machine_errors(store.root):
        if dry_run:
            plan = _look(store, record_ids, rejects, dataset, only_this_id)
            steps = cached_steps(store, plan.identity)
            return _told(store, plan, because, who or _user(), now(), steps, dry_run=True)
        with _alone(store):
            return _forget(store, record_ids, rejects, dataset, only_this_id, because, who or _user())


def _forget(
    store: Store,
    record_ids: Sequence[str],
    rejects: Sequence[str],
    dataset: str | None,
    only_this_id: bool,
    because: str,
    who: str,
) -> Forgotten:
    open_changes = amend.unfinished(store)
    for folder in open_changes:
        amend.apply(folder)
    sweep(store, useful=True)
    when = now()
    plan = _look(store, record_ids, rejects, dataset, only_this_id)
    steps = cached_steps(store, plan.identity)
    told = _told(store, plan, because, who, when, steps, dry_run=False)
    for step in steps:
        if not remove_folder(step):
            raise MachineError("this step of the cache cannot be removed", file=str(step), hint="remove it by hand")
    changing = plan.changing
    files = sum(_change_run(place, marks, plan, told) for place, marks in changing if place.version_id is None)
    everything = Marks(plan.identity.record_ids)
    files += sum(take_out(path, everything) for path in files_beside(store, _version_ids(plan.records)))
    for place, marks in changing:
        if place.version_id is not None:
            files += amend.prepare(place, marks, _manifest(place, marks, plan, told))
            amend.apply(place.folder)
            open_changes.append(place.folder)
    newest = catalog.rebuild(store)
    for old in catalog.numbered(store):
        if int(old.stem) < int(newest.stem):
            remove_file(old)
    for folder in open_changes:
        amend.finish(folder)
    return replace(told, files=files)


def _look(
    store: Store, record_ids: Sequence[str], rejects: Sequence[str], dataset: str | None, only_this_id: bool
) -> _Plan:
    everywhere = places(store)
    with connect() as con:
        records = find_records(con, everywhere, record_ids, dataset=dataset, only_this_id=only_this_id)
        paths = sorted({found.path for found in records})
        found_rejects = find_rejects(con, everywhere, rejects, paths, bad_file=BAD_FILE)
        similar = copies_of(con, everywhere, [found.record_id for found in records])
    return _Plan(everywhere, records, found_rejects, similar)


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Hold the store while no run is at work in it.

    Raises:
        MachineError: a run is.
    """
    with exclusive_lock(store.runs / ".lock"):
        for folder in sorted(store.runs.iterdir()):
            if folder.is_dir() and is_alive(store, folder.name):
                raise MachineError(
                    f"run {folder.name} is going on, and what it reads may be what must go",
                    file=str(store.root),
                    hint="wait for it, then run the same command again",
                )
        yield


def _change_run(place: Place, marks: Marks, plan: _Plan, told: Forgotten) -> int:
    """Rewrite the tables of a run, then say so in its record; returns how many files changed."""
    clear_messages(
        place.folder, _quoted(place, marks)
    )  # first: once its values are gone, nobody knows what to look for
    changed = 0
    for table, paths in place.tables.items():
        for path in paths:
            if holds(path, table, marks):
                temporary = path.with_name(f".{path.name}.tmp")
                changed += 1
                if rewrite(path, temporary, table, marks):
                    move_over(temporary, path)
                else:
                    remove_file(path)
    record = inventory.read_json(place.folder / inventory.RUN_RECORD)
    buried = record | _buried(place, plan, told)
    write_atomically(place.folder / inventory.RUN_RECORD, orjson.dumps(buried, option=orjson.OPT_INDENT_2))
    return changed


def _manifest(place: Place, marks: Marks, plan: _Plan, told: Forgotten) -> Json:
    """The manifest with new tombstones, and without texts that quote what is forgotten."""
    quoted = _quoted(place, marks)
    spoken = {name: value for name, value in place.document.items() if name not in _STRUCTURE}
    silent: Json = without_quotes(spoken, quoted)
    return place.document | silent | _buried(place, plan, told)


def _buried(place: Place, plan: _Plan, told: Forgotten) -> Json:
    """The lists of tombstones of a place, old ones first."""
    said: dict[str, Any] = {"when": told.when, "who": told.who, "because": told.because}
    records = [
        asdict(Tombstone(each.record_id, each.digest, each.content_digest, each.status, each.split, **said))
        for each in plan.records
        if each.place is place and not each.forgotten
    ]
    rejects = [
        asdict(RejectTombstone(each.digest, each.path, each.line, **said))
        for each in plan.rejects
        if each.place is place and not each.forgotten
    ]
    lists = {
        RECORDS_KEY: [*place.document.get(RECORDS_KEY, []), *records],
        REJECTS_KEY: [*place.document.get(REJECTS_KEY, []), *rejects],
    }
    return {name: entries for name, entries in lists.items() if entries}


def _quoted(place: Place, marks: Marks) -> list[str]:
    """Values of the records that no other record of the place has, so that whoever quotes them quotes these records."""
    paths = place.tables.get("records", [])
    if not paths or not marks.record_ids:
        return []
    frame = pl.scan_parquet(paths, glob=False).select("record_id", *_QUOTABLE).collect()
    gone = pl.col("record_id").is_in(sorted(marks.record_ids))
    quoted: set[str] = set()
    for name in _QUOTABLE:
        others = set(frame.filter(~gone)[name].to_list())
        quoted |= {value for value in frame.filter(gone)[name].to_list() if value and value not in others}
    return sorted(quoted)


def _told(
    store: Store, plan: _Plan, because: str, who: str, when: str, steps: Sequence[Path], *, dry_run: bool
) -> Forgotten:
    """What is about to happen, in the terms of the result."""
    fresh = [each for each in plan.records if not each.forgotten]
    going = {each.record_id for each in fresh}
    everyone = {each.record_id for each in plan.records}
    changing = [place for place, _ in plan.changing]
    return Forgotten(
        dry_run=dry_run,
        because=because,
        who=who,
        when=when,
        records=tuple(_record(record_id, plan.records) for record_id in sorted(going)),
        rejects=tuple(_rejected(plan.rejects)),
        already=tuple(sorted(everyone - going)),
        similar=tuple(plan.similar),
        versions=tuple(place.name for place in changing if place.version_id is not None),
        runs=tuple(place.name for place in changing if place.version_id is None),
        files=0,
        cache=tuple(step.relative_to(store.cache).as_posix() for step in steps),
        remains=tuple(_remains(store, plan)),
    )


def _record(record_id: str, found: Iterable[Found]) -> ForgottenRecord:
    own = [each for each in found if each.record_id == record_id]
    order: tuple[Relation, ...] = ("named", "same source record", "same text")
    return ForgottenRecord(
        record_id=record_id,
        relation=min((each.relation for each in own), key=order.index),
        held_by=tuple(f"{each.place.name} ({each.split or each.status})" for each in own if not each.forgotten),
        sources=tuple(sorted({f"{each.path}:{each.line}" for each in own})),
    )


def _rejected(found: Sequence[FoundReject]) -> Iterator[ForgottenReject]:
    fresh = [each for each in found if not each.forgotten]
    for digest, path, line in dict.fromkeys((each.digest, each.path, each.line) for each in fresh):
        own = [each for each in fresh if (each.digest, each.path, each.line) == (digest, path, line)]
        yield ForgottenReject(f"{path}:{line}", digest, tuple(each.place.name for each in own))


def _remains(store: Store, plan: _Plan) -> Iterator[Remains]:
    """What no command of ours erases: the user's own files, what a model learned, files that are no tables."""
    sources = {(each.path, each.line or 0) for each in plan.records}
    sources |= {(each.path, each.line or 0) for each in plan.rejects}
    for path, line in sorted(sources):
        yield Remains("source", f"{path}:{line}")
    version_ids = _version_ids(plan.records)
    for run in trained_on(store, version_ids):
        yield Remains("training run", run)
    for file in files_beside(store, version_ids):
        if names_record(file, plan.identity.record_ids):
            yield Remains("file", str(file))


def _version_ids(found: Iterable[Found]) -> list[str]:
    return sorted({each.place.version_id for each in found if each.place.version_id is not None})


def _user() -> str:
    """Who runs this, as the system names them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may give a process a number that has no name
        return "unknown"
