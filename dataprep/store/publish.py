"""Publishing: a finished version gets its id, its manifest, its name, and only then its number.

The id digests logical content (`sql/steps/identity.sql`): records with their digests and splits, and the ledger; not
times, paths, hosts, package versions or Parquet bytes. The order of writes is what makes publishing atomic: files,
manifest, one rename of the whole folder, then the reference. A reader sees the old state or the new one.
"""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.digests import utf8_buffers
from dataprep.sqlfiles import read_sql
from dataprep.store.files import (
    TEMPORARY_SUFFIX,
    exclusive_lock,
    file_digest,
    make_folder,
    publish_folder,
    remove_file,
    remove_folder,
    temporary_folder,
    write_atomically,
    write_file,
)
from dataprep.store.layout import FORMAT_VERSION, Store
from dataprep.store.points import CommitPoint, commit_point

_PACKAGES: Final = ("dataprep", "duckdb", "polars", "pyarrow", "numpy", "numba", "ftfy", "orjson", "pydantic")
_JSON: Final = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
_ID_BATCH: Final = 100_000


def version_id(con: duckdb.DuckDBPyConnection) -> str:
    """SHA-256 of a decided run's logical content, hex: tables `outcome`, `rows` and `ledger` of `con`."""
    hasher = sha256(f"dataprep version format {FORMAT_VERSION}\n".encode())
    for batch in con.sql(read_sql("steps/identity")).to_arrow_reader(_ID_BATCH):
        offsets, data = utf8_buffers(batch.column("line").cast(pa.string()))
        hasher.update(data[offsets[0] : offsets[-1]].data)
    return hasher.hexdigest()


def now() -> str:
    """The present in UTC, ISO 8601 to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def packages() -> dict[str, str]:
    """Versions of Python and of the libraries that took part."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def staging_folder(store: Store, run_id: str) -> Path:
    """A fresh folder beside the versions, for the version that a run is writing."""
    return temporary_folder(store.version("staging"), run_id)


def describe_files(folder: Path) -> list[dict[str, Any]]:
    """Path, size, SHA-256 and rows of every file of a version, for its manifest."""
    described = []
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        entry = {
            "path": path.relative_to(folder).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": file_digest(path),
        }
        if path.suffix == ".parquet":
            entry["rows"] = pq.read_metadata(path).num_rows
        described.append(entry)
    return described


def seal(folder: Path, manifest: dict[str, Any], store: Store) -> bool:
    """Write the manifest last and give the staged folder its final name; False if that version exists already."""
    document = manifest | {"files": describe_files(folder)}
    write_file(folder / "manifest.json", orjson.dumps(document, option=_JSON))
    commit_point(CommitPoint.MANIFEST_WRITTEN)
    for item in folder.rglob("*"):
        item.chmod(0o755 if item.is_dir() else 0o444)
    folder.chmod(0o755)
    published = publish_folder(folder, store.version(manifest["version_id"]))
    commit_point(CommitPoint.VERSION_RENAMED)
    if not published:
        remove_folder(folder)
    return published


def latest_number(store: Store, dataset: str) -> int:
    """The newest version number of a dataset; 0 if it has none."""
    folder = store.dataset_refs(dataset)
    if not folder.is_dir():
        return 0
    return max((int(item.name) for item in folder.iterdir() if item.name.isdecimal()), default=0)


def read_ref(store: Store, dataset: str, name: str) -> dict[str, Any]:
    """One reference of a dataset: version_id, run_id, published_at."""
    reference: dict[str, Any] = orjson.loads((store.dataset_refs(dataset) / name).read_bytes())
    return reference


def point_latest(store: Store, dataset: str, version: str, run_id: str) -> tuple[int, bool]:
    """Make a sealed version the dataset's latest; returns its number and whether the number is new.

    A version that is the latest already keeps its number. Numbers are given under a lock and never reused.
    """
    folder = store.dataset_refs(dataset)
    make_folder(folder)
    with exclusive_lock(folder / ".lock"):
        for leftover in folder.glob(f".*{TEMPORARY_SUFFIX}"):  # of a run that died here; nobody else writes now
            remove_file(leftover)
        if not (folder / "name").exists():
            write_atomically(folder / "name", dataset.encode())
        newest = latest_number(store, dataset)
        if newest and read_ref(store, dataset, str(newest))["version_id"] == version:
            return newest, False
        reference = {"version_id": version, "run_id": run_id, "published_at": now()}
        write_atomically(folder / str(newest + 1), orjson.dumps(reference, option=_JSON))
        commit_point(CommitPoint.REFERENCE_WRITTEN)
        return newest + 1, True
