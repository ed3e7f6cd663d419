"""Tokenised data kept for the next start, by content: another tokenizer, template, length or row is another entry.

An entry gets its name when it is whole, so that a killed process leaves none and two processes at once both end with
one. Rows carry their record's id, so that `dataprep forget` finds them where the cache lies inside a store.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.store.files import make_folder, publish_folder, remove_folder, write_file, write_table
from trainer.data.prepared import Prepared

KEPT: Final = 8
"""Entries that stay: those used last."""
_TABLES: Final = tuple(field.name for field in fields(Prepared) if field.type == "pa.Table")
_COUNTS: Final = "counts.json"


def load(cache: Path, digest: str) -> tuple[dict[str, pa.Table], dict[str, Any]] | None:
    """The tables and counts of an entry; None where there is none that can be read."""
    folder = cache / digest
    try:
        counts = orjson.loads((folder / _COUNTS).read_bytes())
        tables = {name: pq.read_table(folder / f"{name}.parquet", memory_map=True) for name in _TABLES}
        os.utime(folder)
    except (OSError, orjson.JSONDecodeError, pa.ArrowException):  # absent, or damaged: it is made anew
        return None
    return tables, counts


def save(cache: Path, prepared: Prepared, counts: dict[str, Any]) -> None:
    """Keep prepared data, and let go of entries that were not used for long.

    Raises:
        MachineError: the disk is full or cannot be written.
    """
    final = cache / prepared.digest
    make_folder(cache)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=cache, ignore_cleanup_errors=True) as scratch:
        temporary = Path(scratch) / prepared.digest
        make_folder(temporary)
        for name in _TABLES:
            table = getattr(prepared, name)
            texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
            write_table(
                temporary / f"{name}.parquet", table, compression="zstd", compression_level=1, use_dictionary=texts
            )
        write_file(temporary / _COUNTS, orjson.dumps(counts))
        if not publish_folder(temporary, final) and load(cache, prepared.digest) is None:
            remove_folder(final)
            publish_folder(temporary, final)
    _let_go(cache)


def _let_go(cache: Path) -> None:
    used: list[tuple[float, Path]] = []
    for folder in cache.iterdir():
        with suppress(FileNotFoundError):  # another process let it go
            if not folder.name.startswith(".") and (folder / _COUNTS).is_file():
                used.append((folder.stat().st_mtime, folder))
    for _, folder in sorted(used, reverse=True)[KEPT:]:
        remove_folder(folder)
