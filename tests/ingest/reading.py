"""Reads a whole file through the readers, as ingest does, for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataprep.ingest.config import CsvOptions, Format, IngestLimits, SourceConfig
from dataprep.ingest.formats import open_blocks
from dataprep.ingest.rows import Reject, Rows


@dataclass
class Content:
    """Everything that came out of a file."""

    rows: list[Any] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    places: list[tuple[int | None, bytes]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    block_rows: list[int] = field(default_factory=list)

    def add(self, rows: Rows) -> None:
        self.rows += rows.rows
        self.lines += rows.lines
        self.places += [rows.raw(index) for index in range(len(rows.rows))]
        self.rejects += rows.rejects
        self.notes += rows.notes
        self.block_rows.append(len(rows.rows))

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(reject.line, reject.reason) for reject in self.rejects]


def read(
    path: Path,
    data: bytes | None = None,
    *,
    block_bytes: int = 8_000_000,
    csv: dict[str, Any] | None = None,
    limits: dict[str, Any] | None = None,
    format: Format = "auto",  # noqa: A002 - the key of the pipeline file
    into: Content | None = None,
    **source: Any,
) -> Content:
    """Write `data` to `path` if given, and read the file. `into` keeps what came before an error."""
    if data is not None:
        path.write_bytes(data)
    content = Content() if into is None else into
    config = SourceConfig(path=str(path), csv=CsvOptions(**(csv or {})), format=format, **source)
    for block in open_blocks(
        path,
        format=format,
        source=config,
        limits=IngestLimits(**(limits or {})),
        block_bytes=block_bytes,
        shown=path.name,
    ):
        content.add(block.parse())
    return content


PEAK_PROGRAM = """
import json, resource, sys
from pathlib import Path
from dataprep.errors import InputError
from tests.ingest.reading import read
warm = Path(sys.argv[1]).with_name("warm.jsonl")
read(warm, b'{"a": 1}\\n' * 10)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    content = read(Path(sys.argv[1]), block_bytes=1_000_000, limits=json.loads(sys.argv[2]))
    outcome = f"{len(content.rows)} rows, {[(r.reason, r.length) for r in content.rejects]}"
except InputError as error:
    outcome = str(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, outcome)
"""


def peak_megabytes(path: Path, **limits: int) -> tuple[int, str]:
    """How far the peak memory of a process of its own rises while it reads a file, and what came out."""
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", PEAK_PROGRAM, str(path), json.dumps(limits)],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    megabytes, _, outcome = result.stdout.partition(" ")
    return int(megabytes), outcome.strip()
