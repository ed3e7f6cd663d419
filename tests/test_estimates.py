"""Disk space stated beforehand, beside what runs then took."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dataprep
from dataprep.api import load_inputs
from dataprep.estimates import Estimate, SourceSample, estimate, free_bytes, measure_sample
from dataprep.events import Reporter
from dataprep.prepare import prepare_files
from dataprep.sources import resolve_sources
from dataprep.store.layout import Store
from tests.making import pairs, write_jsonl

BLOCK_BYTES = 20_000


def tried(source: Path, scratch: Path, *, rows: int = 200) -> tuple[SourceSample, Estimate]:
    """What a trial on the first rows of a file lets expect."""
    loaded = load_inputs([source])
    limits = loaded.pipeline.limits
    (resolved,) = resolve_sources(loaded.pipeline, loaded.base)
    options = {"workers": 1, "reporter": Reporter(), "block_bytes": BLOCK_BYTES, "sample_rows": rows}
    prepared = prepare_files([resolved], loaded.pipeline, Store(scratch), **options)
    sample = measure_sample(
        resolved, prepared, limits=limits, block_bytes=BLOCK_BYTES, pending_files=1, compression="zstd"
    )
    return sample, estimate([sample], scratch)


def taken(store: Path) -> tuple[int, int]:
    """Bytes of the cache and of the version, files that both have counted with the version."""
    found = {
        name: {path.stat().st_ino: path.stat().st_size for path in (store / name).rglob("*") if path.is_file()}
        for name in ("cache", "versions")
    }
    cache = {inode: size for inode, size in found["cache"].items() if inode not in found["versions"]}
    return sum(cache.values()), sum(found["versions"].values())


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_run_takes_about_what_a_trial_on_its_first_rows_lets_expect(tmp_path: Path, suffix: str) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", pairs(8_000))
    if suffix:
        packed = source.with_name(source.name + suffix)
        packed.write_bytes(gzip.compress(source.read_bytes()))
        source = packed
    _, expected = tried(source, tmp_path / "trial")
    dataprep.run(source, store=tmp_path / "store")
    cache, version = taken(tmp_path / "store")
    assert 0.7 < expected.cache_bytes / cache < 1.5
    assert 0.7 < expected.version_bytes / version < 2


def test_a_trial_that_sees_a_whole_file_takes_all_of_it(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", pairs(50))
    sample, _ = tried(source, tmp_path / "trial")
    assert (sample.sample_bytes, sample.source_bytes, sample.records) == (source.stat().st_size,) * 2 + (50,)


samples = st.builds(
    SourceSample,
    source_bytes=st.integers(0, 10**12),
    pending_bytes=st.integers(0, 10**12),
    sample_bytes=st.integers(0, 10**6),
    records=st.integers(0, 2_000),
    cache_bytes=st.integers(0, 10**7),
    text_bytes=st.integers(0, 10**6),
)


@given(st.lists(samples, max_size=4))
def test_estimates_of_sources_add_up(found: list[SourceSample]) -> None:
    whole = estimate(found, Path())
    parts = [estimate([one], Path()) for one in found]
    assert whole.cache_bytes == sum(part.cache_bytes for part in parts)
    assert whole.version_bytes == sum(part.version_bytes for part in parts)
    assert whole.scratch_bytes >= max((part.scratch_bytes for part in parts), default=0)


@given(samples)
def test_what_is_in_the_cache_already_costs_less(sample: SourceSample) -> None:
    cached = estimate([replace(sample, pending_bytes=0)], Path())
    whole = estimate([sample], Path())
    assert cached.cache_bytes <= whole.cache_bytes
    assert (cached.version_bytes, cached.scratch_bytes) == (whole.version_bytes, whole.scratch_bytes)


def test_whether_it_fits_is_told_by_the_fullest_moment() -> None:
    assert Estimate(1, 2, 3, free_bytes=6).fits
    assert not Estimate(1, 2, 3, free_bytes=5).fits


def test_free_space_is_known_before_the_store_exists(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0


def test_a_file_that_was_set_aside_counts_for_nothing(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "data" / "rows.jsonl", pairs(50))
    (tmp_path / "data" / "picture.jsonl").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    pipeline = tmp_path / "pipeline.yaml"
    pipeline.write_text("name: x\nsources: [{path: data, on_bad_file: quarantine}]\n", encoding="utf-8")
    sample, _ = tried(pipeline, tmp_path / "trial")
    assert (sample.sample_bytes, sample.records) == ((tmp_path / "data/rows.jsonl").stat().st_size, 50)
