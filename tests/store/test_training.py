"""Training runs in SQL: a loss is joined to the version of the data behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dataprep.store import catalog, query, training
from dataprep.store.layout import Store
from tests.commands import command
from tests.store.builder import Row, write_version

PAIR = [("user", "hi"), ("assistant", "yo")]
HOSTILE = "sup'port; drop table x <b>\x1b[31m"


def write_run(store: Store, run: str, version_id: str | None, lines: list[dict[str, Any]], **fields: Any) -> Path:
    """A training run, as the trainer leaves it."""
    folder = store.training / run
    folder.mkdir(parents=True)
    data = {"dataset": "support", "version": 1, "version_id": version_id, "digest": "d"}
    record = {
        "state": "finished",
        "started": "2026-11-23T12:00:00+00:00",
        "ended": "2026-11-23T12:10:00+01:00",
        "recipe": {
            "name": "r",
            "model": {"path": "m", "method": "lora"},
            "training": {"learning_rate": 1e-4, "seed": 3},
        },
        "data": data if version_id else {"folder": "data"},
        "results": {"best_step": 2, "best_validation_loss": 0.5, "steps": 2, "stopped_because": "done"},
    }
    (folder / "run.json").write_text(json.dumps(record | fields))
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder


LINES = [
    {"step": 1, "tokens": 100, "loss": 2.5, "learning_rate": 1e-4},
    {"step": 1, "validation_loss": 0.75, "validation_tokens": 40},
    {"step": 2, "tokens": 200, "loss": "NaN", "grad_norm": "Infinity"},
    {"step": 2, "alert": "not_a_number", "message": "it's <b>"},
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def ask(store: Store, text: str, data: str | None = None) -> list[tuple[object, ...]]:
    return query.sql(store, text, data).rows()


def test_a_loss_is_joined_to_its_version_by_the_sql_command(store: Store) -> None:
    version_id = write_version(store.root, [Row("a" * 32, PAIR)])
    write_run(store, "t-1", version_id, LINES)
    done = command(
        "sql",
        "SELECT v.n_kept, t.run, m.step, m.validation_loss FROM training_metrics m JOIN training_runs t USING (run) "
        "JOIN versions v ON v.version_id = t.version_id WHERE m.validation_loss IS NOT NULL",
        "--store",
        store.root,
        "--json",
    )
    assert done.code == 0, done.err
    assert json.loads(done.out) == [{"n_kept": 1, "run": "t-1", "step": 1, "validation_loss": 0.75}]
    named = command("sql", "training_losses", "--store", store.root, "--json")
    (row,) = json.loads(named.out)
    assert (row["dataset"], row["version"], row["n_kept"], row["best_validation_loss"]) == ("support", 1, 1, 0.5)


def test_a_run_is_one_typed_row(store: Store) -> None:
    write_run(store, "t-1", "ab" * 32, LINES)
    columns = "dataset, version, name, state, model, method, learning_rate, seed, steps, best_step, stopped_because"
    assert ask(store, f"SELECT {columns} FROM training_runs") == [
        ("support", 1, "r", "finished", "m", "lora", 1e-4, 3, 2, 2, "done")
    ]
    assert ask(store, "SELECT ended_at - started_at < INTERVAL 0 SECONDS FROM training_runs") == [(True,)]


def test_every_line_is_a_row_and_what_is_not_a_number_stays_so(store: Store) -> None:
    write_run(store, "t-1", None, LINES)
    assert ask(
        store, "SELECT step, isnan(loss), isinf(grad_norm), alert, message FROM training_metrics ORDER BY ALL"
    ) == [
        (1, False, None, None, None),
        (1, None, None, None, None),
        (2, True, True, None, None),
        (2, None, None, "not_a_number", "it's <b>"),
    ]


def test_a_run_under_way_is_seen_at_once_and_a_torn_line_is_left_out(store: Store) -> None:
    folder = write_run(store, "t-1", None, LINES[:1])
    assert ask(store, "SELECT count(*) FROM training_metrics") == [(1,)]
    with (folder / "metrics.jsonl").open("a") as handle:
        handle.write('{"step": 2, "loss": 1.0}\n{"step": 3, "lo')
    assert ask(store, "SELECT max(step) FROM training_metrics") == [(2,)]
    write_run(store, "t-2", None, [])
    assert ask(store, "SELECT run FROM training_runs ORDER BY run") == [("t-1",), ("t-2",)]


def test_the_catalog_is_built_anew_only_when_a_record_changed(store: Store) -> None:
    folder = write_run(store, "t-1", None, LINES)
    assert ask(store, "SELECT count(*) FROM training_runs") == [(1,)]
    built = store.current_catalog.resolve()
    assert ask(store, "SELECT count(*) FROM training_runs") == [(1,)]
    assert store.current_catalog.resolve() == built
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"state": "failed"}))
    assert ask(store, "SELECT state FROM training_runs") == [("failed",)]


def test_a_run_that_says_running_though_its_process_is_gone_is_killed(store: Store) -> None:
    write_run(store, "t-1", None, LINES, state="running", ended=None)
    assert ask(store, "SELECT state, ended_at FROM training_runs") == [("killed", None)]


def test_a_catalog_from_before_there_were_training_runs_is_built_anew(store: Store) -> None:
    write_run(store, "t-1", None, LINES)
    catalog.rebuild(store)
    with duckdb.connect(str(store.current_catalog.resolve())) as con:
        con.execute("DROP VIEW training_metrics; DROP TABLE training_runs")
    assert ask(store, "SELECT run FROM training_runs") == [("t-1",)]


def test_data_restricts_training_to_the_runs_on_that_version(store: Store) -> None:
    one = write_version(store.root, [Row("a" * 32, PAIR)])
    two = write_version(store.root, [Row("b" * 32, PAIR)], number=2, run_id="run-2")
    write_run(store, "t-1", one, LINES)
    write_run(store, "t-2", two, LINES[:1])
    assert ask(store, "SELECT run FROM training_runs", data="support@2") == [("t-2",)]
    assert ask(store, "SELECT run, count(*) FROM training_metrics GROUP BY ALL", data="support@1") == [("t-1", 4)]


def test_hostile_names_and_damaged_records_do_no_harm(tmp_path: Path) -> None:
    store = Store(tmp_path / "st?re [x]*'q=1")
    data = {"dataset": HOSTILE, "version": "three", "version_id": 7}
    write_run(store, "t-1", None, LINES, data=data, results=None, recipe=[], started="yesterday")
    (store.training / "broken").mkdir()
    (store.training / "broken/run.json").write_text("[")
    (write_run(store, "t-2", None, LINES) / "metrics.jsonl").unlink()
    assert ask(store, "SELECT run, dataset, version, started_at IS NULL FROM training_runs ORDER BY run") == [
        ("t-1", HOSTILE, None, True),
        ("t-2", None, None, False),
    ]
    assert ask(store, "SELECT DISTINCT dataset, run FROM training_metrics") == [(HOSTILE, "t-1")]
    assert [run["run"] for run in training.runs(store.training)] == ["t-1", "t-2"]
