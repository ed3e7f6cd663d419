"""Use that nobody plans for: keys that look like ours, odd stores, closed streams, two runs at once, a killed run."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import polars as pl
import pytest

import dataprep
from dataprep.errors import InputError
from dataprep.events import Event
from tests.bad_inputs import Desk, good, is_harmless, is_root, lines
from tests.commands import command
from tests.making import pairs

KEYS = (
    *(
        "record_id",
        "input_ids",
        "meta",
        "text",
        "messages",
        "turns",
        "source",
        "path",
        "line",
        "row",
        "split",
        "status",
    ),
    *(
        "rule",
        "step",
        "partner_id",
        "wide_id",
        "wide_status",
        "dataset",
        "version",
        "run",
        "fate",
        "meta_x",
        "__class__",
    ),
    *(
        'q"q',
        "a/b",
        "a~b",
        "~1",
        "a.b",
        "",
        " ",
        "'; drop table records; --",
        "<script>",
        "\x1b[31m",
        "\u202e",
        "new\nline",
    ),
    *("x" * 5000, "é" * 300, "a", "A", "é", "É", "ß", "SS", "k", "\u212a", "$1", "select", "%s", "{prompt}", "*", "?"),
)


def test_keys_of_any_name_are_data_and_change_nothing_else(desk: Desk) -> None:
    rows = [row | {key: f"{place}:{n}" for place, key in enumerate(KEYS)} for n, row in enumerate(pairs(40))]
    desk.write("a.jsonl", lines(rows))
    desk.run({"path": "a.jsonl", "shape": "prompt_completion"})
    columns = desk.manifest()["meta_columns"]
    assert {about["key"] for about in columns.values()} == set(KEYS)
    split = dataprep.open("bad@1", store=desk.store).split("train")
    assert sorted(split.columns) == sorted(["record_id", "prompt", "completion", "source", *columns])
    for name, about in columns.items():
        assert split[name][0].startswith(f"{KEYS.index(about['key'])}:")
    for words in (("show", "bad"), ("sql", "from records"), ("why", "What is the number after 3, please?")):
        done = desk.command(*words)
        assert done.code == 0, done
        assert is_harmless(done.out)
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        assert desk.command("export", "bad", desk.folder / name).code == 0
        assert desk.command("export", "bad", desk.folder / f"flat-{name}", "--flat").code == 0


def test_a_key_with_nul_meets_no_other_and_rules_find_odd_keys(desk: Desk) -> None:
    rows = [row | {"a\0b": "v", 'q"; drop': n} for n, row in enumerate(pairs(40))]
    desk.write("a.jsonl", lines(rows))
    rule = {"when": '"meta_q""; drop" < $threshold', "threshold": 5, "action": "drop"}
    desk.run({"path": "a.jsonl"}, rules={"odd": rule})
    assert desk.manifest()["counts"]["dropped"] == 5
    assert "meta_ab" in desk.manifest()["meta_columns"]


def test_thousands_of_keys_stay_in_the_meta_of_records(desk: Desk) -> None:
    rows = [row | {f"k{key}": key for key in range(n * 125, n * 125 + 125)} for n, row in enumerate(pairs(40))]
    desk.write("a.jsonl", lines(rows))
    desk.run({"path": "a.jsonl"})
    assert len(desk.manifest()["meta_columns"]) == 100
    meta = [json.loads(text) for text in desk.sql("select meta from records order by row").to_series()]
    assert sum(len(row) for row in meta) == 5000


def test_a_label_of_a_megabyte(desk: Desk) -> None:
    label = "L" * 1_000_000
    desk.write("a.jsonl", lines([row | {"label": label if n < 2 else "x"} for n, row in enumerate(pairs(40))]))
    done = desk.run({"path": "a.jsonl", "label": "label"}, splits={"stratify": True})
    assert len(done.out + done.err) < 5_000
    assert desk.sql("select max(length(label)) from records").item() == 1_000_000
    assert len((desk.store / "versions" / desk.manifest()["version_id"] / "README.md").read_bytes()) < 10_000


def test_one_row_is_a_dataset_and_says_which_splits_are_empty(desk: Desk) -> None:
    desk.write("a.jsonl", good(1))
    done = desk.run({"path": "a.jsonl"})
    assert desk.manifest()["counts"]["splits"] == {"train": 1}
    assert "nothing in validation" in done.out
    assert [path.name for path in desk.store.glob("versions/*/data/*")] == ["train-00000-of-00001.parquet"]
    with pytest.raises(InputError, match="test"):
        dataprep.open("bad@1", store=desk.store).split("test")


@pytest.mark.parametrize(
    "condition",
    [
        "1=1); drop table rows; --",
        "n_words < 5; select 1",
        "n_words < (select count(*) from rows)",
        "read_csv('/etc/passwd') = 1",
        "n_words < 5 union select 1",
        "source = 'x' || getenv('HOME')",
        "n_words < 5 /* */",
        "'a' like 'b' escape '\\'; attach 'x.db'",
    ],
)
def test_rules_cannot_reach_beyond_their_columns(desk: Desk, condition: str) -> None:
    desk.write("a.jsonl", good())
    done = desk.command(
        "run", desk.pipeline({"path": "a.jsonl"}, rules={"evil": {"when": condition, "action": "drop"}})
    )
    assert (done.code, "rules.evil.when" in done.err) == (2, True), done
    desk.assert_nothing_published()


@pytest.mark.parametrize("name", ['a b\'s "q"', "a?b#c%d;e*[f]", "größe-日本", "new\nline';select 1;--", "-dash"])
def test_a_store_may_have_any_name(tmp_path: Path, name: str) -> None:
    desk = Desk(tmp_path, store_name=name)
    desk.write("a.jsonl", good() + b"oops\n")
    desk.run({"path": "a.jsonl"})
    for words in (("versions",), ("show", "bad"), ("sql", "from rejects"), ("why", "oops"), ("verify", "bad")):
        done = desk.command(*words)
        assert done.code == 0, done
    assert desk.command("export", "bad", tmp_path / "out.csv").code == 0


class TestWhereTheStoreIs:
    def test_a_store_that_is_a_file_or_in_one_or_has_no_name(self, tmp_path: Path) -> None:
        (tmp_path / "store").write_bytes(b"x")
        for name in ("store", "store/below", "x" * 300, "back\\slash"):
            desk = Desk(tmp_path, store_name=name)
            desk.write("a.jsonl", good())
            pipeline = desk.pipeline({"path": "a.jsonl"})
            for words in (
                ("run", pipeline),
                ("plan", pipeline),
                ("versions",),
                ("show", "bad"),
                ("sql", "from runs"),
            ):
                done = desk.command(*words)
                assert done.code == 2, done
                assert "no store can be here" in done.err
                assert "next:" in done.err
        assert (tmp_path / "store").read_bytes() == b"x"

    @pytest.mark.skipif(is_root(), reason="root may write everywhere")
    def test_a_store_that_cannot_be_written_is_the_machines_failure(self, desk: Desk) -> None:
        desk.store.mkdir()
        desk.store.chmod(0o555)
        desk.write("a.jsonl", good())
        assert "make it writable" in desk.run({"path": "a.jsonl"}, code=3).err

    def test_the_environment_names_it_and_the_working_folder_does_not_matter(
        self, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.write("data/a.jsonl", good())
        pipeline = desk.pipeline({"path": "data/a.jsonl"})
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.setenv("DATAPREP_STORE", str(desk.store))
        for arguments in (("run", pipeline), ("show", "bad")):
            done = command(*arguments, folder=elsewhere)
            assert done.code == 0, done
        assert list(elsewhere.iterdir()) == []
        desk.assert_conserved()


class TestStreams:
    @pytest.fixture
    def pipeline(self, desk: Desk) -> Path:
        desk.write("a.jsonl", good())
        return desk.pipeline({"path": "a.jsonl"})

    def shell(self, desk: Desk, command: str) -> subprocess.CompletedProcess[bytes]:
        script = f'd() {{ "{sys.executable}" -m dataprep "$@" --store "{desk.store}"; }}; {command}'
        return subprocess.run(["bash", "-c", script], cwd=desk.folder, capture_output=True, timeout=60, check=False)

    @pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "--json >&-"])
    def test_a_run_with_closed_streams_still_publishes(self, desk: Desk, pipeline: Path, closed: str) -> None:
        done = self.shell(desk, f"d run {pipeline} {closed}")
        assert done.returncode == 0, done
        assert b"Traceback" not in done.stderr
        desk.assert_conserved()

    def test_a_reader_that_goes_away_ends_the_command_quietly(self, desk: Desk, pipeline: Path) -> None:
        assert desk.command("run", pipeline).code == 0
        query = "select * from records, range(1000)"
        done = self.shell(desk, f"(d sql '{query}' --format csv; echo $? >&2) | true")
        assert done.stderr == b"130\n"

    def test_help_into_a_closed_pipe_is_quiet(self, desk: Desk) -> None:
        assert self.shell(desk, f"'{sys.executable}' -m dataprep --help | true").stderr == b""


def test_two_runs_at_once_into_one_store_both_end_right(desk: Desk) -> None:
    rows = pairs(1500)
    random.Random(0).shuffle(rows)
    desk.write("a.jsonl", lines(rows))
    pipeline = desk.pipeline({"path": "a.jsonl"})
    results: list[object] = []

    def run(block_bytes: int) -> None:
        try:
            results.append(dataprep.run(pipeline, store=desk.store, block_bytes=block_bytes, workers=1, wait=300))
        except BaseException as error:  # what it raises is what is tested
            results.append(error)

    threads = [threading.Thread(target=run, args=(size,)) for size in (5_000, 40_000, 1_000_000, 5_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(result, dataprep.flow.RunResult) for result in results), results
    assert len({result.version_id for result in results}) == 1
    assert [path.name for path in (desk.store / "refs" / "bad").glob("[0-9]*")] == ["1"]
    desk.assert_conserved()
    assert desk.sql("select count(*) from signals").item() == 1500


def test_parts_of_other_cuts_in_the_cache_are_made_again(desk: Desk) -> None:
    desk.write("a.jsonl", good(300))
    pipeline = desk.pipeline({"path": "a.jsonl"})
    first = dataprep.run(pipeline, store=desk.store, block_bytes=2_000)
    shutil.rmtree(desk.store / "cache" / "prepare")
    second = dataprep.run(pipeline, store=desk.store, block_bytes=9_000)
    assert second.version_id == first.version_id
    shutil.rmtree(desk.store / "cache" / "keys")
    assert dataprep.run(pipeline, store=desk.store).version_id == first.version_id


def test_a_file_that_changes_while_keys_are_made_anew_is_set_aside_by_quarantine(desk: Desk) -> None:
    path = desk.write("a.jsonl", good())
    desk.write("b.jsonl", good(40, start=40))
    pipeline = desk.pipeline({"path": "*.jsonl", "on_bad_file": "quarantine"})
    dataprep.run(pipeline, store=desk.store)
    shutil.rmtree(desk.store / "cache" / "keys")

    def touch(event: Event) -> None:
        if (event.kind, event.step) == ("step", "prepare"):
            os.utime(path, ns=(1, 1))

    assert dataprep.run(pipeline, store=desk.store, on_event=touch).counts["rejects"] == 1


def test_a_killed_run_leaves_nothing_and_the_next_one_ends_right(desk: Desk) -> None:
    desk.write("a.jsonl", good(20_000))
    pipeline = desk.pipeline({"path": "a.jsonl"})
    program = [sys.executable, "-m", "dataprep", "run", str(pipeline), "--store", str(desk.store)]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not list(desk.store.glob("cache/prepare/.*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(list(desk.store.glob("refs/*/1"))) == 0
    result = dataprep.run(pipeline, store=desk.store)
    assert result.counts["records"] == 20_000
    desk.assert_conserved()
    other = dataprep.run(pipeline, store=desk.folder / "other")
    assert other.version_id == result.version_id


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet", "a.csv"])
def test_progress_inside_one_file_is_the_true_share_of_its_stored_bytes(desk: Desk, name: str) -> None:
    rows = [row | {"n": random.Random(n).random()} for n, row in enumerate(pairs(4000))]
    path = desk.folder / name
    if name == "a.parquet":
        pl.DataFrame(rows).write_parquet(path, row_group_size=200)
    elif name == "a.csv":
        pl.DataFrame(rows).write_csv(path)
    else:
        data = lines(rows)
        path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    events: list[Event] = []
    dataprep.run(desk.pipeline({"path": name}), store=desk.store, block_bytes=40_000, workers=1, on_event=events.append)
    seen = [event for event in events if (event.kind, event.step) == ("progress", "prepare")]
    assert {event.total for event in seen} == {path.stat().st_size}
    shares = [event.done / event.total for event in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert seen[-1].rows == 4000
    if name == "a.jsonl.gz":  # all of a small gzip file is taken in one gulp of compressed bytes
        return
    assert len(set(shares)) > 5
    for event in seen:
        assert event.done / event.total == pytest.approx(event.rows / 4000, abs=0.25)


def test_progress_of_a_gzip_file_follows_its_compressed_bytes(desk: Desk) -> None:
    noise = random.Random(0)
    rows = [row | {"n": noise.randbytes(400).hex()} for row in pairs(3000)]
    path = desk.write("a.jsonl.gz", gzip.compress(lines(rows)))
    events: list[Event] = []
    dataprep.run(path, store=desk.store, block_bytes=300_000, workers=1, on_event=events.append)
    shares = [event.done / event.total for event in events if (event.kind, event.step) == ("progress", "prepare")]
    assert len(set(shares)) >= 5
    assert shares == sorted(shares)
    assert shares[0] < 0.5
    assert shares[-1] == 1
