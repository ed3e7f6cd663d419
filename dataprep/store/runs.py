"""The record of a run: one JSON document, kept for published, unchanged, stopped, failed and interrupted runs alike.

A run that is killed cannot close its record; whoever reads it sees that it says `running` while no process lives that
holds the run's lock, and takes that for `killed` (`inventory.runs`).
"""

from __future__ import annotations

import os
import secrets
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from dataprep.errors import MachineError
from dataprep.store.files import make_folder, write_atomically
from dataprep.store.layout import Store
from dataprep.store.points import CommitPoint, commit_point
from dataprep.store.publish import now

Status = Literal["running", "published", "unchanged", "stopped", "failed", "interrupted"]


@dataclass(slots=True)
class RunRecord:
    """What a run was asked, did and gave."""

    run_id: str
    dataset: str
    pipeline: dict[str, Any]
    status: Status = "running"
    started_at: str = field(default_factory=now)
    finished_at: str | None = None
    version_id: str | None = None
    number: int | None = None
    exit_code: int | None = None
    message: str = ""
    pid: int = field(default_factory=os.getpid)
    counts: dict[str, Any] = field(default_factory=dict)
    reused: dict[str, int] = field(default_factory=dict)
    cache: list[str] = field(default_factory=list)
    """Finished steps that the run rests on, as `<step>/<fingerprint>`."""
    files: list[dict[str, Any]] = field(default_factory=list)
    """Each source file: `path` as shown, `bytes`, `mtime_ns`, `sha256`."""
    seconds: dict[str, float] = field(default_factory=dict)

    def save(self, store: Store) -> None:
        """Write or replace `runs/<run>/run.json`.

        Raises:
            MachineError: it cannot be written.
        """
        folder = store.run(self.run_id)
        make_folder(folder)
        write_atomically(folder / "run.json", orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))

    def finish(self, store: Store, status: Status, *, exit_code: int, message: str = "") -> None:
        """Close the record; one that is closed stays so: what comes after publishing cannot take it back.

        Raises:
            MachineError: the record of a run that published cannot be written. That of one that failed is left open
                then, and reads as killed: its user must hear of what ended the run, not of this.
        """
        if self.finished_at is not None:
            return
        self.status, self.exit_code, self.message, self.finished_at = status, exit_code, message, now()
        try:
            self.save(store)
        except MachineError:
            if exit_code == 0:
                raise
        else:
            commit_point(CommitPoint.RECORD_CLOSED)


def new_run_id() -> str:
    """A name that sorts by time and that no other run has.

    >>> len(new_run_id())
    24
    """
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
