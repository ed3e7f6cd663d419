"""Gather: the parts of all files side by side, as one narrow table on which every set step works.

What does not depend on rules is done here once: ids are given, keys become numbers, and equal keys become sets of
copies and nodes of equal inputs. So a changed rule, a changed split or a what-if starts from integers and never meets
128-bit keys or ids. The table is a finished step in the cache, like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

import duckdb
import polars as pl
import pyarrow as pa

from dataprep.errors import InputError
from dataprep.file_job import PreparedFile
from dataprep.fingerprints import fingerprint
from dataprep.pipeline.models import Pipeline
from dataprep.sqlfiles import parquet_list, quote_identifier, read_sql
from dataprep.store.claims import claim
from dataprep.store.files import (
    CommitPoint,
    commit_point,
    remove_folder,
    take_place,
    temporary_folder,
    write_batches,
)
from dataprep.store.layout import Store
from dataprep.store.meta_columns import MetaColumn, meta_columns

GATHER_VERSION: Final = 2
"""Raised by hand whenever ids, numbers of keys or the columns of the table come out differently."""

_TABLE: Final = "gathered.parquet"
_PREFIXES: Final = "prefixes.parquet"
_DICTIONARIES: Final = ("source", "path", "label", "given_split", "layout", "group_key")
"""Columns with few distinct values; the others are stored as they are."""
_BATCH: Final = 100_000


@dataclass(frozen=True, slots=True)
class Gathered:
    """The gathered table of a run, and the files that still belong to it part by part.

    Attributes:
        fingerprint: of everything in the table.
        table: the Parquet file, one line a record: `row` and the columns of `sql/steps/gathered.sql`.
        prefixes: which conversations begin with which, as in `sql/steps/gather_prefixes.sql`.
        records: number of records.
        signals: for each family the files of its parts, in order.
        edits: files of what cleaning changed, in order of parts.
        base_rows: number of the first row of each part.
        meta: user columns, typed over all records.
        reused: whether the table was in the cache.
    """

    fingerprint: str
    table: Path
    prefixes: Path
    records: int
    signals: dict[str, list[Path]]
    edits: list[Path]
    base_rows: list[int]
    meta: list[MetaColumn]
    reused: bool

    def attach(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make the views `rows`, `prefixes`, `signals`, `signals_<family>` of each family alone, and `edits`."""
        for name, file in (("rows", self.table), ("prefixes", self.prefixes)):
            con.execute(f"create view {name} as select * from read_parquet({parquet_list([file])})")
        # Parts are numbered in order, and rows within them, so the files of all families stand side by side.
        families = [f"read_parquet({parquet_list(files)})" for files in self.signals.values()]
        con.execute(
            f"create view signals as select * from range({self.records}) as numbers(row) positional join "
            f"{' positional join '.join(families)}"
        )
        row = f"{self.base_rows}[file_index::bigint + 1] + file_row_number as row"
        for family, files in self.signals.items():
            con.execute(
                f"create view {quote_identifier(f'signals_{family}')} as select {row}, * exclude (file_row_number) "
                f"from read_parquet({parquet_list(files)}, file_row_number = true)"
            )
        con.register("edit_parts", pl.DataFrame({"file": list(map(str, self.edits)), "base_row": self.base_rows}))
        con.execute(f"create view edits as {read_sql('steps/edits').replace('$edit_files', parquet_list(self.edits))}")


def gather_fingerprint(prepared: Sequence[PreparedFile], pipeline: Pipeline) -> str:
    """Of the gathered table: every file's parts in order, and how ids are settled."""
    return fingerprint(
        "gather",
        GATHER_VERSION,
        [
            (item.source.index, item.source.name, item.file.shown, item.prepare.name, item.keys.name)
            for item in prepared
        ],
        [(source.id, source.on_duplicate_id) for source in pipeline.sources],
    )


def gather(
    con: duckdb.DuckDBPyConnection,
    prepared: Sequence[PreparedFile],
    pipeline: Pipeline,
    store: Store,
    owner: str | None = None,
) -> Gathered:
    """Bring the gathered table of a run into the cache.

    Args:
        con: a scratch database; what is made in it is dropped again.
        prepared: all files, in order.
        pipeline: says how ids are settled.
        store: where the cache is.
        owner: the run, which claims the table before it looks for it; None in a store that is thrown away.

    Raises:
        InputError: user ids are repeated.
    """
    name = gather_fingerprint(prepared, pipeline)
    folder = store.step("gather", name)
    if owner is not None:
        claim(store, owner, [folder])
    reused = (folder / _TABLE).exists()
    if not reused:
        unfinished = temporary_folder(folder, owner or "sample")
        _make(con, prepared, pipeline, unfinished)
        if not take_place(unfinished, folder):
            remove_folder(unfinished)
        commit_point(CommitPoint.STEP_PUBLISHED)
    return find_gathered(prepared, pipeline, store, reused=reused)


