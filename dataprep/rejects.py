"""The rejects of a run as a table, from the parts of its files; kept for SQL where the run stops before deciding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import duckdb
import pyarrow as pa

from dataprep.file_job import PreparedFile
from dataprep.store.files import make_folder, write_batches
from dataprep.store.layout import Store

_REJECTS_AT_A_TIME: Final = 10_000


def load_rejects(con: duckdb.DuckDBPyConnection, prepared: Sequence[PreparedFile]) -> int:
    """Make table `rejects` and its counts by reason, `rejected`; returns how many there are."""
    names = pa.table(
        {
            "file": [str(path) for item in prepared for path in item.reject_files()],
            "source": [item.source.name for item in prepared for _ in item.reject_files()],
            "path": [item.file.shown for item in prepared for _ in item.reject_files()],
        }
    )
    con.register("reject_files", names)
    con.execute(
        "create table rejects as select names.source, names.path, part.* exclude (filename) "
        "from read_parquet($files, filename = true) as part join reject_files as names on names.file = part.filename",
        {"files": names["file"].to_pylist()},
    )
    con.execute(
        "create table rejected as select reason, count(*) as rejects from rejects group by reason order by reason"
    )
    return int(con.sql("select count(*) from rejects").fetchall()[0][0])


def keep_rejects(con: duckdb.DuckDBPyConnection, store: Store, run_id: str) -> None:
    """Leave the rejects of a run that stops before deciding where SQL finds them."""
    folder = store.run(run_id) / "tables" / "rejects"
    make_folder(folder)
    rejects = con.sql("select * from rejects order by source, path, line").to_arrow_reader(_REJECTS_AT_A_TIME)
    write_batches(folder / "rejects-00000.parquet", rejects, rejects.schema)
