"""The memory limit: units, and the floor below which a run is refused at once."""

from __future__ import annotations

from pathlib import Path

import pytest

import dataprep
from dataprep.errors import InputError
from dataprep.memory import memory_limit
from tests.making import pairs, write_jsonl


@pytest.mark.parametrize(
    ("text", "size"),
    [("64MB", 64_000_000), ("64 mb", 64_000_000), ("1.5GB", 1_500_000_000), ("1GiB", 2**30), ("70000000B", 70_000_000)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert memory_limit(text, 1) == size


@pytest.mark.parametrize("text", ["", "4", "GB", "-4GB", "4 GB of it", "80%", "1e9B", "4GB\n; drop"])
def test_what_is_no_size_is_refused_by_its_option(text: str) -> None:
    with pytest.raises(InputError, match="no size") as caught:
        memory_limit(text, 1)
    assert caught.value.key == "--memory"


def test_too_little_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", pairs(3))
    with pytest.raises(InputError, match="at least 64MB") as caught:
        dataprep.run(source, store=tmp_path / "store", memory="3MB", workers=2)
    assert caught.value.key == "--memory"
    assert not (tmp_path / "store").exists()


def test_more_workers_need_more() -> None:
    with pytest.raises(InputError, match="256MB") as caught:
        memory_limit("100MB", 16)
    assert "--workers" in str(caught.value.hint)


def test_the_floor_is_enough_for_a_small_run(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", pairs(100))
    assert dataprep.run(source, store=tmp_path / "store", memory="64MB", workers=4).number == 1
