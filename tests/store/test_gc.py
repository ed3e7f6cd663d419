"""What gc takes and what it never does, also beside runs that are going on."""

from __future__ import annotations

import threading
from pathlib import Path

import orjson
import pytest

import dataprep
from dataprep.errors import InputError
from dataprep.store import catalog, gc, query
from dataprep.store.claims import claim
from dataprep.store.files import temporary_folder
from dataprep.store.gc import GcReport
from dataprep.store.layout import Store
from dataprep.store.locks import live_run
from dataprep.store.sweep import sweep
from tests.making import pairs, write_jsonl
from tests.store.builder import Row, write_reference, write_run, write_version

RUN = "20260101-120000-0000000{}"


def row(text: str) -> list[Row]:
    return [Row("a", [("user", text), ("assistant", "b")])]


def step(store: Store, name: str, family: str = "keys") -> Path:
    folder = store.step(family, name * 32)
    folder.mkdir(parents=True)
    (folder / "done.json").write_bytes(b"x" * 1_000)
    return folder


def paths(report: GcReport) -> set[str]:
    return {item.path for item in report.items}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a numbered version, and `support@1`'s run."""
    write_version(tmp_path, row("first"), run_id=RUN.format(1))
    return Store(tmp_path)


def test_nothing_is_freed_of_what_something_refers_to(store: Store) -> None:
    assert gc.gc(store).items == ()


def test_a_dry_run_changes_nothing_and_says_what_it_would_free_and_why(store: Store) -> None:
    folder = step(store, "a")
    before = sorted(store.root.rglob("*"))
    report = gc.gc(store)
    assert sorted(store.root.rglob("*")) == before
    (item,) = report.items
    assert (item.path, item.kind, item.bytes) == (folder.relative_to(store.root).as_posix(), "cache", 1_000)
    assert item.why
    assert not report.deleted


def test_deleting_takes_what_the_dry_run_said_and_leaves_nothing_else_changed(store: Store) -> None:
    folder = step(store, "a")
    dry = gc.gc(store)
    report = gc.gc(store, delete=True)
    assert report.items == dry.items
    assert report.bytes == 1_000
    assert not folder.exists()
    assert [path for path in store.cache.rglob("*") if path.name.startswith(".")] == []
    assert gc.gc(store).items == ()


def test_cache_steps_stay_of_the_latest_published_run_and_all_later_ones(store: Store) -> None:
    for name in "abcdef":
        step(store, name)
    used = {"1": ("a", "published"), "2": ("b", "published"), "3": ("c", "stopped"), "4": ("d", "running")}
    for run, (name, status) in used.items():
        write_run(store.root, RUN.format(run), dataset="support", status=status, cache=[f"keys/{name * 32}"])
    write_run(store.root, RUN.format(0), dataset="other", status="failed", cache=["keys/" + "e" * 32])
    assert paths(gc.gc(store)) == {f"cache/keys/{name * 32}" for name in "af"}


def test_what_a_killed_run_had_claimed_stays_for_its_successor(store: Store) -> None:
    folder = step(store, "a")
    with live_run(store, RUN.format(2)):
        write_run(store.root, RUN.format(2), dataset="support", status="running")
        claim(store, RUN.format(2), [folder])
    assert gc.gc(store).items == ()


def test_what_a_living_run_claims_stays_whatever_it_is(store: Store) -> None:
    version_id = write_version(store.root, row("new"), number=None, run_id=RUN.format(2))
    folder = step(store, "a")
    with live_run(store, RUN.format(3)):
        assert len(gc.gc(store).items) == 2
        claim(store, RUN.format(3), [folder, store.version(version_id)])
        assert gc.gc(store).items == ()
    assert paths(gc.gc(store)) >= {f"versions/{version_id}"}


def test_a_version_that_no_name_leads_to_goes_with_what_was_derived_from_it(store: Store) -> None:
    version_id = write_version(store.root, row("died before its number"), number=None, run_id=RUN.format(2))
    store.derived(version_id).mkdir(parents=True)
    assert query.sql(store, "select count(*) as n from records")["n"].to_list() == [2]
    report = gc.gc(store, delete=True)
    assert {item.kind for item in report.items} == {"version", "derived"}
    assert not store.version(version_id).exists()
    assert query.sql(store, "select count(*) as n from records")["n"].to_list() == [1]


