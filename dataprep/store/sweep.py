"""What killed runs leave: found by the run's id in the name, and taken away once that run's process is gone.

A run writes into hidden folders named after itself and renames them when they are complete, so everything that still
has such a name is unfinished: `versions/.staging-<run>-…`, `cache/<step>/.<fingerprint>-<run>-…`, and
`runs/<run>/scratch-…`, where the SQL engine spills. A living run's folders are left alone. No lock is needed: a run is
alive before it makes the first of them, and an id never comes back, so a run that is seen dead stays dead.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from dataprep.store import inventory
from dataprep.store.files import TEMPORARY_SUFFIX, changing, remove_folder
from dataprep.store.inventory import Json
from dataprep.store.layout import Store
from dataprep.store.locks import is_alive

FREED: Final = ".freed-"
"""Start of the names of what `gc` has taken out of the way and is deleting; anybody may finish that."""
_OWNED: Final = re.compile(r"\..+-(\d{8}-\d{6}-[0-9a-f]{8})-[^-]+")
"""A hidden folder with the id of the run that fills it, as `files.temporary_folder` names them."""
_SCRATCH: Final = "scratch-"
_RESUMABLE: Final = ("prepare", "keys", "measure", "near")
"""Steps that are made of a file part by part."""


def scratch_folder(store: Store, run_id: str) -> Path:
    """A fresh folder for what the SQL engine of a living run spills."""
    with changing("make folder", store.run(run_id)):
        return Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=store.run(run_id)))


def sweep(store: Store, *, useful: bool = False) -> list[Path]:
    """Take away what runs that are not alive left unfinished; returns what is gone.

    It looks at names and costs some milliseconds, so every run starts with it.

    Args:
        store: where to look.
        useful: also take what the next run of the same dataset would go on with.
    """
    return [path for path, _ in leftovers(store, useful=useful) if remove_folder(path)]


def leftovers(store: Store, *, useful: bool = False) -> Iterator[tuple[Path, str]]:
    """Unfinished folders of runs that are not alive, and what a killed `gc` was deleting, each with why it can go.

    Parts of a file in the cache are *useful* until a later run of the same dataset published: the next one goes on with
    them (`dataprep.unfinished`).
    """

    @cache
    def dead(run_id: str) -> bool:
        return not is_alive(store, run_id)

    @cache
    def records() -> list[Json]:
        return list(inventory.runs(store))

    @cache
    def awaited(run_id: str) -> bool:
        left = next((run for run in records() if run["run_id"] == run_id), None)
        return left is not None and not any(
            run["dataset"] == left["dataset"]
            and run["started_at"] > left["started_at"]
            and run["status"] in inventory.PUBLISHING_STATUS
            for run in records()
        )

    resumable = [store.cache / step for step in _RESUMABLE]
    for folder in (store.versions, store.derived(""), *_folders(store.cache)):
        for path in _folders(folder):
            owned = _OWNED.fullmatch(path.name)
            if path.name.startswith(FREED):
                yield path, "a gc that was cut off was deleting it"
            elif owned and dead(owned[1]) and (useful or folder not in resumable or not awaited(owned[1])):
                yield path, f"run {owned[1]} left it unfinished and is not running any more"
    for run in _folders(store.runs):
        for path in _entries(run):
            if path.name.startswith(_SCRATCH) and dead(run.name):
                yield path, f"run {run.name} spilled here and is not running any more"
            elif path.name.endswith(TEMPORARY_SUFFIX) and dead(run.name):
                yield path, f"run {run.name} left it unfinished and is not running any more"


def _folders(parent: Path) -> list[Path]:
    """Folders in a folder, by name."""
    return [path for path in _entries(parent) if path.is_dir() and not path.is_symlink()]


def _entries(parent: Path) -> list[Path]:
    """What is in a folder, by name; nothing where there is no such folder (any more)."""
    try:
        return sorted(parent.iterdir())
    except FileNotFoundError:
        return []
