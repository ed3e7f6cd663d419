"""Who holds a record: every version and every run that kept tables, of all datasets of a store.

A record is the same where its id is, and its text is the same where one of its two digests is: that of the record
before cleaning (within a source of one name) or that of its text after cleaning (wherever it came from). Both are in
`records/`, with no text, and outlive the text; so the search gives the same answer before a record is forgotten, half
way through, and afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import duckdb

from dataprep.errors import InputError
from dataprep.store import inventory
from dataprep.store.inventory import Json, Reference
from dataprep.store.layout import Store
from dataprep.store.names import display
from dataprep.store.tombstones import reject_tombstones, tombstones
from dataprep.store.views import parquet

Relation = Literal["named", "same source record", "same text"]

_MIN_PREFIX: Final = 4
_RECORD: Final = "SELECT record_id, digest, content_digest, status, split, path, line FROM {}"
_BY_ID: Final = "WHERE record_id IN (SELECT unnest($ids))"
_BY_PREFIX: Final = "SELECT DISTINCT record_id FROM {} WHERE starts_with(record_id, $prefix) ORDER BY record_id LIMIT 5"
_BY_DIGEST: Final = (
    "WHERE record_id IN (SELECT unnest($ids)) OR digest IN (SELECT unnest($digests)) "
    "OR content_digest IN (SELECT unnest($contents))"
)
_REJECT: Final = (
    "SELECT digest, path, line FROM {} WHERE digest = $what "
    "OR (line = $line AND (path = $path OR ends_with(path, '/' || $path)))"
)
_REJECTS: Final = (
    "SELECT digest, path, line FROM {} WHERE digest IN (SELECT unnest($digests)) "
    "OR (reason = $bad_file AND path IN (SELECT unnest($paths)) AND octet_length(raw) > 0) ORDER BY path, line"
)
_COPIES: Final = (
    "WITH exact AS (FROM {0} WHERE kind = 'exact'), stars AS (SELECT a_id FROM exact "
    "WHERE a_id IN (SELECT unnest($ids)) OR b_id IN (SELECT unnest($ids))) "
    "SELECT a_id FROM stars UNION SELECT b_id FROM exact WHERE a_id IN (FROM stars)"
)


@dataclass(frozen=True, slots=True)
class Place:
    """One version, or one run that kept tables.

    Attributes:
        name: for people: `support@3`, the start of a version's id where it has no number, or a run's id.
        dataset: its dataset's name.
        folder: its folder.
        version_id: None for a run.
        document: the manifest, or the run's record.
        tables: its Parquet files by table.
    """

    name: str
    dataset: str
    folder: Path
    version_id: str | None
    document: Json
    tables: dict[str, list[Path]]


@dataclass(frozen=True, slots=True)
class Found:
    """A record in one place; `relation` says why it is meant."""

    record_id: str
    digest: str | None
    content_digest: str | None
    status: str
    split: str | None
    path: str
    line: int | None
    relation: Relation
    place: Place

    @property
    def forgotten(self) -> bool:
        """Whether it is forgotten there already."""
        return self.record_id in tombstones(self.place.document)


@dataclass(frozen=True, slots=True)
class FoundReject:
    """A reject in one place."""

    digest: str | None
    path: str
    line: int | None
    place: Place

    @property
    def forgotten(self) -> bool:
        """Whether it is forgotten there already."""
        known = ((entry.digest, entry.path, entry.line) for entry in reject_tombstones(self.place.document))
        return (self.digest, self.path, self.line) in known


def places(store: Store) -> list[Place]:
    """All versions, published or not, then all runs that kept tables.

    Raises:
        InputError: a manifest cannot be read, or a file that it names is gone: what it held cannot be told.
    """
    names: dict[str, str] = {}
    for dataset in inventory.datasets(store):
        for reference in dataset.numbered:
            names[reference.version_id] = display(reference)
    found = []
    for version_id in inventory.version_ids(store):
        manifest = inventory.manifest(store, version_id)
        name = names.get(version_id) or display(Reference(manifest["dataset"], None, version_id))
        tables = inventory.version_files(store.version(version_id), manifest)
        found.append(Place(name, manifest["dataset"], store.version(version_id), version_id, manifest, tables))
    for run in inventory.runs(store):
        tables = inventory.run_files(store, run["run_id"])
        if tables:
            folder = store.run(run["run_id"])
            found.append(Place(run["run_id"], str(run.get("dataset", "")), folder, None, run, tables))
    return found


def find_records(
    con: duckdb.DuckDBPyConnection,
    everywhere: Sequence[Place],
    named: Sequence[str],
    *,
    dataset: str | None = None,
    only_this_id: bool = False,
) -> list[Found]:
    """Where the named records are, and those that hold the same text.

    Args:
        con: any private connection.
        everywhere: where to look.
        named: ids, or the start of one (4 characters or more) that no other has.
        dataset: where the ids are those of this dataset's records alone.
        only_this_id: leave out records of other ids, whatever their text.

    Raises:
        InputError: no record has the id, several begin with it, or it is the user's own id of different records.
    """
    own = [place for place in everywhere if dataset is None or place.dataset == dataset]
    if dataset is not None and not own:
        raise InputError(f"no dataset is called {dataset!r}", key="--dataset", hint="dataprep versions")
    ids = [_full_id(con, own, text) for text in named]
    roots = [found for place in own for found in _select(con, place, _BY_ID, {"ids": ids}, frozenset(ids))]
    if dataset is None:
        for record_id in ids:
            _check_one_record(record_id, [found for found in roots if found.record_id == record_id])
    if only_this_id:
        return roots
    values = {
        "digests": sorted({found.digest for found in roots if found.digest}),
        "contents": sorted({found.content_digest for found in roots if found.content_digest}),
    }
    digests = frozenset(values["digests"])
    all_found: list[Found] = []
    for place in everywhere:
        here = ids if dataset is None or place.dataset == dataset else []
        all_found += _select(con, place, _BY_DIGEST, {**values, "ids": here}, frozenset(here), digests)
    return all_found


def find_rejects(
    con: duckdb.DuckDBPyConnection,
    everywhere: Sequence[Place],
    named: Sequence[str],
    paths: Sequence[str],
    *,
    bad_file: str,
) -> list[FoundReject]:
    """Where the named rejects are, those with the same bytes, and what is kept of whole files that held a record.

    Args:
        con: any private connection.
        everywhere: where to look.
        named: each `file:line`, or the SHA-256 of the row.
        paths: source files that held a record that is to be forgotten.
        bad_file: the reason of a reject that stands for a whole file.

    Raises:
        InputError: no reject is there.
    """
    digests: set[str] = set()
    for what in named:
        path, _, line = what.rpartition(":")
        asked = {"what": what, "path": path, "line": int(line) if line.isascii() and line.isdigit() else None}
        rows = [row for place in everywhere for row in _rows(con, place, "rejects", _REJECT, asked)]
        if not rows:
            raise InputError(
                f"no rejected row is at {what!r}", key="--reject", hint='dataprep sql "select path, line from rejects"'
            )
        digests |= {row["digest"] for row in rows if row["digest"]}
    values = {"digests": sorted(digests), "paths": sorted(set(paths)), "bad_file": bad_file}
    return [
        FoundReject(**row, place=place)
        for place in everywhere
        for row in _rows(con, place, "rejects", _REJECTS, values)
    ]


def copies_of(con: duckdb.DuckDBPyConnection, everywhere: Sequence[Place], record_ids: Sequence[str]) -> list[str]:
    """Records found to be duplicates of these though their text is not letter by letter the same, by id."""
    values = {"ids": sorted(record_ids)}
    found = {row["a_id"] for place in everywhere for row in _rows(con, place, "pairs", _COPIES, values)}
    return sorted(found - set(record_ids))


def _full_id(con: duckdb.DuckDBPyConnection, own: Sequence[Place], text: str) -> str:
    if any(_rows(con, place, "records", f"SELECT 1 FROM {{}} {_BY_ID} LIMIT 1", {"ids": [text]}) for place in own):
        return text
    begun: set[str] = set()
    if len(text) >= _MIN_PREFIX:
        for place in own:
            begun |= {row["record_id"] for row in _rows(con, place, "records", _BY_PREFIX, {"prefix": text})}
    if len(begun) > 1:
        shown = ", ".join(sorted(begun)[:3])
        raise InputError(f"more than one record's id begins with {text!r}: {shown}", hint="give the whole id")
    if not begun:
        raise InputError(f"no version and no run holds a record {text!r}", hint="find its id by dataprep why TEXT")
    return begun.pop()


def _check_one_record(record_id: str, found: Sequence[Found]) -> None:
    """Refuse an id that different datasets gave to different records; ids that we made are never the same by chance."""
    by_dataset: dict[str, set[str | None]] = {}
    for each in found:
        by_dataset.setdefault(each.place.dataset, set()).add(each.digest)
    digests = list(by_dataset.values())
    if any(digests[0].isdisjoint(other) for other in digests[1:]):
        listed = " and ".join(sorted(by_dataset))
        raise InputError(
            f"the id {record_id!r} names different records in {listed}",
            key="--dataset",
            hint=f"say whose is meant: --dataset {min(by_dataset)}",
        )


def _select(
    con: duckdb.DuckDBPyConnection,
    place: Place,
    condition: str,
    values: dict[str, Any],
    named: frozenset[str],
    digests: frozenset[str] = frozenset(),
) -> Iterator[Found]:
    statement = (
        f"SELECT record_id, digest, content_digest, status, split, path, line FROM {{}} {condition} ORDER BY row"
    )
    for row in _rows(con, place, "records", statement, values):
        relation: Relation = "same source record" if row["digest"] in digests else "same text"
        yield Found(**row, relation="named" if row["record_id"] in named else relation, place=place)


def _rows(
    con: duckdb.DuckDBPyConnection, place: Place, table: str, statement: str, values: dict[str, Any]
) -> list[dict[str, Any]]:
    """Rows of one table of one place; `{}` in the statement stands for the table."""
    if table not in place.tables:
        return []
    relation = con.sql(statement.format(parquet(place.tables[table])), params=values)
    return list(relation.to_arrow_table().to_pylist())
