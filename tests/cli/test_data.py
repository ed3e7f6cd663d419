"""The commands that read what was published: what they print, in every format, and their exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from tests.commands import Done, command
from tests.store.builder import Row, write_version


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shop")
    kept = Row("aaaa", [("user", "=1+1"), ("assistant", "\x1b[2J\u202e")])
    write_version(root, [kept, Row("bbbb", [("user", "x"), ("assistant", "")], None, "dropped", "short")])
    return root


def dataprep(store: Path, *arguments: str, code: int = 0) -> Done:
    done = command(*arguments, "--store", store)
    assert done.code == code, done.err
    return done


def test_a_query_comes_out_in_every_format(store: Path) -> None:
    query = ("sql", "select record_id, split from records order by all")
    assert dataprep(store, *query).out.splitlines()[2:] == ["aaaa       train", "bbbb"]
    assert json.loads(dataprep(store, *query, "--json").stdout)[0] == {"record_id": "aaaa", "split": "train"}
    assert dataprep(store, *query, "--format", "csv").stdout == b"record_id,split\r\naaaa,train\r\nbbbb,\r\n"
    assert pl.read_parquet(BytesIO(dataprep(store, *query, "--format", "parquet").stdout)).height == 2


def test_output_to_a_pipe_is_whole_and_free_of_terminal_codes(store: Path) -> None:
    program = [sys.executable, "-m", "dataprep", "show", "support", "--store", str(store)]
    shown = subprocess.run(program, capture_output=True, check=True).stdout.decode()
    assert "user: =1+1\nassistant: \\x1b[2J\\u202e\n" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("arguments", [("versions",), ("show", "support"), ("sql", "select 1")])
def test_a_command_that_is_done_has_nothing_to_complain_of(store: Path, arguments: tuple[str, ...]) -> None:
    """Libraries look at what is left when a process ends, and some of them say so."""
    program = [sys.executable, "-m", "dataprep", *arguments, "--store", str(store)]
    assert subprocess.run(program, capture_output=True, check=True).stderr == b""


def test_json_carries_the_exact_text(store: Path) -> None:
    (row,) = json.loads(dataprep(store, "show", "support", "--json").stdout)
    assert row["text"] == "user: =1+1\nassistant: \x1b[2J\u202e"


def test_why_answers_in_words_and_in_json(store: Path) -> None:
    assert "dropped by rules.short" in dataprep(store, "why", "bbbb").out
    assert json.loads(dataprep(store, "why", "bbbb", "--json").stdout)["kind"] == "Story"


def test_verify_exits_1_and_names_the_file(store: Path, tmp_path: Path) -> None:
    root = tmp_path / "store"
    version_id = write_version(root, [Row("a", [("user", "q"), ("assistant", "a")])])
    dataprep(root, "verify", "support")
    with (root / "versions" / version_id / "data/train-00000-of-00001.parquet").open("ab") as handle:
        handle.write(b"x")
    assert "data/train-00000-of-00001.parquet: size" in dataprep(root, "verify", "support", code=1).out


def test_export_versions_and_catalog_say_what_they_did(store: Path, tmp_path: Path) -> None:
    assert "1 rows" in dataprep(store, "export", "support", str(tmp_path / "out.csv")).out
    assert "latest" in dataprep(store, "versions").out
    path = dataprep(store, "catalog", "--rebuild").out.strip()
    assert Path(path) == store / "catalog/current.duckdb"
    assert Path(path).is_symlink()


@pytest.mark.parametrize(
    "arguments",
    [
        ("sql", "selec 1"),
        ("show", "suport"),
        ("why", "nothing"),
        ("verify", "support@9"),
        ("show", "support", "--where", "("),
    ],
)
def test_a_users_mistake_exits_2_without_a_traceback(store: Path, arguments: tuple[str, ...]) -> None:
    errors = dataprep(store, *arguments, code=2).err
    assert "next:" in errors
    assert "Traceback" not in errors


def test_the_list_of_queries_needs_no_store(tmp_path: Path) -> None:
    assert "near_misses" in dataprep(tmp_path / "nowhere", "sql", "--list").out
