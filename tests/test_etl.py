"""The examples for schedulers: what they do with a run's exit code and events, tried on real runs."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest

from dataprep import errors
from tests.making import pair, pairs, write_jsonl

EXAMPLES = Path(__file__).parents[1] / "examples" / "etl"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


job = load("dataprep_job")


def furnish(place: Path) -> Path:
    """Give a folder a pipeline, its data, and the `dataprep` command of this interpreter."""
    write_jsonl(place / "rows.jsonl", pairs(30))
    (place / "support.yaml").write_text("name: support\nsources: [{path: rows.jsonl}]\n", encoding="utf-8")
    program(place, "")
    return place


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return furnish(tmp_path)


def program(place: Path, before: str) -> None:
    path = place / "dataprep"
    path.write_text(f'#!/bin/sh\n{before}\nexec "{sys.executable}" -m dataprep "$@"\n', encoding="utf-8")
    path.chmod(0o755)


def cron(place: Path, pipeline: str = "support.yaml") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(EXAMPLES / "cron.sh"), str(place / pipeline), str(place / "store"), str(place / "logs")],
        env=os.environ | {"DATAPREP": str(place / "dataprep"), "PAUSE_SECONDS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def lineage(place: Path) -> list[str]:
    return [orjson.loads(line)["eventType"] for line in (place / "logs/lineage.ndjson").read_bytes().splitlines()]


def run(place: Path, pipeline: str = "support.yaml") -> job.Outcome:  # type: ignore[name-defined]
    _, *arguments = job.command(str(place / pipeline), str(place / "store"))
    return job.run([str(place / "dataprep"), *arguments])


@pytest.fixture(scope="module")
def nightly(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder where cron has published the first version, and what cron was told."""
    place = furnish(tmp_path_factory.mktemp("nightly"))
    return place, cron(place)


def events(place: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (place / "logs/events.ndjson").read_bytes().splitlines()]


def test_cron_is_silent_when_all_is_well_and_leaves_events_and_lineage(
    nightly: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    place, done = nightly
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (events(place)[0]["kind"], events(place)[-1]["kind"]) == ("run", "finished")
    assert lineage(place) == ["START", "COMPLETE"]


def test_cron_tells_a_person_about_a_refusal_once(place: Path) -> None:
    write_jsonl(place / "rows.jsonl", [pair("Why?", "")] * 5)
    done = cron(place)
    assert done.returncode == 1
    assert "was refused; the latest version stays as it was" in done.stdout
    assert "no record is left" in done.stdout
    assert lineage(place) == ["START", "FAIL"]


def test_cron_does_not_try_again_what_is_wrong_in_the_pipeline_file(place: Path) -> None:
    (place / "support.yaml").write_text("name: support\nsorces: []\n", encoding="utf-8")
    done = cron(place)
    assert done.returncode == 2
    assert "sorces" in done.stdout
    assert not (place / "logs/lineage.ndjson").exists()


def test_cron_tries_again_where_the_machine_failed(place: Path) -> None:
    tries = place / "tries"
    program(place, f'echo x >> "{tries}"; [ "$(wc -l < "{tries}")" -lt 3 ] && exit 3; exit 0')
    assert cron(place).returncode == 0
    assert tries.read_text().count("x") == 3
    program(place, f'echo x >> "{tries}"; echo "no space left" >&2; exit 3')
    done = cron(place)
    assert (done.returncode, tries.read_text().count("x")) == (3, 6)
    assert "after several tries" in done.stdout
    assert "no space left" in done.stdout


def test_a_task_gets_the_result_and_an_unchanged_run_says_so(
    nightly: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    place, _ = nightly
    first, last = events(place)[0], events(place)[-1]
    again = run(place)
    assert again.action == "done"
    assert again.result["version_id"] == last["data"]["version_id"]
    assert (last["data"]["unchanged"], again.result["unchanged"]) == (False, True)
    assert again.run_id not in (None, first["data"]["run_id"])
    assert last["message"] == "support@1 published"
    assert again.message.startswith("support@1")


def test_a_task_gets_the_reason_of_what_did_not_work(place: Path) -> None:
    write_jsonl(place / "rows.jsonl", [pair("Why?", "")] * 5)
    refused = run(place)
    assert (refused.action, refused.result) == ("page", {})
    assert refused.run_id is not None
    assert "no record is left" in refused.message
    missing = run(place, "nothing.yaml")
    assert (missing.action, missing.run_id) == ("fix", None)
    assert "nothing.yaml" in missing.message


def test_a_task_that_is_stopped_stops_its_run(place: Path) -> None:
    script = "import sys, dataprep_job; dataprep_job.run(sys.argv[1:], lambda event: print(event['data'], flush=True))"
    held = f'if [ "$1" = run ]; then echo "$$" > "{place}/pid"; fi'
    program(place, held)
    write_jsonl(place / "rows.jsonl", pairs(60_000))
    _, *arguments = job.command(str(place / "support.yaml"), str(place / "store"))
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(place / "dataprep"), *arguments],
        env=os.environ | {"PYTHONPATH": str(EXAMPLES)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    child.wait(timeout=30)
    child.stdout.close()
    assert not alive(int((place / "pid").read_text()))


def alive(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.05)
    return True


def test_every_exit_code_of_ours_has_an_action() -> None:
    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    assert codes | {0} == job.ACTIONS.keys() | {70}
    assert job.action_for(70) == "report"


def test_the_examples_in_docstrings_run() -> None:
    assert doctest.testmod(job).failed == 0


@pytest.mark.parametrize("name", ["airflow_dag", "dagster_assets"])
def test_an_example_uses_what_the_job_module_has(name: str) -> None:
    """Also where the scheduler is not installed: names of the job module, of its outcome and of the result's keys."""
    tree = ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))
    used: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used.setdefault(node.value.id, set()).add(node.attr)
    assert used["dataprep_job"] <= set(vars(job))
    assert used["outcome"] <= set(job.Outcome.__dataclass_fields__)
    keys = {"dataset", "version_id", "number", "unchanged", "path", "counts", "notes"}
    asked = {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "result"
        and isinstance(node.slice, ast.Constant)
    }
    assert asked <= keys


@pytest.mark.parametrize(("name", "scheduler"), [("airflow_dag", "airflow"), ("dagster_assets", "dagster")])
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_is_installed_loads_its_example(name: str, scheduler: str) -> None:
    pytest.importorskip(scheduler, reason=f"{scheduler} is not installed; its example's logic is tested without it")
    load(name)
