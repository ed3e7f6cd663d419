"""Which records of a run exist already: the nearest one of `dedup.against`, as a finished step in the cache.

Like pairs, it is found among all cleaned records and from 0.1 below the threshold on, before any rule. What is equal
(by the exact key, or word for word) is found by keys alone; of the rest, bands nominate and the exact similarity
decides, of whole records and of their answers alone, for which text is read of both sides, once. Memory holds one band
of the new records and of what is left of the old ones; the shingle sets of the new ones lie in two files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import orjson
import polars as pl
import pyarrow as pa

from dataprep.against import Against, OldVersion
from dataprep.file_job import PreparedFile
from dataprep.fingerprints import fingerprint
from dataprep.gather import Gathered
from dataprep.kernels.jaccard import compare_pairs
from dataprep.pairs.config import DedupConfig, NearConfig
from dataprep.pairs.known import Nominated, Sought, nominate
from dataprep.pairs.near import first_of
from dataprep.pairs.near_keys import KeyTexts, NearKeys, band_name
from dataprep.record import Turns
from dataprep.sketched import RECORD_KEY, PreparedRecords, Sketched, VersionRecords
from dataprep.sqlfiles import read_sql
from dataprep.store.claims import claim
from dataprep.store.files import remove_folder, take_place, temporary_folder, write_file, write_table
from dataprep.store.layout import Store
from dataprep.store.points import CommitPoint, commit_point

KNOWN_VERSION: Final = 2
"""Raised by hand whenever other records are found for the same sketches."""

_TABLE: Final = "known.parquet"
_SUMMARY: Final = "known.json"
_IDENTITY: Final = "whole_identity"
_NGRAM: Final = "whole_ngram"
_FOUND: Final = {"row": pl.Int64, "record_id": pl.String, "similarity": pl.Float64, "exact": pl.Boolean}

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Sets = tuple[Ints, Hashes]


@dataclass(frozen=True, slots=True)
class Known:
    """The records of a run that exist already, or nearly.

    Attributes:
        folder: their place in the cache.
        against: what they were compared with.
        reused: whether the step was there.
    """

    folder: Path
    against: Against
    reused: bool

    def records(self) -> pl.DataFrame:
        """One line a record, in order: row, place (in `against`), record_id (there), similarity, exact."""
        return pl.read_parquet(self.folder / _TABLE, glob=False)

    def notes(self) -> Iterator[str]:
        """What was not compared, in words."""
        uncompared: list[int] = orjson.loads((self.folder / _SUMMARY).read_bytes())["uncompared"]
        for place, count in zip(self.against.places, uncompared, strict=True):
            if count:
                yield (
                    f"{place.name}: {count:,} pairs of records that share much of their text (boilerplate) were not "
                    "compared"
                )


def find_known(
    prepared: Sequence[PreparedFile],
    gathered: Gathered,
    against: Against,
    dedup: DedupConfig,
    store: Store,
    scratch: Store | None = None,
    owner: str | None = None,
) -> Known | None:
    """Bring what is known of a run's records into the cache; None where they are compared with nothing.

    Args:
        prepared: all files, in order.
        gathered: numbers their rows.
        against: what they are compared with.
        dedup: what counts as the same.
        store: where versions and the cache are.
        scratch: where to write what the cache does not have, in place of it.
        owner: the run; None where nothing of the store is written.

    Raises:
        InputError: a file of a version is gone.
    """
    if not against.places:
        return None
    near = dedup.near.stored()
    sketches = [item.near.name for item in prepared if item.near is not None]
    places = [place.identity for place in against.places]
    threshold = near.threshold if near.on else None
    name = fingerprint("known", KNOWN_VERSION, gathered.fingerprint, sketches, places, dedup.exact, threshold)
    folder = store.step("known", name)
    if owner is not None:
        claim(store, owner, [folder, *map(store.version, against.versions)])
    if (folder / _SUMMARY).exists():
        return Known(folder, against, reused=True)
    if scratch is not None:
        folder = scratch.step("known", name)
    unfinished = temporary_folder(folder, owner or "sample")
    search = _Search(PreparedRecords(prepared), dedup.exact, near, unfinished)
    found = [pl.DataFrame(schema={**_FOUND, "place": pl.Int32})]
    uncompared = []
    for index, place in enumerate(against.places):
        old = _records_of(place, store)
        matches = pl.DataFrame(schema=_FOUND)
        skipped = 0
        if old is not None:
            matches, skipped = search.among(old)
        found.append(matches.with_columns(place=pl.lit(index, pl.Int32)))
        uncompared.append(skipped)
    best = (
        pl.concat(found, how="diagonal")
        .sort("row", "similarity", "exact", "place", "record_id", descending=[False, True, True, False, False])
        .unique("row", keep="first", maintain_order=True)
    )
    write_table(unfinished / _TABLE, best.to_arrow(), compression="none")
    write_file(unfinished / _SUMMARY, orjson.dumps({"uncompared": uncompared}))
    if not take_place(unfinished, folder):
        remove_folder(unfinished)
    commit_point(CommitPoint.STEP_PUBLISHED)
    return Known(folder, against, reused=False)


def drop_known(
    con: duckdb.DuckDBPyConnection, known: Known, dedup: DedupConfig, must_stay: Flags, position: int
) -> None:
    """Add verdicts on the records that are known, whatever else became of them.

    Args:
        con: holds `verdicts`.
        known: the records.
        dedup: the threshold, and what happens to them.
        must_stay: records that are only flagged: shape (n,).
        position: where the rule stands in the order.
    """
    found = known.records().filter(pl.col("exact") | (pl.col("similarity") >= dedup.near.threshold))
    action = np.where(must_stay[found["row"].to_numpy()], "flag", dedup.against_action).astype(object)
    chosen = found.with_columns(action=pl.Series(action.tolist(), dtype=pl.String))
    con.register("chosen", chosen)
    con.register(
        "places", pl.DataFrame({"name": [place.name for place in known.against.places]}).with_row_index("place")
    )
    con.execute(read_sql("steps/known_before"), {"threshold": dedup.near.threshold, "position": position})
    con.unregister("chosen")
    con.unregister("places")


def _records_of(place: Any, store: Store) -> Sketched | None:
    """The records of one place; None where it is a version that there is not yet."""
    if not isinstance(place, OldVersion):
        return PreparedRecords(place.prepared)
    return None if place.version_id is None else VersionRecords(store, place.version_id)


class _Search:
    """A run's records, sought among those of several places.

    Args:
        new: the records.
        exact: whether copies count, by the exact key.
        near: what near duplicates are.
        folder: for scratch.
    """

    def __init__(self, new: PreparedRecords, exact: bool, near: NearConfig, folder: Path) -> None:
        self._new = new
        self._exact = exact
        self._near = near
        self._folder = folder

    def among(self, old: Sketched) -> tuple[pl.DataFrame, int]:
        """For each record that has any, the most similar of these: columns of `_FOUND`; and how many pairs of giant
        buckets were not compared."""
        found = [pl.DataFrame(schema=_FOUND)]
        uncompared = 0
        if self._exact:
            found.append(_equal(old, RECORD_KEY, self._keys).with_columns(similarity=1.0, exact=True))
        if self._near.on:
            words = _equal(old, _IDENTITY, self._identities).with_columns(similarity=1.0, exact=False)
            found.append(words)
            done = np.zeros(len(self._cells), np.bool_)
            for frame in found:
                done[frame["row"].to_numpy()] = True
            similar, uncompared = self._similar(old, self._open_cells(done))
            found.append(similar)
        return pl.concat(found, how="diagonal"), uncompared

    # -- the new records --

    @cached_property
    def _keys(self) -> pl.DataFrame:
        """Exact keys: row, low, high."""
        return pl.concat([_EMPTY_KEYS, *_halves(self._new.column(RECORD_KEY))]).rename({"number": "row"})

    @cached_property
    def _sizes(self) -> npt.NDArray[np.uint8]:
        """Words in a shingle of each record: shape (n,)."""
        return _whole(self._new.column(_NGRAM), np.uint8)

    @cached_property
    def _identities(self) -> pl.DataFrame:
        """Word sequences of the records that are long enough: row, low, high."""
        frame = pl.concat([_EMPTY_KEYS, *_halves(self._new.column(_IDENTITY))]).rename({"number": "row"})
        return frame.filter(pl.Series(self._sizes > 0))

    @cached_property
    def _cells(self) -> Ints:
        """For each record the first that is the same word for word: shape (n,)."""
        comparable = self._sizes > 0
        identity = np.zeros((len(self._sizes), 2), np.uint64)
        identity[comparable] = self._identities["low", "high"].to_numpy()
        return first_of(identity, comparable)

    def _open_cells(self, done: Flags) -> Ints:
        """Records that stand for those with their words, and that have no equal yet."""
        first = self._cells == np.arange(len(self._cells))
        return np.flatnonzero(first & (self._sizes > 0) & ~done)

    # -- near duplicates --

    def _similar(self, old: Sketched, cells: Ints) -> tuple[pl.DataFrame, int]:
        """The most similar record for each of the cells' records that has one at or above the floor."""
        identities = [frame["low"].to_numpy() for frame in _halves(old.column(_IDENTITY))]
        nominated = nominate(
            self._near.bands,
            lambda band: _whole(self._new.column(f"whole_{band_name(band)}"), np.uint64)[cells],
            lambda band: (column.to_numpy() for column in old.column(f"whole_{band_name(band)}")),
            np.concatenate([np.empty(0, np.uint64), *identities]),
        )
        del identities
        similarity = self._verify(old, cells, nominated)
        close = similarity >= self._near.floor
        there = np.unique(nominated.old[close])
        ids = pl.DataFrame({"old": there, "record_id": pl.Series(old.ids(there).to_pylist(), dtype=pl.String)})
        pairs = {"cell": cells[nominated.new[close]], "old": nominated.old[close], "similarity": similarity[close]}
        best = (
            pl.DataFrame(pairs)
            .join(ids, on="old")
            .sort("cell", "similarity", "record_id", descending=[False, True, False])
            .unique("cell", keep="first", maintain_order=True)
        )
        rows = pl.DataFrame({"row": np.arange(len(self._cells)), "cell": self._cells}).filter(
            pl.Series(self._sizes > 0)
        )
        found = rows.join(best, on="cell").select("row", "record_id", "similarity", exact=pl.lit(False))
        return found, nominated.uncompared

    def _verify(self, old: Sketched, cells: Ints, nominated: Nominated) -> npt.NDArray[np.float64]:
        """The exact similarity of each nominated pair, 0 below the floor."""
        similarity = np.zeros(len(nominated.new))
        if not len(similarity):
            return similarity
        wanted, left = np.unique(nominated.new, return_inverse=True)
        sizes = _Picked(np.unique(nominated.old), old.column(_NGRAM))
        order = np.argsort(nominated.old, kind="stable")
        by_old = nominated.old[order]
        with tempfile.TemporaryFile(dir=self._folder) as scratch, tempfile.TemporaryFile(dir=self._folder) as beside:
            new, new_answers = self._new_sets(cells[wanted], scratch, beside)
            for rows, turns in old.turns(sizes.rows):
                there, answers = self._sets(turns, sizes.of(rows))
                starts, ends = np.searchsorted(by_old, rows), np.searchsorted(by_old, rows, side="right")
                pairs = order[_spans(starts, ends)]
                right = np.repeat(np.arange(len(rows)), ends - starts)
                here, place = np.unique(left[pairs], return_inverse=True)
                by_new = np.argsort(place, kind="stable")
                left_sets, right_sets = place[by_new], len(here) + right[by_new]
                both = _joined(_chosen(new, here), there)
                found = compare_pairs(*both, left_sets, right_sets, self._near.floor)
                if self._near.answers_alone:
                    close = np.flatnonzero(found)
                    both = _joined(_chosen(new_answers, here), answers)
                    alone = compare_pairs(*both, left_sets[close], right_sets[close], self._near.floor)
                    found[close] = np.minimum(found[close], alone)
                similarity[pairs[by_new]] = found
        return similarity

    def _new_sets(self, rows: Ints, scratch: IO[bytes], beside: IO[bytes]) -> tuple[Sets, Sets]:
        """The shingle sets of some of the new records (ascending) and of their answers, side by side in a file each."""
        lengths = [np.zeros((2, 1), np.int64)]
        for here, turns in self._new.turns(rows):
            both = self._sets(turns, self._sizes[here])
            lengths.append(np.stack([np.diff(offsets) for offsets, _ in both]))
            for file, (_, values) in zip((scratch, beside), both, strict=True):
                file.write(values.tobytes())
        whole, answers = np.cumsum(np.concatenate(lengths, axis=1), axis=1)
        return (whole, _mapped(scratch, int(whole[-1]))), (answers, _mapped(beside, int(answers[-1])))

    def _sets(self, turns: Turns, sizes: npt.NDArray[np.uint8]) -> tuple[Sets, Sets]:
        """The shingle sets of some records, and of their answers: empty ones where these are not compared alone."""
        texts = KeyTexts.of(turns)
        whole = self._near_keys.side_sets(texts, "whole", sizes)
        if self._near.answers_alone:
            return whole, self._near_keys.answer_sets(texts)
        return whole, (np.zeros_like(whole[0]), np.empty(0, np.uint64))

    @cached_property
    def _near_keys(self) -> NearKeys:
        return NearKeys(self._near)


