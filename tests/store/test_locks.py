"""Who is at work: one run a dataset, named to others; a killed one is never waited for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dataprep.errors import Cancelled, MachineError
from dataprep.store import inventory, query
from dataprep.store.claims import claim, claimed
from dataprep.store.layout import Store
from dataprep.store.locks import Holder, dataset_lock, is_alive, live_run
from dataprep.store.runs import RunRecord

_HOLD = """
import sys, time, pathlib
from dataprep.store.layout import Store
from dataprep.store.locks import dataset_lock, live_run
from dataprep.store.runs import RunRecord
store, run = Store(pathlib.Path(sys.argv[1])), sys.argv[2]
with live_run(store, run):
    RunRecord(run, "support", {}).save(store)
    with dataset_lock(store, "support", run):
        print("held", flush=True)
        time.sleep(60)
"""


@contextmanager
def another_process(store: Store, run_id: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the dataset `support` as a run."""
    command = [sys.executable, "-c", _HOLD, str(store.root), run_id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store whose run `run-k` was killed while it held the dataset, after others had met it there."""
    store = Store(tmp_path_factory.mktemp("killed"))
    with another_process(store, "run-k") as process:
        assert is_alive(store, "run-k")
        assert [run["status"] for run in inventory.runs(store)] == ["running"]
        assert query.sql(store, "select status from runs")["status"].to_list() == ["running"]
        with pytest.raises(MachineError) as caught, dataset_lock(store, "support", "run-2"):
            pass
        assert f"run run-k (pid {process.pid} on {socket.gethostname()} since 2" in str(caught.value)
        assert "--wait SECONDS" in str(caught.value)
        assert caught.value.exit_code == 3
        process.send_signal(signal.SIGKILL)
        process.wait()
    return store


def test_a_killed_run_reads_as_killed(killed: Store) -> None:
    assert not is_alive(killed, "run-k")
    assert [run["status"] for run in inventory.runs(killed)] == ["killed"]


def test_sql_sees_that_a_run_was_killed_though_the_catalog_is_older(killed: Store) -> None:
    assert query.sql(killed, "select run, status from runs").rows() == [("run-k", "killed")]


def test_a_killed_holder_is_recognised_and_not_waited_for(killed: Store) -> None:
    with dataset_lock(killed, "support", "run-3") as died:
        assert died is not None
        assert died.run_id == "run-k"
    with dataset_lock(killed, "support", "run-4") as died:
        assert died is None


def test_different_datasets_are_held_at_once(tmp_path: Path) -> None:
    with dataset_lock(Store(tmp_path), "a", "run-1"), dataset_lock(Store(tmp_path), "b", "run-2"):
        pass


def test_who_waits_is_told_for_whom_and_comes_next(tmp_path: Path) -> None:
    store, heard, order = Store(tmp_path), [], []

    def second() -> None:
        with dataset_lock(store, "a", "run-2", wait_seconds=30, on_wait=lambda *what: heard.append(what)):
            order.append("second")

    with dataset_lock(store, "a", "run-1"):
        waiting = threading.Thread(target=second)
        waiting.start()
        while not heard:
            time.sleep(0.01)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
    holder, waited = heard[0]
    assert (holder.run_id, holder.pid) == ("run-1", os.getpid())
    assert waited < 5


def test_waiting_ends_when_its_time_is_over_or_the_caller_has_enough(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def enough(holder: Holder | None, waited_seconds: float) -> None:
        raise Cancelled("enough")

    with dataset_lock(store, "a", "run-1"):
        with pytest.raises(MachineError, match="run-1"), dataset_lock(store, "a", "run-2", wait_seconds=0.3):
            pass
        with pytest.raises(Cancelled), dataset_lock(store, "a", "run-2", wait_seconds=60, on_wait=enough):
            pass


@pytest.mark.parametrize("words", [b"", b"{", b"not json", b'{"run_id": "x"}', b"\xff\xfe"])
def test_words_in_a_lock_that_nobody_holds_bind_nobody(tmp_path: Path, words: bytes) -> None:
    refs = Store(tmp_path).dataset_refs("a")
    refs.mkdir(parents=True)
    (refs / ".run.lock").write_bytes(words)
    with dataset_lock(Store(tmp_path), "a", "run-1") as died:
        assert died is None


def test_a_lock_names_a_dataset_however_it_is_called(tmp_path: Path) -> None:
    with dataset_lock(Store(tmp_path), "../'; drop table\n<script>", "run-1"):
        assert len(list((tmp_path / "refs").iterdir())) == 1
        assert inventory.datasets(Store(tmp_path)) == []


def test_a_run_that_never_was_or_ended_is_not_alive(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with live_run(store, "run-1"):
        assert is_alive(store, "run-1")
        RunRecord("run-1", "a", {}).save(store)
    assert not is_alive(store, "run-1")
    assert not is_alive(store, "run-2")


def test_claims_of_many_threads_are_all_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with live_run(store, "run-1"):
        threads = [
            threading.Thread(target=claim, args=(store, "run-1", [store.step("keys", f"{n:032x}")])) for n in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert claimed(store, "run-1") == {f"cache/keys/{n:032x}" for n in range(20)}
    assert claimed(store, "run-2") == set()
