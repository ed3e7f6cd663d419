"""The text of a stopped run's records, from the cache.

A run that stopped has published no text, but the finished steps that it rests on lie in the cache for the next one. Its
records are found there by their digests, which every part keeps beside the text, so neither the order of files nor row
numbers matter, and a part that gc has removed only leaves its records without text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb

from dataprep.sqlfiles import parquet_list
from dataprep.store.claims import claimed
from dataprep.store.connect import connect
from dataprep.store.inventory import Json
from dataprep.store.layout import Store
from dataprep.store.views import rendered_turns

_STEP: Final = "cache/prepare/"


def run_texts(store: Store, run: Json, digests: Sequence[str]) -> dict[str, str]:
    """Texts of records as `role: content`, a line each, by their digest; those that are no longer there are left out.

    Args:
        store: where the run was.
        run: its record.
        digests: of the records before cleaning, hex, as in the run's table `records`.
    """
    if not digests:
        return {}
    texts: dict[str, str] = {}
    with connect() as con:
        for folder in _prepared(store, run):
            texts |= _part_texts(con, folder, digests)
    return texts


def _prepared(store: Store, run: Json) -> list[Path]:
    """Folders of finished steps with text that a run rested on, as it claimed them and as its record names them."""
    named = {f"cache/{name}" for name in run.get("cache") or ()} | claimed(store, run["run_id"])
    return [store.root / name for name in sorted(named) if name.startswith(_STEP)]


def _part_texts(con: duckdb.DuckDBPyConnection, folder: Path, digests: Sequence[str]) -> dict[str, str]:
    """The texts of one finished step: first where the records are, then the parts that have some."""
    files = sorted(folder.glob("rows-*.parquet"))
    if not files:
        return {}
    found = con.execute(
        "SELECT filename, file_row_number, lower(hex(digest)) "
        f"FROM read_parquet({parquet_list(files)}, filename = true, file_row_number = true) "
        "WHERE digest IN (SELECT unhex(unnest($digests)))",
        {"digests": list(digests)},
    ).fetchall()
    places: dict[str, dict[int, str]] = {}
    for file, row, digest in found:
        places.setdefault(file, {})[row] = digest
    texts: dict[str, str] = {}
    for file, rows in places.items():
        part = Path(file).with_name(Path(file).name.replace("rows-", "records-", 1))
        if part.is_file():
            text = con.execute(
                f"SELECT file_row_number, {rendered_turns('turns')} "
                f"FROM read_parquet({parquet_list([part])}, file_row_number = true) "
                "WHERE file_row_number IN (SELECT unnest($rows))",
                {"rows": list(rows)},
            ).fetchall()
            texts |= {rows[row]: content for row, content in text}
    return texts
