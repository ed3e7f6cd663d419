"""A run that is cut off anywhere: exit 3 or gone, nothing published is lost, and the next run ends with the same id."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import dataprep
from dataprep.cli import main as command
from dataprep.errors import MachineError
from dataprep.store import inventory
from dataprep.store.files import machine_errors
from dataprep.store.gc import gc
from dataprep.store.layout import Store
from dataprep.store.points import COMMIT_POINTS
from tests.faults import Changes, Workshop, can_fail, failing
from tests.making import pairs, write_jsonl

OLD, NEW = 20, 40
"""Records of the version that is there, and of the one that is being made."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data file, a store with its first version, and a file with more rows for the second."""
    folder = tmp_path_factory.mktemp("faults")
    write_jsonl(folder / "old" / "a.jsonl", pairs(OLD))
    write_jsonl(folder / "new" / "a.jsonl", pairs(NEW))
    dataprep.run(folder / "old" / "a.jsonl", store=folder / "store", workers=1)
    return folder


@pytest.fixture(scope="module")
def whole(desk: Path) -> tuple[Changes, str]:
    """All changes of a run that nothing disturbs, and the id it ends with."""
    with failing() as changes:
        result = dataprep.run(desk / "new" / "a.jsonl", store=copy_of(desk, "whole"), workers=1)
    return changes, result.version_id


@pytest.fixture(scope="module")
def workshop(desk: Path) -> Iterator[Workshop]:
    with Workshop(desk / "log", desk / "old" / "a.jsonl") as opened:
        yield opened


def copy_of(desk: Path, name: str) -> Path:
    store = desk / name
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(desk / "store", store, symlinks=True)
    return store


def check_readable(store: Path, records: set[int] | None = None) -> None:
    """A reader sees whole versions, through the functions and through the catalog file that lies there."""
    version = dataprep.open("a@latest", store=store)
    rows = sum(version.split(name).height for name in version.splits)
    assert rows == sum(version.splits.values())
    assert rows in (records or {OLD, NEW})
    with duckdb.connect(str((store / "catalog" / "current.duckdb").resolve()), read_only=True) as con:
        con.sql("select count(*) from records").fetchall()


def check_goes_on(desk: Path, store: Path, version_id: str) -> None:
    """The same command again ends with the version that an undisturbed run makes, and leaves nothing lying about."""
    again = dataprep.run(desk / "new" / "a.jsonl", store=store, workers=1)
    assert (again.version_id, again.number) == (version_id, 2)
    check_readable(store, {NEW})
    lying_about = [item for item in gc(Store(store)).items if item.kind not in ("cache", "catalog")]
    assert [item for item in lying_about if "died before it began" not in item.why] == []
    hidden = {path.name for path in store.rglob(".*")} - {".lock", ".run.lock"}
    assert hidden == set()


def kind_of(change: tuple[str, str], store: str) -> tuple[str, str, bool]:
    """A change by operation, folder of the store and whether of a manifest; the slow suite looks at each by itself."""
    operation, path = change
    inside = Path(path).relative_to(store)
    return operation, inside.parts[0], inside.name == "manifest.json"


def one_of_each(changes: Changes, store: Path) -> list[int]:
    """Places (from 1) of the first change of every kind that a full disk can stop."""
    seen: dict[tuple[str, str, bool], int] = {}
    for place, change in enumerate(changes.made, 1):
        if can_fail(change[0]):
            seen.setdefault(kind_of(change, str(store)), place)
    return list(seen.values())


def a_few_of_all(changes: Changes, store: Path) -> list[int]:
    """As few of these as meet every operation, every folder of the store, and a manifest; of equals the last."""
    left = {place: set(kind_of(changes.made[place - 1], str(store))) for place in one_of_each(changes, store)}
    chosen = []
    while any(left.values()):
        place = max(left, key=lambda place: (len(left[place]), place))
        met = left.pop(place)
        chosen.append(place)
        left = {other: features - met for other, features in left.items()}
    return sorted(chosen)


