"""Work in a hidden folder beside where its outcome will be, so that only what is whole gets its name.

The folder is locked while its process lives, and the kernel frees the lock however that ends: what the next one finds
unlocked was left by a process that died, and goes. The lock is on the folder itself; a file in it would be published.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_MARK_BYTES: Final = 4
_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What disks say that know no locks."""


@contextmanager
def folder_beside(output: Path) -> Iterator[Path]:
    """An empty folder of this process alone on the disk of `output`; it goes at the end with what is in it still.

    Args:
        output: the file or folder that is made, perhaps there already. Others that make the same are not disturbed.

    Raises:
        OSError: there can be no folder there.

    >>> import tempfile
    >>> output = Path(tempfile.mkdtemp()) / "rows.txt"
    >>> with folder_beside(output) as folder:
    ...     _ = (folder / "rows.txt").write_text("all of them")
    ...     _ = (folder / "rows.txt").replace(output)
    >>> sorted(path.name for path in output.parent.iterdir())
    ['rows.txt']
    """
    for left in output.parent.glob(glob.escape(f".{output.name}.part-") + _MARK_BYTES * 2 * "[0-9a-f]"):
        with suppress(OSError):
            descriptor = _hold(left)
            shutil.rmtree(left, ignore_errors=True)
            os.close(descriptor)
    folder, descriptor = _taken(output)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _taken(output: Path) -> tuple[Path, int]:
    """A new folder that nobody takes for a leftover, and what keeps it so."""
    while True:
        folder = output.with_name(f".{output.name}.part-{secrets.token_hex(_MARK_BYTES)}")
        folder.mkdir()
        with suppress(BlockingIOError, FileNotFoundError):  # somebody did, before it was locked
            try:
                descriptor = _hold(folder)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                descriptor = os.open(folder, os.O_RDONLY)  # nobody can hold it there, so nobody takes it away
            if folder.is_dir():
                return folder, descriptor
            os.close(descriptor)


def _hold(folder: Path) -> int:
    """Lock a folder; returns what the lock lasts as long as.

    Raises:
        BlockingIOError: another process holds it.
        FileNotFoundError: it has gone.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
