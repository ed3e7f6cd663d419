"""Work in threads gives its results in order, holds little, and stops when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.errors import Cancelled
from dataprep.events import Reporter
from dataprep.ordered import in_order, threads


@given(st.lists(st.integers(), max_size=30), st.integers(1, 4))
def test_results_come_in_the_order_of_items(items: list[int], workers: int) -> None:
    with threads(workers, Reporter(), "test") as some:
        assert list(some.map(lambda item: -item, items)) == [-item for item in items]


def test_no_more_items_are_taken_than_fit() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    with threads(2, Reporter(), "test") as some:
        results = some.map(lambda item: item, items())
        assert next(iter(results)) == 0
        assert len(taken) == 4


def test_the_first_error_in_order_is_raised_and_what_waits_is_not_begun() -> None:
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        if item >= 3:
            raise ValueError(str(item))
        return item

    with threads(1, Reporter(), "test") as some, pytest.raises(ValueError, match="3"):
        list(some.map(work, range(100)))
    assert len(begun) <= 6


def test_a_cancelled_run_stops_between_results_and_waits_for_what_has_begun() -> None:
    cancel, running, ended = threading.Event(), threading.Event(), threading.Event()

    def long() -> None:
        running.set()
        cancel.wait(30)
        ended.set()

    with ThreadPoolExecutor(2) as pool:
        tasks = iter([("short", pool.submit(lambda: None)), ("long", pool.submit(long))])
        results = in_order(tasks, 1, Reporter(cancel=cancel))
        assert next(results) == ("short", None)
        running.wait(30)
        cancel.set()
        with pytest.raises(Cancelled):
            list(results)
        assert ended.is_set()
