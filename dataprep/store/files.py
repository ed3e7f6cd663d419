"""Durable writes: what a store publishes is on the disk before its name appears.

All file operations that publishing relies on go through here, so that they can be made to fail in tests, one by one.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from dataprep.errors import MachineError


def sync_file(path: Path) -> None:
    """Force a file's bytes to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Force a folder's entries to the disk."""
    sync_file(path)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a small file so that a reader sees the old content or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


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
    final.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.rename(final)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hex."""
    hasher = sha256()
    with path.open("rb", buffering=0) as handle:
        while chunk := handle.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a lock file; the kernel frees it when its holder dies, so a dead holder is never waited for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def machine_errors(path: Path) -> Iterator[None]:
    """Turn a full disk, a read-only folder or missing permission into an error that says which path and what to do.

    Raises:
        MachineError: the disk is full or cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = "free some space or name another --store"
            raise MachineError(f"no space left while writing ({error.strerror})", file=str(path), hint=free) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            hint = "make it writable or name another --store"
            raise MachineError(
                f"cannot write ({error.strerror})", file=str(error.filename or path), hint=hint
            ) from error
        raise
