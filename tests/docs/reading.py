"""Reads the documents: fenced blocks, tables, sections."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from contextlib import chdir
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def document(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(text: str, info: str) -> list[str]:
    """Fenced blocks with exactly this info string."""
    return [body for found, body in _FENCE.findall(text) if found.strip() == info]


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"no heading {heading!r}"
    return re.split(rf"^#{{1,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Cells of all table rows whose first cell is code, without backticks around whole cells."""
    found = [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    return [[cell[1:-1] if re.fullmatch(r"`[^`]*`", cell) else cell for cell in row] for row in found]


def run_examples(text: str, folder: Path, *, apart: bool = False) -> None:
    """Run a document's `pycon` blocks in order as one session in `folder`, with nothing imported beforehand.

    Args:
        text: the document.
        folder: the working folder of the session.
        apart: in a process of its own, with the caches of libraries in `folder`; costs seconds for its imports.
    """
    session = "\n".join(blocks(text, "pycon"))
    if apart:
        _run_apart(session, folder)
        return
    told = StringIO()
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    with chdir(folder):
        test = doctest.DocTestParser().get_doctest(session, {"__name__": "__main__"}, folder.name, None, None)
        failed, attempted = runner.run(test, out=told.write)
    assert attempted
    assert not failed, told.getvalue()


def _run_apart(session: str, folder: Path) -> None:
    script = folder / "examples.txt"
    script.write_text(session, encoding="utf-8")
    options = "doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE"
    program = (
        f"import doctest, sys; sys.exit(doctest.testfile('examples.txt', False, optionflags={options}).failed > 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=os.environ | {"HF_HOME": str(folder / "hub"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