class _Picked:
    """Values of a column for some rows (ascending)."""

    def __init__(self, rows: Ints, column: Iterator[pa.Array]) -> None:
        self.rows = rows
        values = [np.empty(0, np.uint8)]
        done = 0
        for chunk in column:
            here = rows[slice(*np.searchsorted(rows, (done, done + len(chunk))))]
            values.append(chunk.to_numpy()[here - done])
            done += len(chunk)
        self._values = np.concatenate(values)

    def of(self, rows: Ints) -> npt.NDArray[np.uint8]:
        return np.asarray(self._values[np.searchsorted(self.rows, rows)])


_EMPTY_KEYS: Final = pl.DataFrame(schema={"number": pl.Int64, "low": pl.UInt64, "high": pl.UInt64})


def _halves(column: Iterator[pa.Array]) -> Iterator[pl.DataFrame]:
    """128-bit keys as two numbers each, with the number of the record; records without one are left out."""
    done = 0
    for chunk in column:
        keys = np.frombuffer(chunk.buffers()[1], "<u8").reshape(-1, 2)[chunk.offset : chunk.offset + len(chunk)]
        frame = pl.DataFrame({"number": np.arange(done, done + len(chunk)), "low": keys[:, 0], "high": keys[:, 1]})
        valid = chunk.is_valid().to_numpy(zero_copy_only=False)
        yield frame if valid.all() else frame.filter(pl.Series(valid))
        done += len(chunk)


