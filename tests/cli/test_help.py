"""The help texts: what somebody sees first."""

from __future__ import annotations

import pytest

from tests.commands import command

PANELS = ["Prepare:", "Look:", "Keep:", "Decide:"]
COMMANDS = (
    *("init", "plan", "whatif", "run", "dedup", "rules", "schema"),
    *("show", "why", "sql", "diff", "clusters"),
    *("versions", "verify", "export", "catalog", "gc", "lineage", "forget"),
    *("held", "release", "drop", "accept-budget"),
)


def help_of(*words: str) -> str:
    done = command(*words, "--help")
    assert done.code == 0, done.err
    return done.out


def test_commands_stand_in_groups_each_on_one_whole_line() -> None:
    lines = help_of().splitlines()
    assert [line for line in lines if line in PANELS] == PANELS
    told = {name: line.strip() for line in lines for name in COMMANDS if line.startswith(f"  {name} ")}
    assert tuple(told) == COMMANDS
    for line in told.values():
        assert line.endswith(".")
        assert not line.endswith("...")


@pytest.mark.parametrize(
    "name",
    ["init", "plan", "whatif", "run", "show", "why", "sql", "diff", "clusters", "held", "release", "export", "forget"],
)
def test_a_command_shows_how_it_is_called(name: str) -> None:
    assert f"Examples:\n    dataprep {name} " in help_of(name)
