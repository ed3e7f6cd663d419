"""`dataprep run` as a scheduler's task: a child process, its exit code and its events, and nothing else.

A child rather than a call, because a scheduler's worker should not share its memory, its threads or its dependencies
with a job. Needs only Python: put it beside your DAGs or assets.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Action = Literal["done", "page", "fix", "retry", "stopped", "report"]
"""What the scheduler should do next; see `ACTIONS`."""

ACTIONS: Mapping[int, Action] = {
    0: "done",
    1: "page",  # a budget or a gate said no: a person decides, and nothing changes by trying again
    2: "fix",  # the pipeline file or the data is wrong, and will be the next time
    3: "retry",  # disk, memory, or another run holds the dataset
    130: "stopped",  # somebody, or the scheduler, interrupted it
}
"""By exit code; any other is a bug, to be reported."""

Event = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        exit_code, action: the process's exit code, and what it asks for.
        run_id: None where the run never began, because the pipeline file is wrong.
        result: data of the event `finished`: dataset, version_id, number, unchanged, counts, …; empty without one.
        message: what to tell a person.
    """

    exit_code: int
    action: Action
    run_id: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""


def command(pipeline: str, store: str, *options: str) -> list[str]:
    """The command line of a run that speaks in events.

    >>> command("support.yaml", "/data/store", "--memory", "4GB")
    ['dataprep', 'run', 'support.yaml', '--store', '/data/store', '--json', '--memory', '4GB']
    """
    return ["dataprep", "run", pipeline, "--store", store, "--json", *options]


def action_for(exit_code: int) -> Action:
    """What to do after an exit code. A negative one is a signal's, in Python: killed for memory, say, so try again.

    >>> action_for(3), action_for(-9), action_for(70)
    ('retry', 'retry', 'report')
    """
    return "retry" if exit_code < 0 else ACTIONS.get(exit_code, "report")


def ignore(event: Event) -> None:
    """A listener that does nothing."""


def run(arguments: list[str], on_event: Callable[[Event], object] = ignore) -> Outcome:
    """Run a command line of `command` to its end, handing on its events as they come."""
    run_id, result, message = None, {}, ""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,  # a second pipe could fill up and block the run
        subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
            arguments, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8"
        ) as child,
    ):
        try:
            for line in child.stdout or ():
                event = json.loads(line)
                on_event(event)
                if event["kind"] == "run":
                    run_id = event["data"]["run_id"]
                elif event["kind"] == "finished":
                    result, message = event["data"], event["message"]
        except BaseException:  # the task itself is being stopped; a terminated run ends cleanly within seconds
            child.terminate()
            child.wait()
            raise
        code = child.wait()
        errors.seek(0)
        said = errors.read().strip()
    return Outcome(code, action_for(code), run_id, result, message if code == 0 else said)
