"""Training runs in the store and in the catalog, so that SQL joins a loss to a version of the data.

The trainer writes `training/<run>/`: `run.json` (what was trained, on what, how it went), `metrics.jsonl` (a line a
step) and the lock `alive`, held while its process lives. It is read here and not by the trainer, because the catalog is
built by programs that have none installed. `training_runs` holds what the records said when the catalog was built, and
a catalog that says something else than they do is built anew; `training_metrics` reads the files themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson

from dataprep.errors import InputError
from dataprep.sqlfiles import quote_literal
from dataprep.store.inventory import RUN_RECORD, Json, read_json
from dataprep.store.layout import Store
from dataprep.store.locks import is_held

METRICS: Final = "metrics.jsonl"
ALIVE: Final = "alive"

PLACE: Final = {
    "dataset": ("VARCHAR", "name of the dataset it trained on; null for a plain folder"),
    "version": ("INTEGER", "number of the version it trained on, as it was named then"),
    "version_id": ("VARCHAR", "content-addressed id of the version it trained on; null for a plain folder"),
    "run": ("VARCHAR", "id of the training run"),
}
MEASURED: Final = {
    "step": ("BIGINT", "optimiser step, from 1; 0 is before the first"),
    "tokens": ("BIGINT", "tokens trained on so far, without padding"),
    "seconds": ("DOUBLE", "time since the start, breaks between resumed parts left out"),
    "loss": ("DOUBLE", "training loss of the step, nats a token"),
    "learning_rate": ("DOUBLE", "learning rate of the step"),
    "grad_norm": ("DOUBLE", "norm of the gradient before it was clipped"),
    "tokens_per_second": ("DOUBLE", "throughput of the step, without padding"),
    "memory_mb": ("DOUBLE", "highest memory so far: of the device, or of the process on a CPU; 10^6 bytes"),
    "validation_loss": ("DOUBLE", "validation loss, nats a token"),
    "validation_tokens": ("BIGINT", "tokens that the validation loss is the mean of"),
    "alert": ("VARCHAR", "kind of an alert: not_a_number, diverged, stuck, overfitting or stalled_input"),
    "message": ("VARCHAR", "the alert in words"),
}
"""Columns of `training_metrics`: name → type, description. A line has those that it is about; the others are null."""


def read_run(folder: Path) -> Json:
    """The record of one training run, with its folder's name as `run` and `path`.

    One that says `running` though its process is gone has the state `killed` here.

    Raises:
        InputError: there is none, or it is not JSON.
    """
    record = {**read_json(folder / RUN_RECORD), "run": folder.name, "path": str(folder.absolute())}
    if record.get("state") == "running" and not is_held(folder / ALIVE):
        record["state"] = "killed"
    return record


def runs(folder: Path) -> Iterator[Json]:
    """The records of all training runs in a folder that left a readable one, by run id."""
    if not folder.is_dir():
        return
    for each in sorted(folder.iterdir()):
        if (each / RUN_RECORD).is_file():
            try:
                yield read_run(each)
            except InputError:
                continue  # one damaged record must not hide the other runs


def trained_on(run: Json) -> str | None:
    """The id of the version that a run trained on; None for a plain folder."""
    return _text(_part(run, "data").get("version_id"))


def create_views(con: duckdb.DuckDBPyConnection, trained: Sequence[Json]) -> None:
    """Fill `training_runs` and create `training_metrics`, in the connection's current database."""
    if trained:
        rows = [_row(run) for run in trained]
        con.executemany(f"INSERT INTO training_runs VALUES ({', '.join('?' * len(rows[0]))})", rows)
    columns = PLACE | MEASURED
    selects = [_measured(run) for run in trained if (Path(run["path"]) / METRICS).is_file()] or [
        "SELECT " + ", ".join(f"NULL::{kind} AS {name}" for name, (kind, _) in columns.items()) + " WHERE false"
    ]
    con.execute(f"CREATE VIEW training_metrics AS {' UNION ALL '.join(selects)}")
    con.execute("COMMENT ON VIEW training_metrics IS 'one row per step, validation and alert of a training run'")
    for name, (_, about) in columns.items():
        con.execute(f"COMMENT ON COLUMN training_metrics.{name} IS {quote_literal(about)}")


def is_current(con: duckdb.DuckDBPyConnection, store: Store) -> bool:
    """Whether the catalog's training runs are those on the disk, as they are now."""
    held = con.execute("SELECT * FROM training_runs ORDER BY run").fetchall()
    return held == [_row(run) for run in runs(store.training)]  # other columns, as older catalogs have, are no match


def _measured(run: Json) -> str:
    """One run's branch of `training_metrics`: the place as constants, so that other runs' files stay unread."""
    places = ", ".join(
        f"{'NULL' if value is None else quote_literal(str(value))}::{kind} AS {name}"
        for value, (name, (kind, _)) in zip(_place(run), PLACE.items(), strict=True)
    )
    kinds = ", ".join(f"{name}: '{kind}'" for name, (kind, _) in MEASURED.items())
    path = quote_literal(str(Path(run["path"]) / METRICS))
    return (
        f"SELECT {places}, {', '.join(MEASURED)} FROM read_json([{path}], format = 'newline_delimited', "
        f"ignore_errors = true, columns = {{{kinds}}}) WHERE step IS NOT NULL"
    )


def _row(run: Json) -> tuple[Any, ...]:
    recipe, results = _part(run, "recipe"), _part(run, "results")
    training, model = _part(recipe, "training"), _part(recipe, "model")
    return (
        *_place(run),
        _text(recipe.get("name")),
        _text(run.get("state")),
        _moment(run.get("started")),
        _moment(run.get("ended")),
        _text(model.get("path")),
        _text(model.get("method")),
        _text(_part(run, "data").get("digest")),
        _number(training.get("learning_rate")),
        _whole(training.get("seed")),
        _whole(results.get("steps")),
        _whole(results.get("best_step")),
        _number(results.get("best_validation_loss")),
        _number(results.get("base_validation_loss")),
        _text(results.get("alert")),
        _text(results.get("stopped_because")),
        run["path"],
        _record(run),
    )


def _place(run: Json) -> tuple[str | None, int | None, str | None, str]:
    data = _part(run, "data")
    return _text(data.get("dataset")), _whole(data.get("version")), _text(data.get("version_id")), run["run"]


def _record(run: Json) -> str:
    return orjson.dumps({name: value for name, value in run.items() if name not in ("run", "path")}).decode()


def _part(value: Json, key: str) -> Json:
    """A mapping inside a record; one that a newer or damaged record lacks is empty, and its columns are null."""
    part = value.get(key)
    return part if isinstance(part, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 31 else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _moment(value: object) -> datetime | None:
    """An ISO 8601 time as naive UTC, which every DuckDB client shows alike."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment and moment.tzinfo else moment
