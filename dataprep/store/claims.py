"""What a run may be about to use: cache steps and versions that `gc` must leave alone.

A run looks whether a step is finished and reads its files much later; a lock on each file would cost as many open
files as there are parts. So a run writes down the names of what it is going to look for *before* it looks, in
`runs/<run>/claims`, and `gc` takes nothing that a living run has written down. The order makes it safe:

    run   shared lock on runs/.lock { write the claim }, then look whether the step is there
    gc    exclusive lock on runs/.lock { read the claims of living runs, rename what none of them names }, then delete

If the claim comes first, `gc` reads it and spares the step. If `gc` comes first, the run finds nothing and makes the
step anew. The claims of a dead run say what it had finished or begun, which is what its successor goes on with.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dataprep.store.files import changing, shared_lock
from dataprep.store.layout import Store

_CLAIMS: Final = "claims"


def claim(store: Store, run_id: str, folders: Iterable[Path]) -> None:
    """Write down that a living run may use these folders of the store, before it looks whether they are there.

    Args:
        store: the store.
        run_id: a run inside `dataprep.store.locks.live_run`.
        folders: steps of the cache (`Store.step`) and versions (`Store.version`).

    Raises:
        MachineError: the store cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> from dataprep.store.locks import live_run
    >>> with TemporaryDirectory() as folder, live_run(store := Store(Path(folder)), "run-1"):
    ...     claim(store, "run-1", [store.step("keys", "ab12")])
    ...     claimed(store, "run-1")
    {'cache/keys/ab12'}
    """
    names = [folder.relative_to(store.root).as_posix() for folder in folders]
    path = store.run(run_id) / _CLAIMS
    text = "".join(f"{name}\n" for name in names).encode()
    with shared_lock(store.runs / ".lock"), changing("write", path, len(text)):
        # One write to a file opened for appending: the threads of a run do not cut each other's lines.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            if os.write(descriptor, text) < len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)


def claimed(store: Store, run_id: str) -> set[str]:
    """What a run has claimed, as paths inside the store; empty for a run without claims."""
    try:
        text = (store.run(run_id) / _CLAIMS).read_text(encoding="utf-8")
    except OSError:
        return set()
    return set(text.splitlines())


@contextmanager
def reading_cache(store: Store) -> Iterator[None]:
    """Keep `gc` waiting while a command that is no run reads the cache. Runs go on; nothing is written.

    A store in which nothing ran yet has no lock to hold, and no cache to read.
    """
    try:
        handle = (store.runs / ".lock").open("rb")
    except OSError:
        yield
        return
    with handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
