"""A run as OpenLineage events: what the specification requires, what the run's record and manifest say, and no text."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dataprep
from dataprep.errors import DataprepError, InputError
from dataprep.flow import RunResult
from dataprep.lineage import ParentRun, lineage_events, openlineage_run_id
from dataprep.store.layout import Store
from tests.commands import command
from tests.making import pair, pairs, write_jsonl
from tests.store.builder import Row, write_run, write_version

Json = dict[str, Any]
REQUIRED = {
    "dataSource": (),
    "errorMessage": ("message", "programmingLanguage"),
    "inputStatistics": (),
    "jobType": ("processingType", "integration"),
    "lifecycleStateChange": ("lifecycleStateChange",),
    "outputStatistics": (),
    "parent": ("run", "job"),
    "processing_engine": ("version",),
    "schema": (),
    "symlinks": (),
    "version": ("datasetVersion",),
}
"""What the specification's schemas require of each core facet beside `_producer` and `_schemaURL`."""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("lineage")
    rows = [*pairs(30), pair("Which secret?", ""), *pairs(3)]
    source = write_jsonl(folder / "data" / "rows.jsonl", rows)
    with source.open("a", encoding="utf-8") as handle:
        handle.write("broken\n")
    (folder / "pipeline.yaml").write_text("name: 'é/b'\nsources:\n  - {name: forum, path: data/rows.jsonl}\n")
    return dataprep.run(folder / "pipeline.yaml", store=folder / "store")


def store_of(result: RunResult) -> Store:
    return Store(result.path.parent.parent)


def facets_of(event: Json) -> dict[str, Json]:
    found = dict(event["run"].get("facets", {})) | event["job"].get("facets", {})
    for dataset in event["inputs"] + event["outputs"]:
        for kind in ("facets", "inputFacets", "outputFacets"):
            found |= dataset.get(kind, {})
    return found


def check_specification(event: Json) -> None:
    """The required fields of OpenLineage 2-0-2, with their formats, in the event and its facets."""
    assert event["eventType"] in {"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"}
    assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
    UUID(event["run"]["runId"])
    assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    assert re.fullmatch(r"[a-z][a-z+.-]*:\S+", event["producer"])
    for named in (event["job"], *event["inputs"], *event["outputs"]):
        assert named["namespace"]
        assert named["name"]
    for name, facet in facets_of(event).items():
        assert facet["_producer"] == event["producer"]
        assert re.fullmatch(r"https://openlineage\.io/spec/\S+\.json#/\$defs/\w+Facet", facet["_schemaURL"])
        assert name.startswith("dataprep_") or set(REQUIRED[name]) <= facet.keys()


def test_a_published_run_starts_and_completes_as_the_specification_says(result: RunResult) -> None:
    events = lineage_events(store_of(result), result.run_id)
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"]
    assert events[0]["eventTime"] <= events[1]["eventTime"]
    assert len({event["run"]["runId"] for event in events}) == 1
    for event in events:
        check_specification(event)


def test_a_version_stands_for_the_run_that_published_it(result: RunResult) -> None:
    store = store_of(result)
    by_run = lineage_events(store, result.run_id)
    assert lineage_events(store, "é/b@latest") == lineage_events(store, result.version_id[:12]) == by_run


