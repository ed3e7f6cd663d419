"""Durable writes: what a store publishes is on the disk before its name appears.

Every change that we make to a store goes through a function of this module. Each passes a hook first
(`dataprep.store.points`), so that tests can make them fail one by one; and each failure of the disk becomes a
`MachineError` that names the file concerned and what was needed there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.store.machine import machine_errors, os_error
from dataprep.store.points import CommitPoint, Operation, commit_point, passing

__all__ = ["CommitPoint", "commit_point", "machine_errors"]

_TAKEN: Final = frozenset({errno.ENOTEMPTY, errno.EEXIST})
_NO_LINKS: Final = frozenset({errno.EMLINK, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP})
"""The file system has no hard links, or a file has as many as it can (65,000 on ext4)."""
TEMPORARY_SUFFIX: Final = ".tmp"
"""End of the names under which small files are written before they get their own."""


@contextmanager
def changing(operation: Operation, path: Path, need_bytes: int = 0) -> Iterator[None]:
    """Do one change of the disk: it can be observed, and where it fails, the error names the path and the need.

    Args:
        operation: its name, for the hook.
        path: what is changed.
        need_bytes: what is about to be written, where known.

    Raises:
        MachineError: the disk is full, broken or cannot be written.
    """
    try:
        passing(operation, path)
        yield
    except OSError as error:
        meant = os_error(error, path, need_bytes)
        if meant is None:
            raise
        raise meant from error


def sync_file(path: Path) -> None:
    """Force a file's bytes to the disk."""
    with changing("sync", path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Force a folder's entries to the disk."""
    sync_file(path)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are not there."""
    if not path.is_dir():
        with changing("make folder", path):
            path.mkdir(parents=True, exist_ok=True)


def temporary_folder(final: Path, owner: str) -> Path:
    """A fresh hidden folder beside `final`, named after the run that fills it; `sweep` takes it away if that dies."""
    make_folder(final.parent)
    with changing("make folder", final):
        return Path(tempfile.mkdtemp(prefix=f".{final.name}-{owner}-", dir=final.parent))


def remove_folder(path: Path) -> bool:
    """Take a folder away with all that is in it, or a file; returns whether it is gone.

    It never raises: what cannot be taken away now is in nobody's way, and `sweep` and `gc` find it again.
    """
    with suppress(OSError):
        passing("remove", path)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return not path.exists()


def remove_file(path: Path) -> None:
    """Take a file away, if it is there."""
    with changing("remove", path):
        path.unlink(missing_ok=True)


def write_file(path: Path, data: bytes) -> None:
    """Write a small file into a folder that nobody reads yet; `write_atomically` is for those that somebody does."""
    with changing("write", path, len(data)):
        path.write_bytes(data)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's bytes into a folder that nobody reads yet."""
    with changing("write", target, source.stat().st_size):
        shutil.copyfile(source, target)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a small file so that a reader sees the old content or the new one, even after a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{TEMPORARY_SUFFIX}")
    try:
        write_file(temporary, data)
        sync_file(temporary)
        with changing("rename", path):
            temporary.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def point_link(link: Path, target: str) -> None:
    """Make a symbolic link point to `target`, or re-point it, without a moment in which it is not there."""
    temporary = link.with_name(f".{link.name}{TEMPORARY_SUFFIX}")
    with changing("symlink", link):
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
    with changing("rename", link):
        temporary.replace(link)


def publish_folder(temporary: Path, final: Path) -> bool:
    """Give a finished folder its final name; False where that name exists already (the same content, then).

    Every file and folder is synced first, so that the name never stands for less than the whole.
    """
    for folder, _, files in os.walk(temporary):
        for name in files:
            sync_file(Path(folder, name))
        sync_folder(Path(folder))
    if not take_place(temporary, final):
        return False
    sync_folder(final.parent)
    return True


def take_place(temporary: Path, final: Path) -> bool:
    """Rename a folder; False, with nothing changed, where somebody else's folder has that name already."""
    make_folder(final.parent)
    try:
        with changing("rename", final):
            temporary.rename(final)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def link_file(source: Path, target: Path) -> None:
    """Give a finished file a second name; a copy where the file system cannot do that."""
    with changing("link", target, source.stat().st_size):
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            shutil.copyfile(source, target)


def link_tree(source: Path, target: Path) -> None:
    """Put a folder's files under `target` by `link_file`: nothing is copied where the file system can help it."""
    make_folder(target)
    for folder, folders, files in os.walk(source):
        place = target / Path(folder).relative_to(source)
        for name in folders:
            make_folder(place / name)
        for name in files:
            link_file(Path(folder, name), place / name)


class TableWriter:
    """A Parquet file under construction. Closing finishes it; abandoning leaves whatever is there to be removed.

    Args:
        path: the file, in a folder that nobody reads yet.
        schema: of all its rows.
        options: of pyarrow's `ParquetWriter`.

    As a context manager it closes at the end, and abandons where an error ends the block.
    """

    def __init__(self, path: Path, schema: pa.Schema, **options: Any) -> None:
        self._path = path
        with changing("write", path):
            self._file = pa.OSFile(str(path), "wb")
            self._writer = pq.ParquetWriter(self._file, schema, **options)

    def write(self, rows: pa.Table | pa.RecordBatch, row_group_size: int | None = None) -> None:
        """Append rows."""
        table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
        with changing("write", self._path, table.nbytes):
            self._writer.write_table(table, row_group_size=row_group_size)

    def close(self) -> None:
        """Write what is buffered and the footer."""
        with changing("write", self._path):
            self._writer.close()
            self._file.close()

    def abandon(self) -> None:
        """Let go of the file, finished or not."""
        with suppress(OSError):
            self._writer.close()
        self._writer.is_open = False  # else pyarrow tries again when the object goes, and warns where it fails
        with suppress(OSError):
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self.abandon()


def write_table(path: Path, table: pa.Table, **options: Any) -> None:
    """Write a Parquet file at once, with the options of pyarrow's `ParquetWriter`."""
    with TableWriter(path, table.schema, **options) as writer:
        writer.write(table)


def write_batches(
    path: Path,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    *,
    row_group_size: int | None = None,
    **options: Any,
) -> None:
    """Write a Parquet file batch by batch, with the options of pyarrow's `ParquetWriter`; batches are cast."""
    with TableWriter(path, schema, **options) as writer:
        for batch in batches:
            writer.write(batch.cast(schema), row_group_size)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hex."""
    hasher = sha256()
    with path.open("rb", buffering=0) as handle:
        while chunk := handle.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a lock file alone; the kernel frees it when its holder dies, so a dead holder is never waited for."""
    with _locked(path, fcntl.LOCK_EX):
        yield


@contextmanager
def shared_lock(path: Path) -> Iterator[None]:
    """Hold a lock file beside others who share it, while nobody holds it alone."""
    with _locked(path, fcntl.LOCK_SH):
        yield


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    make_folder(path.parent)
    with changing("lock", path):
        handle = path.open("a+b")
    with handle:
        with changing("lock", path):
            fcntl.flock(handle, kind)
        yield
