"""Runs the command line with a fault at a chosen place.

    python -m tests.faults kill-at "version renamed" run a.jsonl --store store
    python -m tests.faults kill-before 17 run a.jsonl --store store

end as `kill -9` does, at a commit point or before the k-th change of the disk. In a test's own process `failing` makes
changes fail instead, and `Workshop` is a process that forks one command after another: it has loaded the program and
its kernels once, which costs more than a small run. It never touches polars or DuckDB itself, whose threads would not
survive the fork.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dataprep.store.points import Operation, hooked

ROOT = Path(__file__).parents[1]


@dataclass
class Changes:
    """The changes of the disk so far, as (operation, path), and the commit points passed."""

    made: list[tuple[str, str]] = field(default_factory=list)
    points: list[str] = field(default_factory=list)


@contextmanager
def failing(at: int | None = None, *, code: int = errno.ENOSPC, for_good: bool = False) -> Iterator[Changes]:
    """Make the change number `at` (from 1) fail, and all that follow if the disk is full for good; None for no fault.

    Taking something away, and locking a file that is there, need no space: they are counted and never fail.
    """
    changes = Changes()

    def hook(operation: Operation, what: str) -> None:
        if operation == "commit point":
            changes.points.append(what)
            return
        changes.made.append((operation, what))
        place = len(changes.made)
        reached = at is not None and (place == at or (for_good and place > at))
        if reached and can_fail(operation):
            raise OSError(code, os.strerror(code))

    with hooked(hook):
        yield changes


def can_fail(operation: str) -> bool:
    """Whether a full disk can stop an operation."""
    return operation not in ("remove", "lock")


@contextmanager
def killing(*, point: str | None = None, before: int | None = None) -> Iterator[None]:
    """End this process as `kill -9` does at a commit point, or before the change number `before`."""
    count = 0

    def hook(operation: Operation, what: str) -> None:
        nonlocal count
        count += operation != "commit point"
        if (operation == "commit point" and what == point) or count == before:
            os.kill(os.getpid(), signal.SIGKILL)

    with hooked(hook):
        yield


class Workshop:
    """Another process that runs commands in forks of itself.

    Args:
        log: where the commands' output goes, all of it.
        warm: a data file with which the kernels are loaded.
    """

    def __init__(self, log: Path, warm: Path) -> None:
        self.log = log
        command = [sys.executable, "-m", "tests.faults", "serve", str(log), str(warm)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._read() == "ready"

    def start(self, *arguments: object, point: str | None = None) -> int:
        """Start a command, to be killed at a commit point if one is named; returns the process id."""
        return int(self._ask({"arguments": [str(item) for item in arguments], "point": point}))

    def wait(self, process: int) -> int:
        """The exit code of a command, negative for the signal that ended it."""
        return int(self._ask({"wait": process}))

    def run(self, *arguments: object, point: str | None = None) -> int:
        """Start a command and wait for it."""
        return self.wait(self.start(*arguments, point=point))

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


def serve(log: Path, warm: Path) -> None:
    """Answer the requests of a `Workshop`."""
    _load(warm)
    for answer in chain(["ready"], map(_answer(log), sys.stdin)):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _answer(log: Path) -> Any:
    def answer(line: str) -> int:
        request = json.loads(line)
        if "wait" in request:
            return os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        process = os.fork()
        if process:
            return process
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        code = 70
        try:
            code = _command(request["arguments"], point=request["point"])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    return answer


def _load(warm: Path) -> None:
    """Load the program and its kernels, with the batch side of a run alone."""
    from tempfile import TemporaryDirectory

    import dataprep.flow
    import dataprep.prepare
    from dataprep.api import load_inputs
    from dataprep.events import Reporter
    from dataprep.prepare import prepare_files
    from dataprep.sources import resolve_sources
    from dataprep.store.layout import Store

    loaded = load_inputs([warm])
    with TemporaryDirectory() as folder:
        prepare_files(
            resolve_sources(loaded.pipeline, loaded.base),
            loaded.pipeline,
            Store(Path(folder)),
            workers=1,
            reporter=Reporter(),
            block_bytes=dataprep.prepare.DEFAULT_BLOCK_BYTES,
        )


def _command(arguments: Sequence[str], *, point: str | None = None, before: int | None = None) -> int:
    from dataprep.cli import main

    sys.argv[1:] = arguments
    try:
        with killing(point=point, before=before) if point or before else nullcontext():
            main()
    except SystemExit as finished:
        return int(finished.code or 0)
    return 0


if __name__ == "__main__":
    fault, *given = sys.argv[1:]
    if fault == "serve":
        serve(Path(given[0]), Path(given[1]))
    elif fault == "kill-at":
        sys.exit(_command(given[1:], point=given[0]))
    else:
        sys.exit(_command(given[1:], before=int(given[0])))
