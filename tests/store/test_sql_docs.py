"""docs/sql.md says what the catalog has, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

from dataprep.store.query import named_queries, view_descriptions

DOCUMENT = (Path(__file__).parents[2] / "docs/sql.md").read_text(encoding="utf-8")


def sections() -> dict[str, str]:
    parts = re.split(r"^### `(\w+)`$", DOCUMENT.split("## Named queries")[0], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_view_column_and_meaning_is_documented_and_exists() -> None:
    documented = {
        view: re.findall(r"^\| `(\w+)` \| `(.+?)` \| (.+) \|$", text, flags=re.MULTILINE)
        for view, text in sections().items()
    }
    assert documented == {
        view.name: [(name, kind.replace('"', ""), about) for name, (kind, about) in view.columns.items()]
        for view in view_descriptions()
    }


def test_every_named_query_and_its_question_is_documented_and_exists() -> None:
    queries = dict(re.findall(r"^\| `(\w+)` \| (.+\?) \|$", DOCUMENT.split("## Named queries")[1], flags=re.MULTILINE))
    assert queries == {name: query.question for name, query in named_queries().items()}
