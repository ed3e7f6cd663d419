"""Ctrl-C and SIGTERM end a run as interrupted, wherever it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataprep.flow import RunOptions, _scratch_database
from dataprep.store import inventory
from dataprep.store.layout import Store
from tests.making import pairs, write_jsonl


@pytest.fixture
def listening() -> Iterator[None]:
    """Ctrl-C is an interrupt here, even where a script started the tests in its background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_inside_the_sql_engine_is_an_interrupt_and_no_bug(tmp_path: Path, listening: None) -> None:
    store = Store(tmp_path)
    store.run("r").mkdir(parents=True)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))

    def interrupted_query() -> None:
        with _scratch_database(store, "r", RunOptions(), 0) as con:
            timer.start()
            # Half a minute if nothing stops it.
            con.sql("select count(*) from range(10_000_000_000) where range % 7 = 3").fetchall()

    with pytest.raises(KeyboardInterrupt):
        interrupted_query()
    timer.join()
    assert list(store.run("r").iterdir()) == []


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_with_130_and_says_how_to_go_on(tmp_path: Path, signal_number: int) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", pairs(60_000))
    command = [sys.executable, "-m", "dataprep", "run", source, "--store", tmp_path / "store"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.startswith("reading"):
                break
        time.sleep(0.1)
        process.send_signal(signal_number)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 130, output
    assert "run the same command to go on" in errors
    assert inventory.datasets(Store(tmp_path / "store")) == []
