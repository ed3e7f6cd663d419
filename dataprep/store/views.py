"""The views of the catalog, over any number of versions and stopped runs.

A view is a UNION ALL with one branch per version, each with its dataset, number, id and run as constants, so that a
condition on them leaves the other versions' files unread; the alternative, one `read_parquet` over all files joined by
file name, reads everything. Columns and types are taken from the Parquet files and unified by name, because `meta_*`
and signals differ between versions. The statements are built here rather than kept as files since the columns are
only known then; the fixed ones are in `sql/catalog/`.

`records.text` and `meta_*` come through a LEFT JOIN with the wide files. A query that names none of them reads only
the join's key from these: 40 ms for 200,000 records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from dataprep.sqlfiles import quote_identifier, quote_literal, read_sql
from dataprep.store import tables

ABOUT: Final = {
    "funnel": "how many records each step and rule took, in the order of the flow",
    "records": "one row per record, whatever became of it",
    "signals": "measured properties of every record's cleaned text, dropped records included",
    "ledger": "every verdict: what was edited, dropped, held or flagged, by which rule and why",
    "rejects": "rows of the sources that could not become records",
    "pairs": "records found to be duplicates of each other",
    "tokens": "one row per example that a record gives in training, under each tokenizer, template and length",
}
STATIC_VIEWS: Final = ("clusters", "findings", "scores")
VIEWS: Final = (*ABOUT, *STATIC_VIEWS, "versions", "runs", "splits", "training_runs", "training_metrics")
"""Everything in the catalog that people and checks rely on."""

PLACE: Final = {
    "dataset": ("VARCHAR", "name of the dataset"),
    "version": ("INTEGER", "number of the version, null if it was not published"),
    "version_id": ("VARCHAR", "content-addressed id of the version; null for a stopped run"),
    "run": ("VARCHAR", "run that made or published it"),
}
"""Columns that every view starts with: name → type, description."""

_FIXED: Final = tables.SCHEMAS | tables.DERIVED_SCHEMAS
_NOT_IN_RECORDS: Final = frozenset({"extras_json"})
_WIDE: Final = {"data": "kept", "held": "held", "removed": "dropped"}
"""Folder of the files with text → status of the records in it."""

_INTEGERS: Final = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
_NUMBERS: Final = _INTEGERS | {"HUGEINT", "UBIGINT", "FLOAT", "DOUBLE", "BOOLEAN"}


@dataclass(frozen=True, slots=True)
class TableSet:
    """The tables of one version under one of its names, or of one stopped run.

    Attributes:
        dataset, number, version_id, run_id: what the constant columns say.
        files: absolute Parquet files by table; a table may be absent.
        descriptions: of signals and user columns, by name.
    """

    dataset: str
    number: int | None
    version_id: str | None
    run_id: str | None
    files: dict[str, list[Path]]
    descriptions: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Branch:
    """One version's contribution to a view: a relation in SQL, its columns' types and where it belongs."""

    place: TableSet
    relation: str
    types: dict[str, str]


Columns = dict[str, tuple[str, str]]
"""Name → type and description."""


def create_views(con: duckdb.DuckDBPyConnection, sets: Sequence[TableSet]) -> None:
    """Create and document all views in the connection's current database. The fixed tables must be there already."""
    fixed = {name: _fixed_columns(con, schema) for name, schema in _FIXED.items()}
    for name in ("funnel", "ledger", "rejects", "pairs", "tokens"):
        branches = [branch for place in sets if (branch := _plain(con, place, name))]
        _create(con, name, fixed[name], branches)
    signals = [branch for place in sets if (branch := _plain(con, place, "signals"))]
    about: Columns = {"record_id": ("VARCHAR", "the record")}
    for branch in signals:
        for column, kind in branch.types.items():
            about.setdefault(column, (kind, branch.place.descriptions.get(column, "a signal")))
    _create(con, "signals", about, signals)
    records = [branch for place in sets if (branch := _records(con, place))]
    _create(con, "records", _record_columns(fixed["records"], records), records)
    for name in STATIC_VIEWS:
        con.execute(read_sql(f"catalog/{name}"))


def parquet(paths: Sequence[Path]) -> str:
    """A table function over exactly these files: no globbing into others, no columns made from folder names.

    DuckDB takes a path that exists as it is, so `*?[` in a store's own path are harmless.
    """
    listed = ", ".join(quote_literal(str(path)) for path in paths)
    return f"read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"


