"""The file layer: old or new and nothing between, every change observable, every failure told with its path."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.errors import MachineError
from dataprep.store import files
from dataprep.store.files import (
    TableWriter,
    exclusive_lock,
    link_tree,
    machine_errors,
    point_link,
    publish_folder,
    remove_folder,
    shared_lock,
    take_place,
    temporary_folder,
    write_atomically,
    write_batches,
    write_table,
)
from tests.faults import failing

TABLE = pa.table({"n": list(range(10))})


def test_a_reader_of_a_file_that_is_replaced_sees_one_content_or_the_other(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    contents = [b"x" * 10, b"y" * 100_000]
    write_atomically(path, contents[0])
    done = threading.Event()

    def write() -> None:
        for turn in range(60):
            write_atomically(path, contents[turn % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert path.read_bytes() in contents
    writer.join()
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


@given(data=st.binary(max_size=2_000))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("w") / "file"
    write_atomically(path, data)
    assert path.read_bytes() == data


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_failed_replacement_leaves_the_old_content_and_nothing_beside_it(tmp_path: Path, at: int) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, b"old")
    with failing(at), pytest.raises(MachineError) as caught:
        write_atomically(path, b"new" * 1_000)
    assert str(tmp_path) in str(caught.value.file)
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_is_told_with_the_path_the_need_and_what_is_free(tmp_path: Path) -> None:
    with failing(1), pytest.raises(MachineError) as caught:
        write_atomically(tmp_path / "a.json", b"x" * 5_000_000)
    text = str(caught.value)
    assert str(tmp_path) in text
    assert "5.0 MB more are needed" in text
    assert "are free" in text
    assert "dataprep gc" in text
    assert "run the same command again" in text
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EDQUOT, "no space left"),
        (errno.EROFS, "cannot write"),
        (errno.EACCES, "cannot write"),
        (errno.EIO, "the disk fails"),
        (errno.EMFILE, "too many open files"),
        (errno.ENOMEM, "out of memory"),
        (errno.ENOLCK, "no locks"),
    ],
)
def test_every_failure_of_the_machine_has_words(tmp_path: Path, code: int, words: str) -> None:
    with failing(1, code=code), pytest.raises(MachineError, match=words) as caught:
        write_table(tmp_path / "t.parquet", TABLE)
    assert caught.value.hint


def test_an_error_that_is_not_the_machines_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), machine_errors(tmp_path):
        (tmp_path / "absent").read_bytes()


def test_the_sql_engine_that_needs_more_memory_says_which_option_helps(tmp_path: Path) -> None:
    con = duckdb.connect(config={"memory_limit": "20MB", "temp_directory": ""})
    with con, pytest.raises(MachineError, match="memory") as caught, machine_errors(tmp_path):
        con.sql("select list(range) from range(20_000_000)").fetchall()
    assert "--memory" in str(caught.value.hint)
    assert caught.value.file == str(tmp_path)


SPILLING = "failed to offload data block (2.5 MiB/2.6 MiB used).\nThis limit was set by 'max_temp_directory_size'."
WRITING = 'IO Error: Could not write file "/x/c.duckdb": No space left on device'
ASYNC = '{"exception_message":"Could not write file \\"/x/p\\": No space left on device","errno":"28"}'


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (duckdb.OutOfMemoryException(SPILLING), "work"),
        (duckdb.IOException(WRITING), "/x/c.duckdb"),
        (duckdb.IOException(ASYNC), "/x/p"),
        (duckdb.TransactionException(f"Failed to commit: {WRITING}"), "/x/c.duckdb"),
    ],
)
def test_a_disk_that_is_too_full_for_the_sql_engine_is_a_full_disk(error: duckdb.Error, named: str) -> None:
    with pytest.raises(MachineError, match="no space left") as caught, machine_errors(Path("work")):
        raise error
    assert caught.value.file == named


def test_other_errors_of_the_sql_engine_are_left_alone(tmp_path: Path) -> None:
    with pytest.raises(duckdb.IOException), machine_errors(tmp_path):
        duckdb.sql(f"from '{tmp_path}/absent.parquet'").fetchall()


def test_memory_that_gives_out_in_a_worker_is_the_machines_failure(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="out of memory") as caught, machine_errors(tmp_path):
        raise MemoryError("Unable to allocate 9.9 EiB")
    assert "--workers" in str(caught.value.hint)


def test_a_folder_takes_its_place_once(tmp_path: Path) -> None:
    final = tmp_path / "cache" / "step"
    first, second = temporary_folder(final, "run-1"), temporary_folder(final, "run-2")
    (first / "a").write_text("first")
    (second / "a").write_text("second")
    assert take_place(first, final)
    assert not publish_folder(second, final)
    assert (final / "a").read_text() == "first"
    assert second.is_dir()


def test_an_unfinished_folder_is_named_after_its_run(tmp_path: Path) -> None:
    assert temporary_folder(tmp_path / "step", "run-1").name.startswith(".step-run-1-")


def test_a_copy_for_which_there_is_no_room_names_the_copy(tmp_path: Path) -> None:
    (tmp_path / "source").touch()
    with failing(1), pytest.raises(MachineError, match="copy: no space left"):
        files.copy_file(tmp_path / "source", tmp_path / "copy")


def test_removing_never_raises_and_says_whether_it_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "file").touch()
    assert remove_folder(tmp_path / "a")
    assert remove_folder(tmp_path / "file")
    assert remove_folder(tmp_path / "never was")


def test_a_link_is_re_pointed_without_a_moment_without_it(tmp_path: Path) -> None:
    for name in ("1", "2"):
        (tmp_path / name).write_text(name)
        point_link(tmp_path / "current", name)
        assert (tmp_path / "current").read_text() == name
    with failing(1), pytest.raises(MachineError):
        point_link(tmp_path / "current", "1")
    assert (tmp_path / "current").read_text() == "2"


def test_a_linked_tree_has_the_same_files_and_takes_no_room(tmp_path: Path) -> None:
    (tmp_path / "a" / "inner").mkdir(parents=True)
    (tmp_path / "a" / "inner" / "x").write_text("x")
    link_tree(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / "inner" / "x").samefile(tmp_path / "a" / "inner" / "x")


def test_a_file_system_without_hard_links_gets_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(files.os, "link", refuse)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("x")
    link_tree(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / "x").read_text() == "x"


def test_tables_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", TABLE, compression="none")
    write_batches(tmp_path / "b.parquet", TABLE.to_batches(max_chunksize=3), TABLE.schema, row_group_size=2)
    assert pq.read_table(tmp_path / "a.parquet") == pq.read_table(tmp_path / "b.parquet") == TABLE


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_table_that_cannot_be_written_is_let_go_of(tmp_path: Path, at: int) -> None:
    with failing(at, for_good=True), pytest.raises(MachineError, match=r"t\.parquet"):
        write_table(tmp_path / "t.parquet", TABLE)


def test_an_error_inside_a_table_being_written_comes_through(tmp_path: Path) -> None:
    def interrupted() -> None:
        with TableWriter(tmp_path / "t.parquet", TABLE.schema) as writer:
            writer.write(TABLE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()


def test_readers_share_a_lock_and_a_writer_has_it_alone(tmp_path: Path) -> None:
    order: list[str] = []
    with shared_lock(tmp_path / ".lock"), shared_lock(tmp_path / ".lock"):
        other = threading.Thread(target=_append_alone, args=(tmp_path / ".lock", order))
        other.start()
        other.join(0.1)
        order.append("shared")
    other.join()
    assert order == ["shared", "alone"]


def _append_alone(path: Path, order: list[str]) -> None:
    with exclusive_lock(path):
        order.append("alone")
