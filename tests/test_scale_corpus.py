"""The generator behind `bench.scale`: the same rows every time, with copies far away and broken ones among them."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import orjson
import pytest

from bench.scale import BLOCK, BROKEN_EVERY, COPY_EVERY, SHARES, bytes_of, peak_scratch, rows, write_corpus


def test_a_source_is_the_same_on_every_call_and_has_as_many_rows_as_asked() -> None:
    for source in SHARES:
        first = list(rows(source, 2_500))
        assert len(first) == 2_500
        assert first == list(rows(source, 2_500))


def test_one_row_in_twenty_is_a_copy_of_one_half_a_source_away() -> None:
    made = list(rows("forum", 4 * BLOCK))
    places: dict[bytes, list[int]] = {}
    for place, row in enumerate(made):
        places.setdefault(row, []).append(place)
    copied = [found for found in places.values() if len(found) > 1]
    assert len(copied) == 2 * BLOCK // COPY_EVERY == len(made) // 20
    assert {last - first for first, last in copied} == {2 * BLOCK}


def test_lengths_vary_and_one_row_in_a_thousand_is_broken() -> None:
    found: Counter[bool] = Counter()
    lengths = []
    for row in rows("tickets", 3 * BROKEN_EVERY):
        lengths.append(len(row))
        try:
            orjson.loads(row)
            found[True] += 1
        except orjson.JSONDecodeError:
            found[False] += 1
    assert found[False] == 3
    assert 20 < min(lengths) < 100
    assert 500 < max(lengths) < 650


def test_a_corpus_has_all_sources_and_is_written_once(tmp_path: Path) -> None:
    pipeline = write_corpus(1_000, tmp_path)
    counts = {source: (tmp_path / f"{source}.jsonl").read_bytes().count(b"\n") for source in SHARES}
    assert counts == {source: int(1_000 * share) for source, share in SHARES.items()}
    before = pipeline.stat().st_mtime_ns
    assert write_corpus(1_000, tmp_path).stat().st_mtime_ns == before


def test_what_was_spilled_is_seen_while_it_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "r" / "scratch-1"
    with peak_scratch(tmp_path) as peak:
        folder.mkdir(parents=True)
        (folder / "block").write_bytes(bytes(1_000))
        for _ in range(500):
            if peak[0]:
                break
            time.sleep(0.01)
        (folder / "block").unlink()
    assert peak == [1_000]


@pytest.mark.parametrize(("text", "size"), [("1GB", 1e9), ("500MB", 5e8), ("1.5gb", 1.5e9)])
def test_a_limit_is_read_as_bytes(text: str, size: float) -> None:
    assert bytes_of(text) == size
