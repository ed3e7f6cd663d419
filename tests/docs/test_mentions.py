"""What documents mention exists: files that they link, headings, commands and their options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

import dataprep.cli
import trainer.cli
from tests.docs.reading import DOCS, ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "bench/README.md", *sorted(DOCS.glob("*.md"))]
PROGRAMS = {
    "dataprep": typer.main.get_command(dataprep.cli.app).commands,  # type: ignore[attr-defined]
    "trainer": typer.main.get_command(trainer.cli.app).commands,  # type: ignore[attr-defined]
}


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, fragment = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), target
        if fragment:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert fragment in map(anchor, headings), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_and_options_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    mentioned = re.findall(r"[`$] ?(dataprep|trainer) ([a-z]+(?:-[a-z]+)*)\b([^`#\n]*)", text)
    for program, command, rest in mentioned:
        assert command in PROGRAMS[program], f"{program} {command}"
        found = PROGRAMS[program][command].params
        options = {name for each in found for name in (*each.opts, *each.secondary_opts)} | {"--help"}
        outside_quotes = re.sub(r'"[^"]*"|\'[^\']*\'', "", rest)
        assert set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", outside_quotes)) <= options, f"{program} {command}{rest}"


def test_every_document_is_reached_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {f"docs/{path.name}" for path in DOCS.glob("*.md")} <= set(re.findall(r"\]\(([^)#]+)\)", readme))
