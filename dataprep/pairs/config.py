"""Configuration of duplicate detection."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dataprep.pipeline.base import Config

KeyField = Literal["record", "input", "answer", "label", "tools", "system"]


class DedupConfig(Config):
    """Which records count as copies of each other."""

    exact: bool = True
    """Whether exact duplicates (equal after normalisation) are removed."""
    fields: Annotated[tuple[KeyField | str, ...], Field(min_length=1)] = ("record",)
    """What must be equal: `record` (all turns, tools and label), `input` (everything before the last answer), `answer`,
    `label`, `tools`, `system`, or a column kept in meta as `meta_<name>`."""
    normalize: bool = True
    """Compare after NFKC, case folding and collapsing white space; otherwise byte by byte."""
    action: Literal["drop", "hold", "flag"] = "drop"
    """What happens to all copies but the one that stays."""
    prefer: tuple[str, ...] = ()
    """Sources in order of preference: of two copies that of the earlier source stays. Default: order of sources."""
