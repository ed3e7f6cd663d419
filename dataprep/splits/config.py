"""Configuration of splits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dataprep.pipeline.base import Config


class SplitConfig(Config):
    """How records are divided into train, validation and test. Groups never straddle."""

    by: Literal["auto", "group", "time", "source", "given"] = "auto"
    """`group`: hashed groups in the given proportions; `time`: the oldest train, the newest test; `source`: whole
    sources as `sources` says; `given`: as the source's `split` or `split_column` says. `auto` is `given` where every
    source names its split, else `group`."""
    train: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Share of records for training."""
    validation: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of records for validation."""
    test: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of records for testing."""
    stratify: bool = True
    """Keep the shares within each label, where there are labels."""
    sticky: bool = True
    """Whether records, inputs and groups stay on the side where the dataset's latest version has them (`by: group`, or
    `auto` without given splits)."""
    sources: dict[str, Literal["train", "validation", "test"]] = Field(default_factory=dict)
    """For `by: source`: the split of each source."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Changes which groups go where; the same seed always gives the same division."""

    @model_validator(mode="after")
    def _sum(self) -> SplitConfig:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + validation + test must be 1, not {total:g}")
        if self.sources and self.by != "source":
            raise ValueError("`sources` goes with `by: source`")
        if self.by == "source" and not self.sources:
            raise ValueError("`by: source` needs `sources: {name: split}`")
        return self