def _equal(old: Sketched, name: str, new: pl.DataFrame) -> pl.DataFrame:
    """New records (row, low, high) that have an equal key among the old ones, with the smallest id there."""
    sought = Sought(new["low"].to_numpy())
    distinct = new.select("low", "high").unique()
    likely = [frame[sought.likely(frame["low"].to_numpy())] for frame in _halves(old.column(name))]
    hits = pl.concat([_EMPTY_KEYS, *likely]).join(distinct, on=["low", "high"], how="semi", maintain_order="left")
    ids = pl.Series("record_id", old.ids(hits["number"].to_numpy()).to_pylist(), dtype=pl.String)
    first = hits.with_columns(ids).group_by("low", "high").agg(pl.col("record_id").min())
    return new.join(first, on=["low", "high"]).select("row", "record_id")


def _mapped(file: IO[bytes], size: int) -> Hashes:
    """The hashes in a file, which memory holds only as they are read."""
    file.flush()
    return np.memmap(file, np.uint64, "r", shape=(size,)) if size else np.empty(0, np.uint64)


def _whole(column: Iterator[pa.Array], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.concatenate([np.empty(0, dtype), *(chunk.to_numpy() for chunk in column)])


def _spans(starts: Ints, ends: Ints) -> Ints:
    """All places of some spans, span after span.

    >>> _spans(np.array([4, 9]), np.array([6, 10])).tolist()
    [4, 5, 9]
    """
    sizes = ends - starts
    return np.asarray(np.repeat(starts - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum()))


def _chosen(sets: Sets, places: Ints) -> Sets:
    """Some of the sets."""
    offsets, values = sets
    starts, ends = offsets[places], offsets[places + 1]
    return np.append(0, np.cumsum(ends - starts)), values[_spans(starts, ends)]


def _joined(one: Sets, other: Sets) -> Sets:
    """Sets side by side."""
    return np.concatenate([one[0], one[0][-1] + other[0][1:]]), np.concatenate([one[1], other[1]])