def test_inputs_are_files_known_by_digest_and_outputs_the_version(result: RunResult) -> None:
    folder = store_of(result).root.parent
    _, end = lineage_events(store_of(result), result.run_id, base=folder)
    (source,) = end["inputs"]
    path = folder / "data/rows.jsonl"
    assert (source["namespace"], source["name"]) == ("file", str(path))
    assert source["facets"]["version"]["datasetVersion"] == hashlib.sha256(path.read_bytes()).hexdigest()
    statistics = source["inputFacets"]["inputStatistics"]
    assert (statistics["rowCount"], statistics["size"]) == (35, path.stat().st_size)
    assert {field["name"] for field in source["facets"]["schema"]["fields"]} == {"prompt", "completion"}
    (target,) = end["outputs"]
    assert (target["name"], target["facets"]["version"]["datasetVersion"]) == ("é/b", result.version_id)
    assert target["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "CREATE"
    assert target["facets"]["symlinks"]["identifiers"][0]["name"] == str(result.path.absolute() / "data")
    assert target["outputFacets"]["outputStatistics"]["rowCount"] == result.counts["kept"]
    assert {"prompt", "completion"} <= {field["name"] for field in target["facets"]["schema"]["fields"]}


def test_what_each_rule_dropped_adds_up(result: RunResult) -> None:
    _, end = lineage_events(store_of(result), result.run_id)
    facets = end["run"]["facets"]
    assert sum(facets["dataprep_dropped"]["records"].values()) == result.counts["dropped"] == 4
    lines = facets["dataprep_funnel"]["lines"]
    assert sum(line["records"] for line in lines if line["action"] == "keep") == result.counts["kept"]
    assert facets["dataprep_run"]["counts"] == result.counts


def test_an_unchanged_run_completes_without_having_changed_anything(result: RunResult) -> None:
    store = store_of(result)
    again = dataprep.run(store.root.parent / "pipeline.yaml", store=store.root)
    assert again.unchanged
    _, end = lineage_events(store, again.run_id)
    assert end["eventType"] == "COMPLETE"
    assert "lifecycleStateChange" not in end["outputs"][0]["facets"]
    assert end["run"]["facets"]["dataprep_reuse"]["reused"]


def test_text_of_the_dataset_is_in_no_event(result: RunResult) -> None:
    said = orjson.dumps(lineage_events(store_of(result), result.run_id)).decode()
    assert "secret" not in said
    assert "number after" not in said


def test_a_refused_run_fails_with_its_message_and_what_it_found(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", [pair("Why?", "")] * 5)
    with pytest.raises(DataprepError):
        dataprep.run(source, store=tmp_path / "store")
    (record,) = (tmp_path / "store/runs").glob("*/run.json")
    _, end = lineage_events(Store(tmp_path / "store"), record.parent.name)
    check_specification(end)
    assert (end["eventType"], end["outputs"]) == ("FAIL", [])
    assert "no record is left" in end["run"]["facets"]["errorMessage"]["message"]
    assert sum(end["run"]["facets"]["dataprep_dropped"]["records"].values()) == 5


@pytest.mark.parametrize(("status", "end"), [("interrupted", "ABORT"), ("failed", "FAIL")])
def test_a_run_that_gave_nothing_ends_as_it_did(tmp_path: Path, status: str, end: str) -> None:
    message = "ValueError: could not parse 'my card is 4111'"
    write_run(tmp_path, "r1", dataset="d", status=status, exit_code=70, message=message)
    _, event = lineage_events(Store(tmp_path), "r1")
    check_specification(event)
    assert event["eventType"] == end
    assert event["run"]["facets"]["errorMessage"]["message"] == "ValueError"


def test_a_version_whose_run_was_deleted_is_told_from_its_manifest(tmp_path: Path) -> None:
    write_version(tmp_path, [Row("a", [("user", "q"), ("assistant", "a")])])
    (tmp_path / "runs/run-1/run.json").unlink()
    start, end = lineage_events(Store(tmp_path), "support@1")
    assert (start["eventTime"], end["eventTime"]) == ("2026-01-02T03:04:05+00:00", "2026-01-02T03:04:06+00:00")
    assert end["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 1


def test_columns_inside_messages_are_described(tmp_path: Path) -> None:
    write_version(tmp_path, [Row("a", [("user", "q"), ("assistant", "a")])], shape="messages")
    _, end = lineage_events(Store(tmp_path), "support")
    fields = {field["name"]: field for field in end["outputs"][0]["facets"]["schema"]["fields"]}
    assert [inner["name"] for inner in fields["messages"]["fields"]] == ["role", "content"]


def test_what_does_not_exist_is_named(tmp_path: Path) -> None:
    write_version(tmp_path, [Row("a", [("user", "q"), ("assistant", "a")])])
    with pytest.raises(InputError, match="no run has the id 20261122-183331-a827221f"):
        lineage_events(Store(tmp_path), "20261122-183331-a827221f")
    with pytest.raises(InputError, match="did you mean 'support'"):
        lineage_events(Store(tmp_path), "suport")


@given(st.text(min_size=1), st.text(min_size=1).filter(lambda job: "/" not in job), st.uuids())
def test_a_parent_is_read_back_from_its_parts(namespace: str, job: str, run: UUID) -> None:
    assert ParentRun.parse(f"{namespace}/{job}/{run}") == ParentRun(namespace, job, str(run))


@pytest.mark.parametrize("text", ["", "a/b", "a/b/c", f"/b/{UUID(int=1)}", f"b/{UUID(int=1)}"])
def test_what_is_no_parent_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="names no parent run"):
        ParentRun.parse(text)


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_two_runs_never_share_an_identity(runs: list[str]) -> None:
    assert openlineage_run_id(runs[0]) != openlineage_run_id(runs[1])
    assert openlineage_run_id(runs[0]) == openlineage_run_id(runs[0])


def test_the_command_writes_one_event_a_line_and_never_over_a_file(result: RunResult, tmp_path: Path) -> None:
    parent = f"prod/nightly/{UUID(int=7)}"
    out = tmp_path / "events.ndjson"
    options = ("--store", store_of(result).root, "--namespace", "prod", "--parent", parent)
    printed = command("lineage", result.run_id, *options).stdout
    assert command("lineage", result.run_id, *options, "-o", out).code == 0
    assert out.read_bytes() == printed
    events = [orjson.loads(line) for line in printed.splitlines()]
    for event in events:
        check_specification(event)
        assert event["job"]["namespace"] == "prod"
        assert event["run"]["facets"]["parent"]["job"] == {"namespace": "prod", "name": "nightly"}
    refused = command("lineage", result.run_id, *options, "-o", out)
    assert (refused.code, out.read_bytes()) == (2, printed)
