"""Which earlier version a run starts from: the one whose splits stay as they are.

A record that was tested on yesterday must not be trained on today, and the other way round; so a run keeps the splits
of the dataset's latest version, its *parent*. Where nothing has changed since the latest version was made but that it
exists, its own parent is taken again: an unchanged re-run gives the version that is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dataprep.pipeline.models import Pipeline
from dataprep.store import inventory
from dataprep.store.layout import Store
from dataprep.store.publish import latest_number, read_ref


@dataclass(frozen=True, slots=True)
class Parent:
    """An earlier version that splits consult."""

    version_id: str
    records: tuple[Path, ...]
    """Its files of records."""
    gathered: str | None
    """Fingerprint of the gathered table that it was made from."""


def find_parent(store: Store, pipeline: Pipeline, inputs: str) -> Parent | None:
    """The parent of a run, or None where splits do not depend on any.

    Args:
        store: where versions are.
        pipeline: what runs; only splits by group are kept from one version to the next.
        inputs: fingerprint of all that the decision depends on beside the parent.

    Raises:
        InputError: the parent is damaged.
    """
    if not pipeline.splits.sticky or pipeline.splits.by not in ("auto", "group"):
        return None
    number = latest_number(store, pipeline.name)
    if not number:
        return None
    version_id: str | None = read_ref(store, pipeline.name, str(number))["version_id"]
    latest = inventory.manifest(store, str(version_id))
    if latest.get("inputs") == inputs:
        version_id = latest["parent"]
    if version_id is None:
        return None
    manifest = inventory.manifest(store, version_id)
    records = inventory.version_files(store.version(version_id), manifest)["records"]
    return Parent(version_id, tuple(records), manifest.get("gathered"))
