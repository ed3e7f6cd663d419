"""Changing files of a published version, all of them or none: the one thing that may, and only to erase, is `forget`.

New files are prepared in a folder `.forgetting` inside the version. When all are on the disk, `commit.json` is written
there, with the new manifest: from then on the change is decided. Each new file is renamed over the old one, then the
manifest is replaced, and last of all goes what has no successor, when no catalog names it any more:

    prepare   .forgetting/data/train-00000-of-00001.parquet … README.md, then commit.json
    apply     rename each over the version's file, then replace manifest.json
    finish    remove files that have no row left, then .forgetting itself

Killed before `commit.json`, nothing has changed; killed after it, `apply` and `finish` can be done again, as often as
it takes. A reader sees the old file or the new one. In between, `verify` says that a forget was not finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from dataprep.errors import InputError
from dataprep.store import inventory
from dataprep.store.card import dataset_card
from dataprep.store.erase import Marks, holds, move_over, rewrite
from dataprep.store.files import file_digest, remove_file, remove_folder, sync_file, sync_folder, write_atomically
from dataprep.store.holdings import Place
from dataprep.store.inventory import Json
from dataprep.store.layout import Store
from dataprep.store.tombstones import PENDING

_COMMIT: Final = "commit.json"
_CARD: Final = "README.md"
_JSON: Final = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
_READ_ONLY: Final = 0o444


def prepare(place: Place, marks: Marks, manifest: Json) -> int:
    """Write the version's new files beside the old ones and decide the change; returns how many Parquet files change.

    Args:
        place: the version.
        marks: what goes.
        manifest: the manifest with its new tombstones; its list of files is brought up to date here.

    Raises:
        InputError: a file that must change is not what was published, so that what it holds cannot be told.
        MachineError: the disk is full or cannot be written.
    """
    pending = place.folder / PENDING
    remove_folder(pending)
    pending.mkdir()
    declared: dict[str, Json] = {entry["path"]: entry for entry in manifest["files"]}
    entries = dict(declared)
    gone = []
    changed = 0
    for table, paths in place.tables.items():
        for path in paths:
            if not holds(path, table, marks):
                continue
            name = path.relative_to(place.folder).as_posix()
            _check_published(path, declared[name])
            changed += 1
            rows = rewrite(path, pending / name, table, marks)
            if rows:
                entries[name] = _entry(pending, name) | {"rows": rows}
            else:
                del entries[name]
                gone.append(name)
    if _CARD in declared:
        (pending / _CARD).write_text(dataset_card(manifest), encoding="utf-8")
        entries[_CARD] = _entry(pending, _CARD)
    for item in [entry for entry in pending.rglob("*") if entry.is_file()]:
        item.chmod(_READ_ONLY)
        sync_file(item)
    new = manifest | {"files": sorted(entries.values(), key=lambda entry: str(entry["path"]))}
    write_atomically(pending / _COMMIT, orjson.dumps({"manifest": new, "gone": gone}, option=_JSON))
    sync_folder(place.folder)
    return changed


def apply(folder: Path) -> None:
    """Put the new files and the manifest of a decided change into place; again, where that was interrupted."""
    pending = folder / PENDING
    commit = inventory.read_json(pending / _COMMIT)
    for item in sorted(entry for entry in pending.rglob("*") if entry.is_file() and entry.name != _COMMIT):
        move_over(item, folder / item.relative_to(pending))
    manifest = folder / inventory.MANIFEST
    write_atomically(manifest, orjson.dumps(commit["manifest"], option=_JSON))
    manifest.chmod(_READ_ONLY)


def finish(folder: Path) -> None:
    """Remove the files that have no row left, and the traces of the change."""
    pending = folder / PENDING
    gone: Sequence[str] = inventory.read_json(pending / _COMMIT)["gone"]
    for name in gone:
        path = folder / name
        remove_file(path)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
    remove_file(pending / _COMMIT)
    remove_folder(pending)
    sync_folder(folder)


def unfinished(store: Store) -> list[Path]:
    """Folders of versions with a change that was decided and not finished; takes away what was never decided."""
    found = []
    for pending in sorted(store.versions.glob(f"*/{PENDING}")):
        if (pending / _COMMIT).is_file():
            found.append(pending.parent)
        else:
            remove_folder(pending)
    return found


def _entry(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    return {"path": name, "bytes": path.stat().st_size, "sha256": file_digest(path)}


def _check_published(path: Path, entry: Json) -> None:
    """Refuse a damaged file: written anew, its damage would get a digest of its own and never be noticed."""
    if file_digest(path) != entry["sha256"]:
        raise InputError(
            "this file is not what was published, so it cannot be written anew",
            file=str(path),
            hint="restore it from a backup, or delete the version with what names it in refs/",
        )
