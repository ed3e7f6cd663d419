"""The `dataprep` command: thin over the functions that Python users import.

Commands import what they need when they run, so that `dataprep --help` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from tempfile import NamedTemporaryFile

import typer

from dataprep.cli import clusters, data, dedup, erase, history, keep, lineage, pipeline, queue, run, whatif
from dataprep.cli.help import CommandGroups, examples
from dataprep.errors import DataprepError

app = typer.Typer(
    name="dataprep",
    cls=CommandGroups,
    help="From raw rows to a dataset version that can be defended: cleaned, filtered, deduplicated, split without "
    "leakage, explained row by row, queryable in SQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
    epilog=examples("init data/ -o pipeline.yaml", "plan pipeline.yaml", "run pipeline.yaml"),
)
pipeline.register(app)
whatif.register(app)
run.register(app)
dedup.register(app)
pipeline.register_reference(app)
data.register(app)
keep.register(app)
queue.register(app)
history.register(app)
clusters.register(app)
lineage.register(app)
erase.register(app)


_INTERRUPTED = 130


def main() -> None:
    """Run the command line; maps every outcome to the exit codes of the documentation."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the caller closed it: `dataprep run … >&-`
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for the process's life
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's way of saying Ctrl-C
    stdout, stderr = sys.stdout, sys.stderr
    code = _run(sys.argv[1:])
    for stream in (stdout, stderr):
        try:
            stream.flush()
        except BrokenPipeError:  # nobody reads any more; Python would complain of it while it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            code = code or _INTERRUPTED
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    from dataprep.console import printable

    try:
        app(arguments, standalone_mode=True)
    except SystemExit as finished:
        if isinstance(finished.__context__, BrokenPipeError):  # which the parser turns into 1, a code with a meaning
            return _INTERRUPTED
        code = finished.code
        if code == _INTERRUPTED:  # what the parser makes of Ctrl-C
            sys.stderr.write(
                "dataprep: interrupted; versions are as they were\n  next: run the same command to go on\n"
            )
        return code if isinstance(code, int) else int(code is not None)
    except DataprepError as error:
        text = "\n".join(printable(line) for line in str(error).split("\n"))
        sys.stderr.write(f"dataprep: {text}\n")
        return error.exit_code
    except (KeyboardInterrupt, BrokenPipeError):
        return _INTERRUPTED
    except MemoryError:
        sys.stderr.write("dataprep: out of memory\n  next: use fewer --workers or a smaller --memory, then run again\n")
        return 3
    except BaseException as error:  # anything else is a bug of ours, and a traceback is no way to meet a user
        report = _bug_report(arguments)
        sys.stderr.write(
            f"dataprep: a bug in dataprep ({type(error).__name__}); versions are as they were\n"
            f"  next: please report it with {report}\n"
        )
        return 70
    return 0


def _bug_report(arguments: list[str]) -> Path:
    """Write the traceback and the command to a file, without any data."""
    with NamedTemporaryFile("w", prefix="dataprep-bug-", suffix=".txt", delete=False, encoding="utf-8") as handle:
        handle.write(f"dataprep {' '.join(arguments)}\nPython {sys.version}\n\n{traceback.format_exc()}")
        return Path(handle.name)
