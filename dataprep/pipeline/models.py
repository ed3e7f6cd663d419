"""The pipeline file as a typed model, composed of the models that live beside each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, get_args

from pydantic import Field, model_validator

from dataprep.budgets.config import BudgetConfig
from dataprep.clean.config import CleanConfig
from dataprep.ingest.config import IngestLimits, SourceConfig
from dataprep.pairs.config import BenchmarkConfig, DedupConfig, KeyField
from dataprep.pipeline.base import Config, InconsistentError, KeyPath
from dataprep.pipeline.quoting import quoted
from dataprep.rules.config import RuleConfig
from dataprep.splits.config import SplitConfig
from dataprep.store.config import OutputConfig

KEY_FIELDS: Final[tuple[str, ...]] = get_args(KeyField)
RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class Pipeline(Config):
    """The preparation of one dataset."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    """The dataset's name, as in `support@latest`."""
    store: str | None = None
    """The folder that holds versions, relative to the pipeline file; without it `./store` where the command runs."""
    sources: Annotated[tuple[SourceConfig, ...], Field(min_length=1)]
    """Where rows come from."""
    limits: IngestLimits = IngestLimits()
    """What ingest accepts."""
    clean: CleanConfig = CleanConfig()
    """What changes text."""
    default_rules: bool = True
    """Whether the default rules apply. One of them is changed by naming it under `rules` with the keys that differ, and
    switched off by `name: off`."""
    rules: dict[RuleName, RuleConfig | None] = Field(default={})
    """Rules by name, added to the default ones. `off` in place of a rule switches the default rule of that name off."""
    dedup: DedupConfig = DedupConfig()
    """Which records are copies of each other, and which copy stays."""
    benchmarks: BenchmarkConfig = BenchmarkConfig()
    """Benchmarks that no training record may contain an item of."""
    splits: SplitConfig = SplitConfig()
    """How records are divided into train, validation and test."""
    budgets: BudgetConfig = BudgetConfig()
    """The most that may be dropped or held before the run stops instead of publishing."""
    decisions: str | None = None
    """The file with what people decided about held records and budgets, relative to the pipeline file; written by
    `dataprep release`, `drop` and `accept-budget`."""
    output: OutputConfig = OutputConfig()
    """What the version contains."""

    @model_validator(mode="after")
    def _sources(self) -> Pipeline:
        if found := list(self._misfits()):
            raise InconsistentError(found)
        return self

    def _misfits(self) -> Iterator[tuple[KeyPath, str]]:
        names = self.source_names
        known = ", ".join(quoted(name) for name in names)
        for index, name in enumerate(names):
            if name in names[:index]:
                yield (
                    ("sources", index, "name"),
                    f"two sources are named {quoted(name)}; names are part of a record's identity",
                )
        for key in self.splits.sources:
            if key not in names:
                yield ("splits", "sources", key), f"{quoted(key)} is not a source; sources: {known}"
        for index, key in enumerate(self.dedup.prefer):
            if key not in names:
                yield ("dedup", "prefer", index), f"{quoted(key)} is not a source; sources: {known}"
        for index, field in enumerate(self.dedup.fields):
            if field not in KEY_FIELDS and not field.startswith("meta_"):
                what = f"{quoted(field)} is none of {', '.join(KEY_FIELDS)}, nor a column kept in meta (meta_<name>)"
                yield ("dedup", "fields", index), what
        for index, (name, source) in enumerate(zip(names, self.sources, strict=True)):
            if self.splits.by == "given" and source.split is None and source.split_column is None:
                yield ("sources", index), "`splits.by: given` needs `split` or `split_column` in every source"
            if self.splits.by == "time" and source.time is None:
                yield ("sources", index), "`splits.by: time` needs `time`, the column with the time, in every source"
            if self.splits.by == "source" and name not in self.splits.sources:
                yield ("splits", "sources"), f"`splits.by: source` gives the source {quoted(name)} no split"

    @property
    def source_names(self) -> list[str]:
        """Names of the sources in order, defaults filled in."""
        return [source.name or f"source{index}" for index, source in enumerate(self.sources, 1)]
