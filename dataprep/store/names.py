"""Names of versions: `support@latest`, `support@3`, `support@candidate`, `support`, or the start of an id."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Final

from dataprep.errors import InputError
from dataprep.store import inventory
from dataprep.store.inventory import DatasetReferences, Reference
from dataprep.store.layout import Store

SHORT_ID: Final = 12
"""Hex characters of an id that are shown to people."""
_MIN_PREFIX: Final = 6
"""Fewest hex characters that are taken for the start of an id."""
_ID: Final = re.compile(rf"[0-9a-f]{{{_MIN_PREFIX},64}}")


def resolve(store: Store, text: str) -> Reference:
    """The version that a name stands for. A dataset's own name stands for its latest version.

    Raises:
        InputError: nothing has that name, or more than one version does.
    """
    if not store.root.is_dir():
        raise InputError("there is no store here", file=str(store.root), hint="name one by --store or DATAPREP_STORE")
    known = inventory.datasets(store)
    by_name = {entry.dataset: entry for entry in known}
    if text in by_name:
        return _pick(by_name[text], "latest")
    name, at, which = text.rpartition("@")
    if at and name in by_name:
        return _pick(by_name[name], which)
    if _ID.fullmatch(text):
        return _by_id(store, text, known)
    raise _unknown(text, name if at else text, list(by_name))


def short(version_id: str) -> str:
    """An id as people see it.

    >>> short("0123456789abcdef" * 4)
    '0123456789ab'
    """
    return version_id[:SHORT_ID]


def display(reference: Reference) -> str:
    """How to name a version to a person: `support@3`, or the short id where it has no number.

    >>> display(Reference("support", 3, "ab" * 32))
    'support@3'
    """
    if reference.number is None:
        return short(reference.version_id)
    return f"{reference.dataset}@{reference.number}"


def _pick(dataset: DatasetReferences, which: str) -> Reference:
    numbers = {str(reference.number): reference for reference in dataset.numbered}
    if which == "latest" and dataset.latest is not None:
        return dataset.latest
    if which == "candidate" and dataset.candidate is not None:
        return dataset.candidate
    if which in numbers:
        return numbers[which]
    there = [*numbers, *(["latest"] if numbers else []), *(["candidate"] if dataset.candidate else [])]
    raise InputError(
        f"{dataset.dataset!r} has no version {which!r}; there are: {', '.join(there)}",
        hint=f"dataprep show {dataset.dataset}@{there[-1]}" if there else "dataprep versions",
    )


def _by_id(store: Store, prefix: str, known: Sequence[DatasetReferences]) -> Reference:
    found = [version_id for version_id in inventory.version_ids(store) if version_id.startswith(prefix)]
    if not found:
        raise InputError(f"no version's id starts with {prefix!r}", hint="dataprep versions")
    if len(found) > 1:
        listed = ", ".join(version_id[: len(prefix) + 4] for version_id in found[:5])
        raise InputError(f"{len(found)} versions' ids start with {prefix!r}: {listed}", hint="give more characters")
    for dataset in known:
        for reference in reversed(dataset.numbered):
            if reference.version_id == found[0]:
                return reference
    manifest = inventory.manifest(store, found[0])
    return Reference(manifest["dataset"], None, found[0], manifest.get("run_id"))


def _unknown(text: str, name: str, known: list[str]) -> InputError:
    if not known:
        return InputError(f"no version is called {text!r}; the store has none", hint="dataprep run FILE")
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return InputError(f"no dataset is called {name!r}; did you mean {close[0]!r}?", hint="dataprep versions")
    listed = ", ".join(repr(entry) for entry in known[:10])
    return InputError(f"no dataset is called {name!r}; there are: {listed}", hint="dataprep versions")
