"""How a command ends: every outcome as one of the documented exit codes, never a traceback for a user."""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from dataprep.console import printable
from dataprep.errors import DataprepError

INTERRUPTED: Final = 130
_GARBAGE: Final = 500_000
"""New objects after which Python looks for cycles. Modules and tables of settings live as long as a command does;
looking through them after every 700 objects, as usual, takes 0.15 s of its start."""


@dataclass(frozen=True)
class Program:
    """A command line program.

    Attributes:
        name: as it is called.
        app: runs some arguments and raises `SystemExit`.
        safe: what is as it was whatever happens, such as "versions are as they were".
        smaller: what takes less memory, such as "use fewer --workers".
    """

    name: str
    app: Callable[..., object]
    safe: str
    smaller: str

    def main(self) -> None:
        """Run the command line of this process and end it."""
        gc.set_threshold(_GARBAGE)
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # the caller closed it: `dataprep run … >&-`
                setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for good
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's way of saying Ctrl-C
        stdout, stderr = sys.stdout, sys.stderr
        code = self.run(sys.argv[1:])
        for stream in (stdout, stderr):
            try:
                stream.flush()
            except BrokenPipeError:  # nobody reads any more; Python would complain of it while it ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
                code = code or INTERRUPTED
        if "_duckdb" not in sys.modules:  # which complains of objects that are left when it ends
            gc.freeze()  # or Python, ending, looks through every object several times (0.15 s)
        sys.exit(code)

    def run(self, arguments: Sequence[str]) -> int:
        """Run some arguments; returns the exit code."""
        try:
            self.app(list(arguments), standalone_mode=True)
        except SystemExit as finished:
            if isinstance(
                finished.__context__, BrokenPipeError
            ):  # which the parser turns into 1, a code with a meaning
                return INTERRUPTED
            code = finished.code
            cause = getattr(finished.__context__, "__cause__", None)
            if isinstance(cause, KeyboardInterrupt):  # the parser makes 130 of Ctrl-C; a command that does has said why
                self._say("interrupted", "run the same command to go on")
            return code if isinstance(code, int) else int(code is not None)
        except DataprepError as error:
            text = "\n".join(printable(line) for line in str(error).split("\n"))
            sys.stderr.write(f"{self.name}: {text}\n")
            return error.exit_code
        except (KeyboardInterrupt, BrokenPipeError):
            return INTERRUPTED
        except MemoryError:
            sys.stderr.write(f"{self.name}: out of memory\n  next: {self.smaller}, then run again\n")
            return 3
        except BaseException as error:  # anything else is a bug of ours, and a traceback is no way to meet a user
            report = self._bug_report(arguments)
            self._say(f"a bug in {self.name} ({type(error).__name__})", f"please report it with {report}")
            return 70
        return 0

    def _say(self, what: str, hint: str) -> None:
        sys.stderr.write(f"{self.name}: {what}; {self.safe}\n  next: {hint}\n")

    def _bug_report(self, arguments: Sequence[str]) -> Path:
        """Write the traceback and the command to a file, without any data."""
        prefix = f"{self.name}-bug-"
        with NamedTemporaryFile("w", prefix=prefix, suffix=".txt", delete=False, encoding="utf-8") as handle:
            handle.write(f"{self.name} {' '.join(arguments)}\nPython {sys.version}\n\n{traceback.format_exc()}")
            return Path(handle.name)
