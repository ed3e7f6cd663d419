"""A run that was cut off within a file goes on with the parts of it that were complete."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class CutOff:
    """A data file, a store in which a run over it was cut off after three parts, and what an undisturbed run makes."""

    data: Path
    store: Path
    parts: int
    version: str


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> CutOff:
    folder = tmp_path_factory.mktemp("unfinished")
    data = write_jsonl(folder / "a.jsonl", pairs(ROWS))
    with counted_parts() as whole:
        version = run(data, folder / "whole")
    with counted_parts(full_after=3), pytest.raises(MachineError):
        run(data, folder / "store")
    return CutOff(data, folder / "store", len(whole), version)


@pytest.fixture
def cut_off(original: CutOff, tmp_path: Path) -> CutOff:
    """One to go on with."""
    shutil.copytree(original.store, tmp_path / "store", symlinks=True)
    return replace(original, store=tmp_path / "store")


def test_only_parts_that_were_not_complete_are_made_again(cut_off: CutOff) -> None:
    with counted_parts() as again:
        version = run(cut_off.data, cut_off.store)
    assert cut_off.parts > 8
    assert len(again) == cut_off.parts - 3
    assert version == cut_off.version
    assert not list(cut_off.store.glob("cache/*/.*"))
    assert not list(cut_off.store.glob("cache/*/*/part-*.json"))


def test_parts_that_were_cut_otherwise_are_made_again(cut_off: CutOff) -> None:
    assert run(cut_off.data, cut_off.store, block_bytes=2 * BLOCK) == cut_off.version


def test_a_mark_that_was_cut_off_counts_for_nothing(cut_off: CutOff) -> None:
    marks = sorted(cut_off.store.glob("cache/*/.*/part-*.json"))
    marks[0].write_bytes(marks[0].read_bytes()[:20])
    with counted_parts() as again:
        assert run(cut_off.data, cut_off.store) == cut_off.version
    assert len(again) == cut_off.parts - 2


def test_leftovers_of_a_dataset_that_was_published_since_are_cleared_away(cut_off: CutOff, tmp_path: Path) -> None:
    store = cut_off.store
    left = set(store.glob("cache/*/.*"))
    dataprep.run(write_jsonl(tmp_path / "other.jsonl", pairs(10)), store=store)
    assert set(store.glob("cache/*/.*")) == left  # another dataset's run leaves them
    other = write_jsonl(tmp_path / "b.jsonl", pairs(10))
    dataprep.run(other, store=store, name="a")
    dataprep.run(other, store=store, name="a")
    assert not list(store.glob("cache/*/.*"))
