"""A run that was cut off within a file goes on with the parts of it that were complete."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import dataprep
from dataprep.errors import MachineError
from dataprep.store.points import CommitPoint, Operation, hooked
from tests.making import pairs, write_jsonl

ROWS = 400
BLOCK = 4_000


@contextmanager
def counted_parts(*, full_after: int | None = None) -> Iterator[list[str]]:
    """The parts written meanwhile; the disk is full after some."""
    written: list[str] = []

    def hook(operation: Operation, what: str) -> None:
        if operation == "commit point" and what == CommitPoint.PART_WRITTEN:
            written.append(what)
        elif full_after is not None and len(written) >= full_after and operation == "write":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with hooked(hook):
        yield written


def run(data: Path, store: Path, *, block_bytes: int = BLOCK) -> str:
    return dataprep.run(data, store=store, block_bytes=block_bytes, workers=1).version_id


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "a.jsonl", pairs(ROWS))


@pytest.fixture
def cut_off(data: Path, tmp_path: Path) -> tuple[Path, int]:
    """A store in which a run was cut off after three parts, and how many parts there are in all."""
    with counted_parts() as whole:
        run(data, tmp_path / "whole")
    with counted_parts(full_after=3), pytest.raises(MachineError):
        run(data, tmp_path / "store")
    return tmp_path / "store", len(whole)


def test_only_parts_that_were_not_complete_are_made_again(
    cut_off: tuple[Path, int], data: Path, tmp_path: Path
) -> None:
    store, parts = cut_off
    with counted_parts() as again:
        version = run(data, store)
    assert parts > 8
    assert len(again) == parts - 3
    assert version == run(data, tmp_path / "whole")
    assert not list(store.glob("cache/*/.*"))
    assert not list(store.glob("cache/*/*/part-*.json"))


def test_parts_that_were_cut_otherwise_are_made_again(cut_off: tuple[Path, int], data: Path, tmp_path: Path) -> None:
    store, _ = cut_off
    assert run(data, store, block_bytes=2 * BLOCK) == run(data, tmp_path / "whole")


def test_a_mark_that_was_cut_off_counts_for_nothing(cut_off: tuple[Path, int], data: Path, tmp_path: Path) -> None:
    store, parts = cut_off
    marks = sorted(store.glob("cache/*/.*/part-*.json"))
    marks[0].write_bytes(marks[0].read_bytes()[:20])
    with counted_parts() as again:
        assert run(data, store) == run(data, tmp_path / "whole")
    assert len(again) == parts - 2


def test_leftovers_of_a_dataset_that_was_published_since_are_cleared_away(
    cut_off: tuple[Path, int], data: Path
) -> None:
    store, _ = cut_off
    left = set(store.glob("cache/*/.*"))
    dataprep.run(write_jsonl(data.with_name("other.jsonl"), pairs(10)), store=store)
    assert set(store.glob("cache/*/.*")) == left  # another dataset's run leaves them
    dataprep.run(write_jsonl(data.with_name("b.jsonl"), pairs(10)), store=store, name="a")
    dataprep.run(data.with_name("b.jsonl"), store=store, name="a")
    assert not list(store.glob("cache/*/.*"))
