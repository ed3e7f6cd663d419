"""Where the conversations of a run come from: a dataset version, or a folder or file of rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from trainer.data.conversations import Conversation
from trainer.recipe import DataConfig


class Source(Protocol):
    """Conversations that can be read.

    Attributes:
        description: where they are, JSON-able.
        files: names of the files of each split, in order, once they were read; empty where rows have ids.
        notes: what was left out, once they were read.
    """

    description: dict[str, Any]
    files: dict[str, list[str]]
    notes: list[str]

    @property
    def digest(self) -> str:
        """Equal for equal content; hex."""

    @property
    def to_learn_labels(self) -> str:
        """What to change so that the labels of documents are trained on, as what follows "to train on it"."""

    @property
    def rows(self) -> int:
        """Records that are read, 0 where that is not known before."""

    def read(self) -> Iterator[list[Conversation]]:
        """Conversations in batches of one split, in stable order: train, validation, and what else is held out.

        Of the last (`test`, or a second validation split) only what they ask is compared; nothing is trained on them.
        """


def open_source(data: DataConfig, base: Path) -> Source:
    """The source that a recipe names. Nothing is read but what says what is there.

    Args:
        data: of the recipe.
        base: folder that its relative paths are relative to.

    Raises:
        InputError: there is no such version, folder or file, or it has no rows to train on.
    """
    from trainer.data.folder import FolderSource
    from trainer.data.version import VersionSource

    if data.version is not None:
        return VersionSource(base / data.store, data.version)
    return FolderSource(base, data.folder or ".")
