"""A first look at one data file: its format, its columns, and how its rows would become records.

A sample is read by the same readers and judged by the same detection as in a run, so that what is said here holds
there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from dataprep.errors import InputError
from dataprep.ingest.config import Format, IngestLimits, SourceConfig
from dataprep.ingest.discover import SourceFile
from dataprep.ingest.formats import DetectedFormat, FileKind, detect_format, open_blocks
from dataprep.ingest.shapes import Mapping, Schema, detect
from dataprep.pipeline import candidates
from dataprep.pipeline.candidates import Candidate

SAMPLE_ROWS: Final = 1_000
SAMPLE_BYTES: Final = 256_000
"""Size of the blocks that a sample is read in; a sample ends with the first block that reaches SAMPLE_ROWS."""

_FORMATS: Final[dict[FileKind, Format]] = {
    "parquet": "parquet",
    "arrow": "arrow",
    "arrow_stream": "arrow",
    "text": "text",
}


@dataclass(frozen=True)
class FileLook:
    """What a sample of one file shows.

    Attributes:
        argument: position of the command-line argument that named the file.
        file: the file as it was found.
        written: its path as it would be written in a pipeline file.
        rows: the first rows, as parsed.
        n_rejected: rows among the first that could not be read.
        schema: columns of the sample.
        mapping: how rows become records; None for a file without rows, or with a problem.
        problem: why no mapping could be told; what the pipeline file says may settle it.
        unsure: why the rows are taken as text without a label, where several columns could be the label.
    """

    argument: int
    file: SourceFile
    written: str
    format: Format
    rows: list[Any]
    n_rejected: int
    schema: Schema
    mapping: Mapping | None
    problem: InputError | None
    unsure: str | None
    candidates: tuple[Candidate, ...]


def look_at(file: SourceFile, *, argument: int, written: str) -> FileLook:
    """Sample one file.

    Args:
        file: the file as it was found.
        argument: position of the argument that named it.
        written: its path as it would be written in a pipeline file.

    Raises:
        InputError: the file cannot be read.
    """
    config = SourceConfig(path=written)
    kind = detect_format(file.path, config, shown=file.shown)
    rows: list[Any] = []
    n_rejected = 0
    for block in open_blocks(
        file.path, format="auto", source=config, limits=IngestLimits(), shown=file.shown, block_bytes=SAMPLE_BYTES
    ):
        parsed = block.parse()
        rows += parsed.rows
        n_rejected += len(parsed.rejects)
        if len(rows) >= SAMPLE_ROWS:
            break
    rows = rows[:SAMPLE_ROWS]
    schema = Schema.of(rows)
    mapping, problem, unsure = _mapping(rows, config, file.shown) if rows else (None, None, None)
    taken = frozenset() if mapping is None else frozenset(part.column for part in mapping.parts())
    return FileLook(
        argument=argument,
        file=file,
        written=written,
        format=_format(kind),
        rows=rows,
        n_rejected=n_rejected,
        schema=schema,
        mapping=mapping,
        problem=problem,
        unsure=unsure,
        candidates=tuple(candidates.find(rows, schema, taken=taken)),
    )


def _mapping(rows: list[Any], config: SourceConfig, shown: str) -> tuple[Mapping | None, InputError | None, str | None]:
    """The mapping, or the problem; where only the label is in doubt, the mapping without one and the doubt."""
    try:
        return detect(rows, config, shown=shown), None, None
    except InputError as error:
        if error.key != "label":
            return None, error, None
        as_text = config.model_copy(update={"shape": "text"})
        return detect(rows, as_text, shown=shown), None, error.message.split(";")[0]


def _format(found: DetectedFormat) -> Format:
    """What the pipeline file calls a format."""
    if found.json is not None:
        return "jsonl" if found.json.kind == "lines" else "json"
    if found.csv is not None:
        return "tsv" if found.csv.dialect.delimiter == "\t" else "csv"
    return _FORMATS.get(found.kind, "auto")
