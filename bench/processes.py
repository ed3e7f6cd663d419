"""CPU seconds, wall seconds and peak memory of whole child processes, by the operating system's own accounting."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BYTE_CODE: Final = Path(tempfile.gettempdir()) / "dataprep-bench" / "byte-code"


@dataclass(frozen=True)
class Cost:
    """What one process used."""

    cpu_seconds: float
    wall_seconds: float
    peak_mb: float

    def __str__(self) -> str:
        return f"{self.cpu_seconds:6.2f} CPU s  {self.wall_seconds:6.2f} s  {self.peak_mb:6.0f} MB"


def cost_of(command: Sequence[str], **environment: str) -> Cost:
    """Run a command to its end and account for it; its output is thrown away.

    Python's byte code is kept as an installation has it, whatever the caller's own settings.
    """
    settings = os.environ | {"PYTHONPYCACHEPREFIX": str(_BYTE_CODE)} | environment
    settings.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=settings)
    assert child.stderr is not None
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.stderr.buffer.write(errors)
        raise SystemExit(f"{command[0]} ended with {child.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss / 1024)


def python(code: str, *arguments: str) -> list[str]:
    """The command that runs a piece of Python in this interpreter."""
    return [sys.executable, "-c", code, *arguments]
