"""Runs `dataprep` as a shell does, but inside the test's own process.

A process of its own costs a second of imports and half a second of kernels, five times what a small run takes. What
needs one (signals, closed pipes, the environment at start, exit codes of the whole program) starts one itself.
"""

from __future__ import annotations

import io
import os
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from dataprep.cli import program


@dataclass(frozen=True)
class Done:
    """What a command gave: exit code, the bytes of standard output, and both streams as text."""

    code: int
    stdout: bytes
    err: str

    @property
    def out(self) -> str:
        return self.stdout.decode()


def command(*arguments: str | Path, folder: Path | None = None) -> Done:
    """Run a command, in a folder if one is given, with streams of bytes as a shell gives them."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with chdir(folder or os.curdir), redirect_stdout(out), redirect_stderr(err):
        code = program.run([*map(str, arguments)])
        out.flush()
        err.flush()
    return Done(code, out.buffer.getvalue(), err.buffer.getvalue().decode())
