"""SQL over the store: the shared catalog, or private views over one version alone.

Both are read-only for the store. It is the user's own SQL on their own files, so no sandbox is claimed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from dataprep.errors import InputError, MachineError
from dataprep.sqlfiles import read_sql
from dataprep.store import catalog, inventory, training
from dataprep.store.catalog import Entry
from dataprep.store.connect import connect
from dataprep.store.inventory import Json, Reference
from dataprep.store.layout import Store
from dataprep.store.names import resolve
from dataprep.store.views import VIEWS

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER: Final = re.compile(r"--\s*(title|question):\s*(.+)")


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query that comes with the product: `sql/queries/<name>.sql`."""

    name: str
    title: str
    question: str
    text: str


def sql(store: Store, text: str, data: str | None = None) -> pl.DataFrame:
    """Run a query and return its rows.

    Args:
        store: where to look.
        text: SQL; or the name of a query in `sql/queries`, of a view, or of an `.sql` file.
        data: a version's name (`support@3`) or a stopped run's id; every view then holds only that.

    Raises:
        InputError: the SQL is wrong, or `data` names nothing.
        MachineError: the query needs more memory than there is.
    """
    statement = query_text(text)
    with open_catalog(store) if data is None else open_data(store, data) as con:
        return run_query(con, statement)


def query_text(text: str) -> str:
    """The SQL that a person's word stands for: a named query, a view, a file, or the text itself."""
    stripped = text.strip()
    if not stripped:
        raise InputError("the query is empty", hint="dataprep sql --list")
    if _WORD.fullmatch(stripped):
        if stripped in named_queries():
            return named_queries()[stripped].text
        if stripped.lower() in VIEWS:
            return f"FROM {stripped}"
        close = difflib.get_close_matches(stripped, [*named_queries(), *VIEWS], n=1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(f"no query or view is called {stripped!r}{meant}", hint="dataprep sql --list")
    if stripped.endswith(".sql") and "\n" not in stripped and Path(stripped).is_file():
        return Path(stripped).read_text(encoding="utf-8")
    return text


@cache
def named_queries() -> dict[str, NamedQuery]:
    """All queries that come with the product, by name."""
    found = {}
    for path in sorted(files("sql").joinpath("queries").iterdir(), key=lambda entry: entry.name):
        if path.name.endswith(".sql"):
            text = path.read_text(encoding="utf-8")
            header = dict(_HEADER.findall(text))
            name = path.name.removesuffix(".sql")
            found[name] = NamedQuery(name, header["title"], header["question"], text)
    return found


@dataclass(frozen=True, slots=True)
class ViewDescription:
    """A view of the catalog, as its comments describe it: columns are name → type and description."""

    name: str
    about: str
    columns: dict[str, tuple[str, str]]


def view_descriptions() -> list[ViewDescription]:
    """All views with the columns they have in every store; `meta_*` and signals come with the data."""
    with connect() as con:
        catalog.build(con, Store(Path()), [], [])
        about = dict(con.execute(read_sql("catalog/describe_views")).fetchall())
        columns = con.execute(read_sql("catalog/describe_columns")).fetchall()
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for view, column, kind, text in columns:
        found.setdefault(view, {})[column] = (kind, text)
    return [ViewDescription(view, about[view], found[view]) for view in VIEWS]


def open_catalog(store: Store) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the newest catalog, built first where it is missing or the store has moved.

    Raises:
        InputError: there is no store.
        MachineError: the catalog has to be built and cannot be written.
    """
    if not store.root.is_dir():
        raise InputError("there is no store here", file=str(store.root), hint="name one by --store or DATAPREP_STORE")
    state = catalog.state(store)
    if state != "current":
        try:
            catalog.rebuild(store)
        except MachineError:
            if state == "unusable":  # one that is behind is still read where nothing can be written
                raise
    return connect(_newest(store))


def open_data(store: Store, data: str) -> duckdb.DuckDBPyConnection:
    """A private connection whose views hold one version, or one stopped run, and nothing else."""
    run = stopped_run(store, data)
    if run is not None:
        return open_entries(store, [], [run])
    return open_reference(store, resolve(store, data))


def open_reference(store: Store, reference: Reference) -> duckdb.DuckDBPyConnection:
    """A private connection whose views hold one version; it needs no catalog."""
    manifest = inventory.manifest(store, reference.version_id)
    names = {entry.dataset: entry for entry in inventory.datasets(store)}.get(reference.dataset)
    latest = names.latest if names else None
    candidate = names.candidate if names else None
    entry = Entry(
        reference,
        manifest,
        is_latest=latest is not None and latest.number == reference.number,
        is_candidate=candidate is not None and candidate.version_id == reference.version_id,
    )
    run_id = reference.run_id or manifest.get("run_id")
    run = store.run(run_id) / inventory.RUN_RECORD if run_id else None
    runs = [{"run_id": run_id, **inventory.read_json(run)}] if run and run.is_file() else []
    trained = [run for run in training.runs(store.training) if training.trained_on(run) == reference.version_id]
    return open_entries(store, [entry], runs, trained)


def open_entries(
    store: Store, versions: list[Entry], runs: list[Json], trained: Sequence[Json] = ()
) -> duckdb.DuckDBPyConnection:
    """A private connection whose views hold these versions, runs and training runs."""
    con = connect()
    catalog.build(con, store, versions, runs, trained)
    return con


def run_query(con: duckdb.DuckDBPyConnection, text: str, **values: object) -> pl.DataFrame:
    """Run SQL, with `values` bound to `$name`, and return its rows.

    Raises:
        InputError: the SQL is wrong, or a file of a version is gone.
        MachineError: the query needs more memory than there is.
    """
    try:
        relation = con.sql(text, params=values or None)
        frame: pl.DataFrame = pl.DataFrame() if relation is None else relation.pl()
    except duckdb.OutOfMemoryException as error:
        raise MachineError(
            f"the query needs more memory than there is: {str(error).strip()}", hint="select fewer columns or rows"
        ) from error
    except duckdb.IOException as error:
        raise InputError(str(error).strip(), hint="dataprep verify NAME, or dataprep catalog --rebuild") from error
    except (duckdb.InternalException, duckdb.FatalException):
        raise
    except duckdb.Error as error:
        raise InputError(str(error).strip(), hint=f"views: {', '.join(VIEWS)}; columns: dataprep sql --list") from error
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"a column's type cannot be shown: {error}", hint="cast it in the query: CAST(x AS VARCHAR)"
        ) from error
    return frame


def _newest(store: Store) -> Path:
    """The file behind the link: DuckDB would return an old database for a path that it has open."""
    return store.current_catalog.resolve()


def stopped_run(store: Store, run_id: str) -> Json | None:
    """The record of a run that published nothing; None where no such run has this id."""
    for run in inventory.runs(store):
        if run["run_id"] == run_id and run.get("status") not in inventory.PUBLISHING_STATUS:
            return run
    return None
