"""docs/forget.md: its examples run, and it has the keys of tombstones."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from dataprep.store.tombstones import RECORDS_KEY, REJECTS_KEY, RejectTombstone, Tombstone
from tests.docs.reading import document, rows, run_examples, section

TEXT = document("forget.md")


def test_the_examples_run_as_shown(tmp_path: Path) -> None:
    run_examples(TEXT, tmp_path)


def test_tombstones_are_documented() -> None:
    documented = dict(rows(section(TEXT, "## Tombstones")))
    for key, kind in ((RECORDS_KEY, Tombstone), (REJECTS_KEY, RejectTombstone)):
        assert documented[key] == ", ".join(f"`{field.name}`" for field in fields(kind))
