"""What the machine's failures mean to a user: which path, what was needed, what to do next.

The operating system, pyarrow and DuckDB tell of one full disk in three ways, and none of them says what to do.
"""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from dataprep.console import file_size
from dataprep.errors import MachineError

_AGAIN: Final = "then run the same command again; it goes on from what is finished"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_BROKEN: Final = frozenset({errno.EIO, errno.ENXIO, errno.ESTALE, errno.EREMOTEIO})
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP})
_FEW_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE})
_DUCKDB_FULL: Final = re.compile(r"no space left|disk quota|not enough space|max_temp_directory_size", re.IGNORECASE)
_DUCKDB_FILE: Final = re.compile(r'file \\?"([^"\\]+)')


@contextmanager
def machine_errors(path: Path) -> Iterator[None]:
    """Turn a failing disk or memory into an error that says which path and what to do.

    Args:
        path: what is being worked on, named where the failure itself names no file.

    Raises:
        MachineError: the disk is full, broken or cannot be written, or memory ran out, whether the operating system,
            pyarrow or DuckDB says so.
    """
    try:
        yield
    except OSError as error:
        meant = os_error(error, Path(error.filename or path))
        if meant is None:
            raise
        raise meant from error
    except MemoryError as error:
        raise MachineError(
            f"out of memory{_detail(error)}", file=str(path), hint=f"give fewer --workers, {_AGAIN}"
        ) from error
    except duckdb.Error as error:
        meant = engine_error(error, path)
        if meant is None:
            raise
        raise meant from error


def os_error(error: OSError, path: Path, need_bytes: int = 0) -> MachineError | None:
    """What an error of the operating system (or pyarrow's copy of it) means; None where it is not the machine's fault.

    Args:
        error: what was raised.
        path: the file concerned. The error's own name may be that of a copy's source, or of a temporary file.
        need_bytes: what was about to be written there, where known.

    >>> print(os_error(OSError(errno.EROFS, "Read-only file system"), Path("store/runs")))
    store/runs: cannot write (Read-only file system)
      next: make it writable or name another --store
    """
    file = str(path)
    if error.errno in _FULL:
        return _no_space(file, need_bytes)
    if error.errno in _FORBIDDEN:
        return MachineError(
            f"cannot write ({error.strerror})", file=file, hint="make it writable or name another --store"
        )
    if error.errno in _BROKEN:
        return MachineError(f"the disk fails ({error.strerror})", file=file, hint=f"look after the disk, {_AGAIN}")
    if error.errno in _NO_LOCKS:
        return MachineError(
            "this file system has no locks, so nothing keeps two runs apart",
            file=file,
            hint="name a --store on another disk",
        )
    if error.errno in _FEW_FILES:
        return MachineError("too many open files", file=file, hint=f"raise `ulimit -n`, {_AGAIN}")
    if error.errno == errno.ENOMEM:
        return MachineError("out of memory", file=file, hint=f"give fewer --workers, {_AGAIN}")
    return None


def engine_error(error: duckdb.Error, path: Path) -> MachineError | None:
    """What an error of DuckDB means: a disk too full to spill, or a memory limit too low; None where it is neither."""
    text = str(error).strip().split("\n", 1)[0]
    if _DUCKDB_FULL.search(str(error)):
        named = _DUCKDB_FILE.search(str(error))
        return _no_space(named[1] if named else str(path), 0)
    if isinstance(error, duckdb.OutOfMemoryException):
        return MachineError(
            f"the SQL engine may not use as much memory as it needs: {text}",
            file=str(path),
            hint=f"give a larger --memory or fewer --workers, {_AGAIN}",
        )
    return None


def _no_space(file: str, need_bytes: int) -> MachineError:
    needed = f"{file_size(need_bytes)} more are needed" if need_bytes else "more is needed"
    return MachineError(
        f"no space left: {needed}, {_free(Path(file))}",
        file=file,
        hint=f"free some space (`dataprep gc` says what can go) or name another --store, {_AGAIN}",
    )


def _free(path: Path) -> str:
    """What is free on the disk of a path, in words."""
    for folder in (path, *path.absolute().parents):
        try:
            return f"{file_size(shutil.disk_usage(folder).free)} are free"
        except OSError:
            continue
    return "nothing is known of what is free"


def _detail(error: MemoryError) -> str:
    text = str(error).strip().split("\n", 1)[0]
    return f" ({text})" if text else ""
