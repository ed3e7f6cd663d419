"""docs/dedup.md: its programs run, and its tables name what the command writes."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dataprep.dedup.job import dedup
from dataprep.dedup.outputs import CLUSTERS_SCHEMA, PAIRS_SCHEMA
from tests.dedup.corpora import write
from tests.docs.reading import blocks, document

TEXT = document("dedup.md")
REVIEW = "I bought this lamp a month ago and it still works as well as on the first day"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "reviews.parquet", [REVIEW, f"{REVIEW}!", f"{REVIEW} too", "bad"])
    return tmp_path


def test_the_programs_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from_python, from_signatures = blocks(TEXT, "python")
    dedup(folder / "reviews.parquet", folder / "clean.parquet", signatures=folder / "signatures.parquet")
    with chdir(folder):
        for program in (from_python, from_signatures):
            exec(program, {})
    kept, similarity = capsys.readouterr().out.splitlines()
    assert kept.startswith("2 2 {")
    assert similarity == "1.0"


def test_the_files_have_the_columns_that_are_told(folder: Path) -> None:
    dedup(folder / "reviews.parquet", folder / "clean.parquet")
    for name, schema in (("pairs", PAIRS_SCHEMA), ("clusters", CLUSTERS_SCHEMA)):
        assert pq.read_schema(folder / f"clean.{name}.parquet").equals(schema)
        (row,) = [line for line in TEXT.splitlines() if line.startswith(f"| `clean.{name}.parquet`")]
        assert all(f"`{column}`" in row for column in schema.names)
