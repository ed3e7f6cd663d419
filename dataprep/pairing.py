"""Pair: verified near duplicates among all cleaned records, before any rule, as a finished step in the cache.

Rules and thresholds come later, so they may change without a look at any text: pairs are stored from 0.1 below the
threshold on, and of giant buckets the members with their shingle sets, because only when it is known which records are
still in can their members be compared with the ones that stay. Text is read for what bands nominated, once, and once
more for what proved near: the answers of these are compared alone, which few nominated pairs come to.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep.file_job import PreparedFile
from dataprep.fingerprints import fingerprint
from dataprep.gather import Gathered
from dataprep.pairs.choice import Likeness
from dataprep.pairs.config import NearConfig
from dataprep.pairs.near import Candidates, NearPairs, Sets, first_of, verify, with_answers
from dataprep.pairs.near_keys import KeyTexts, NearKeys, band_name
from dataprep.record import Turns
from dataprep.store.claims import claim
from dataprep.store.files import remove_folder, take_place, temporary_folder, write_file, write_table
from dataprep.store.layout import Store
from dataprep.store.points import CommitPoint, commit_point

PAIRS_VERSION: Final = 3
"""Raised by hand whenever other pairs are found among the same sketches."""

_SUMMARY: Final = "pairs.json"
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Paired:
    """The near duplicates of a run.

    Attributes:
        folder: their place in the cache.
        fingerprint: of everything in it.
        reused: whether it was there.
    """

    folder: Path
    fingerprint: str
    reused: bool

    def summary(self) -> dict[str, Any]:
        """Counts of each side: nominated, pairs, giants (members, largest first), uncompared."""
        summary: dict[str, Any] = orjson.loads((self.folder / _SUMMARY).read_bytes())
        return summary

    def ranks(self) -> tuple[Ints, Ints]:
        """The records that have a copy or a near duplicate, and the place of each among them in order of ids."""
        found = self._columns("ranks", "row", "rank")
        return found["row"], found["rank"]

    def texts(self) -> tuple[Ints, Ints, npt.NDArray[np.float64]]:
        """Pairs with the similarity of the whole records, where their answers are less similar: earlier, later, it."""
        if not (self.folder / "whole-texts.parquet").exists():  # answers are not compared alone
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        found = self._columns("whole-texts", "earlier", "later", "similarity")
        return found["earlier"], found["later"], found["similarity"]

    def likeness(self, side: str, records: int) -> Likeness:
        """What is known of n records by one of their sides, `whole` or `input`."""
        cells = self._columns(f"{side}-cells", "row", "first")
        first = np.arange(records)
        first[cells["row"]] = cells["first"]
        first[self._columns(f"{side}-short", "row")["row"]] = -1
        pairs = self._columns(f"{side}-pairs", "earlier", "later", "similarity")
        giants = self._columns(f"{side}-giants", "giant", "row")
        bounds = np.flatnonzero(np.diff(giants["giant"])) + 1
        sets = pl.read_parquet(self.folder / f"{side}-sets.parquet", glob=False)
        set_offsets, set_values = _flat(sets["shingles"])
        answer_offsets, answer_values = _flat(sets["answer_shingles"])
        return Likeness(
            cells=first,
            earlier=pairs["earlier"],
            later=pairs["later"],
            similarity=pairs["similarity"],
            giants=np.split(giants["row"], bounds) if len(giants["row"]) else [],
            set_rows=sets["row"].to_numpy(),
            set_offsets=set_offsets,
            set_values=set_values,
            answer_offsets=answer_offsets,
            answer_values=answer_values,
        )

    def _columns(self, name: str, *columns: str) -> dict[str, npt.NDArray[Any]]:
        table = pl.read_parquet(self.folder / f"{name}.parquet", columns=list(columns), glob=False)
        return {column: table[column].to_numpy() for column in columns}


def _flat(sets: pl.Series) -> Sets:
    """Sets side by side, with offsets."""
    offsets = np.append(0, np.cumsum(sets.list.len().to_numpy(), dtype=np.int64))
    return offsets, sets.explode().drop_nulls().to_numpy()


def pairs_fingerprint(prepared: Sequence[PreparedFile], gathered: Gathered, config: NearConfig) -> str:
    """Of the pairs of a run: the numbers of its rows, their sketches, and the threshold."""
    sketches = [item.near.name for item in prepared if item.near is not None]
    return fingerprint("pairs", PAIRS_VERSION, gathered.fingerprint, sketches, config.stored().threshold)


def find_pairs(
    prepared: Sequence[PreparedFile],
    gathered: Gathered,
    config: NearConfig,
    store: Store,
    owner: str | None = None,
) -> Paired | None:
    """Bring the near duplicates of a run into the cache; None where none are looked for.

    Args:
        prepared: all files, in order.
        gathered: numbers their rows.
        config: what a near duplicate is.
        store: where the cache is.
        owner: the run; None in a store that is thrown away.
    """
    if not config.on:
        return None
    config = config.stored()
    name = pairs_fingerprint(prepared, gathered, config)
    folder = store.step("pairs", name)
    if owner is not None:
        claim(store, owner, [folder])
    if (folder / _SUMMARY).exists():
        return Paired(folder, name, reused=True)
    unfinished = temporary_folder(folder, owner or "sample")
    summary = {side: _Side(prepared, config, side, unfinished).find() for side in ("whole", "input")}
    _write_ranks(gathered, Paired(unfinished, name, reused=False).likeness("whole", gathered.records), unfinished)
    write_file(unfinished / _SUMMARY, orjson.dumps(summary))
    if not take_place(unfinished, folder):
        remove_folder(unfinished)
    commit_point(CommitPoint.STEP_PUBLISHED)
    return Paired(folder, name, reused=False)


def stored_pairs(
    prepared: Sequence[PreparedFile], gathered: Gathered, config: NearConfig, store: Store
) -> Paired | None:
    """The near duplicates of a run as the cache has them; None where it has none, or none are looked for."""
    name = pairs_fingerprint(prepared, gathered, config)
    folder = store.step("pairs", name)
    return Paired(folder, name, reused=True) if config.on and (folder / _SUMMARY).exists() else None


def _write_ranks(gathered: Gathered, likeness: Likeness, folder: Path) -> None:
    """Rank the ids of all records that have a copy or a near duplicate: what the stated order ends with."""
    cells = likeness.cells
    alike = np.zeros(len(cells) + 1, np.bool_)  # the last one is for records that are too short
    for firsts in (likeness.earlier, likeness.later, *likeness.giants, cells[cells != np.arange(len(cells))]):
        alike[firsts] = True
    alike[-1] = False
    table = pq.read_table(gathered.table, columns=["row", "record_id", "copy_set"])
    chosen = alike[cells[table["row"].to_numpy()]] | table["copy_set"].is_valid().to_numpy(zero_copy_only=False)
    table = table.filter(pa.array(chosen)).combine_chunks()
    order = pc.sort_indices(table["record_id"]).to_numpy()
    ranks = pa.table({"row": table["row"].to_numpy()[order], "rank": np.arange(len(order))})
    write_table(folder / "ranks.parquet", ranks, compression="none")


class _Side:
    """One side of all records: by the fields that the pipeline names, or by their input.

    The input side is null where it equals the whole, and is then read from there.
    """

    def __init__(self, prepared: Sequence[PreparedFile], config: NearConfig, side: str, folder: Path) -> None:
        self._config = config
        self._side = side
        self._folder = folder
        parts = [
            (records, near, size)
            for item in prepared
            if item.near is not None
            for records, near, size in zip(
                item.part_files(item.prepare, "records"),
                item.part_files(item.near, "near"),
                item.summary.part_records,
                strict=True,
            )
        ]
        self._record_files = [records for records, _, _ in parts]
        self._near_files = [near for _, near, _ in parts]
        self._bounds = list(accumulate((size for _, _, size in parts), initial=0))

    def find(self) -> dict[str, Any]:
        """Write the tables of this side and return its counts."""
        comparable = self._sizes > 0
        identities = self._identities()
        cells = first_of(identities, comparable)
        firsts = np.flatnonzero(comparable & (cells == np.arange(len(cells))))
        chosen = np.ones(len(firsts), np.bool_)
        candidates = Candidates(self._config, len(firsts), lambda band: self._band(band)[firsts], chosen)
        wanted = candidates.cells()
        giants = [firsts[giant] for giant in candidates.giants]
        if self._side == "whole":  # compared with those that stay, when it is known which these are
            candidates.giants = []
        else:  # with the first few, in an order that does not depend on where records stand
            places = np.argsort(identities[firsts, 0], kind="stable")
            rank = np.empty_like(places)
            rank[places] = np.arange(len(places))
            candidates.giants = [giant[np.argsort(rank[giant])] for giant in candidates.giants]
        kept = giants if self._side == "whole" else []
        members = np.unique(np.concatenate(kept)) if kept else np.empty(0, np.int64)
        found = self._verified(candidates, wanted, firsts, np.searchsorted(firsts, members))
        later = np.flatnonzero(comparable & (cells != np.arange(len(cells))))
        self._write("cells", row=later, first=cells[later])
        self._write("short", row=np.flatnonzero(~comparable))
        self._write_pairs("pairs", firsts, found)
        numbers = np.repeat(np.arange(len(kept)), [len(giant) for giant in kept])
        self._write("giants", giant=numbers, row=np.concatenate(kept) if kept else np.empty(0, np.int64))
        return {
            "comparable": int(comparable.sum()),
            "cells": len(firsts),
            "nominated": found.nominated,
            "pairs": len(found.earlier),
            "giants": sorted(map(len, giants), reverse=True),
            "uncompared": found.uncompared,
        }

    def _verified(self, candidates: Candidates, wanted: Ints, firsts: Ints, members: Ints) -> NearPairs:
        """Compare what was nominated, as a whole and by answers alone, and write the sets of members of giants.

        Args:
            candidates: what was nominated among n cells, less what is compared later.
            wanted: all cells that were nominated, in order.
            firsts: the record of each cell: shape (n,).
            members: the cells whose sets are written, ascending.
        """
        with tempfile.TemporaryFile(dir=self._folder) as scratch:
            sets = self._sets(firsts[wanted], scratch)
            found = verify(self._config, candidates, wanted, sets)
            columns = {"row": pa.array(firsts[members]), "shingles": _lists(members, wanted, sets)}
        alone = self._side == "whole" and self._config.answers_alone
        beside = np.unique(np.concatenate([found.earlier, found.later, members])) if alone else members
        answers: Sets = np.zeros(len(beside) + 1, np.int64), np.empty(0, np.uint64)
        with tempfile.TemporaryFile(dir=self._folder) as scratch:
            if alone:
                answers = self._sets(firsts[beside], scratch, answers=True)
                found, apart = with_answers(self._config, found, beside, answers)
                self._write_pairs("texts", firsts, apart)
            columns["answer_shingles"] = _lists(members, beside, answers)
        path = self._folder / f"{self._side}-sets.parquet"
        write_table(path, pa.table(columns), compression="none", use_dictionary=False)
        return found

    def _sets(self, rows: Ints, scratch: IO[bytes], *, answers: bool = False) -> Sets:
        """The shingle sets of some records (ascending), or of their answers alone, side by side in a file: memory holds
        what is being compared."""
        keys = NearKeys(self._config)
        sizes = [np.zeros(1, np.int64)]
        for records, (start, end) in zip(self._record_files, pairwise(self._bounds), strict=True):
            here = rows[slice(*np.searchsorted(rows, (start, end)))]
            if not len(here):
                continue
            column = pq.read_table(records, columns=["turns"])["turns"].combine_chunks()
            turns = Turns(column.take(pa.array(here - start)))
            texts = KeyTexts.of(turns)
            offsets, values = (
                keys.answer_sets(texts) if answers else keys.side_sets(texts, self._side, self._sizes[here])
            )
            sizes.append(np.diff(offsets))
            scratch.write(values.tobytes())
        offsets = np.cumsum(np.concatenate(sizes))
        scratch.flush()
        if not offsets[-1]:
            return offsets, np.empty(0, np.uint64)
        return offsets, np.memmap(scratch, np.uint64, "r", shape=(int(offsets[-1]),))

    # -- sketches --

    @cached_property
    def _sizes(self) -> npt.NDArray[np.uint8]:
        """Words in a shingle of each record: shape (n,)."""
        return np.concatenate([column.to_numpy() for column in self._columns("ngram")] or [np.empty(0, np.uint8)])

    def _band(self, band: int) -> npt.NDArray[np.uint64]:
        """Keys of one band of each record: shape (n,)."""
        return np.concatenate([column.to_numpy() for column in self._columns(band_name(band))])

    def _identities(self) -> npt.NDArray[np.uint64]:
        """Shape (n, 2)."""
        halves = [
            np.frombuffer(column.buffers()[1], np.uint64).reshape(-1, 2)[column.offset : column.offset + len(column)]
            for column in self._columns("identity")
        ]
        return np.concatenate(halves or [np.empty((0, 2), np.uint64)])

    def _columns(self, name: str) -> Iterator[pa.Array]:
        """One column of this side, part by part."""
        for file in self._near_files:
            own, whole = f"{self._side}_{name}", f"whole_{name}"
            table = pq.read_table(file, columns=list({own, whole}))
            column = table[own].combine_chunks()
            yield column if not column.null_count else pc.coalesce(column, table[whole].combine_chunks())

    # -- tables --

    def _write_pairs(self, name: str, firsts: Ints, found: NearPairs) -> None:
        self._write(name, earlier=firsts[found.earlier], later=firsts[found.later], similarity=found.similarity)

    def _write(self, name: str, **columns: npt.NDArray[Any]) -> None:
        write_table(self._folder / f"{self._side}-{name}.parquet", pa.table(columns), compression="none")


def _lists(cells: Ints, candidates: Ints, sets: Sets) -> pa.LargeListArray:
    """The sets of some of the candidates."""
    offsets, values = sets
    places = np.searchsorted(candidates, cells)
    bounds = np.append(0, np.cumsum(np.diff(offsets)[places]))
    chosen = [values[offsets[place] : offsets[place + 1]] for place in places.tolist()]
    hashes = pa.array(np.concatenate(chosen) if chosen else np.empty(0, np.uint64))
    return pa.LargeListArray.from_arrays(pa.array(bounds, pa.int64()), hashes)
