"""What lies in a store: versions, the names that point at them, and runs.

Read from the files that define it (manifests, references, run records), never from the catalog, so that the catalog
can be rebuilt from here and a stale one misleads nobody. A folder without a manifest is a version that was never
finished: publishing writes the manifest last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from dataprep.errors import InputError
from dataprep.store.layout import Store, decode_name
from dataprep.store.locks import is_alive

MANIFEST: Final = "manifest.json"
RUN_RECORD: Final = "run.json"
_VERSION_ID: Final = re.compile("[0-9a-f]{64}")
"""Folders with other names are versions under construction."""
PUBLISHING_STATUS: Final = frozenset({"published", "unchanged"})
"""Run states whose tables lie in a version; every other run keeps what it has under its own folder."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """One name of one version: a number of a dataset, or its candidate.

    Attributes:
        dataset: the dataset's name as the user gave it.
        number: 1, 2, 3 …; None for the candidate.
        version_id: 64 hex characters.
        run_id: the run that gave the name.
        published_at: ISO 8601, when it was given.
    """

    dataset: str
    number: int | None
    version_id: str
    run_id: str | None = None
    published_at: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetReferences:
    """All names of one dataset's versions, numbers ascending."""

    dataset: str
    numbered: tuple[Reference, ...]
    candidate: Reference | None

    @property
    def latest(self) -> Reference | None:
        """The highest number."""
        return self.numbered[-1] if self.numbered else None


def datasets(store: Store) -> list[DatasetReferences]:
    """All datasets that have a name for a version, by name."""
    if not store.refs.is_dir():
        return []
    found = [_references(folder) for folder in store.refs.iterdir() if folder.is_dir()]
    return sorted((entry for entry in found if entry.numbered or entry.candidate), key=lambda entry: entry.dataset)


def _references(folder: Path) -> DatasetReferences:
    name_file = folder / "name"
    dataset = name_file.read_text(encoding="utf-8") if name_file.is_file() else decode_name(folder.name)
    numbers = sorted(int(path.name) for path in folder.iterdir() if path.name.isascii() and path.name.isdigit())
    candidate = folder / "candidate"
    return DatasetReferences(
        dataset=dataset,
        numbered=tuple(_reference(folder / str(number), dataset, number) for number in numbers),
        candidate=_reference(candidate, dataset, None) if candidate.is_file() else None,
    )


def _reference(path: Path, dataset: str, number: int | None) -> Reference:
    value = read_json(path)
    version_id = value.get("version_id")
    if not isinstance(version_id, str):
        raise InputError("this reference names no version", file=str(path), hint="restore the file from a backup")
    return Reference(dataset, number, version_id, value.get("run_id"), value.get("published_at"))


def version_ids(store: Store) -> list[str]:
    """Ids of all finished versions, sorted."""
    if not store.versions.is_dir():
        return []
    named = (folder for folder in store.versions.iterdir() if _VERSION_ID.fullmatch(folder.name))
    return sorted(folder.name for folder in named if (folder / MANIFEST).is_file())


def has_manifest(store: Store, version_id: str) -> bool:
    """Whether a version is there, finished."""
    return (store.version(version_id) / MANIFEST).is_file()


def manifest(store: Store, version_id: str) -> Json:
    """The manifest of one version.

    Raises:
        InputError: there is none, or it is not JSON.
    """
    return read_json(store.version(version_id) / MANIFEST)


def runs(store: Store) -> Iterator[Json]:
    """The records of all runs that left a readable one, by run id.

    One that says `running` though its process is gone has the status `killed` here.
    """
    if not store.runs.is_dir():
        return
    for folder in sorted(store.runs.iterdir()):
        path = folder / RUN_RECORD
        if path.is_file():
            try:
                record = {"run_id": folder.name, **read_json(path)}
            except InputError:
                continue
            if record.get("status") == "running" and not is_alive(store, folder.name):
                record["status"] = "killed"
            yield record


def known_digests(store: Store, dataset: str) -> dict[tuple[str, int, int], str]:
    """SHA-256 of the source files of a dataset's last run that read them, by name, size and time of the last change.

    For questions about what is stored, which must not read gigabytes to learn that nothing changed; a run that
    publishes reads every byte.
    """
    for run in reversed(list(runs(store))):
        if run.get("dataset") == dataset and run.get("files"):
            return {(item["path"], item["bytes"], item["mtime_ns"]): item["sha256"] for item in run["files"]}
    return {}


def version_files(folder: Path, manifest: Json, *, skip_missing: bool = False) -> dict[str, list[Path]]:
    """The Parquet files that a manifest declares, by table (`data`, `held`, `records`, `ledger`, …).

    Args:
        folder: the version's folder.
        manifest: its manifest.
        skip_missing: leave out files that are gone, for the catalog, where one damaged version must not hide the rest.

    Raises:
        InputError: a file is gone.
    """
    found: dict[str, list[Path]] = {}
    for entry in manifest.get("files", []):
        path = folder / entry["path"]
        if path.suffix != ".parquet":
            continue
        if path.is_file():
            found.setdefault(Path(entry["path"]).parts[0], []).append(path)
        elif not skip_missing:
            hint = f"dataprep verify {folder.name[:12]}"
            raise InputError("a file of this version is gone", file=str(path), hint=hint)
    return found


def derived_files(store: Store, version_id: str) -> dict[str, list[Path]]:
    """The Parquet files that were computed about a version later, by table."""
    tokens = sorted(path for path in store.derived(version_id).glob("trainer/*.parquet") if path.name[0] != ".")
    return {"tokens": tokens} if tokens else {}


def run_files(store: Store, run_id: str) -> dict[str, list[Path]]:
    """The Parquet files that a stopped run kept, by table."""
    folder = store.run(run_id) / "tables"
    if not folder.is_dir():
        return {}
    tables = {table.name: sorted(table.glob("*.parquet")) for table in sorted(folder.iterdir()) if table.is_dir()}
    return {name: paths for name, paths in tables.items() if paths}


def read_json(path: Path) -> Json:
    """A JSON object from a file of the store.

    Raises:
        InputError: the file is absent or does not hold a JSON object.
    """
    try:
        value = orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError("no such file in the store", file=str(path)) from error
    except orjson.JSONDecodeError as error:
        raise InputError(
            f"not readable as JSON: {error}", file=str(path), hint="restore the file from a backup"
        ) from error
    if not isinstance(value, dict):
        raise InputError("expected a JSON object", file=str(path), hint="restore the file from a backup")
    return value
