"""Who is at work in a store: one run a dataset, and which runs are alive.

Both are `flock` locks: the kernel frees them when their holder ends, however it ends, so there is no stale lock to
break, no age to guess and no process id to probe (which another process may have by now). What a lock file says in
words is for people only; a lock that can be taken is free, whatever stands in it.

    refs/<dataset>/.run.lock   held by a dataset's run from its start to its end; says who holds it
    runs/<run>/alive           held by a run while its process lives

Runs of different datasets share a store freely; a run that finds its dataset taken waits or says by whom.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

import orjson

from dataprep.errors import MachineError
from dataprep.store.files import changing, make_folder, shared_lock
from dataprep.store.layout import Store
from dataprep.store.publish import now

POLL_SECONDS: Final = 0.2
"""Between two looks at a lock that is waited for. `flock` could wait by itself, but then nobody could cancel."""
_TEXT_SECONDS: Final = 1.0
"""How long to look for the words in a lock that somebody has just taken."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, or held it when it died.

    Attributes:
        run_id, pid, host: the run and its process.
        since: ISO 8601, when it took the lock.
    """

    run_id: str
    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"run {self.run_id} (pid {self.pid} on {self.host} since {self.since})"


def ignore_wait(holder: Holder | None, waited_seconds: float) -> None:
    """Wait without a word."""


@contextmanager
def dataset_lock(
    store: Store,
    dataset: str,
    run_id: str,
    *,
    wait_seconds: float = 0.0,
    on_wait: Callable[[Holder | None, float], None] = ignore_wait,
) -> Iterator[Holder | None]:
    """Hold a dataset for one run, so that nobody else prepares it meanwhile.

    Args:
        store, dataset: what to hold.
        run_id: who holds it.
        wait_seconds: how long to wait for another holder.
        on_wait: called every 0.2 s while waiting, with the holder (None where it has not said yet) and the seconds
            waited so far; it may raise to stop waiting.

    Yields:
        The run that held the lock when it died, if it did: what it finished is in the cache.

    Raises:
        MachineError: another run holds it still; or the disk knows no locks, or is full.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, dataset_lock(Store(Path(folder)), "support", "run-1"):
    ...     with dataset_lock(Store(Path(folder)), "support", "run-2"):
    ...         pass
    Traceback (most recent call last):
    dataprep.errors.MachineError: 'support' is being prepared by run run-1 (pid ...
      next: wait for it, or give --wait SECONDS
    """
    path = store.dataset_refs(dataset) / ".run.lock"
    make_folder(path.parent)
    with changing("lock", path):
        handle = path.open("a+b")
    with handle:
        waited_from = time.monotonic()
        while not _try_lock(handle, path):
            waited = time.monotonic() - waited_from
            holder = _read_holder(path, _TEXT_SECONDS)
            if waited >= wait_seconds:
                raise MachineError(
                    f"{dataset!r} is being prepared by {holder or 'another run'}",
                    hint="wait for it, or give --wait SECONDS",
                )
            on_wait(holder, waited)
            time.sleep(min(POLL_SECONDS, max(0.0, wait_seconds - waited)))
        died = _read_holder(path, 0.0)
        _write_holder(handle, path, Holder(run_id, os.getpid(), socket.gethostname(), now()))
        try:
            yield died
        finally:
            os.ftruncate(handle.fileno(), 0)  # words that stay are those of a holder that died


@contextmanager
def live_run(store: Store, run_id: str) -> Iterator[None]:
    """Be alive as a run: make its folder, and let everybody see that its process lives.

    It comes before the run's record and before anything that the run writes, so whatever carries the name of a run
    that is not alive is a leftover. The lock beside it keeps `gc` from taking a folder between its making and this.

    Raises:
        MachineError: the store cannot be written.
    """
    path = _alive(store, run_id)
    with shared_lock(store.runs / ".lock"):
        make_folder(path.parent)
        with changing("lock", path):
            handle = path.open("a+b")
        try:
            with changing("lock", path):
                fcntl.flock(handle, fcntl.LOCK_EX)
        except BaseException:
            handle.close()
            raise
    with handle:
        yield


def is_alive(store: Store, run_id: str) -> bool:
    """Whether a run's process lives; False for one that ended in whatever way, or that never was.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with live_run(store := Store(Path(folder)), "run-1"):
    ...         during = is_alive(store, "run-1")
    ...     during, is_alive(store, "run-1"), is_alive(store, "run-2")
    (True, False, False)
    """
    return is_held(_alive(store, run_id))


def is_held(path: Path) -> bool:
    """Whether a living process holds a lock file alone; False where there is no such file."""
    try:
        with path.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _alive(store: Store, run_id: str) -> Path:
    return store.run(run_id) / "alive"


def _try_lock(handle: IO[bytes], path: Path) -> bool:
    try:
        with changing("lock", path):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_holder(path: Path, seconds: float) -> Holder | None:
    """Who a lock file names; one that somebody is just writing is looked at again for some time."""
    until = time.monotonic() + seconds
    while True:
        try:
            return Holder(**orjson.loads(path.read_bytes()))
        except (OSError, orjson.JSONDecodeError, TypeError):
            if time.monotonic() >= until:
                return None
            time.sleep(0.01)


def _write_holder(handle: IO[bytes], path: Path, holder: Holder) -> None:
    text = orjson.dumps(asdict(holder))
    with changing("write", path, len(text)):
        os.ftruncate(handle.fileno(), 0)
        os.write(handle.fileno(), text)
