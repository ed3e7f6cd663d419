"""Fingerprints: what a finished step depends on, as one short digest.

A step's fingerprint covers its configuration, the hand-kept version numbers of its code, the libraries that decide its
result and the digest of its input. Paths, times, worker counts and block sizes never enter.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from typing import Any, Final

import orjson

from dataprep.clean import CLEANERS
from dataprep.clean.config import CleanConfig
from dataprep.ingest.config import IngestLimits, SourceConfig
from dataprep.ingest.shapes import Mapping
from dataprep.pairs.config import DedupConfig, NearConfig
from dataprep.signals import Family

INGEST_VERSION: Final = 2
"""Raised by hand whenever readers, shapes or the part layout give other results for the same bytes."""

KEYS_VERSION: Final = 2
"""Raised by hand whenever duplicate keys come out differently."""

NEAR_VERSION: Final = 2
"""Raised by hand whenever sketches for near duplicates come out differently."""

_READING_FIELDS: Final = {
    "columns", "csv", "encoding", "format", "group", "id", "label", "shape", "split", "split_column", "template",
    "time",
}  # fmt: skip


def fingerprint(*parts: Any) -> str:
    """A 128-bit hex digest of JSON-able values; the order of mapping keys does not matter.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    return hashlib.blake2b(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def prepare_fingerprint(
    *,
    sha256: str,
    source_name: str,
    source: SourceConfig,
    mapping: Mapping,
    split_hint: str | None,
    limits: IngestLimits,
    clean: CleanConfig,
) -> str:
    """Of one file's records, edits and rejects."""
    return fingerprint(
        "prepare",
        INGEST_VERSION,
        sha256,
        source_name,
        source.model_dump(mode="json", include=_READING_FIELDS),
        mapping.to_dict(),
        split_hint,
        limits.model_dump(mode="json", exclude={"rejects"}),
        clean.model_dump(mode="json"),
        {name: CLEANERS[name].version for name in clean.cleaners},
        version("ftfy"),
    )


def keys_fingerprint(prepare: str, dedup: DedupConfig) -> str:
    """Of one file's duplicate keys."""
    return fingerprint("keys", KEYS_VERSION, prepare, dedup.fields, dedup.normalize)


def near_fingerprint(prepare: str, near: NearConfig) -> str:
    """Of one file's sketches for near duplicates."""
    return fingerprint("near", NEAR_VERSION, prepare, near.sketched)


def measure_fingerprint(prepare: str, family: Family, clean: CleanConfig) -> str:
    """Of one file's signals of one family."""
    return fingerprint("measure", prepare, family.name, family.version, clean.end_of_text_markers)
