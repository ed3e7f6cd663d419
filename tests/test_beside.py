"""Outputs in the making: one folder for each process, gone with it, or with the next one if it was killed."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataprep.beside import folder_beside

HELD = """
import sys, time
from pathlib import Path
from dataprep.beside import folder_beside
with folder_beside(Path(sys.argv[1])) as folder:
    (folder / "begun").touch()
    print(folder, flush=True)
    time.sleep(60)
"""


def unfinished(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if ".part-" in path.name)


def test_the_folder_goes_whatever_happens_in_it(tmp_path: Path) -> None:
    def fail() -> None:
        with folder_beside(tmp_path / "out") as folder:
            (folder / "some").touch()
            (tmp_path / "nothing").read_bytes()

    with pytest.raises(FileNotFoundError):
        fail()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_goes_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    output = tmp_path / "a [1].parquet"
    others = [tmp_path / ".a 1.parquet.part-00000000", tmp_path / ".a [1].parquet.part-of-mine"]
    for folder in others:  # another output's, if the name were a pattern; and what somebody else made
        folder.mkdir()
    command = [sys.executable, "-c", HELD, str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        with folder_beside(output) as mine:
            assert mine != theirs
            assert (theirs / "begun").exists()
        other.kill()
    assert theirs in unfinished(tmp_path)
    with folder_beside(output) as mine:
        assert unfinished(tmp_path) == sorted([mine, *others])


def test_a_disk_without_locks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with folder_beside(tmp_path / "out") as one, folder_beside(tmp_path / "out") as other:
        assert unfinished(tmp_path) == sorted([one, other])
    assert not unfinished(tmp_path)


def test_dedup_that_was_killed_leaves_nothing_once_it_was_run_again(tmp_path: Path) -> None:
    rows = [" ".join(f"{row} {word}" for word in range(200)) for row in range(20_000)]
    pq.write_table(pa.table({"text": rows}), tmp_path / "in.parquet")
    command = [sys.executable, "-m", "dataprep", "dedup", "in.parquet", "-o", "out.parquet"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        until = time.monotonic() + 120  # where no kernel was compiled before, that comes first
        while not unfinished(tmp_path) and killed.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(killed.pid, signal.SIGKILL)
    assert unfinished(tmp_path)
    assert not (tmp_path / "out.parquet").exists()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    names = ["in.parquet", "out.clusters.parquet", "out.pairs.parquet", "out.parquet"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
