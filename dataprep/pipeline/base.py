"""The base of every configuration model: frozen, and closed to unknown keys."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the pipeline file: `("sources", 0, "path")`."""


class Config(BaseModel):
    """A part of the pipeline file. Unknown keys are refused; values never change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)


class InconsistentError(ValueError):
    """Keys that are fine one by one and do not fit together; `found` holds where (below the model) and what."""

    def __init__(self, found: list[tuple[KeyPath, str]]) -> None:
        super().__init__("; ".join(message for _, message in found))
        self.found = found
