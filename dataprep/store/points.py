"""Where a run can be cut off: every change of a store passes here, and so do the moments that divide old from new.

A test sets a hook and makes the k-th change fail, or kills the process at a named moment; a production run has no hook
and pays for a comparison. The alternative, patching `os` and pyarrow from outside, would miss what a new module does
by itself and break with every release of a library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

Operation = Literal["write", "sync", "rename", "link", "symlink", "make folder", "remove", "lock", "commit point"]


class CommitPoint(StrEnum):
    """The moments after which a killed run leaves something that it did not leave before, in their order."""

    PART_WRITTEN = "part written"
    STEP_PUBLISHED = "step of a file published"
    DECIDED_PUBLISHED = "decided tables published"
    VERSION_STAGED = "version staged"
    MANIFEST_WRITTEN = "manifest written"
    VERSION_RENAMED = "version renamed"
    REFERENCE_WRITTEN = "reference written"
    RECORD_CLOSED = "run record closed"
    CATALOG_BUILT = "catalog built"
    CATALOG_LINKED = "catalog linked"


COMMIT_POINTS: Final = tuple(CommitPoint)

Hook = Callable[[Operation, str], None]
"""Called before every operation with its name and its path, and at every commit point with that point's name."""

_hooks: list[Hook] = []


@contextmanager
def hooked(hook: Hook) -> Iterator[None]:
    """Let a hook see, fail or kill what follows in this process. For tests.

    >>> seen = []
    >>> with hooked(lambda operation, what: seen.append((operation, what))):
    ...     commit_point(CommitPoint.VERSION_STAGED)
    >>> seen
    [('commit point', 'version staged')]
    """
    _hooks.append(hook)
    try:
        yield
    finally:
        _hooks.remove(hook)


def passing(operation: Operation, path: Path) -> None:
    """Say that an operation is about to change something on the disk."""
    for hook in _hooks:
        hook(operation, str(path))


def commit_point(point: CommitPoint) -> None:
    """Say that a point has been reached."""
    for hook in _hooks:
        hook("commit point", point.value)
