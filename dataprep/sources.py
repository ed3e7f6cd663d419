"""What a pipeline's sources come to: which files they are, and how their rows become records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dataprep.errors import InputError
from dataprep.ingest.config import SourceConfig
from dataprep.ingest.discover import SourceFile, discover
from dataprep.ingest.formats import open_blocks
from dataprep.ingest.shapes import Mapping, detect
from dataprep.pipeline.models import Pipeline

_SAMPLE_ROWS: Final = 1_000
_SAMPLE_BLOCK_BYTES: Final = 1_000_000
_NO_ROWS: Final = Mapping("text", {"text": "text"})
"""Stands in for the mapping of a source without rows: nothing will ever be read by it."""


@dataclass(frozen=True, slots=True)
class ResolvedSource:
    """A source with its files found and its mapping decided."""

    index: int
    name: str
    config: SourceConfig
    files: tuple[SourceFile, ...]
    mapping: Mapping
    warnings: tuple[str, ...] = ()

    @property
    def use_split_hints(self) -> bool:
        """Whether file names such as `train-00000.parquet` say which split their rows were given.

        Only where every file has such a name and they name train and something else; one `x_train.jsonl` is no split.
        """
        hints = {file.split_hint for file in self.files}
        silent = self.config.split is None and self.config.split_column is None
        return silent and None not in hints and "train" in hints and len(hints) > 1


def resolve_sources(pipeline: Pipeline, base: Path) -> list[ResolvedSource]:
    """Find the files of every source and decide how their rows become records.

    Raises:
        InputError: a path that names nothing readable, or rows whose shape cannot be told.
    """
    sources = []
    for index, (name, config) in enumerate(zip(pipeline.source_names, pipeline.sources, strict=True)):
        patterns = (config.path,) if isinstance(config.path, str) else config.path
        files, warnings = discover(patterns, base=base, key=f"sources.{name}.path")
        rows = _sample(files, config, pipeline)
        shown = files[0].shown if len(files) == 1 else f"{files[0].shown} and {len(files) - 1} more"
        mapping = detect(rows, config, shown=shown) if rows else _NO_ROWS
        sources.append(ResolvedSource(index, name, config, tuple(files), mapping, tuple(warnings)))
    return sources


def _sample(files: Sequence[SourceFile], config: SourceConfig, pipeline: Pipeline) -> list[object]:
    rows: list[object] = []
    for file in files:
        try:
            for block in open_blocks(
                file.path,
                format=config.format,
                source=config,
                limits=pipeline.limits,
                shown=file.shown,
                block_bytes=_SAMPLE_BLOCK_BYTES,
            ):
                rows.extend(block.parse().rows[:_SAMPLE_ROWS])
                if len(rows) >= _SAMPLE_ROWS:
                    return rows[:_SAMPLE_ROWS]
        except InputError:
            if config.on_bad_file == "fail":
                raise
    return rows
