"""The difference between two versions: which records, why, and what was made otherwise.

    ids -> differences -> what both versions say of them -> causes -> edited rows found again -> one table

Joins are on ids over the narrow tables, in DuckDB; 1 M records against 1 M take seconds. A record counts where it is in
a split. `added` and `removed` are therefore also records that a rule takes in one version and not in the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import duckdb
import polars as pl

from dataprep.compare import configs
from dataprep.compare.matches import near_matches
from dataprep.sqlfiles import read_sql
from dataprep.store import tables
from dataprep.store.connect import connect
from dataprep.store.layout import Store
from dataprep.store.names import display
from dataprep.store.query import open_reference, run_query
from dataprep.store.reading import Version, open_version
from dataprep.store.views import parquet

KINDS: Final = ("added", "removed", "changed", "moved")
_TEXTS: Final = "SELECT record_id, text FROM records WHERE record_id IN (SELECT unnest($ids))"
_SPLIT_SIZE: Final = "select count(split) from "


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two versions. Frames are polars frames; their columns are in docs/history.md.

    Attributes:
        a, b: the versions.
        counts: records of the splits of both (`records_a`, `records_b`), records of each kind of difference, and
            `unchanged`. records_b = records_a + added - removed.
        records: one row per difference, with its kind and cause.
        summary: how many there are of each kind, cause, rule and source.
        keys: keys of the resolved pipelines that differ.
        files: source files that differ.
        labels: records and shares of each label; empty without labels.
        notes: what could not be compared, in words.
    """

    a: Version
    b: Version
    counts: dict[str, int]
    records: pl.DataFrame
    summary: pl.DataFrame
    keys: pl.DataFrame
    files: pl.DataFrame
    labels: pl.DataFrame
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, str]:
        """Both versions' names for people."""
        return display(self.a.reference), display(self.b.reference)

    @property
    def label_shift(self) -> float | None:
        """Total variation distance between the label distributions: the share of records to relabel, 0..1."""
        if not self.labels.height:
            return None
        return float((self.labels["share_b"].fill_null(0) - self.labels["share_a"].fill_null(0)).abs().sum()) / 2

    def examples(self, n: int = 3) -> pl.DataFrame:
        """Up to `n` differences of each kind with both texts, one of each cause, rule and source before a second one.

        Returns:
            The columns of `records`, then text_a and text_b: all turns as `role: content`; null where a version does
            not have the record in a split.
        """
        line = ["kind", "cause", "rule", "source"]
        ranked = self.records.with_row_index("place").with_columns(
            pl.int_range(pl.len()).over(line).alias("rank"), pl.len().over(line).alias("size")
        )
        ranked = ranked.sort("rank", "size", "place", descending=[False, True, False])
        chosen = ranked.filter(pl.int_range(pl.len()).over("kind") < n).sort("place").select(self.records.columns)
        for side, version in (("a", self.a), ("b", self.b)):
            ids = chosen[f"record_id_{side}"].drop_nulls().to_list()
            texts = _texts(version, ids).rename({"record_id": f"record_id_{side}", "text": f"text_{side}"})
            chosen = chosen.join(texts, on=f"record_id_{side}", how="left", maintain_order="left")
        return chosen


def diff(store: Store, a: str, b: str) -> Diff:
    """Compare two versions, in any order, also of different datasets.

    Args:
        store: where they lie.
        a, b: their names, such as `support@1`, or the start of an id. The older one first reads as what happened.

    Raises:
        InputError: nothing has that name, or a file of a version is gone.
    """
    one, other = open_version(a, store=store.root), open_version(b, store=store.root)
    keys = configs.key_changes(one.manifest, other.manifest)
    with connect() as con:
        _open(con, one, other)
        con.register("files", configs.file_table(one.manifest, other.manifest))
        con.register("rule_changes", configs.rule_table(one.manifest, other.manifest))
        con.register("source_keys", configs.source_table(one.manifest, other.manifest, keys))
        for name in ("differences", "details", "places", "cleaners"):
            con.execute(read_sql(f"diff/{name}"))
        con.execute(
            read_sql("diff/causes"),
            {
                "split_reason": configs.split_reason(one.manifest, other.manifest, keys),
                "signals": configs.signal_changes(keys),
            },
        )
        con.execute(read_sql("diff/same_text"))
        found, notes = near_matches(con, one, other)
        same = con.sql("select a, b, similarity, true as same_text from same_text").pl()
        con.register("matches", pl.concat([same, found.with_columns(same_text=pl.lit(value=False))]).to_arrow())
        records = con.sql(read_sql("diff/records")).pl()
        labels = con.sql(read_sql("diff/labels")).pl()
        sizes = [con.sql(_SPLIT_SIZE + side).fetchall()[0][0] for side in ("a", "b")]
    if one.dataset != other.dataset:
        notes.append("the versions are of different datasets; records with equal ids are taken for the same")
    return Diff(
        a=one,
        b=other,
        counts=_counts(records, *sizes),
        records=records,
        summary=_summary(records),
        keys=keys,
        files=configs.file_changes(one.manifest, other.manifest),
        labels=labels,
        notes=tuple(notes),
    )


def _open(con: duckdb.DuckDBPyConnection, a: Version, b: Version) -> None:
    """Make views over both versions' tables: `a` and `b`, and with their side `sides`, `verdicts`, `rejected`."""
    for view, table in (("sides", "records"), ("verdicts", "ledger"), ("rejected", "rejects")):
        con.register(f"no_{table}", tables.SCHEMAS[table].empty_table())
        selects = []
        for side, version in (("a", a), ("b", b)):
            paths = version.files(table)
            relation = parquet(paths) if paths else f"no_{table}"
            if table == "records":
                con.execute(f"create view {side} as select * from {relation}")
            selects.append(f"select '{side}' as side, * from {relation}")
        con.execute(f"create view {view} as {' union all by name '.join(selects)}")


def _counts(records: pl.DataFrame, size_a: int, size_b: int) -> dict[str, int]:
    kinds: dict[str, int] = dict(records["kind"].value_counts().iter_rows())
    counts = {"records_a": size_a, "records_b": size_b} | {kind: kinds.get(kind, 0) for kind in KINDS}
    if size_b != size_a + counts["added"] - counts["removed"]:
        raise AssertionError(f"the differences do not add up: {counts}")
    counts["unchanged"] = size_a - counts["removed"] - counts["changed"] - counts["moved"]
    return counts


def _summary(records: pl.DataFrame) -> pl.DataFrame:
    line = ["kind", "cause", "rule", "source"]
    counted = records.group_by(line).agg(pl.len().cast(pl.Int64).alias("records"))
    order = pl.col("kind").replace_strict({kind: place for place, kind in enumerate(KINDS)}, return_dtype=pl.Int8)
    return counted.sort(order, -pl.col("records"), "cause", "rule", "source")


def _texts(version: Version, ids: list[str]) -> pl.DataFrame:
    if not ids:
        return pl.DataFrame(schema={"record_id": pl.String, "text": pl.String})
    with open_reference(version.store, version.reference) as con:
        values: dict[str, Any] = {"ids": ids}
        return run_query(con, _TEXTS, **values)
