"""Free what nothing in a store refers to any more.

Nothing is deleted for its age or its size. What goes is what no name leads to:

- leftovers of runs that are not alive (`dataprep.store.sweep`), and folders of runs that died before they began;
- cache steps on which no run rests that counts. Those that count are, for each dataset, the latest that published (or
  found its version unchanged), every later one however it ended, since the next run goes on from there, and all that
  are alive;
- versions that have neither a number nor are a candidate, are no kept version's parent, and are not named by a
  training run: a run that died between writing its version and numbering it leaves one;
- `derived/` of versions that are not there, and catalog files but the current and the one before.

References, the versions they name, `training/` and the records of runs are never touched.

**Why a run that goes on meanwhile, or starts meanwhile, does not break.** Everything is taken out of the way by a
rename while `runs/.lock` is held alone; deleting the renamed folders comes after. A run needs that lock, shared, to
become alive and for every claim, and it claims a cache step or a version before it looks for it
(`dataprep.store.claims`). So a claim either was written before, and is read here and spared; or it comes after the
renames, and its run finds the step missing and makes it anew. A new version is claimed before it is staged, so the
time between its rename and its number is covered. Steps that a run finishes are those it claimed. Publishing itself
takes no lock here, because it makes names and never needs one that nobody refers to. The catalog is built without the
versions that go before they go, under the catalog's own lock, so neither a reader of the current file nor another
builder meets a file that is missing. Locks are always taken in the order runs, catalog.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from dataprep.errors import InputError
from dataprep.store import catalog, inventory
from dataprep.store.claims import claimed
from dataprep.store.files import changing, exclusive_lock, machine_errors, remove_file, remove_folder
from dataprep.store.inventory import Json
from dataprep.store.layout import Store
from dataprep.store.locks import is_alive
from dataprep.store.sweep import FREED, leftovers

GarbageKind = Literal["leftover", "cache", "version", "derived", "catalog"]

_ID: Final = re.compile(rb"\b[0-9a-f]{64}\b")
_DIGEST: Final = re.compile("[0-9a-f]{32,64}")
"""Names of steps and versions. What is called otherwise is not ours, and stays."""
_TRAINING: Final = "training"


@dataclass(frozen=True, slots=True)
class Garbage:
    """Something that nothing refers to.

    Attributes:
        path: where it is, inside the store.
        kind: `leftover`, `cache`, `version`, `derived` or `catalog`.
        bytes: what deleting it frees; files that a version shares by hard links count nothing.
        why: why it can go, in words.
    """

    path: str
    kind: GarbageKind
    bytes: int
    why: str


@dataclass(frozen=True, slots=True)
class GcReport:
    """What can be freed, or was.

    Attributes:
        store: the store.
        deleted: whether it was deleted; False for a dry run.
        items: what it is, by kind and path.
    """

    store: Path
    deleted: bool
    items: tuple[Garbage, ...]

    @property
    def bytes(self) -> int:
        """What all of it takes on the disk."""
        return sum(item.bytes for item in self.items)


def gc(store: Store, *, delete: bool = False) -> GcReport:
    """Find what nothing refers to, and delete it if asked.

    Args:
        store: the store.
        delete: delete it; otherwise nothing is changed.

    Raises:
        InputError: there is no store, or a reference in it cannot be read.
        MachineError: something cannot be deleted.
    """
    if not store.refs.is_dir() and not store.runs.is_dir():
        raise InputError("there is no store here", file=str(store.root), hint="name one by --store or DATAPREP_STORE")
    with machine_errors(store.root):
        if not delete:
            return GcReport(store.root, deleted=False, items=tuple(_measured(store, find(store))))
        return GcReport(store.root, deleted=True, items=tuple(_delete(store)))


def find(store: Store) -> list[Garbage]:
    """What nothing refers to at this moment, not measured, by kind and path."""
    spared = set[str]().union(*(claimed(store, run) for run in _living(store)))
    found = [_garbage(store, path, "leftover", why) for path, why in (*leftovers(store), *_stillborn(store))]
    needed = spared | _needed_steps(store)
    kept = _kept_versions(store) | {Path(name).name for name in spared if name.startswith("versions/")}
    steps = [step for family in _visible(store.cache) for step in _visible(family) if _DIGEST.fullmatch(step.name)]
    unused = [path for path in steps if path.relative_to(store.root).as_posix() not in needed]
    found += [_garbage(store, path, "cache", "no run that counts rests on it") for path in unused]
    for path in _visible(store.versions):
        if _DIGEST.fullmatch(path.name) and path.name not in kept:
            found.append(_garbage(store, path, "version", "it has no number and is no candidate"))
    for path in _visible(store.derived("")):
        if _DIGEST.fullmatch(path.name) and path.name not in kept:
            found.append(_garbage(store, path, "derived", "its version is not there, or goes"))
    for path in catalog.superseded(store):
        found.append(_garbage(store, path, "catalog", "newer ones have taken its place"))
    return sorted(found, key=lambda item: (item.kind, item.path))


def _delete(store: Store) -> Iterator[Garbage]:
    """Rename what is found under the locks, then delete it without them; yields what went, measured."""
    with ExitStack() as locks:
        locks.enter_context(exclusive_lock(store.runs / ".lock"))
        locks.enter_context(exclusive_lock(store.catalog / ".lock"))
        found = find(store)
        going = {Path(item.path).name for item in found if item.kind == "version"}
        if going:
            catalog.build_next(store, omit=going)
        renamed = [(item, _out_of_the_way(store.root / item.path)) for item in found]
    for item, path in renamed:
        yield replace(item, bytes=_size(path))
        if path.is_dir():
            remove_folder(path)
        else:
            remove_file(path)


def _out_of_the_way(path: Path) -> Path:
    """Give a folder a name under which nobody looks for it."""
    if path.name.startswith(".") or not path.is_dir():
        return path
    freed = path.with_name(f"{FREED}{path.name}")
    remove_folder(freed)  # of a gc that was cut off
    with suppress(FileNotFoundError), changing("rename", path):  # a record of it may just have been forgotten
        path.rename(freed)
    return freed


def _living(store: Store) -> list[str]:
    return [folder.name for folder in _visible(store.runs) if is_alive(store, folder.name)]


def _stillborn(store: Store) -> Iterator[tuple[Path, str]]:
    """Folders of runs that died before they had a record."""
    for folder in _visible(store.runs):
        if not (folder / inventory.RUN_RECORD).exists() and not is_alive(store, folder.name):
            yield folder, f"run {folder.name} died before it began"


def _needed_steps(store: Store) -> set[str]:
    """Paths of the cache steps on which the runs rest that count."""
    by_dataset: dict[str, list[Json]] = {}
    for run in inventory.runs(store):
        by_dataset.setdefault(str(run.get("dataset")), []).append(run)
    needed: set[str] = set()
    for runs in by_dataset.values():
        published = [place for place, run in enumerate(runs) if run.get("status") in inventory.PUBLISHING_STATUS]
        for run in runs[published[-1] if published else 0 :]:
            needed |= {f"cache/{name}" for name in run.get("cache") or ()} | claimed(store, run["run_id"])
    return needed


def _kept_versions(store: Store) -> set[str]:
    """Ids of the versions that something refers to."""
    kept = {
        id_.decode() for path in (store.root / _TRAINING).glob("*/*.json") for id_ in _ID.findall(path.read_bytes())
    }
    for dataset in inventory.datasets(store):
        kept |= {reference.version_id for reference in dataset.numbered}
        if dataset.candidate is not None:
            kept.add(dataset.candidate.version_id)
    for version_id in inventory.version_ids(store):
        run_id = _manifest(store, version_id).get("run_id")
        if run_id and is_alive(store, run_id):
            kept.add(version_id)
    reached, kept = kept, set()
    while reached:
        kept |= reached
        parents = (_manifest(store, version_id).get("parent") for version_id in reached)
        reached = {parent for parent in parents if parent} - kept
    return kept


def _manifest(store: Store, version_id: str) -> Json:
    try:
        return inventory.manifest(store, version_id)
    except InputError:  # `dataprep verify` tells of it; a version that is named stays, whatever is in it
        return {}


def _garbage(store: Store, path: Path, kind: GarbageKind, why: str) -> Garbage:
    return Garbage(path.relative_to(store.root).as_posix(), kind, 0, why)


def _measured(store: Store, found: list[Garbage]) -> Iterator[Garbage]:
    return (replace(item, bytes=_size(store.root / item.path)) for item in found)


def _size(path: Path) -> int:
    """Bytes that deleting a file or folder frees: those of files with one name. What just vanished counts nothing."""
    size = 0
    files = [path] if path.is_file() else [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    for file in files:
        with suppress(FileNotFoundError):
            state = file.lstat()
            size += state.st_size if state.st_nlink == 1 else 0
    return size


def _visible(parent: Path) -> list[Path]:
    """Folders in a folder that are not hidden, by name; none where there is no such folder."""
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))
    except FileNotFoundError:
        return []
