"""What a small file waits for is imports, so the command brings none that it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def test_neither_pandas_nor_scipy_nor_numba_is_imported_on_the_way(tmp_path: Path) -> None:
    words = " ".join(f"word{number}" for number in range(30))
    pq.write_table(
        pa.table({"text": [words, f"{words} more", "ein straßenfest", "something else"]}), tmp_path / "in.parquet"
    )
    code = (
        "import sys; from dataprep.cli import program\n"
        f"arguments = ['dedup', {str(tmp_path / 'in.parquet')!r}, '-o', {str(tmp_path / 'out.parquet')!r}]\n"
        "assert program.run(arguments) == 0\n"
        "heavy = [name for name in ('pandas', 'scipy.linalg', 'numba') if name in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", code]
    subprocess.run(command, check=False, capture_output=True, timeout=120)  # compiles, where nothing did before
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
