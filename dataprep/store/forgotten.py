"""What `forget` found, did, and could not do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dataprep.store.holdings import Relation

RemainsKind = Literal["source", "training run", "file"]


@dataclass(frozen=True, slots=True)
class ForgottenRecord:
    """One record that is forgotten.

    Attributes:
        record_id: its id.
        relation: why it is meant: it was named, it is the same record of a source, or its text is the same.
        held_by: versions and runs that held it, with what had become of it there: `support@3 (train)`.
        sources: where it came from, `path:line`.
    """

    record_id: str
    relation: Relation
    held_by: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForgottenReject:
    """One rejected row that is forgotten: `path:line`, its SHA-256 (hex), and the versions and runs that held it."""

    source: str
    digest: str | None
    held_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remains:
    """Something that may hold the text still and that no command of ours can or may erase.

    Attributes:
        kind: `source`: a file that the user owns; `training run`: a model has learned from it; `file`: a file of the
            store that names the record and is no table.
        what: the file with its line, or the name of the training run.
    """

    kind: RemainsKind
    what: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten, or would be.

    Attributes:
        dry_run: whether nothing was changed.
        because, who, when: what the tombstones say.
        records, rejects: what goes, wherever it is held.
        already: ids of records that were forgotten before and are held by nothing any more.
        similar: ids of duplicates whose text is not the same letter by letter; they stay unless they are named.
        versions, runs: names of those that changed, or would.
        files: Parquet and JSON Lines files that were written anew; 0 in a dry run.
        cache: steps of the cache that went, as `<step>/<fingerprint>`; they are made again when a run needs them.
        remains: what may hold the text still.
    """

    dry_run: bool
    because: str
    who: str
    when: str
    records: tuple[ForgottenRecord, ...]
    rejects: tuple[ForgottenReject, ...]
    already: tuple[str, ...]
    similar: tuple[str, ...]
    versions: tuple[str, ...]
    runs: tuple[str, ...]
    files: int
    cache: tuple[str, ...]
    remains: tuple[Remains, ...]
