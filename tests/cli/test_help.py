"""The help texts: what somebody sees first."""

from __future__ import annotations

import subprocess
import sys

import pytest

PANELS = ["Prepare:", "Look:", "Keep:", "Decide:"]
COMMANDS = (
    *("init", "plan", "whatif", "run", "rules", "schema"),
    *("show", "why", "sql", "diff"),
    *("versions", "verify", "export", "catalog", "gc", "lineage", "forget"),
    *("held", "release", "drop", "accept-budget"),
)


def help_of(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dataprep", *command, "--help"], capture_output=True, check=True, encoding="utf-8"
    )
    return done.stdout


def test_commands_stand_in_groups_each_on_one_whole_line() -> None:
    lines = help_of().splitlines()
    assert [line for line in lines if line in PANELS] == PANELS
    told = {name: line.strip() for line in lines for name in COMMANDS if line.startswith(f"  {name} ")}
    assert tuple(told) == COMMANDS
    for line in told.values():
        assert line.endswith(".")
        assert not line.endswith("...")


@pytest.mark.parametrize(
    "command", ["init", "plan", "whatif", "run", "show", "why", "sql", "diff", "held", "release", "export", "forget"]
)
def test_a_command_shows_how_it_is_called(command: str) -> None:
    assert f"Examples:\n    dataprep {command} " in help_of(command)


def test_help_loads_no_engine() -> None:
    script = (
        "import sys; from dataprep.cli import app; app(['--help'], standalone_mode=False);"
        "print([name for name in ('duckdb', 'polars', 'pyarrow', 'numba', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, encoding="utf-8")
    assert done.stdout.splitlines()[-1] == "[]"
