"""What a pipeline's sources come to: which files they are, and how their rows become records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dataprep.errors import InputError
from dataprep.ingest.config import SourceConfig
from dataprep.ingest.discover import SourceFile, discover
from dataprep.ingest.formats import open_blocks
from dataprep.ingest.shapes import Mapping as ShapeMapping
from dataprep.ingest.shapes import Schema, detect
from dataprep.pipeline.models import Pipeline

_SAMPLE_ROWS: Final = 1_000
_SAMPLE_BLOCK_BYTES: Final = 1_000_000
_NO_ROWS: Final = ShapeMapping("text", {"text": "text"})
"""Stands in for the mapping of a source without rows: nothing will ever be read by it."""

Known = Callable[[SourceConfig, Sequence[SourceFile]], ShapeMapping | None]


@dataclass(frozen=True, slots=True)
class ResolvedSource:
    """A source with its files found and its mapping decided."""

    index: int
    name: str
    config: SourceConfig
    files: tuple[SourceFile, ...]
    mapping: ShapeMapping
    warnings: tuple[str, ...] = ()

    @property
    def use_split_hints(self) -> bool:
        """Whether file names such as `train-00000.parquet` say which split their rows were given.

        Only where every file has such a name and they name train and something else; one `x_train.jsonl` is no split.
        """
        hints = {file.split_hint for file in self.files}
        silent = self.config.split is None and self.config.split_column is None
        return silent and None not in hints and "train" in hints and len(hints) > 1


def resolve_sources(pipeline: Pipeline, base: Path, known: Known | None = None) -> list[ResolvedSource]:
    """Find the files of every source and decide how their rows become records.

    Args:
        pipeline: the sources.
        base: the folder that their paths are relative to.
        known: asked for a source's mapping before its rows are looked at; None where it does not know either.

    Raises:
        InputError: a path that names nothing readable, or rows whose shape cannot be told.
    """
    sources = []
    for index, (name, config) in enumerate(zip(pipeline.source_names, pipeline.sources, strict=True)):
        patterns = (config.path,) if isinstance(config.path, str) else config.path
        files, warnings = discover(patterns, base=base, key=f"sources.{name}.path")
        mapping = known(config, files) if known else None
        if mapping is None:
            mapping = _detected(files, name, config, pipeline)
        sources.append(ResolvedSource(index, name, config, tuple(files), mapping, tuple(warnings)))
    return sources


def _detected(files: Sequence[SourceFile], name: str, config: SourceConfig, pipeline: Pipeline) -> ShapeMapping:
    sample = _sample(files, config, pipeline)
    rows = [row for some in sample.values() for row in some]
    shown = files[0].shown if len(files) == 1 else f"{files[0].shown} and {len(files) - 1} more"
    try:
        return detect(rows, config, shown=shown) if rows else _NO_ROWS
    except InputError as found:
        error = _disagreement(sample, config) or found
        error.key = f"sources.{name}.{error.key}" if error.key else f"sources.{name}"
        raise error from None


def _sample(files: Sequence[SourceFile], config: SourceConfig, pipeline: Pipeline) -> dict[str, list[object]]:
    """The first rows of a source, by the file they are from."""
    sample: dict[str, list[object]] = {}
    left = _SAMPLE_ROWS
    for file in files:
        rows = sample.setdefault(file.shown, [])
        try:
            for block in open_blocks(
                file.path,
                format=config.format,
                source=config,
                limits=pipeline.limits,
                shown=file.shown,
                block_bytes=_SAMPLE_BLOCK_BYTES,
            ):
                some = block.parse().rows[:left]
                rows.extend(some)
                left -= len(some)
                if left <= 0:
                    return sample
        except InputError:
            if config.on_bad_file == "fail":
                raise
    return sample


def _disagreement(sample: Mapping[str, Sequence[object]], config: SourceConfig) -> InputError | None:
    """What to say where each file has a shape and their rows together have none; None where that is not the cause."""
    found: dict[str, str] = {}
    for shown, rows in sample.items():
        if rows:
            try:
                mapping = detect(rows, config, shown=shown)
            except InputError:
                return None
            found.setdefault(mapping.shape, shown)
    if len(found) < 2:
        return None
    schemas = "; ".join(
        f"{shown} is {shape} (columns {Schema.of(sample[shown]).describe()})" for shape, shown in found.items()
    )
    return InputError(
        f"the files of one source have different shapes: {schemas}",
        file=list(found.values())[1],
        hint="put files of one shape into a source of their own, or set `shape:` and `columns:`",
    )
