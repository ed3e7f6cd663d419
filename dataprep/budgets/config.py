"""Configuration of budgets: the most that may be dropped or held before a run stops instead of publishing."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, model_validator

from dataprep.pipeline.base import Config, InconsistentError, KeyPath

SliceField = Literal["source", "label", "group_key", "given_split", "layout"]
SLICE_FIELDS: Final[tuple[str, ...]] = get_args(SliceField)

Share = Annotated[float, Field(ge=0, le=1)]

OVERALL: Final = "overall"
"""What the budget of all rules together is called where rules are called by their names."""


class SliceBudget(Config):
    """The most that each slice of the records may lose."""

    by: Annotated[tuple[SliceField | str, ...], Field(min_length=1)]
    """What makes a slice: `source`, `label`, `group_key`, `given_split`, `layout`, or a column kept in meta as
    `meta_<name>`; several make one slice of each combination. Records without a value are a slice too."""
    share: Share
    """Share of the slice's ingested records that may be dropped or held."""
    rules: tuple[str, ...] = ()
    """Count only what these rules took; without it what all of them took."""
    min_rows: Annotated[int, Field(ge=1)] = 50
    """Smaller slices are not judged: of ten records, two are 20 %."""

    @model_validator(mode="after")
    def _columns(self) -> SliceBudget:
        found: list[tuple[KeyPath, str]] = []
        for index, field in enumerate(self.by):
            if field not in SLICE_FIELDS and not field.startswith("meta_"):
                known = ", ".join(SLICE_FIELDS)
                found.append((("by", index), f"none of {known}, nor a column kept in meta (meta_<name>)"))
            elif field in self.by[:index]:
                found.append((("by", index), "stands in the list already"))
        if found:
            raise InconsistentError(found)
        return self


class BudgetConfig(Config):
    """The most that a run may drop or hold, as shares of the ingested records; over one of them nothing is published.
    A record counts once, for the rule that decided about it. Rejected rows have a budget of their own
    (`limits.rejects`)."""

    overall: Share | None = None
    """Share of all records that may be dropped or held."""
    rules: dict[str, Share] = Field(default_factory=dict)
    """For each rule, the default and built-in ones (`exact_duplicate`, …) included, the share of all records that it
    may take. A rule has no budget unless one is named here."""
    slices: tuple[SliceBudget, ...] = ()
    """Budgets of parts of the data. Without one for `[source]`, a source that loses more than half is warned of."""

    @model_validator(mode="after")
    def _names(self) -> BudgetConfig:
        if OVERALL in self.rules:
            raise InconsistentError([(("rules", OVERALL), "the budget of all rules is `overall`, beside `rules`")])
        return self
