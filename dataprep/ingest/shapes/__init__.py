"""Shapes: rows as parsed (dicts and lists) become records.

`detect` looks at a sample of one source's rows and at its configuration and answers with a `Mapping`: plain data that
says in words, in the manifest and in the file that `dataprep init` writes, which column plays which part. A `Converter`
is built once from it and turns row after row into a `Record`, or raises `RowError`, which becomes a reject.
"""

from __future__ import annotations

from dataprep.ingest.rows import RowError
from dataprep.ingest.shapes.convert import Converter
from dataprep.ingest.shapes.detect import detect
from dataprep.ingest.shapes.mapping import MappedPart, Mapping
from dataprep.ingest.shapes.schema import Schema

__all__ = ["Converter", "MappedPart", "Mapping", "RowError", "Schema", "detect"]
