"""Errors that a user can cause or must act on, each with its place and the next step.

Every class carries the process exit code of design §7, so the command line maps an exception to a code in one place
and Python users can catch one base class. Anything that is not a `DataprepError` is a bug of ours (exit code 70).
"""

from __future__ import annotations

from collections.abc import Sequence

from dataprep.console import one_line


class DataprepError(Exception):
    """An expected failure: what went wrong, where, and what to do next.

    Args:
        message: what is wrong, in one sentence, without the place.
        file: the file concerned, as the user named it.
        line: 1-based line in that file (of a data file or of the pipeline file).
        key: the key of the pipeline file, dotted (`rules.too_short.threshold`), or a column name.
        record_id: the record concerned.
        step: the step of the flow that was running.
        hint: what the user can do next; a command where there is one.

    >>> str(InputError("file ended early after 12 good rows", file="a.jsonl.gz", hint="fetch the file again"))
    'a.jsonl.gz: file ended early after 12 good rows\\n  next: fetch the file again'
    """

    exit_code = 70

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
        record_id: str | None = None,
        step: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.key = key
        self.record_id = record_id
        self.step = step
        self.hint = hint

    def __str__(self) -> str:
        place = one_line(self.file or "")
        if self.line is not None:
            place += f" line {self.line}" if place else f"line {self.line}"
        names = (self.key, self.record_id and f"record {self.record_id}", self.step)
        parts = [part for part in (place, *(one_line(name) for name in names if name)) if part]
        text = f"{', '.join(parts)}: {self.message}" if parts else self.message
        return f"{text}\n  next: {one_line(self.hint)}" if self.hint else text


class InputError(DataprepError):
    """The user's input is wrong: a file, a pipeline file, an option. Exit code 2."""

    exit_code = 2


class ManyInputErrors(InputError):  # noqa: N818 - it holds several errors, and says so
    """Several independent input errors found in one look (a pipeline file with three mistakes). Exit code 2."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        super().__init__(f"{len(errors)} mistakes")
        self.errors = list(errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


class RefusedError(DataprepError):
    """A budget or a gate said no; nothing was published and nothing is lost. Exit code 1."""

    exit_code = 1


class MachineError(DataprepError):
    """The machine failed (disk, memory); the same command can be run again. Exit code 3."""

    exit_code = 3


class Cancelled(DataprepError):  # noqa: N818 - not an error of anybody's; named like asyncio's and concurrent.futures'
    """The caller asked the run to stop. Exit code 130."""

    exit_code = 130
