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
    """

    description: dict[str, Any]

    @property
    def digest(self) -> str:
        """Equal for equal content; hex."""

    @property
    def rows(self) -> int:
        """Records of train and validation, 0 where that is not known before they are read."""

    def read(self) -> Iterator[list[Conversation]]:
        """All conversations of train and validation in batches, train first, in stable order; `test` is never read."""


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
