"""Which records of a run contain a benchmark item, as a finished step in the cache.

Found among all cleaned records, whatever rules do with them, and from a floor on, so that thresholds can be moved
without a look at any text. Exact copies and shares of n-grams take a pass over the text of their own: what is looked
for changes more often than the records do, and these need not be prepared anew. Near duplicates are found by the
sketches that there are; of these, text is read only where an item shares a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
import numpy as np
import numpy.typing as npt
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep.benchmark_files import Benchmarks, read_benchmarks
from dataprep.events import Reporter
from dataprep.file_job import PreparedFile
from dataprep.fingerprints import fingerprint
from dataprep.gather import Gathered
from dataprep.ordered import Threads, threads
from dataprep.pairs.benchmarks import BenchmarkIndex, Items
from dataprep.pairs.config import BenchmarkConfig, NearConfig
from dataprep.pairs.near import Sets
from dataprep.pairs.near_items import ItemSketches
from dataprep.pairs.near_keys import SIDES, KeyTexts, NearKeys, band_name
from dataprep.pairs.sketches import sets_of
from dataprep.pipeline.models import Pipeline
from dataprep.record import Turns
from dataprep.sketched import PreparedRecords
from dataprep.sqlfiles import read_sql
from dataprep.store.claims import claim
from dataprep.store.files import file_digest, remove_folder, take_place, temporary_folder, write_file, write_table
from dataprep.store.layout import Store
from dataprep.store.points import CommitPoint, commit_point

CONTAMINATED_VERSION: Final = 1
"""Raised by hand whenever other records are found for the same items."""

_TABLE: Final = "contaminated.parquet"
_SUMMARY: Final = "contaminated.json"
_FOUND: Final = {"row": pl.Int64, "item": pl.Int32, "kind": pl.String, "value": pl.Float64}
_KINDS: Final = ("exact", "contains", "near")
"""Kinds of what is found; a record is noted once for each, and taken by the first that counts."""

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Suite:
    """The benchmarks of a run.

    Attributes:
        found: their items, and where these are from.
        sha256: of each file.
        digest: of the items: names, texts, labels, and whose turn each is.
    """

    found: Benchmarks
    sha256: tuple[str, ...]
    digest: str

    def describe(self) -> list[dict[str, Any]]:
        """For the manifest: the files."""
        return [
            {"path": file.shown, "sha256": sha256, "mapping": self.found.mappings[file.shown].to_dict()}
            for file, sha256 in zip(self.found.files, self.sha256, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Contaminated:
    """The records of a run that contain a benchmark item, or something of one.

    Attributes:
        folder: their place in the cache.
        reused: whether the step was there.
    """

    folder: Path
    reused: bool

    def records(self) -> pl.DataFrame:
        """In order, for each record and kind (exact or contains, near) the item that it has most of: columns row, item
        (its name), kind, value (the share of the item's n-grams, or the similarity; 1 where exact)."""
        return pl.read_parquet(self.folder / _TABLE, glob=False)

    def notes(self) -> Iterator[str]:
        """What was not looked for, in words."""
        summary: dict[str, int] = orjson.loads((self.folder / _SUMMARY).read_bytes())
        items = summary["items"]
        if summary["empty"]:
            yield f"benchmarks: {summary['empty']:,} of {items:,} items have no words, so nothing can be found of them"
        if summary["exact_only"]:
            yield (
                f"benchmarks: {summary['exact_only']:,} of {items:,} items have no n-grams of their own (too short, or "
                "all text shared with others); they are found as exact copies or near duplicates only"
            )
        if summary["uncompared"]:
            yield (
                f"benchmarks: {summary['uncompared']:,} pairs of a record and an item that shares much of its text "
                "with other items were not compared"
            )


def resolve_benchmarks(
    pipeline: Pipeline, base: Path, *, workers: int = 1, reporter: Reporter | None = None
) -> Suite | None:
    """Read the benchmarks that a pipeline names, before anything is prepared; None where it names none.

    Args:
        pipeline: names them.
        base: the folder that relative paths start from.
        workers: threads.
        reporter: hears about progress and may stop it.

    Raises:
        InputError: as of `read_benchmarks`.
        Cancelled: the caller asked to stop.
    """
    config = pipeline.benchmarks
    if not config.on:
        return None
    key = "benchmarks.files"
    found = read_benchmarks(
        config, base=base, limits=pipeline.limits, clean=pipeline.clean, key=key, workers=workers, reporter=reporter
    )
    return Suite(found, tuple(file_digest(file.path) for file in found.files), _digest(found.items))


def find_contaminated(
    prepared: Sequence[PreparedFile],
    gathered: Gathered,
    suite: Suite | None,
    config: BenchmarkConfig,
    near: NearConfig,
    store: Store,
    scratch: Store | None = None,
    owner: str | None = None,
    *,
    workers: int = 1,
    reporter: Reporter | None = None,
) -> Contaminated | None:
    """Bring the records that have something of a benchmark item into the cache; None where there are no benchmarks.

    A step that is cut short leaves nothing: what there is so far is in memory, and little.

    Args:
        prepared: all files, in order.
        gathered: numbers their rows.
        suite: the benchmarks.
        config: how they are looked for.
        near: what near duplicates are; none of items are looked for where none of records are.
        store: where the cache is.
        scratch: where to write what the cache does not have, in place of it.
        owner: the run; None where nothing of the store is written.
        workers: threads.
        reporter: hears about progress and may stop it.

    Raises:
        Cancelled: the caller asked to stop.
    """
    if suite is None:
        return None
    alike = near.stored() if config.near and near.on else None
    sketches = [item.near.name for item in prepared if item.near is not None] if alike else []
    threshold = alike and alike.threshold
    name = fingerprint(
        "benchmarks", CONTAMINATED_VERSION, suite.digest, gathered.fingerprint, config.ngram, sketches, threshold
    )
    folder = store.step("benchmarks", name)
    if owner is not None:
        claim(store, owner, [folder])
    if (folder / _SUMMARY).exists():
        return Contaminated(folder, reused=True)
    if scratch is not None:
        folder = scratch.step("benchmarks", name)
    items = suite.found.items
    index = BenchmarkIndex(items, config.ngram)
    found = [pl.DataFrame(schema=_FOUND)]
    uncompared = 0
    with threads(workers, reporter or Reporter(), "benchmarks") as some:
        progress = _Progress(some.reporter, gathered.records, passes=1 if alike is None else 1 + len(SIDES))
        found += _in_text(prepared, index, some, progress)
        if alike is not None:
            similar, uncompared = _Search(prepared, alike, some, progress).near(items)
            found.append(similar)
    names = pl.DataFrame({"name": pl.Series(items.names, dtype=pl.String)}).with_row_index("item")
    table = (
        pl.concat(found)
        .join(names.cast({"item": pl.Int32}), on="item", how="left", maintain_order="left")
        .select("row", "kind", "value", item="name")
        .sort("row", "kind")
    )
    unfinished = temporary_folder(folder, owner or "sample")
    write_table(unfinished / _TABLE, table.to_arrow(), compression="none")
    counts = {name: getattr(index.counts, name) for name in ("items", "empty", "exact_only")}
    write_file(unfinished / _SUMMARY, orjson.dumps(counts | {"uncompared": uncompared}))
    if not take_place(unfinished, folder):
        remove_folder(unfinished)
    commit_point(CommitPoint.STEP_PUBLISHED)
    return Contaminated(folder, reused=False)


def drop_contaminated(
    con: duckdb.DuckDBPyConnection,
    contaminated: Contaminated,
    config: BenchmarkConfig,
    near: NearConfig,
    must_stay: Flags,
    position: int,
) -> None:
    """Add verdicts on the records that contain a benchmark item, whatever else became of them, and settle these.

    Args:
        con: holds `verdicts`.
        contaminated: the records.
        config: from which share of an item's n-grams on a record contains it, and what happens then.
        near: from which similarity on it is a near duplicate.
        must_stay: records that are only flagged: shape (n,).
        position: where the rule stands in the order.
    """
    thresholds = pl.DataFrame(
        {
            "kind": pl.Series(_KINDS, dtype=pl.String),
            "place": [0, 1, 2],
            "threshold": [1.0, config.containment, near.threshold],
            "said": ["exact", "contains", "nearly"],
        }
    )
    found = (
        contaminated.records()
        .join(thresholds, on="kind")
        .filter(pl.col("value") >= pl.col("threshold"))
        .sort("row", "place")
        .unique("row", keep="first", maintain_order=True)
    )
    action = np.where(must_stay[found["row"].to_numpy()], "flag", config.action).astype(object)
    con.register("chosen", found.with_columns(action=pl.Series(action.tolist(), dtype=pl.String)))
    con.execute(read_sql("steps/contains_test_item"), {"position": position})
    con.unregister("chosen")
    con.execute(read_sql("steps/settle"))


def _digest(items: Items) -> str:
    texts = items.texts()
    digest = hashlib.blake2b(orjson.dumps([items.names, items.batch["label"].to_pylist()]), digest_size=16)
    for part in (texts.offsets, texts.data, texts.row_offsets, texts.roles, texts.input_ends):
        digest.update(len(part).to_bytes(8, "little") + part.tobytes())
    return digest.hexdigest()


class _Progress:
    """Counts records, in each of several passes over all of them.

    Args:
        reporter: is told.
        records: of the run.
        passes: how many there will be.
    """

    def __init__(self, reporter: Reporter, records: int, passes: int) -> None:
        self._reporter = reporter
        self._records = records
        self._total = records * passes
        self._before = 0

    def tell(self, records: int) -> None:
        """So many records are done in this pass."""
        done = self._before + records
        self._reporter.progress(done, self._total, min(done, self._records))

    def through(self) -> None:
        """This pass is over."""
        self._before += self._records
        self.tell(0)

    def counted(self, results: Iterable[R], count: int) -> Iterator[R]:
        """The results, each of which is one of `count` equal shares of this pass."""
        for number, result in enumerate(results, 1):
            yield result
            self.tell(self._records * number // count)


def _in_text(
    prepared: Sequence[PreparedFile], index: BenchmarkIndex, some: Threads, progress: _Progress
) -> Iterator[pl.DataFrame]:
    """Exact copies and shares of n-grams, part by part; columns of `_FOUND`."""

    def look(part: tuple[Path, int]) -> pa.RecordBatch:
        path, first = part
        turns = pq.read_table(path, columns=["turns"])["turns"].combine_chunks()
        return index.found_in(KeyTexts.of(Turns(turns)), first_row=first)

    files = [path for item in prepared for path in item.part_files(item.prepare, "records")]
    bounds = list(accumulate((size for item in prepared for size in item.summary.part_records), initial=0))
    parts = zip(files, bounds[:-1], strict=True)
    for done, found in zip(bounds[1:], some.map(look, parts), strict=True):
        if found.num_rows:
            yield pl.DataFrame(found).select("row", "item", "kind", value="containment")
        progress.tell(done)
    progress.through()


class _Search:
    """A run's records, of which those that are near duplicates of an item are sought.

    Args:
        prepared: the records.
        near: what near duplicates are.
        some: threads that look.
        progress: of all passes.
    """

    def __init__(self, prepared: Sequence[PreparedFile], near: NearConfig, some: Threads, progress: _Progress) -> None:
        self._records = PreparedRecords(prepared)
        self._near = near
        self._threads = some
        self._progress = progress

    def near(self, items: Items) -> tuple[pl.DataFrame, int]:
        """For each record that is like an item, whole or by its input, the most similar one, of equals the first; and
        how many pairs were not compared."""
        sketches = ItemSketches(items, self._near)
        found = [pl.DataFrame(schema=_FOUND)]
        uncompared = 0
        for side in SIDES:
            there = _OneSide(self, side)
            near = sketches.near_items(side, there.band, there.sizes, there.sets, self._each_band)
            self._progress.through()
            columns = {"row": near.rows, "item": near.items, "kind": "near", "value": near.similarity}
            found.append(pl.DataFrame(columns, schema=_FOUND))
            uncompared += near.uncompared
        best = (
            pl.concat(found)
            .sort("row", "value", "item", descending=[False, True, False])
            .unique("row", keep="first", maintain_order=True)
        )
        return best, uncompared

    def column(self, side: str, name: str) -> Iterator[pa.Array]:
        """One column of the sketches of one side; where it is null, the input is the whole."""
        whole = self._records.column(f"whole_{name}")
        if side == "whole":
            return whole
        own = self._records.column(f"{side}_{name}")
        return (pc.coalesce(*both) for both in zip(own, whole, strict=True))

    def sets(self, side: str, rows: Ints, sizes: npt.NDArray[np.uint8]) -> Sets:
        """The shingle sets of some records (ascending) side by side, from their text."""
        keys = NearKeys(self._near)
        lengths, values = [np.zeros(1, np.int64)], [np.empty(0, np.uint64)]

        def make(batch: tuple[Ints, Turns]) -> Sets:
            here, turns = batch
            texts = KeyTexts.of(turns)
            return sets_of(keys.side_words(texts, side), texts.row_offsets, sizes[here])

        for offsets, found in self._threads.map(make, self._records.turns(rows)):
            lengths.append(np.diff(offsets))
            values.append(found)
        return np.cumsum(np.concatenate(lengths)), np.concatenate(values)

    def _each_band(self, meet: Callable[[int], R], bands: Iterable[int]) -> Iterator[R]:
        return self._progress.counted(self._threads.map(meet, bands), self._near.bands)


class _OneSide:
    """One side of all records, as `ItemSketches.near_items` asks for it."""

    def __init__(self, search: _Search, side: str) -> None:
        self._search = search
        self._side = side
        self.sizes = self._whole("ngram", np.uint8)

    def band(self, band: int) -> npt.NDArray[np.uint64]:
        return self._whole(band_name(band), np.uint64)

    def sets(self, rows: Ints) -> Sets:
        return self._search.sets(self._side, rows, self.sizes)

    def _whole(self, name: str, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        chunks = (chunk.to_numpy(zero_copy_only=False) for chunk in self._search.column(self._side, name))
        return np.concatenate([np.empty(0, dtype), *chunks])
