"""Configuration of what a version contains."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dataprep.pipeline.base import Config

DataShape = Literal["auto", "messages", "prompt_completion", "text"]


class OutputConfig(Config):
    """What is written into the version."""

    shape: DataShape = "auto"
    """Columns of `data/`: `messages`, `prompt` and `completion`, or `text` (and `label`). `auto`: the plainest that
    holds every record."""
    keep_removed: Literal["full", "none"] = "full"
    """Whether the text of dropped records is kept in the version for `why` and for release; never exported."""
    compression: Literal["zstd", "snappy", "lz4", "none"] = "zstd"
    """Parquet compression of the published files."""
    rows_per_file: Annotated[int, Field(ge=1_000)] = 500_000
    """Records per Parquet file."""
