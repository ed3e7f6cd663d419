"""docs/store.md: what lies in a store, compared with one, and the ways to read it, run."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import orjson
import pyarrow.parquet as pq

from dataprep.flow import RunResult
from dataprep.store.tables import SCHEMAS
from tests.docs.reading import document, rows, run_examples, section

TEXT = document("store.md")


def test_the_columns_of_every_fixed_table_are_documented() -> None:
    for name, schema in SCHEMAS.items():
        assert rows(section(TEXT, f"### `{name}/`")) == [
            [field.name, str(field.type), field.metadata[b"description"].decode()] for field in schema
        ]


def test_a_version_has_the_tables_and_columns_that_are_documented(published: RunResult) -> None:
    for name, schema in SCHEMAS.items():
        found = pq.read_schema(next((published.path / name).glob("*.parquet")))
        assert found.names == schema.names
    listed = set(re.findall(r"(\w+(?:\.\w+)?)/?(?= |$)", " ".join(_layout("versions/<id>/"))))
    assert {item.name for item in published.path.iterdir()} <= listed


def test_a_store_has_the_folders_that_are_documented_and_no_other(published: RunResult) -> None:
    documented = {line.split("/")[0].strip() for line in _layout("store/")}
    assert {item.name for item in (published.path.parent.parent).iterdir()} == documented


def test_the_manifest_has_the_keys_that_are_documented(published: RunResult) -> None:
    manifest = orjson.loads((published.path / "manifest.json").read_bytes())
    assert {key for key, _ in rows(section(TEXT, "## The manifest"))} == manifest.keys()


def test_every_way_to_read_a_version_works_as_shown(published: RunResult, newcomer: Path) -> None:
    run_examples(TEXT.replace("<id>", published.version_id), newcomer, apart=True)


def test_what_may_be_deleted_can_be(published: RunResult, tmp_path: Path) -> None:
    import dataprep

    store = tmp_path / "store"
    shutil.copytree(published.path.parent.parent, store, symlinks=True)
    for name in ("cache", "catalog", "runs"):
        shutil.rmtree(store / name)
    assert dataprep.open("assistant@latest", store=store).sql("from records").height == published.counts["records"]


def _layout(root: str) -> list[str]:
    """The lines below a folder in the drawings of the layout."""
    drawing = re.search(rf"^```text\n{re.escape(root)}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert drawing is not None
    return drawing[1].splitlines()
