"""`dataprep clusters`."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.commands import Done, command
from tests.store.builder import Row, write_version

VERDICT = {"step": "dedup", "action": "drop", "decisive": True, "detail": "nearly the same words", "threshold": 0.8}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with two clusters: a pair that is nearly the same, and three copies."""
    rows = [
        Row("first-one", [("user", "old words here"), ("assistant", "yes")]),
        Row(
            "second-one", [("user", "new words here"), ("assistant", "yes")], None, "dropped", "near_duplicate", line=2
        ),
        *[Row(f"copy{index}", [("user", "same"), ("assistant", "ok")], line=3 + index) for index in range(3)],
    ]
    for row in rows[3:]:
        row.split, row.status, row.rule = None, "dropped", "exact_duplicate"
    near = {"a_id": "first-one", "b_id": "second-one", "kind": "near", "similarity": 0.81, "cluster_id": "first-one"}
    exact = [
        {"a_id": "copy0", "b_id": f"copy{index}", "kind": "exact", "similarity": 1.0, "cluster_id": "copy0"}
        for index in (1, 2)
    ]
    ledger = [
        {"record_id": "second-one", "rule": "near_duplicate", "partner_id": "first-one", "similarity": 0.81},
        *[
            {"record_id": f"copy{index}", "rule": "exact_duplicate", "partner_id": "copy0", "similarity": 1.0}
            for index in (1, 2)
        ],
    ]
    write_version(tmp_path / "store", rows, ledger=[VERDICT | line for line in ledger], pairs=[near, *exact])
    monkeypatch.delenv("DATAPREP_STORE", raising=False)
    return tmp_path


def clusters(folder: Path, *options: str, code: int = 0) -> Done:
    done = command("clusters", "support@latest", *options, folder=folder)
    assert done.code == code, done.err
    return done


def test_both_parts_are_shown_by_default(folder: Path) -> None:
    told = clusters(folder).out
    assert told.startswith("support@1: 2 clusters of duplicates, 5 records in them; 1 record went")
    assert told.index("exact cluster copy0") < told.index("near cluster first-one") < told.index("most doubtful")
    assert "3 records: 1 in train, 2 dropped" in told
    assert "user: [-old-]{+new+} words here" in told
    assert "the same as the one above" in told


def test_one_part_alone(folder: Path) -> None:
    assert "doubtful" not in clusters(folder, "--largest").out
    assert "cluster first-one" not in clusters(folder, "--doubtful").out
    assert clusters(folder, "--largest", "--doubtful").out == clusters(folder).out


def test_no_more_than_asked(folder: Path) -> None:
    told = clusters(folder, "-n", "1", "--largest").out
    assert "copy0" in told
    assert "first-one" not in told


def test_the_cluster_of_one_record(folder: Path) -> None:
    told = clusters(folder, "--id", "copy2", "-n", "1").out
    assert "exact cluster copy0" in told
    assert "and 1 more: dataprep clusters support@1 --id copy0 -n 3" in told


def test_json_has_the_texts_and_the_differences(folder: Path) -> None:
    report = json.loads(clusters(folder, "--json").out)
    assert (report["data"], report["clusters"], report["records"], report["removed"]) == ("support@1", 2, 5, 1)
    (doubtful,) = report["doubtful"]
    assert doubtful["record"]["text"] == "user: new words here\nassistant: yes"
    assert [tuple(part) for part in doubtful["diff"]][1:3] == [("delete", "old"), ("insert", "new")]
    assert [cluster["fates"] for cluster in report["largest"]] == [
        {"train": 1, "dropped": 2},
        {"train": 1, "dropped": 1},
    ]


def test_a_row_for_each_comparison_as_a_table(folder: Path) -> None:
    clusters(folder, "--format", "parquet", "-o", "found.parquet")
    frame = pl.read_parquet(folder / "found.parquet")
    assert frame["part"].to_list() == ["largest", "largest", "largest", "doubtful"]
    assert clusters(folder, "--format", "csv").out.startswith("part,cluster_id,record_id,")
    assert len(json.loads(clusters(folder, "--format", "json").out)) == 4


def test_mistakes_are_told_with_what_to_do(folder: Path) -> None:
    assert "kinds: exact, near" in clusters(folder, "--kind", "nera", code=2).err
    assert "no record" in clusters(folder, "--id", "nothing", code=2).err
    assert command("clusters", "nobody@3", folder=folder).code == 2
