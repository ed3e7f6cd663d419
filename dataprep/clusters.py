"""`dataprep clusters`: duplicates to look at, the largest clusters and the most doubtful removals.

A similarity is exact and a threshold is a choice, so whether it was a good one is for a person to see: what went with
the lowest similarity is where it would be wrong first, and the largest clusters are where it would do most harm. Each
record stands beside the one that it was compared with, as the run stored both; nothing is compared anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any, Final

import duckdb
import polars as pl

from dataprep.clean.edits import DiffOp
from dataprep.decisions.texts import run_texts
from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted
from dataprep.sqlfiles import read_sql
from dataprep.store import inventory
from dataprep.store.inventory import Json
from dataprep.store.layout import Store
from dataprep.store.names import display, resolve
from dataprep.store.query import open_data, run_query, stopped_run
from dataprep.store.tombstones import tombstones
from dataprep.text_diff import long_word_diff

DUPLICATES: Final = ("exact", "near")
"""Kinds of pairs that make clusters of duplicates."""

Line = dict[str, Any]
"""A row that a query gave."""

_MIN_PREFIX: Final = 4
"""Fewest characters that are taken for the start of an id."""
_COMPARED: Final = 200_000
"""Characters of a text that are compared word by word; beyond them a difference is not for reading."""
_BY_ID: Final = (
    "SELECT record_id FROM records WHERE record_id = $asked OR ($prefix AND starts_with(record_id, $asked)) "
    "ORDER BY record_id <> $asked, record_id LIMIT 2"
)
_TEXTS: Final = "SELECT record_id, text FROM records WHERE record_id IN (SELECT unnest($ids))"


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of a cluster. `missing` says in words why `text` is None; an empty text is a text."""

    record_id: str
    status: str
    split: str | None
    step: str | None
    rule: str | None
    label: str | None
    path: str
    line: int
    text: str | None
    missing: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A record beside the one that it was compared with.

    Attributes:
        record: the record.
        partner: the one that it went for; of one that did not go as a duplicate, the first of the cluster. None where
            that is a record of an earlier version; `detail` names it.
        went: whether it went for that one: dropped, or held.
        similarity: exact Jaccard similarity of both (for a leak by the input, of their inputs); None where none was
            measured, since both are near others and not surely each other, or are duplicates of another kind.
        threshold: from which on records count as duplicates; None unless it went.
        detail: what about them is alike, in words.
        cluster_id: the cluster; None for records that are alike by their input only.
        others: among the doubtful removals, how many more went for the same record, all of them more similar to it.
    """

    record: Entry
    partner: Entry | None
    went: bool
    similarity: float | None
    threshold: float | None
    detail: str | None
    cluster_id: str | None
    others: int = 0

    @property
    def diff(self) -> list[tuple[DiffOp, str]] | None:
        """What differs in words: `delete` is in the partner only, `insert` in the record only; None without both texts.

        Of longer texts the first 200,000 characters are compared.
        """
        before, after = None if self.partner is None else self.partner.text, self.record.text
        return None if before is None or after is None else long_word_diff(before[:_COMPARED], after[:_COMPARED])


@dataclass(frozen=True, slots=True)
class Cluster:
    """Records that are connected by pairs at or above the threshold, or that are duplicates of one of another kind.

    Attributes:
        cluster_id: its name, the id of its first record.
        kind: `exact` where all its pairs are, `near` where some are; or prefix, conflict, answer.
        records: how many it has.
        least_similarity: of a pair in it; None for other kinds.
        fates: how many are in each split, held, dropped.
        first: the record that stands first in the order that decides which of several stays.
        members: some of the others; those that went before those that did not, the least similar first.
    """

    cluster_id: str
    kind: str
    records: int
    least_similarity: float | None
    fates: dict[str, int]
    first: Entry
    members: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """What there is to look at.

    Attributes:
        data: the version's name, or the stopped run's id.
        clusters: how many there are, of the kind that was asked for.
        records: how many records are in these.
        removed: records that went because they are nearly the same as one that stays.
        largest: the largest clusters; of a record that was asked for, its own.
        doubtful: the removals with the lowest similarity; of those that went for one record the least similar only.
        below: of the record that was asked for, the pairs below the threshold.
        record: its id.
    """

    data: str
    clusters: int
    records: int
    removed: int
    largest: tuple[Cluster, ...] = ()
    doubtful: tuple[Comparison, ...] = ()
    below: tuple[Comparison, ...] = ()
    record: str | None = None

    def frame(self) -> pl.DataFrame:
        """One line a comparison, with both texts; `part` is largest, doubtful or below."""
        lines = [_line("largest", one) for cluster in self.largest for one in cluster.members]
        lines += [_line("doubtful", one) for one in self.doubtful] + [_line("below", one) for one in self.below]
        return pl.DataFrame(lines, schema=_COLUMNS, orient="row")

    def as_dict(self) -> dict[str, Any]:
        """As JSON-able values, with the differences in words."""
        clusters = [asdict(one) | {"members": _dicts(one.members)} for one in self.largest]
        counts = {name: getattr(self, name) for name in ("data", "record", "clusters", "records", "removed")}
        return counts | {"largest": clusters, "doubtful": _dicts(self.doubtful), "below": _dicts(self.below)}


_COLUMNS: Final = {
    "part": pl.String,
    "cluster_id": pl.String,
    "record_id": pl.String,
    "status": pl.String,
    "split": pl.String,
    "rule": pl.String,
    "partner_id": pl.String,
    "similarity": pl.Float64,
    "threshold": pl.Float64,
    "detail": pl.String,
    "path": pl.String,
    "line": pl.Int64,
    "text": pl.String,
    "partner_text": pl.String,
}


def find_clusters(
    store: Store,
    data: str,
    *,
    n: int = 5,
    largest: bool = True,
    doubtful: bool = True,
    kind: str | None = None,
    record: str | None = None,
    members: int = 3,
) -> ClusterReport:
    """Duplicates to look at, of a version or of a stopped run.

    Args:
        store: where to look.
        data: a version's name, such as `support@latest`, or a stopped run's id.
        n: clusters, and removals, at most.
        largest: whether to give the largest clusters.
        doubtful: whether to give the removals with the lowest similarity; there are none of `kind` exact.
        kind: clusters of this kind only: `exact`, `near`, or one of those that are no copies (`prefix`, `conflict`,
            `answer`), which are given only if asked for.
        record: the id of a record, or at least four characters that it begins with: its own cluster, and its pairs
            below the threshold, instead of all the others.
        members: records of each cluster, beside its first.

    Raises:
        InputError: `data` names nothing, or a run that stopped before anything was decided; no record or several have
            that id; there is no such kind.
    """
    run = stopped_run(store, data)
    reference = resolve(store, data) if run is None else None
    name = data if reference is None else display(reference)
    described = inventory.manifest(store, reference.version_id) if reference is not None else run or {}
    with open_data(store, data) as con:
        _check(con, name, kind)
        con.execute(read_sql("clusters/edges"))
        found = _Finder(con, store, described, stopped=run is not None)
        totals = run_query(con, read_sql("clusters/totals"), kind=kind).row(0, named=True)
        if record is not None:
            record_id = _record_id(con, name, record)
            clusters = run_query(con, read_sql("clusters/of_record"), record_id=record_id, kind=kind)
            below = run_query(con, read_sql("clusters/below"), record_id=record_id, n=n)
            pairs = below.with_columns(record_id=pl.lit(record_id)).to_dicts()
            return replace(found.report(name, totals, clusters.to_dicts(), members, below=pairs), record=record_id)
        clusters = run_query(con, read_sql("clusters/largest"), kind=kind, n=n if largest else 0)
        wanted = n if doubtful and kind in (None, "near") else 0
        removals = run_query(con, read_sql("clusters/doubtful"), n=wanted).with_columns(went=pl.lit(True))
        return found.report(name, totals, clusters.to_dicts(), members, doubtful=removals.to_dicts())


class _Finder:
    """Puts together what queries found, with all texts read at once."""

    def __init__(self, con: duckdb.DuckDBPyConnection, store: Store, described: Json, *, stopped: bool) -> None:
        self._con = con
        self._store = store
        self._described = described
        self._stopped = stopped

    def report(
        self,
        name: str,
        totals: dict[str, int],
        clusters: Sequence[Line],
        members: int,
        doubtful: Sequence[Line] = (),
        below: Sequence[Line] = (),
    ) -> ClusterReport:
        inside = [self._of_cluster("members", one, each=members) for one in clusters]
        lines = [*chain.from_iterable(inside), *doubtful, *below]
        ids = {line[end] for line in lines for end in ("record_id", "partner_id")}
        entries = self._entries({*ids, *(one["cluster_id"] for one in clusters)} - {None})
        return ClusterReport(
            data=name,
            clusters=totals["clusters"],
            records=totals["records"],
            removed=totals["removed"],
            largest=tuple(
                Cluster(
                    cluster_id=one["cluster_id"],
                    kind=one["kind"],
                    records=one["n_records"],
                    least_similarity=one["min_similarity"],
                    fates={line["fate"]: line["n_records"] for line in self._of_cluster("fates", one)},
                    first=entries[one["cluster_id"]],
                    members=tuple(_comparison(line, entries) for line in own),
                )
                for one, own in zip(clusters, inside, strict=True)
            ),
            doubtful=tuple(_comparison(line, entries) for line in doubtful),
            below=tuple(_comparison(line, entries) for line in below),
        )

    def _of_cluster(self, query: str, cluster: Line, **values: object) -> list[Line]:
        which = {"cluster": cluster["cluster_id"], "kind": cluster["kind"]}
        return run_query(self._con, read_sql(f"clusters/{query}"), **which, **values).to_dicts()

    def _entries(self, ids: Iterable[str]) -> dict[str, Entry]:
        wanted = sorted(ids)
        rows = run_query(self._con, read_sql("clusters/records"), ids=wanted).to_dicts()
        texts = self._texts(rows)
        gone = tombstones(self._described)
        entries = {}
        for row in rows:
            record_id, digest = row["record_id"], row.pop("digest")
            text, missing = texts.get(digest if self._stopped else record_id), None
            if record_id in gone:
                missing = f"forgotten on {gone[record_id].when[:10]} by {gone[record_id].who}"
            elif text is None:
                missing = "no longer in the cache" if self._stopped else "not kept: output.keep_removed"
            entries[record_id] = Entry(**row, text=None if missing else text, missing=missing)
        return entries

    def _texts(self, rows: Sequence[dict[str, Any]]) -> dict[str, str]:
        """By id; of a stopped run by digest, from the cache."""
        if self._stopped:
            return run_texts(self._store, self._described, [row["digest"] for row in rows])
        ids = [row["record_id"] for row in rows]
        return dict(run_query(self._con, _TEXTS, ids=ids).iter_rows())


def _comparison(line: Line, entries: dict[str, Entry]) -> Comparison:
    return Comparison(
        record=entries[line["record_id"]],
        partner=None if line["partner_id"] is None else entries[line["partner_id"]],
        went=line.get("went", False),
        similarity=line["similarity"],
        threshold=line.get("threshold"),
        detail=line.get("detail"),
        cluster_id=line.get("cluster_id"),
        others=line.get("others", 0),
    )


def _check(con: duckdb.DuckDBPyConnection, name: str, kind: str | None) -> None:
    if not run_query(con, "SELECT 1 AS one FROM funnel LIMIT 1").height:
        message = f"{quoted(name)} stopped before any duplicates were looked for"
        raise InputError(message, hint='see what it rejected with `dataprep sql "from rejects"`')
    if kind is not None and kind not in DUPLICATES:
        there = run_query(con, "SELECT DISTINCT kind FROM pairs ORDER BY kind")["kind"].to_list()
        if kind not in there:
            known = ", ".join(dict.fromkeys((*DUPLICATES, *there)))
            raise InputError(f"no pairs are of the kind {quoted(kind)}", key="--kind", hint=f"kinds: {known}")


def _record_id(con: duckdb.DuckDBPyConnection, name: str, asked: str) -> str:
    rows: list[str] = run_query(con, _BY_ID, asked=asked, prefix=len(asked) >= _MIN_PREFIX)["record_id"].to_list()
    if not rows:
        hint = 'dataprep sql "from clusters"' if len(asked) >= _MIN_PREFIX else "give at least four characters"
        raise InputError(f"{quoted(name)} has no record {quoted(asked)}", key="--id", hint=hint)
    if len(rows) > 1 and rows[0] != asked:
        listed = ", ".join(map(quoted, rows))
        message = f"several ids begin with {quoted(asked)}: {listed}, …"
        raise InputError(message, key="--id", hint="give more characters")
    return rows[0]


def _line(part: str, one: Comparison) -> tuple[Any, ...]:
    record, partner = one.record, one.partner
    partner_id, partner_text = (None, None) if partner is None else (partner.record_id, partner.text)
    what = (part, one.cluster_id, record.record_id, record.status, record.split, record.rule, partner_id)
    return (
        *what,
        one.similarity,
        one.threshold,
        one.detail,
        record.path,
        record.line,
        record.text,
        partner_text,
    )


def _dicts(comparisons: Iterable[Comparison]) -> list[dict[str, Any]]:
    return [asdict(one) | {"diff": one.diff} for one in comparisons]
