"""docs/training-runs.md: every file of a run and every monitor is there, with the package that it needs."""

from __future__ import annotations

import re
import tomllib
from typing import get_args

from tests.docs.reading import DOCS, ROOT
from trainer.monitors.base import PACKAGES
from trainer.recipe import MonitorName
from trainer.runs import folder
from trainer.runs.facts import MAX_DIFF_BYTES

TEXT = (DOCS / "training-runs.md").read_text(encoding="utf-8")


def test_every_monitor_is_there_with_its_package() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `([\w-]+)` \|.*\|.*\|$", TEXT, re.MULTILINE))
    assert rows == PACKAGES
    assert set(PACKAGES) == set(get_args(MonitorName))
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {requirement.split(">")[0] for requirement in extra["monitors"]} == set(PACKAGES.values())


def test_every_file_of_a_run_and_every_state_is_there() -> None:
    for name in (folder.RUN_RECORD, folder.RECIPE, folder.DIFF, "metrics.jsonl", "alive", "checkpoints/", "best/"):
        assert f"`{name}`" in TEXT, name
    for state in ("running", "killed", *get_args(folder.Ending)):
        assert f"`{state}`" in TEXT, state


def test_the_stated_bound_is_the_one_in_the_code() -> None:
    assert f"at most {MAX_DIFF_BYTES // 1_000_000} MB" in TEXT
