"""Reading what a real run published."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import dataprep
from dataprep.store.reading import Version
from dataprep.store.records import read_records
from dataprep.store.verify import verify
from dataprep.why import RejectedRow, Story

CHAT = {
    "messages": [
        {"role": "user", "content": "What is the weather in Rome?"},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "content": "sunny and warm", "name": "f"},
        {"role": "assistant", "content": "It is sunny and warm in Rome."},
    ]
}


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    root = tmp_path_factory.mktemp("real")
    rows = [
        {"prompt": f"What is {i} plus two?", "completion": f"I say it is {i + 2}.\u200b \r\n", "n": i}
        for i in range(40)
    ]
    lines = [
        json.dumps(row)
        for row in [*rows, {**rows[0], "completion": "I say it is 2."}, {"prompt": "Hi", "completion": ""}]
    ]
    (root / "data.jsonl").write_text("\n".join([*lines, "{broken"]) + "\n")
    dataprep.run(root / "data.jsonl", store=root / "store")
    return dataprep.open("data", store=root / "store")


def test_the_catalog_adds_up_with_the_manifest(version: Version) -> None:
    counts = dict(version.sql("SELECT status, count(*) FROM records GROUP BY ALL").rows())
    assert counts == {name: version.manifest["counts"][name] for name in ("kept", "dropped")}
    assert version.sql("SELECT count(*) FROM records WHERE text IS NULL OR meta_n < 0").item() == 0
    assert version.rejects().height == version.manifest["counts"]["rejects"] == 1
    assert verify(version.store, version.id).ok


def test_why_tells_of_cleaning_of_duplicates_and_of_rejects(version: Version) -> None:
    story = version.why("data.jsonl:7")
    assert isinstance(story, Story)
    assert story.original is not None
    assert story.original[1].content == "I say it is 8.\u200b \r\n"
    assert story.turns is not None
    assert story.turns[1].content == "I say it is 8."
    copies = [version.why(f"data.jsonl:{line}") for line in (1, 41)]
    dropped = next(copy for copy in copies if isinstance(copy, Story) and copy.status == "dropped")
    assert dropped.partner is not None
    assert isinstance(version.why("data.jsonl:43"), RejectedRow)


def test_conversations_with_tool_calls_read_back_and_are_shown(tmp_path: Path) -> None:
    (tmp_path / "chat.jsonl").write_text(json.dumps(CHAT) + "\n")
    dataprep.run(tmp_path / "chat.jsonl", store=tmp_path / "store")
    version = dataprep.open("chat", store=tmp_path / "store")
    (row,) = [row for batch in read_records(version.path) for row in batch.to_pylist()]
    assert [turn["role"] for turn in row["turns"]] == ["user", "assistant", "tool", "assistant"]
    assert [turn["content"] for turn in row["turns"]] == [message["content"] for message in CHAT["messages"]]
    assert json.loads(row["turns"][1]["extra"])["tool_calls"] == CHAT["messages"][1]["tool_calls"]
    assert version.sql("SELECT text FROM records").item().endswith("\nassistant: It is sunny and warm in Rome.")


@pytest.mark.slow
@pytest.mark.parametrize("release", ["1.1.3", "1.4.0"])
def test_an_older_duckdb_reads_the_catalog(version: Version, tmp_path: Path, release: str) -> None:
    """In an environment of its own, as an analyst's client would be."""
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(tmp_path),
        f"duckdb=={release}",
    ]
    if subprocess.run(install, capture_output=True, check=False).returncode:
        pytest.skip(f"duckdb {release} cannot be installed here")
    script = (
        "import sys, duckdb; con = duckdb.connect(sys.argv[1], read_only=True); "
        "views = [r[0] for r in con.execute('SELECT view_name FROM duckdb_views() WHERE NOT internal').fetchall()]; "
        "[con.execute(f'SELECT * FROM {view}').fetchall() for view in [*views, 'versions', 'runs', 'splits']]; "
        "print(duckdb.__version__, len(views), con.execute('SELECT count(text) FROM records').fetchone()[0])"
    )
    current = version.store.current_catalog
    done = subprocess.run(
        [sys.executable, "-c", script, str(current)],
        env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    with duckdb.connect(str(current.resolve()), read_only=True) as con:
        ((views,),) = con.sql("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall()
    assert done.stdout.split() == [release, str(views), str(version.manifest["counts"]["records"])]
