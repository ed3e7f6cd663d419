"""docs/bad-input.md names every reason for which a row is rejected, and every note, as the readers have them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from dataprep.ingest.config import IngestLimits
from dataprep.ingest.delimited import Fault
from dataprep.ingest.reasons import REASONS
from dataprep.ingest.rows import RAW_LIMIT
from tests.docs.reading import ROOT, document, rows, section

TEXT = document("bad-input.md")
SOURCES = [*(ROOT / "dataprep/ingest").rglob("*.py"), ROOT / "dataprep/parts.py", ROOT / "dataprep/file_job.py"]
REASON_ARGUMENT = {"RowError": 0, "finish_as": 0, "reject_row": 2, "Reject": 2}


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path in SOURCES:
        if path.name != "reasons.py":
            yield from ((path, node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def reasons_in_code() -> set[str]:
    """Reasons written out where rejects are made; those computed there are members of `Fault`."""
    found = set(get_args(Fault))
    for _, node in nodes():
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = REASON_ARGUMENT.get(name)
            if place is not None and isinstance(node.args[place], ast.Constant):
                found.add(node.args[place].value)
    return found


def test_the_code_uses_the_listed_reasons_and_no_other() -> None:
    assert reasons_in_code() == set(REASONS)


def test_the_document_has_the_listed_reasons_with_their_meaning() -> None:
    assert dict(rows(section(TEXT, "## Reasons"))) == dict(REASONS)


def test_the_document_has_the_notes_that_readers_count() -> None:
    documented = {name for name, _ in rows(section(TEXT, "## Notes"))}
    literals = {node.value for _, node in nodes() if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    counted = {
        node.slice.value
        for _, node in nodes()
        if isinstance(node, ast.Subscript)
        and "notes" in ast.unparse(node.value)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    }
    counted |= {
        node.elts[0].value
        for path, node in nodes()
        if path.name in ("formats.py", "csvdialect.py")
        and isinstance(node, ast.Tuple)
        and len(node.elts) == 1
        and isinstance(node.elts[0], ast.Constant)
        and "_" in str(node.elts[0].value)
    }
    assert counted <= documented <= literals


def test_the_limits_are_those_of_the_configuration() -> None:
    limits = IngestLimits()
    assert f"{limits.rejects.share:.0%}".replace("%", " %") in TEXT
    assert f"or {limits.rejects.rows} rows" in TEXT
    assert f"`limits.max_record_bytes` ({limits.max_record_bytes // 10**6} MB)" in TEXT
    assert f"{limits.max_expansion:,}-fold and beyond {limits.max_expanded_bytes // 10**9} GB" in TEXT
    assert f"the first {RAW_LIMIT // 1024} kB" in TEXT