def test_a_candidate_a_parent_and_a_version_that_was_trained_on_stay(store: Store) -> None:
    candidate, parent, trained = (
        write_version(store.root, row(text), number=None, run_id=RUN.format(2)) for text in "xyz"
    )
    write_reference(store.root, "support", "candidate", candidate)
    manifest = store.version(candidate) / "manifest.json"
    manifest.write_bytes(orjson.dumps(orjson.loads(manifest.read_bytes()) | {"parent": parent}))
    (store.root / "training" / "run-1").mkdir(parents=True)
    (store.root / "training" / "run-1" / "run.json").write_bytes(orjson.dumps({"data": {"version_id": trained}}))
    assert gc.gc(store).items == ()


def test_old_catalog_files_go_but_for_the_current_one_and_the_one_before(store: Store) -> None:
    for _ in range(4):
        catalog.rebuild(store)
    gc.gc(store, delete=True)
    assert sorted(path.name for path in store.catalog.iterdir()) == [
        ".lock", "000003.duckdb", "000004.duckdb", "current.duckdb",
    ]  # fmt: skip


def test_leftovers_of_dead_runs_go_and_those_of_living_ones_stay(store: Store) -> None:
    places = [store.version("staging"), store.step("keys", "a" * 32)]
    with live_run(store, RUN.format(3)):
        living = [temporary_folder(place, RUN.format(3)) for place in places]
        dead = [temporary_folder(place, RUN.format(2)) for place in places]
        scratch = store.run(RUN.format(2)) / "scratch-x"
        scratch.mkdir(parents=True)
        half = store.run(RUN.format(2)) / ".run.json.17-4.tmp"
        half.touch()
        dead += [scratch, half]
        assert paths(gc.gc(store)) >= {path.relative_to(store.root).as_posix() for path in dead}
        assert set(sweep(store)) == set(dead)
        assert all(path.exists() for path in living)
    assert set(sweep(store)) == set(living)


def test_a_run_that_died_before_it_began_leaves_no_folder(store: Store) -> None:
    with live_run(store, RUN.format(2)):
        assert gc.gc(store).items == ()
    assert paths(gc.gc(store, delete=True)) == {f"runs/{RUN.format(2)}"}
    assert not store.run(RUN.format(2)).exists()


def test_a_gc_that_was_cut_off_is_finished_by_the_next_one_or_a_run(store: Store) -> None:
    folder = step(store, "a")
    freed = folder.rename(folder.with_name(".freed-" + folder.name))
    assert sweep(store) == [freed]


def test_what_is_not_ours_stays(store: Store) -> None:
    for name in ("cache/keys/notes", "versions/mine", "derived/mine", "training/x", "runs/.mine", "other"):
        (store.root / name).mkdir(parents=True)
    assert gc.gc(store).items == ()


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache" / "keys" / ("a" * 32)).mkdir(parents=True)
    with pytest.raises(InputError, match="no store"):
        gc.gc(Store(tmp_path), delete=True)


def test_a_reference_that_cannot_be_read_stops_it(store: Store) -> None:
    (store.dataset_refs("support") / "2").write_text("{")
    with pytest.raises(InputError, match="not readable"):
        gc.gc(store, delete=True)


def test_files_that_a_version_shares_free_nothing(store: Store) -> None:
    folder = step(store, "b")
    (store.root / "twin").hardlink_to(folder / "done.json")
    assert {item.path: item.bytes for item in gc.gc(store).items}[f"cache/keys/{'b' * 32}"] == 0


def test_runs_and_gc_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Runs whose steps nobody else counts, one after the other, while gc deletes without a pause."""
    store, ended = tmp_path / "store", threading.Event()
    source = write_jsonl(tmp_path / "a.jsonl", pairs(30))
    first = dataprep.run(source, store=store, workers=1)
    failures: list[BaseException] = []

    def collect() -> None:
        try:
            while not ended.is_set():
                dataprep.gc(store=store, delete=True)
        except BaseException as error:
            failures.append(error)

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        for turn in range(3):
            for path in (store / "runs").glob("*/claims"):
                path.unlink()  # so that nothing in the cache counts but what the run itself claims
            again = dataprep.run(source, store=store, workers=1, name=f"n{turn}")
            assert again.version_id == first.version_id
    finally:
        ended.set()
        collector.join()
    assert failures == []
    assert dataprep.open("n2", store=store).split("train").height == first.counts["splits"]["train"]
