"""Disk space of a run, stated before it: what it adds to the cache, the version, and the most that it spills.

Taken from a trial on a source's first rows, which has made the very files that a run makes: their bytes for each
stored byte of the source, times all its bytes. Fixed factors would not do: with rows of 1.2 kB the cache is 1.6 times
the input (T0, 65 MB of JSON Lines), with rows of 90 bytes 7 to 11 times (banking77, bitext), because half a kilobyte
and more of keys, digests and signals comes with every record, however short. The first 1,000 rows of these three, T0
also gzipped, gave 14 % too little to 18 % too much of cache, and 1 % too little to 27 % too much of version. What a
trial cannot know is whether the rest of the source looks alike.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa

from dataprep.console import file_size
from dataprep.file_job import PreparedFile
from dataprep.ingest.bytestream import ByteStream
from dataprep.ingest.config import IngestLimits
from dataprep.ingest.formats import open_blocks
from dataprep.sources import ResolvedSource

SCRATCH_BYTES_A_RECORD: Final = 2_000
"""The most that the SQL engine spills for a record, whatever its memory limit; `python -m bench scale` checks it.

At 150 MB, the smallest limit that 200,000 records work with, 80 to 430 bytes a record were spilled, at 400 MB none. The
rest is room for spilled blocks that are only partly full, and for data with more pairs."""
GATHERED_BYTES_A_RECORD: Final = 200
"""Bytes of a record in the cached table of all records: 131 (banking77) to 271 (bitext, with most columns in meta)."""
NARROW_BYTES_A_RECORD: Final = 200
"""Bytes of a version's tables beside the text for each record: 159 (generated rows) to 223 (T0, a third of it edited).
They are the cached ones, linked."""
SKETCH_BYTES_A_RECORD: Final = 230
"""Bytes of a kept record's sketch in a version, where near duplicates are looked for."""
_NEAR_PART_BYTES: Final = 10_000
_PART_BYTES: Final = 14_000
"""Bytes of a part without records: footers of its files. They weigh on a trial's small parts, not on a run's."""
_GROWTH_BYTES: Final = 16_000_000
"""Decompressed bytes after which the growth of a compressed file is known well enough."""


