"""A published version as a Python object: `dataprep.open("support@latest").split("train")`."""

from __future__ import annotations

import difflib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pyarrow as pa

from dataprep.errors import InputError
from dataprep.store import inventory, tables
from dataprep.store.inventory import Json, Reference
from dataprep.store.layout import Store
from dataprep.store.names import display, resolve
from dataprep.store.query import open_reference, query_text, run_query
from dataprep.store.records import split_of
from dataprep.store.tombstones import splits_left

if TYPE_CHECKING:
    from dataprep.clusters import ClusterReport
    from dataprep.why import Answer

__all__ = ["Version", "open_version", "resolve"]


class Version:
    """One immutable version. Tables come as polars frames, read anew on every call.

    Attributes:
        id: content-addressed id, 64 hex characters.
        dataset: the dataset's name.
        number: its number, None where it was not published.
        path: its folder.
        manifest: everything about how it was made; see docs/store.md.
    """

    def __init__(self, store: Store, reference: Reference) -> None:
        self.store = store
        self.reference = reference
        self.id = reference.version_id
        self.dataset = reference.dataset
        self.number = reference.number
        self.path: Path = store.version(reference.version_id)
        self.manifest: Json = inventory.manifest(store, reference.version_id)

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}={count}" for name, count in self.splits.items())
        return f"Version({display(self.reference)!r}, {counts})"

    @property
    def splits(self) -> dict[str, int]:
        """Records of each split, less those that were forgotten; splits without records are left out."""
        return splits_left(self.manifest)

    def split(self, name: str) -> pl.DataFrame:
        """The records of one split, as trainers read them.

        Raises:
            InputError: the version has no such split.
        """
        return self.scan(name).collect()

    def scan(self, name: str) -> pl.LazyFrame:
        """The records of one split, read when needed."""
        return pl.scan_parquet(self.split_files(name), glob=False)

    def split_files(self, name: str) -> list[Path]:
        """The Parquet files of one split.

        Raises:
            InputError: the version has no such split.
        """
        chosen = [path for path in self.files("data") if split_of(path) == name]
        if not chosen:
            close = difflib.get_close_matches(name, list(self.splits), n=1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            there = ", ".join(self.splits) or "none"
            raise InputError(f"{display(self.reference)} has no split {name!r}{meant}", hint=f"splits: {there}")
        return chosen

    def files(self, table: str) -> list[Path]:
        """The Parquet files of one table (`data`, `held`, `records`, …)."""
        return inventory.version_files(self.path, self.manifest).get(table, [])

    def records(self) -> pl.DataFrame:
        """All records, with text and user columns: the view `records` of the catalog."""
        return self.sql("FROM records")

    def lineage(self) -> pl.DataFrame:
        """All records without text, as stored: origin, fate, digests."""
        return self._table("records")

    def ledger(self) -> pl.DataFrame:
        """All verdicts, with the edits of cleaners."""
        return self._table("ledger")

    def signals(self) -> pl.DataFrame:
        """One row per record, one column per signal."""
        return self._table("signals")

    def funnel(self) -> pl.DataFrame:
        """What each step and rule took, in the order of the flow."""
        return self._table("funnel")

    def rejects(self) -> pl.DataFrame:
        """Rows that could not become records."""
        return self._table("rejects")

    def pairs(self) -> pl.DataFrame:
        """Duplicate pairs."""
        return self._table("pairs")

    def clusters(
        self,
        n: int = 5,
        *,
        largest: bool = True,
        doubtful: bool = True,
        kind: str | None = None,
        record: str | None = None,
        members: int = 3,
    ) -> ClusterReport:
        """Duplicates to look at: large clusters and doubtful removals; see `dataprep.clusters.find_clusters`."""
        from dataprep.clusters import find_clusters

        return find_clusters(
            self.store,
            self.id,
            n=n,
            largest=largest,
            doubtful=doubtful,
            kind=kind,
            record=record,
            members=members,
        )

    def why(self, what: str) -> Answer:
        """One record's whole story, by id, `file:line` or a piece of its text; see `dataprep.why`."""
        from dataprep.why import why

        return why(self.store, what, data=self.id)

    def sql(self, text: str) -> pl.DataFrame:
        """Run SQL over the catalog's views, holding this version alone."""
        return run_query(self._views.cursor(), query_text(text))

    @cached_property
    def _views(self) -> duckdb.DuckDBPyConnection:
        return open_reference(self.store, self.reference)

    def _table(self, name: str) -> pl.DataFrame:
        paths = self.files(name)
        if paths:
            return pl.read_parquet(paths, glob=False)
        schema = tables.SCHEMAS.get(name)
        return pl.DataFrame({"record_id": []}, {"record_id": pl.String}) if schema is None else _empty(schema)


def open_version(data: str, *, store: Path | str) -> Version:
    """A version by name: `support@latest`, `support@3`, `support@candidate`, `support`, or the start of an id.

    Raises:
        InputError: nothing has that name, or more than one version does.
    """
    place = Store(Path(store))
    return Version(place, resolve(place, data))


def _empty(schema: pa.Schema) -> pl.DataFrame:
    return pl.DataFrame(schema.empty_table())
