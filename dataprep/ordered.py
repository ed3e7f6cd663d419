"""Work in threads whose results are wanted in order, however long each takes.

No more is under way than a stated number of tasks, so memory stays bounded and a caller that stops early leaves little
behind; between two results a run that was cancelled stops.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from dataprep.events import Reporter

P = TypeVar("P")
T = TypeVar("T")
R = TypeVar("R")

_AHEAD: Final = 2
"""Tasks under way for each thread: one at work, one that waits for it."""


def in_order(tasks: Iterable[tuple[P, Future[R]]], workers: int, reporter: Reporter) -> Iterator[tuple[P, R]]:
    """The results of tasks, in order.

    Args:
        tasks: futures, each with a mark of its place; no more of them are taken than fit.
        workers: threads that work on them.
        reporter: may stop it.

    Raises:
        Cancelled: the caller of the run asked it to stop; tasks that have begun are waited for.
    """
    pending: deque[tuple[P, Future[R]]] = deque()
    try:
        for task in tasks:
            pending.append(task)
            if len(pending) >= _AHEAD * workers:
                yield _result(pending.popleft())
            reporter.checkpoint()
        while pending:
            yield _result(pending.popleft())
            reporter.checkpoint()
    finally:
        for _, future in pending:
            future.cancel()
        for _, future in pending:
            if not future.cancelled():
                future.exception()


@dataclass(frozen=True, slots=True)
class Threads:
    """Threads of one job.

    Attributes:
        pool: them.
        workers: how many.
        reporter: hears of progress, and may stop the work.

    >>> with threads(4, Reporter(), "example") as some:
    ...     list(some.map(str.upper, ["a", "b", "c"]))
    ['A', 'B', 'C']
    """

    pool: ThreadPoolExecutor
    workers: int
    reporter: Reporter

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """What `work` gives for each item, in the order of items, which are taken in the calling thread.

        Raises:
            Cancelled: see `in_order`.
        """
        tasks = ((None, self.pool.submit(work, item)) for item in items)
        return (result for _, result in in_order(tasks, self.workers, self.reporter))


@contextmanager
def threads(workers: int, reporter: Reporter, name: str) -> Iterator[Threads]:
    """Threads for one job, gone at its end.

    Args:
        workers: how many.
        reporter: hears of progress, and may stop the work.
        name: what the threads are called.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix=name) as pool:
        yield Threads(pool, workers, reporter)


def _result(task: tuple[P, Future[R]]) -> tuple[P, R]:
    place, future = task
    return place, future.result()