def find_gathered(
    prepared: Sequence[PreparedFile], pipeline: Pipeline, store: Store, *, reused: bool = True
) -> Gathered:
    """What `gather` left in the cache for these files."""
    name = gather_fingerprint(prepared, pipeline)
    signals: dict[str, list[Path]] = {}
    kinds: dict[str, set[str]] = {}
    base_rows, base_row = [], 0
    for item in prepared:
        for family, folder in item.measures.items():
            signals.setdefault(family, []).extend(item.part_files(folder, family))
        for records in item.summary.part_records:
            base_rows.append(base_row)
            base_row += records
        for key, found in item.summary.meta_kinds.items():
            kinds.setdefault(key, set()).update(found)
    return Gathered(
        fingerprint=name,
        table=store.step("gather", name) / _TABLE,
        prefixes=store.step("gather", name) / _PREFIXES,
        records=base_row,
        signals=signals,
        edits=[file for item in prepared for file in item.part_files(item.prepare, "edits")],
        base_rows=base_rows,
        meta=meta_columns(kinds),
        reused=reused,
    )


def _make(con: duckdb.DuckDBPyConnection, prepared: Sequence[PreparedFile], pipeline: Pipeline, folder: Path) -> None:
    row_files = [file for item in prepared for file in item.part_files(item.prepare, "rows")]
    key_files = [file for item in prepared for file in item.part_files(item.keys, "keys")]
    sizes = [records for item in prepared for records in item.summary.part_records]
    owners = [item for item in prepared for _ in item.summary.part_records]
    con.register(
        "parts",
        pa.table(
            {
                "row_file": list(map(str, row_files)),
                "key_file": list(map(str, key_files)),
                "source_index": pa.array([item.source.index for item in owners], pa.int32()),
                "source": [item.source.name for item in owners],
                "path": [item.file.shown for item in owners],
                "base_row": pa.array(list(accumulate(sizes[:-1], initial=0)), pa.int64()),
            }
        ),
    )
    statements = read_sql("steps/gather").replace("$row_files", parquet_list(row_files))
    con.execute(statements.replace("$key_files", parquet_list(key_files)))
    _settle_ids(con, pipeline)
    reader = con.sql(read_sql("steps/gathered")).to_arrow_reader(_BATCH)
    write_batches(folder / _TABLE, reader, reader.schema, compression="none", use_dictionary=list(_DICTIONARIES))
    prefixes = read_sql("steps/gather_prefixes").replace("$key_files", parquet_list(key_files))
    reader = con.sql(prefixes).to_arrow_reader(_BATCH)
    write_batches(folder / _PREFIXES, reader, reader.schema, compression="none", use_dictionary=False)
    for table in ("part_rows", "part_keys", "nodes", "ids"):
        con.execute(f"drop table {table}")
    con.unregister("parts")


def _settle_ids(con: duckdb.DuckDBPyConnection, pipeline: Pipeline) -> None:
    if not any(source.id for source in pipeline.sources):
        return
    con.execute(f"create table repeated_ids as {read_sql('steps/repeated_ids')}")
    repeated = con.sql("select * from repeated_ids order by record_id, place limit 2").fetchall()
    if not repeated:
        return
    if any(source.id and source.on_duplicate_id == "fail" for source in pipeline.sources):
        (_, record_id, path, line, *_), (_, _, path_2, line_2, *_) = repeated
        raise InputError(
            f"two rows have the id {record_id!r}: {path} line {line} and {path_2} line {line_2}",
            key="sources.id",
            hint="name a column that is unique, or set `on_duplicate_id: suffix`",
        )
    con.execute(
        "update ids set record_id = repeated_ids.record_id || '~' || suffix, id_was_taken = true "
        "from repeated_ids where repeated_ids.row = ids.row and place > 1"
    )
    taken = con.sql("select record_id from ids group by record_id having count(*) > 1 order by record_id").fetchall()
    if taken:
        raise InputError(
            f"the id {taken[0][0]!r}, made by a suffix, is the id of another row",
            key="sources.id",
            hint="name a column that is unique",
        )
