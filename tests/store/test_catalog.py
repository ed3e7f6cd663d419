"""The catalog: views over everything, for any client, at any time."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from dataprep.errors import InputError
from dataprep.store import catalog, query
from dataprep.store.layout import Store
from dataprep.store.views import VIEWS
from tests.store.builder import Row, write_reference, write_run, write_stopped_run, write_version

PAIR = [("user", "hi"), ("assistant", "yo")]
HOSTILE = 'sup\'port; drop table "x" <b>\x1b[31m*?[a]@2'


def two_rows(meta: object = 1) -> list[Row]:
    return [
        Row("a" * 32, PAIR, label="x", meta={"n": meta}),
        Row("b" * 32, PAIR, split=None, status="dropped", rule="too_short", line=2, n_words=1),
    ]


def ask(store: Store, text: str, data: str | None = None) -> list[tuple[object, ...]]:
    return query.sql(store, text, data).rows()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_every_view_and_column_is_described_and_answers_in_an_empty_store(store: Store) -> None:
    store.root.mkdir()
    catalog.rebuild(store)
    for view in VIEWS:
        assert ask(store, f"SELECT * FROM {view}") == []
    with duckdb.connect(str(store.current_catalog), read_only=True) as con:
        silent = con.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL"
        ).fetchall()
    assert silent == []


def test_columns_of_versions_are_united_by_name_and_type(store: Store) -> None:
    write_version(store.root, two_rows(1))
    write_version(store.root, two_rows("one"), number=2, run_id="run-2")
    assert ask(store, "SELECT version, meta_n FROM records WHERE status = 'kept' ORDER BY version") == [
        (1, "1"),
        (2, "one"),
    ]


def test_hostile_names_of_store_dataset_and_columns_do_no_harm(tmp_path: Path) -> None:
    store = Store(tmp_path / "st?re [x]*'q=1")
    write_version(store.root, [Row("a" * 32, PAIR, meta={'"; drop\n': "z"})], dataset=HOSTILE)
    assert ask(store, "SELECT dataset, split, text FROM records") == [(HOSTILE, "train", "user: hi\nassistant: yo")]
    assert query.sql(store, "records")['meta_"; drop\n'].to_list() == ["z"]


@pytest.mark.parametrize(
    ("shape", "turns", "text"),
    [
        ("messages", [("system", "s"), ("user", "q"), ("assistant", None)], "system: s\nuser: q\nassistant: "),
        ("prompt_completion", PAIR, "user: hi\nassistant: yo"),
        ("text", [("text", "a document")], "a document"),
    ],
)
def test_text_reads_alike_in_every_shape_and_state(
    store: Store, shape: str, turns: list[tuple[str, str | None]], text: str
) -> None:
    rows = [Row("a", turns), Row("b", turns, split=None, status="held"), Row("c", turns, split=None, status="dropped")]
    write_version(store.root, rows, shape=shape)
    assert ask(store, "SELECT text FROM records") == [(text,)] * 3


def test_stopped_runs_are_there_beside_versions(store: Store) -> None:
    write_version(store.root, two_rows())
    write_stopped_run(store.root, "run-9", [{"source": "s", "path": "a.jsonl", "line": 3, "reason": "not_json"}])
    assert ask(store, "SELECT run, version, reason FROM rejects") == [("run-9", None, "not_json")]
    assert ask(store, "SELECT run, status FROM runs ORDER BY run") == [("run-1", "published"), ("run-9", "stopped")]
    assert ask(store, "SELECT count(*) FROM rejects", data="run-9") == [(1,)]


def test_a_version_without_a_number_is_readable_and_said_to_be_the_candidate(store: Store) -> None:
    version_id = write_version(store.root, two_rows(), number=None)
    write_reference(store.root, "support", "candidate", version_id)
    assert ask(store, "SELECT version, is_candidate, is_latest FROM versions") == [(None, True, False)]


def test_data_restricts_every_view_to_one_version(store: Store) -> None:
    write_version(store.root, two_rows())
    write_version(store.root, two_rows(2), number=2, run_id="run-2")
    for view in ("records", "funnel", "signals", "versions", "splits", "runs"):
        assert ask(store, f"SELECT DISTINCT version FROM {view}", data="support@1") == [(1,)], view


def test_the_same_content_under_two_numbers_is_found_under_both(store: Store) -> None:
    version_id = write_version(store.root, two_rows())
    write_reference(store.root, "support", "2", version_id, "run-2")
    assert ask(store, "SELECT version, count(*) FROM records GROUP BY ALL ORDER BY ALL") == [(1, 2), (2, 2)]


def test_a_damaged_version_does_not_hide_the_others(store: Store) -> None:
    write_version(store.root, two_rows())
    broken = write_version(store.root, two_rows(2), number=2, run_id="run-2")
    (store.version(broken) / "manifest.json").write_text("{")
    gone = write_version(store.root, two_rows(3), number=3, run_id="run-3")
    shutil.rmtree(store.version(gone) / "data")
    assert ask(store, "SELECT DISTINCT version FROM records ORDER BY ALL") == [(1,), (3,)]


def test_a_reader_goes_on_while_the_catalog_is_replaced_and_a_new_one_sees_the_new_state(store: Store) -> None:
    write_version(store.root, two_rows())
    with query.open_catalog(store) as reader:
        write_version(store.root, two_rows(2), number=2, run_id="run-2")
        for _ in range(6):
            catalog.rebuild(store)
        assert reader.execute("SELECT count(DISTINCT version) FROM records").fetchall() == [(1,)]
        assert ask(store, "SELECT count(DISTINCT version) FROM records") == [(2,)]
    assert len(list(store.catalog.glob("*.duckdb"))) == catalog.KEEP_FILES + 1  # and the link


def test_rebuilders_at_the_same_time_all_end_and_lose_nothing(store: Store) -> None:
    def publish(number: int) -> Path:
        write_version(store.root, two_rows(number), number=number, run_id=f"run-{number}")
        return catalog.rebuild(store)

    with ThreadPoolExecutor(4) as pool:
        files = list(pool.map(publish, range(1, 9)))
    assert len(set(files)) == 8
    assert ask(store, "SELECT count(*) FROM versions") == [(8,)]


def test_a_deleted_catalog_comes_back_and_a_moved_store_gets_its_own(store: Store, tmp_path: Path) -> None:
    write_version(store.root, two_rows())
    catalog.rebuild(store)
    shutil.rmtree(store.catalog)
    assert ask(store, "SELECT count(*) FROM records") == [(2,)]
    moved = Store(tmp_path / "elsewhere")
    store.root.rename(moved.root)
    assert ask(moved, "SELECT count(text) FROM records") == [(2,)]


def test_the_catalog_is_written_for_older_clients(store: Store) -> None:
    store.root.mkdir()
    header = catalog.rebuild(store).read_bytes()[:4096]
    assert header[8:12] == b"DUCK"
    assert int.from_bytes(header[12:20], "little") == 64  # the storage version of DuckDB 1.0 to 1.1


def test_a_run_killed_while_writing_its_record_is_left_out(store: Store) -> None:
    write_run(store.root, "run-1", dataset="x", status="running")
    (write_run(store.root, "run-2", dataset="x", status="running") / "run.json").write_text("")
    assert ask(store, "SELECT run FROM runs") == [("run-1",)]


def test_the_store_cannot_be_changed_through_the_catalog(store: Store) -> None:
    write_version(store.root, two_rows())
    with pytest.raises(InputError, match="read-only"):
        query.sql(store, "DELETE FROM versions")


def test_mistakes_in_sql_are_said_once_with_the_views_at_hand(store: Store) -> None:
    write_version(store.root, two_rows())
    with pytest.raises(InputError, match="nosuch") as caught:
        query.sql(store, "SELECT nosuch FROM records")
    assert "funnel" in (caught.value.hint or "")
    with pytest.raises(InputError, match="did you mean 'records'"):
        query.sql(store, "recrods")
    with pytest.raises(InputError, match="no store"):
        query.sql(Store(store.root / "nowhere"), "records")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def with_a_version(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("version"))
    write_version(store.root, two_rows())
    catalog.rebuild(store)
    return store


@pytest.mark.parametrize("name", sorted(query.named_queries()))
def test_named_queries_run_on_a_store_with_and_without_versions(empty: Store, with_a_version: Store, name: str) -> None:
    assert query.sql(empty, name).width > 2
    assert query.sql(with_a_version, name, "support@1").width > 2
    assert query.named_queries()[name].question.endswith("?")


def test_near_misses_are_those_within_a_tenth_of_the_threshold(store: Store) -> None:
    verdict = {"step": "rules", "rule": "too_short", "action": "drop", "decisive": True, "threshold": 20.0}
    rows = [Row(name, PAIR, split=None, status="dropped", rule="too_short") for name in ("near", "far")]
    ledger = [{**verdict, "record_id": "near", "value": 18.0}, {**verdict, "record_id": "far", "value": 17.0}]
    write_version(store.root, rows, ledger=ledger)
    catalog.rebuild(store)
    assert query.sql(store, "near_misses")["record_id"].to_list() == ["near"]