_LEAST_SCRATCH: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class SourceSample:
    """What a trial on the first rows of a source showed; bytes unless named otherwise.

    Attributes:
        source_bytes: all files of the source, as they are stored.
        pending_bytes: of these, the files whose steps are not in the cache.
        sample_bytes: stored bytes that the trial's rows take.
        records: records that the trial made of them.
        cache_bytes: files that the trial left in its cache.
        text_bytes: their text as a version would hold it, compressed.
        sketched: whether near duplicates are looked for.
    """

    source_bytes: int
    pending_bytes: int
    sample_bytes: int
    records: int
    cache_bytes: int
    text_bytes: int
    sketched: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes of disk that a run needs below its store, and what is free there.

    Attributes:
        cache_bytes: finished steps, which stay for later runs.
        version_bytes: the version.
        scratch_bytes: the most that the SQL engine spills; gone when the run ends.
        free_bytes: free for this user on the store's disk, now.
    """

    cache_bytes: int
    version_bytes: int
    scratch_bytes: int
    free_bytes: int

    @property
    def peak_bytes(self) -> int:
        """What the run needs at its fullest."""
        return self.cache_bytes + self.version_bytes + self.scratch_bytes

    @property
    def fits(self) -> bool:
        """Whether that much is free."""
        return self.peak_bytes <= self.free_bytes

    def describe(self) -> str:
        """In words.

        >>> Estimate(5_000_000_000, 900_000_000, 2_000_000_000, 70_000_000_000).describe()
        'disk: about 5.0 GB of cache and 900.0 MB for the version, at most 2.0 GB of scratch; 70.0 GB free'
        """
        return (
            f"disk: about {file_size(self.cache_bytes)} of cache and {file_size(self.version_bytes)} for the version, "
            f"at most {file_size(self.scratch_bytes)} of scratch; {file_size(self.free_bytes)} free"
        )


def estimate(samples: Sequence[SourceSample], store: Path) -> Estimate:
    """The disk space of a run over sources of which these are samples.

    Args:
        samples: one for each source; one without records counts for nothing.
        store: the store's folder, which need not exist yet.

    >>> half = SourceSample(2_000, 1_000, sample_bytes=100, records=1, cache_bytes=150, text_bytes=30)
    >>> made = estimate([half], Path("/no/store/here"))
    >>> made.cache_bytes, made.version_bytes, made.scratch_bytes
    (5500, 4600, 100000000)
    """
    cache = version = total = 0
    for sample in samples:
        size = max(sample.sample_bytes, 1)
        records = _times(sample.records, sample.source_bytes, size)
        cache += _times(sample.cache_bytes, sample.pending_bytes, size) + records * GATHERED_BYTES_A_RECORD
        narrow = NARROW_BYTES_A_RECORD + (SKETCH_BYTES_A_RECORD if sample.sketched else 0)
        version += _times(sample.text_bytes, sample.source_bytes, size) + records * narrow
        total += records
    return Estimate(cache, version, scratch_bytes(total), free_bytes(store))


def scratch_bytes(records: int) -> int:
    """The most that the SQL engine may spill in a run of so many records: its limit, and what a plan states.

    >>> scratch_bytes(5_000_000)
    10000000000
    """
    return max(records * SCRATCH_BYTES_A_RECORD, _LEAST_SCRATCH)


def measure_sample(
    source: ResolvedSource,
    prepared: Sequence[PreparedFile],
    *,
    limits: IngestLimits,
    block_bytes: int,
    pending_files: int,
    compression: str,
) -> SourceSample:
    """Look at what a trial made of a source's first rows.

    Args:
        source: the source.
        prepared: its files that the trial has prepared, with their parts still there.
        limits, block_bytes: as the trial had them.
        pending_files: how many of its files a run would have to prepare.
        compression: of the version's files, a name that pyarrow knows, or `none`.

    Raises:
        InputError: a file that could be read a moment ago cannot be now.
    """
    source_bytes = sum(file.size for file in source.files)
    sample_bytes = cache_bytes = text_bytes = 0
    for item in prepared:
        if not item.summary.part_records:  # set aside whole: it may not even open
            continue
        texts = item.part_files(item.prepare, "records")
        folders = (item.prepare, item.keys, *item.measures.values(), *filter(None, [item.near]))
        found = sum(path.stat().st_size for folder in folders for path in folder.glob("*.parquet"))
        footers = _PART_BYTES + (0 if item.near is None else _NEAR_PART_BYTES)
        cache_bytes += max(found - len(texts) * footers, 0)
        text_bytes += sum(_compressed(path.read_bytes(), compression) for path in texts)
        sample_bytes += _stored_bytes(item, limits, block_bytes)
    return SourceSample(
        source_bytes=source_bytes,
        pending_bytes=_times(source_bytes, pending_files, len(source.files)),
        sample_bytes=sample_bytes,
        records=sum(item.summary.records for item in prepared),
        cache_bytes=cache_bytes,
        text_bytes=text_bytes,
        sketched=any(item.near is not None for item in prepared),
    )


def free_bytes(store: Path) -> int:
    """What is free for this user on the disk where a store lies, or would lie."""
    there = next(folder for folder in (store.absolute(), *store.absolute().parents) if folder.exists())
    return shutil.disk_usage(there).free


def _stored_bytes(item: PreparedFile, limits: IngestLimits, block_bytes: int) -> int:
    """Bytes of the file behind its parts: its blocks are cut once more, without being parsed."""
    parts = len(item.summary.part_records)
    config = item.source.config
    blocks = open_blocks(
        item.file.path,
        format=config.format,
        source=config,
        limits=limits,
        block_bytes=block_bytes,
        shown=item.file.shown,
    )
    for _ in islice(blocks, parts):
        pass
    position = min(blocks.position, item.file.size)
    with ByteStream(item.file.path, shown=item.file.shown, limits=limits) as stream:
        if stream.compression == "none":
            return position
        # A decompressor is fed large chunks, so a short sample seems to take far more of the file than it does.
        plain = 0
        while plain < _GROWTH_BYTES and (data := stream.read(1 << 20)):
            plain += len(data)
        return min(position, _times(parts * block_bytes, stream.position, max(plain, 1)))


def _compressed(data: bytes, compression: str) -> int:
    if compression == "none":
        return len(data)
    level = 3 if compression == "zstd" else None
    return len(pa.Codec(compression, compression_level=level).compress(data, asbytes=True))


def _times(value: int, numerator: int, denominator: int) -> int:
    """Whole-number proportion, rounded up.

    >>> _times(10, 1, 3)
    4
    """
    return -(-value * numerator // denominator)
