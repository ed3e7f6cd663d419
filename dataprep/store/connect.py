"""Connections to DuckDB for reading the store."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import duckdb


def connect(path: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A read-only connection to a database file, or one to a private database in memory.

    It spills beside other temporary files; by default DuckDB would spill into the current folder or into the store.
    """
    con = duckdb.connect() if path is None else duckdb.connect(str(path), read_only=True)
    con.execute("SET temp_directory = ?", [str(Path(tempfile.gettempdir()) / f"dataprep-spill-{os.getpid()}")])
    return con
