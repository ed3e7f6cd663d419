"""What is computed about a version after it was published: tables beside it, seen by the catalog, never part of its id.

    derived/<version id>/trainer/<settings>.parquet    what became of each record under a tokenizer, template and length

A file gets its name when it is whole. `gc` takes them with their version, `forget` a record's rows out of them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import pyarrow as pa

from dataprep.store import catalog
from dataprep.store.files import TEMPORARY_SUFFIX, changing, make_folder, sync_file, sync_folder, write_table
from dataprep.store.layout import Store
from dataprep.store.tables import TOKENS

_TRAINER: Final = "trainer"


def tokens_file(store: Store, version_id: str, settings: str) -> Path:
    """The file of one table of tokens.

    >>> str(tokens_file(Store(Path("store")), "ab12", "f00"))
    'store/derived/ab12/trainer/f00.parquet'
    """
    return store.derived(version_id) / _TRAINER / f"{settings}.parquet"


def write_tokens(store: Store, version_id: str, settings: str, table: pa.Table) -> Path:
    """Keep what became of a version's records in training, and show it in the view `tokens`.

    Args:
        store: that has the version.
        version_id: of the version.
        settings: digest of what the table depends on beside the version; where it is there already, nothing is done.
        table: of the schema TOKENS.

    Raises:
        MachineError: the disk is full or cannot be written.
    """
    path = tokens_file(store, version_id, settings)
    if path.is_file():
        return path
    write_whole(path, table.cast(TOKENS))
    catalog.rebuild(store)
    return path


def write_whole(path: Path, table: pa.Table) -> None:
    """Write a Parquet file so that its name never stands for less than the whole.

    Raises:
        MachineError: the disk is full or cannot be written.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        write_table(temporary, table, compression="zstd", compression_level=1, write_page_checksum=True)
        sync_file(temporary)
        with changing("rename", path):
            temporary.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
