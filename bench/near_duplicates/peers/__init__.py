"""Other people's programs for the same job: run here in environments of their own, or quoted.

Those that install in a minute are run; the slower ones, and any that cannot be installed, are quoted with the versions
and from the machine that they were measured on. Quoted CPU seconds say nothing on this machine, so what is compared are
their ratios to what DuckDB took there to read and write the same file.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Peer:
    """A program that is run.

    Attributes:
        name, version: of its package.
        script: what runs it, in this folder: Parquet file in, Parquet file or folder out.
        needs: packages that it needs beside itself.
        required: for each corpus, the most that our CPU seconds may be of its.
    """

    name: str
    version: str
    script: str
    needs: tuple[str, ...]
    required: dict[str, float]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def environment(self, folder: Path) -> Path | str:
        """The interpreter of its environment, made if need be; why there is none if it cannot be installed."""
        place = folder / f"{self.name}-{self.version}"
        interpreter, finished = place / "bin" / "python", place / "installed"
        if finished.exists():
            return interpreter
        venv.create(place, with_pip=True, clear=True)
        install = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(
            [*install, f"{self.name}=={self.version}", *self.needs], capture_output=True, text=True, check=False
        )
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        finished.touch()
        return interpreter

    def command(self, interpreter: Path, source: Path, target: Path) -> list[str]:
        """What runs it on a file."""
        return [str(interpreter), str(HERE / self.script), str(source), str(target)]


@dataclass(frozen=True)
class Quoted:
    """What was measured elsewhere: CPU seconds, recall and precision of what was removed at J >= 0.8, by corpus."""

    program: str
    figures: dict[str, tuple[float, float, float] | tuple[float]]


PEERS: Final = (
    Peer("daft", "0.7.26", "run_daft.py", (), {"prose": 0.6, "short": 0.75}),
    Peer("rensa", "0.5.0", "run_rensa.py", ("pyarrow",), {"prose": 0.4}),
    Peer("datasketch", "2.0.0", "run_datasketch.py", ("pyarrow", "xxhash"), {"prose": 1 / 6}),
)

QUOTED_CORPORA: Final = {
    "prose": "55,079 documents, 127 MB",
    "short": "191,579 rows, 45 MB",
    "million": "1 M rows, 705 MB",
}
FLOORS: Final = {"prose": 2.2, "short": 1.3, "million": 9.2}
"""CPU seconds of DuckDB's reading and writing, where the quoted figures come from."""
QUOTED: Final = (
    Quoted("daft 0.7.26", {"prose": (7.2, 0.993, 0.67), "short": (5.1, 0.985, 0.36), "million": (43.3,)}),
    Quoted("rensa 0.5.0", {"prose": (10.6, 0.928, 0.96), "short": (8.0, 0.874, 0.96), "million": (62.8,)}),
    Quoted("datasketch 2.0.0", {"prose": (26.0, 0.991, 0.70), "short": (34.4, 0.990, 0.41)}),
    Quoted("Data-Juicer 1.6.1", {"prose": (95, 0.973, 0.69), "short": (205, 0.963, 0.38)}),
    Quoted("text-dedup 0.4.1, verifying", {"prose": (119, 0.993, 0.998)}),
    Quoted("text-dedup 0.4.1, not verifying", {"short": (155, 0.995, 0.002)}),
    Quoted("datatrove 0.10.1", {"prose": (365, 0.994, 0.70), "short": (237, 0.992, 0.36)}),
)


def floor(source: Path, target: Path) -> list[str]:
    """What runs the floor on a file."""
    return [sys.executable, str(HERE / "floor.py"), str(source), str(target)]
