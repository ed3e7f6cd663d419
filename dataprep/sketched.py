"""Records with stored sketches, wherever these lie: in the cache, of prepared files, or in a version's table `near/`.

Sketches are read column by column and in chunks, text only of the records that are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep.file_job import PreparedFile
from dataprep.parts import part_file
from dataprep.record import Turns
from dataprep.store import inventory
from dataprep.store.layout import Store
from dataprep.store.near import NearPart
from dataprep.store.records import read_records

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

RECORD_KEY: Final = "record_key"
"""Column of the exact key; the others are those of `dataprep.pairs.near_keys` for whole records."""
_CHUNK: Final = 100_000
_TEXTS_AT_ONCE: Final = 10_000


class Sketched(Protocol):
    """Records in a fixed order, numbered from 0 on."""

    def column(self, name: str) -> Iterator[pa.Array]:
        """One column of the sketches of all records, chunk by chunk."""

    def ids(self, rows: Ints) -> pa.Array:
        """Ids of some records, in the order given."""

    def turns(self, rows: Ints) -> Iterator[tuple[Ints, Turns]]:
        """The text of some records (ascending), in batches and in any order, with their numbers."""


class PreparedRecords:
    """The records of prepared files, in the order of files, parts and rows."""

    def __init__(self, prepared: Sequence[PreparedFile]) -> None:
        self._parts = [(item, index) for item in prepared for index in range(len(item.summary.part_records))]
        sizes = [item.summary.part_records[index] for item, index in self._parts]
        self._bounds = list(accumulate(sizes, initial=0))

    def column(self, name: str) -> Iterator[pa.Array]:
        """See `Sketched`."""
        for item, index in self._parts:
            folder, table = (item.keys, "keys") if name == RECORD_KEY else (item.near, "near")
            if folder is not None:
                yield pq.read_table(part_file(folder, table, index), columns=[name])[name].combine_chunks()

    def ids(self, rows: Ints) -> pa.Array:
        """The user's id, else the digest of the record: what a run would call the first of identical ones."""
        order = np.argsort(rows, kind="stable")
        found = [pa.array([], pa.string())]
        for item, index, start, here in self._by_part(rows[order]):
            table = pq.read_table(part_file(item.prepare, "rows", index), columns=["user_id", "digest"])
            some = table.take(pa.array(here - start))
            digests = pa.array([digest.hex() for digest in some["digest"].to_pylist()], pa.string())
            found.append(pc.coalesce(some["user_id"].combine_chunks(), digests))
        return pa.concat_arrays(found).take(pa.array(np.argsort(order, kind="stable")))

    def turns(self, rows: Ints) -> Iterator[tuple[Ints, Turns]]:
        """See `Sketched`; in order."""
        for item, index, start, here in self._by_part(rows):
            path = part_file(item.prepare, "records", index)
            column = pq.read_table(path, columns=["turns"])["turns"].combine_chunks()
            yield here, Turns(column.take(pa.array(here - start)))

    def _by_part(self, rows: Ints) -> Iterator[tuple[PreparedFile, int, int, Ints]]:
        """The parts that hold some records (ascending): file, part, number of its first record, the records."""
        for (item, index), (start, end) in zip(self._parts, pairwise(self._bounds), strict=True):
            here = rows[slice(*np.searchsorted(rows, (start, end)))]
            if len(here):
                yield item, index, start, here


def near_parts(prepared: Sequence[PreparedFile]) -> list[NearPart]:
    """Where keys and sketches of a run's records are, for its version's table `near/`."""
    parts = ((item, index) for item in prepared for index in range(len(item.summary.part_records)))
    return [
        NearPart(
            keys=part_file(item.keys, "keys", index),
            near=None if item.near is None else part_file(item.near, "near", index),
            records=item.summary.part_records[index],
        )
        for item, index in parts
    ]


class VersionRecords:
    """The kept records of a version, in the order of its table `near/`.

    Raises:
        InputError: a file of the version is gone.
    """

    def __init__(self, store: Store, version_id: str) -> None:
        self._folder = store.version(version_id)
        files = inventory.version_files(self._folder, inventory.manifest(store, version_id))
        self._files: list[Path] = files.get("near", [])

    def column(self, name: str) -> Iterator[pa.Array]:
        """See `Sketched`."""
        for path in self._files:
            for batch in pq.ParquetFile(path).iter_batches(_CHUNK, columns=[name]):
                yield batch[name]

    def ids(self, rows: Ints) -> pa.Array:
        """See `Sketched`."""
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        found = [pa.array([], pa.string())]
        done = 0
        for column in self.column("record_id"):
            here = ordered[slice(*np.searchsorted(ordered, (done, done + len(column))))]
            found.append(column.take(pa.array(here - done)))
            done += len(column)
        return pa.concat_arrays(found).take(pa.array(np.argsort(order, kind="stable")))

    def turns(self, rows: Ints) -> Iterator[tuple[Ints, Turns]]:
        """See `Sketched`; one pass over the ids of the version's text files, and the text of the named records."""
        ids = self.ids(rows).to_pylist()
        numbers = dict(zip(ids, rows.tolist(), strict=True))
        for batch in read_records(self._folder, record_ids=ids, rows_per_batch=_TEXTS_AT_ONCE):
            yield np.array([numbers[name] for name in batch["record_id"].to_pylist()]), Turns(batch["turns"])