def check_full_disk(
    desk: Path, whole: tuple[Changes, str], at: int, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, *, for_good: bool = False, code: int = errno.ENOSPC,
) -> None:  # fmt: skip
    store = copy_of(desk, "full")
    arguments = ["run", str(desk / "new" / "a.jsonl"), "--store", str(store), "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["dataprep", *arguments])
    with failing(at, for_good=for_good, code=code), pytest.raises(SystemExit) as ended:
        command()
    place = f"change {at}, {whole[0].made[at - 1]}"
    errors = capsys.readouterr().err
    assert ended.value.code == 3, f"{place}: {errors}"
    assert f"dataprep: {store}" in errors, place
    assert "run the same command again" in errors, place
    check_readable(store)
    check_goes_on(desk, store, whole[1])


def test_every_commit_point_is_reached(whole: tuple[Changes, str]) -> None:
    assert list(dict.fromkeys(whole[0].points)) == list(COMMIT_POINTS)


def test_a_full_disk_exits_3_and_loses_nothing(
    desk: Path, whole: tuple[Changes, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in a_few_of_all(whole[0], desk / "whole"):
        check_full_disk(desk, whole, at, capsys, monkeypatch, for_good=at % 2 == 0)


@pytest.mark.slow
def test_a_full_disk_at_any_kind_of_change_exits_3_and_loses_nothing(
    desk: Path, whole: tuple[Changes, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in one_of_each(whole[0], desk / "whole"):
        check_full_disk(desk, whole, at, capsys, monkeypatch, for_good=at % 2 == 0)


@pytest.mark.slow
@pytest.mark.parametrize("for_good", [False, True])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failure_at_every_single_change_exits_3_and_loses_nothing(
    desk: Path, whole: tuple[Changes, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    for_good: bool, code: int,
) -> None:  # fmt: skip
    for at, (operation, _) in enumerate(whole[0].made, 1):
        if can_fail(operation):
            check_full_disk(desk, whole, at, capsys, monkeypatch, for_good=for_good, code=code)


@pytest.mark.parametrize("point", COMMIT_POINTS)
def test_a_run_that_is_killed_at_a_commit_point_is_gone_on_with(
    desk: Path, whole: tuple[Changes, str], workshop: Workshop, point: str
) -> None:
    store = copy_of(desk, "killed")
    ended = workshop.run("run", desk / "new" / "a.jsonl", "--store", store, "--workers", 1, point=point)
    assert ended == -signal.SIGKILL
    check_readable(store)
    statuses = [run["status"] for run in inventory.runs(Store(store))]
    closed = point in COMMIT_POINTS[COMMIT_POINTS.index("run record closed") :]
    assert statuses == ["published", "published" if closed else "killed"]
    check_goes_on(desk, store, whole[1])


def test_a_resumed_run_does_again_only_what_was_not_finished(
    desk: Path, whole: tuple[Changes, str], workshop: Workshop
) -> None:
    store = copy_of(desk, "killed")
    workshop.run("run", desk / "new" / "a.jsonl", "--store", store, "--workers", 1, point="version staged")
    with failing() as changes:
        dataprep.run(desk / "new" / "a.jsonl", store=store, workers=1)
    assert not [path for operation, path in changes.made if operation == "rename" and "/cache/" in path]


def test_the_same_dataset_at_once_names_its_holder_or_waits(desk: Path, workshop: Workshop) -> None:
    store = copy_of(desk, "twice")
    write_jsonl(desk / "long" / "a.jsonl", pairs(20_000))
    holder = workshop.start("run", desk / "long" / "a.jsonl", "--store", store, "--workers", 1)
    lock = store / "refs" / "a" / ".run.lock"
    while not (lock.exists() and str(holder) in lock.read_text()):
        time.sleep(0.01)
    assert workshop.run("run", desk / "new" / "a.jsonl", "--store", store) == 3
    assert "'a' is being prepared by run 2" in workshop.log.read_text()
    assert f"(pid {holder} on " in workshop.log.read_text()
    waiting = workshop.start("run", desk / "new" / "a.jsonl", "--store", store, "--wait", 60)
    other = workshop.start("run", desk / "new" / "a.jsonl", "--store", store, "--name", "b")
    assert [workshop.wait(process) for process in (other, holder, waiting)] == [0, 0, 0]
    numbers = {found.dataset: len(found.numbered) for found in inventory.datasets(Store(store))}
    assert numbers == {"a": 3, "b": 1}


class Reader:
    """A process that reads a store again and again, as analysts do; its first error ends it."""

    _PROGRAM = """
import sys, duckdb, dataprep
while True:
    version = dataprep.open("a@latest", store=sys.argv[1])
    assert sum(version.split(name).height for name in version.splits) == sum(version.splits.values())
    dataprep.open("a@1", store=sys.argv[1]).sql("select count(*) from ledger")
    with duckdb.connect(sys.argv[1] + "/catalog/current.duckdb", read_only=True) as con:
        con.sql("select count(*) from records").fetchall()
"""

    def __init__(self, store: Path) -> None:
        command = [sys.executable, "-c", self._PROGRAM, str(store)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def stop(self) -> str:
        """End it; what it had to complain of."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
            return ""
        return self._process.communicate()[1]


@pytest.mark.slow
def test_a_hundred_kills_at_random_moments_lose_nothing_and_no_reader_sees_an_error(
    desk: Path, workshop: Workshop
) -> None:
    """Ten versions after each other, each killed ten times on its way; a run goes on where its predecessor ended.

    Beside each an undisturbed run into a copy of what was published says which id it must end with.
    """
    draw = random.Random(7)
    store, aside = copy_of(desk, "kills"), desk / "aside"
    reader = Reader(store)
    kills = 0
    for turn in range(40):
        source = write_jsonl(desk / "real" / "a.jsonl", pairs(2_000 + turn))
        shutil.rmtree(aside, ignore_errors=True)
        for name in ("refs", "versions"):
            shutil.copytree(store / name, aside / name)
        started = time.monotonic()
        assert workshop.run("run", source, "--store", aside, "--workers", 2) == 0
        seconds = time.monotonic() - started
        for attempt in range(11):
            process = workshop.start("run", source, "--store", store, "--workers", 2)
            if attempt < 10:
                time.sleep(draw.uniform(0, seconds))
                os.kill(process, signal.SIGKILL)  # one that has ended is a zombie until somebody waits
            code = workshop.wait(process)
            assert code in (0, -signal.SIGKILL), workshop.log.read_text()[-2_000:]
            kills += code != 0
            if code == 0:
                break
        latest, undisturbed = (dataprep.open("a@latest", store=place) for place in (store, aside))
        assert (latest.id, latest.number) == (undisturbed.id, undisturbed.number)
        if kills >= 100:
            break
    assert kills >= 100
    assert reader.stop() == ""


@pytest.mark.slow
def test_two_hundred_races_of_two_runs_give_every_number_once(desk: Path, workshop: Workshop) -> None:
    draw = random.Random(8)
    for _ in range(10):  # in stores of their own, as each catalog is built of all versions of its store
        store = copy_of(desk, "races")
        for turn in range(20):
            source = write_jsonl(desk / "race" / "a.jsonl", pairs(30 + turn))
            names = ("a", "a") if turn % 2 == 0 else ("b", "c")
            options = ("--store", store, "--workers", 1, "--wait", 60)
            runs = []
            for name in names:
                runs.append(workshop.start("run", source, "--name", name, *options))
                time.sleep(draw.uniform(0, 0.2))
            assert [workshop.wait(process) for process in runs] == [0, 0], workshop.log.read_text()[-2_000:]
            found = {entry.dataset: entry for entry in inventory.datasets(Store(store))}
            made = turn // 2 + 2
            assert [reference.number for reference in found["a"].numbered] == list(range(1, made + 1))
            assert len({reference.version_id for reference in found["a"].numbered}) == made
            if names == ("b", "c"):
                assert found["b"].numbered[-1].version_id == found["c"].numbered[-1].version_id
        check_readable(store, {30 + 18})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB, where this user may make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this user may not mount a small file system to fill it")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, *, leaving: int) -> Path:
    """Take all room of a file system but so many bytes."""
    state = os.statvfs(disk)
    with (disk / "filler").open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, state.f_bavail * state.f_frsize - leaving)
    return disk / "filler"


@pytest.mark.slow
@pytest.mark.parametrize("place", ["cache", "versions", "catalog", "store", "temp"])
def test_a_disk_that_is_really_full_exits_3_and_the_run_goes_on_when_there_is_room(
    tmp_path: Path, small_disk: Path, place: str
) -> None:
    """Each part of a store in turn lies on a full disk, then all of it, then the temporary files."""
    source = write_jsonl(tmp_path / "a.jsonl", pairs(20_000))
    store = small_disk / "store" if place == "store" else tmp_path / "store"
    store.mkdir()
    if place not in ("store", "temp"):
        (small_disk / place).mkdir()
        (store / place).symlink_to(small_disk / place)
    filler = fill(small_disk, leaving=16_000 if place in ("catalog", "temp") else 300_000)
    command = [sys.executable, "-m", "dataprep", "run", str(source), "--store", str(store), "--workers", "1"]
    environment = os.environ | ({"TMPDIR": str(small_disk)} if place == "temp" else {})
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 3, done.stderr
    assert "no space left" in done.stderr
    assert str(small_disk if place in ("store", "temp") else store / place) in done.stderr
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    assert subprocess.run(command, capture_output=True, env=environment).returncode == 0
    assert dataprep.open("a@latest", store=store).number == 1


@pytest.mark.slow
def test_a_disk_too_full_to_spill_exits_3_and_names_it(small_disk: Path) -> None:
    config = {"memory_limit": "60MB", "temp_directory": str(small_disk / "spill"), "threads": 1}
    query = "select count(*) from (select distinct hash(range), range from range(9_000_000))"
    full = pytest.raises(MachineError, match="no space left")
    with duckdb.connect(config=config) as con, full as caught, machine_errors(small_disk):
        con.sql(query).fetchall()
    assert str(small_disk) in str(caught.value.file)
