"""What stays of a forgotten record: its ids and digests, and who took it out, when and why; never a word of it.

A version's id is made of per-record digests, so these stay where they are and the id goes on being right; the text
goes. The manifest (of a stopped run: its record) lists what was forgotten under two keys, which a version without
forgotten records does not have:

    forgotten           record_id, digest, content_digest, status, split, when, who, because
    forgotten_rejects   digest, path, line, when, who, because

`counts` of the manifest stay those of the day of publishing, as the funnel has them; what is missing since is what
these lists name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

RECORDS_KEY: Final = "forgotten"
REJECTS_KEY: Final = "forgotten_rejects"
PENDING: Final = ".forgetting"
"""Folder inside a version in which a forget prepares new files; it is there only until that is finished."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One forgotten record of one version or stopped run.

    Attributes:
        record_id: its id, by which `why` still finds it.
        digest: BLAKE2b-128 of its source and its text before cleaning, hex.
        content_digest: BLAKE2b-128 of its text after cleaning, hex.
        status: kept, held or dropped, as it was published.
        split: train, validation or test; None unless kept.
        when: ISO 8601, UTC.
        who: the person who asked, as the system names them.
        because: why, in that person's words.
    """

    record_id: str
    digest: str | None
    content_digest: str | None
    status: str
    split: str | None
    when: str
    who: str
    because: str


@dataclass(frozen=True, slots=True)
class RejectTombstone:
    """One forgotten reject of one version or stopped run: SHA-256 of the row (hex), and where the row was."""

    digest: str | None
    path: str
    line: int | None
    when: str
    who: str
    because: str


def tombstones(document: Mapping[str, Any]) -> dict[str, Tombstone]:
    """The forgotten records that a manifest or a run's record lists, by id.

    >>> tombstones({"counts": {}})
    {}
    """
    return {entry["record_id"]: Tombstone(**entry) for entry in document.get(RECORDS_KEY, [])}


def reject_tombstones(document: Mapping[str, Any]) -> list[RejectTombstone]:
    """The forgotten rejects that a manifest or a run's record lists."""
    return [RejectTombstone(**entry) for entry in document.get(REJECTS_KEY, [])]


def forgotten_counts(document: Mapping[str, Any]) -> Counter[str]:
    """How many records are forgotten, by split, or by status where they were in none.

    >>> buried = {"record_id": "a", "digest": "d", "content_digest": "c", "status": "kept", "split": "train",
    ...           "when": "2026-01-02T03:04:05Z", "who": "ann", "because": "asked"}
    >>> forgotten_counts({"forgotten": [buried, buried | {"record_id": "b", "status": "dropped", "split": None}]})
    Counter({'train': 1, 'dropped': 1})
    """
    return Counter(entry.split or entry.status for entry in tombstones(document).values())


def splits_left(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Records that each split of a version still has; splits that have none are left out.

    >>> splits_left({"counts": {"splits": {"train": 2, "test": 0}}})
    {'train': 2}
    """
    forgotten = forgotten_counts(manifest)
    left = {name: count - forgotten[name] for name, count in manifest["counts"]["splits"].items()}
    return {name: count for name, count in left.items() if count}