def column_types(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Names and DuckDB types of a relation's columns, in order."""
    described = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {name: kind for name, kind, *_ in described if "\0" not in name}


def rendered_turns(column: str) -> str:
    """SQL for a list of turns as people read it: `role: content`, a line each; a plain text stands alone."""
    turn = "CASE WHEN t.role = 'text' THEN '' ELSE t.role || ': ' END || coalesce(t.content, '')"
    return f"array_to_string(list_transform({quote_identifier(column)}, lambda t: {turn}), chr(10))"


def rendered_text(types: dict[str, str]) -> str:
    """SQL for a readable text of a row of `data`, `held` or `removed`, whichever shape it has.

    >>> rendered_text({"record_id": "VARCHAR", "text": "VARCHAR"})
    '"text"'
    """
    for turns in ("turns", "messages"):
        if turns in types:
            return rendered_turns(turns)
    if "prompt" in types and "completion" in types:
        return "'user: ' || coalesce(prompt, '') || chr(10) || 'assistant: ' || coalesce(completion, '')"
    return '"text"' if "text" in types else "NULL::VARCHAR"


def _fixed_columns(con: duckdb.DuckDBPyConnection, schema: pa.Schema) -> Columns:
    con.register("catalog_schema", schema.empty_table())
    types = column_types(con, "catalog_schema")
    con.unregister("catalog_schema")
    return {field.name: (types[field.name], field.metadata[b"description"].decode()) for field in schema}


def _plain(con: duckdb.DuckDBPyConnection, place: TableSet, table: str) -> _Branch | None:
    paths = place.files.get(table)
    if not paths:
        return None
    relation = parquet(paths)
    return _Branch(place, relation, column_types(con, relation))


def _records(con: duckdb.DuckDBPyConnection, place: TableSet) -> _Branch | None:
    narrow = _plain(con, place, "records")
    if narrow is None:
        return None
    wide = [(status, branch) for table, status in _WIDE.items() if (branch := _plain(con, place, table))]
    meta = _unified([branch.types for _, branch in wide], only="meta_")
    types = {name: kind for name, kind in narrow.types.items() if name not in _NOT_IN_RECORDS}
    if not wide:
        return _Branch(place, narrow.relation, types)
    selects = []
    for status, branch in wide:
        columns = "".join(f", {_cast(name, kind, branch.types)}" for name, kind in meta.items())
        selects.append(
            f"SELECT record_id AS wide_id, {quote_literal(status)} AS wide_status, "
            f'{rendered_text(branch.types)} AS "text"{columns} FROM {branch.relation}'
        )
    # Joining on the status too lets `WHERE status = 'dropped'` skip the files of kept records.
    relation = (
        f"(SELECT * FROM {narrow.relation} AS narrow LEFT JOIN ({' UNION ALL '.join(selects)}) AS wide "
        "ON narrow.record_id = wide.wide_id AND narrow.status = wide.wide_status)"
    )
    return _Branch(place, relation, {**types, "text": "VARCHAR", **meta})


def _record_columns(fixed: Columns, branches: Sequence[_Branch]) -> Columns:
    """The view's columns in the order people read them: fate, label, text, place, the rest, then `meta_*`."""
    first = ("record_id", "split", "status", "label", "text", "source", "path", "line", "step", "rule", "partner_id")
    about = {**fixed, "text": ("VARCHAR", "all turns as `role: content`; null where the text was not kept")}
    ordered = [name for name in (*first, *about) if name in about and name not in _NOT_IN_RECORDS]
    columns = {name: about[name] for name in ordered}
    for branch in branches:
        for name, kind in branch.types.items():
            if name.startswith("meta_"):
                columns.setdefault(name, (kind, branch.place.descriptions.get(name, "a column of the source")))
    return columns


def _unified(types: Sequence[dict[str, str]], only: str = "") -> dict[str, str]:
    """One type per column name (case-insensitively, as SQL sees names) that holds the values of all relations."""
    names: dict[str, str] = {}
    kinds: dict[str, set[str]] = {}
    for relation in types:
        for name, kind in relation.items():
            if name.startswith(only):
                names.setdefault(name.casefold(), name)
                kinds.setdefault(name.casefold(), set()).add(kind)
    return {name: _common(kinds[folded]) for folded, name in names.items()}


def _common(kinds: set[str]) -> str:
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds <= _INTEGERS:
        return "BIGINT"
    return "DOUBLE" if kinds <= _NUMBERS else "VARCHAR"


def _cast(name: str, kind: str, types: dict[str, str]) -> str:
    """A column in the view's type, or a null of that type where this relation has no such column."""
    here = {known.casefold(): known for known in types}.get(name.casefold())
    if here is None:
        return f"NULL::{kind} AS {quote_identifier(name)}"
    value = quote_identifier(here)
    if types[here] != kind:
        value = f"CAST({value} AS {kind})"
    return f"{value} AS {quote_identifier(name)}"


def _create(con: duckdb.DuckDBPyConnection, view: str, about: Columns, branches: Sequence[_Branch]) -> None:
    seen = _unified([branch.types for branch in branches])
    folded = {name.casefold(): kind for name, kind in seen.items()}
    columns = {
        name: folded.get(name.casefold(), kind)
        for name, (kind, _) in _without_twins(about).items()
        if name not in PLACE
    }
    selects = [_select(branch, columns) for branch in branches] or [_nothing(columns)]
    con.execute(f"CREATE VIEW {view} AS {' UNION ALL '.join(selects)}")
    con.execute(f"COMMENT ON VIEW {view} IS {quote_literal(ABOUT[view])}")
    comments = {name: text for name, (_, text) in (PLACE | about).items() if name in PLACE or name in columns}
    for name, text in comments.items():
        con.execute(f"COMMENT ON COLUMN {view}.{quote_identifier(name)} IS {quote_literal(text)}")


def _without_twins(about: Columns) -> Columns:
    """Columns whose names differ in more than case; SQL could not tell the others apart."""
    kept: dict[str, str] = {}
    for name in about:
        kept.setdefault(name.casefold(), name)
    return {name: about[name] for name in kept.values()}


def _select(branch: _Branch, columns: dict[str, str]) -> str:
    place = branch.place
    values: tuple[Any, ...] = (place.dataset, place.number, place.version_id, place.run_id)
    constants = [
        f"{'NULL' if value is None else quote_literal(str(value))}::{kind} AS {name}"
        for value, (name, (kind, _)) in zip(values, PLACE.items(), strict=True)
    ]
    casts = [_cast(name, kind, branch.types) for name, kind in columns.items()]
    return f"SELECT {', '.join([*constants, *casts])} FROM {branch.relation}"


def _nothing(columns: dict[str, str]) -> str:
    kinds = {name: kind for name, (kind, _) in PLACE.items()} | columns
    return (
        "SELECT "
        + ", ".join(f"NULL::{kind} AS {quote_identifier(name)}" for name, kind in kinds.items())
        + " WHERE false"
    )
