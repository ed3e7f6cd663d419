"""The whole job against the floor: `dataprep run` on 10-fold T0, beside DuckDB reading the file and writing the rows.

Required: CPU seconds of the whole process within 6 times DuckDB's, both writing zstd Parquet on the same two threads.
Start-up (the same with 1,000 rows) is shown apart and taken off both. Runs are taken in turn, and ratios are of pairs.
Near duplicates are not looked for: ten copies of every row would be, and `bench.near_duplicates` measures that.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from bench.corpora import t0_times
from bench.processes import cost_of, python

REQUIRED_RATIO = 6.0

FLOOR = """
import duckdb, sys
con = duckdb.connect(config={"threads": 2})
con.execute(
    "copy (from read_json($source, format='newline_delimited')) to '" + sys.argv[2] + "' "
    "(format parquet, compression zstd, compression_level 3, row_group_size 100000)",
    {"source": sys.argv[1]},
)
"""


def main(copies: int = 10, runs: int = 3) -> None:
    work = Path(tempfile.gettempdir()) / "dataprep-bench"
    corpus = t0_times(copies, work / f"t0x{copies}.jsonl")
    small = t0_times(1, work / "t0x1.jsonl")
    tiny = work / "tiny.jsonl"
    tiny.write_bytes(b"".join(small.open("rb").readlines()[:1_000]))
    store = work / "store"

    def job(path: Path) -> list[str]:
        shutil.rmtree(store, ignore_errors=True)
        options = ["--store", str(store), "--workers", "2", "--set", "dedup.near.action=none"]
        return [sys.executable, "-m", "dataprep", "run", str(path), *options]

    def floor_of(path: Path) -> list[str]:
        return python(FLOOR, str(path), str(work / "floor.parquet"))

    cost_of(job(tiny))  # compiles the kernels where they are not cached
    start_up, floor_start_up = cost_of(job(tiny)), cost_of(floor_of(tiny))
    print(f"1,000 rows: dataprep run               {start_up}")
    print(f"1,000 rows: DuckDB                     {floor_start_up}")
    ratios = []
    for _ in range(runs):
        floor = cost_of(floor_of(corpus))
        whole = cost_of(job(corpus))
        ratios.append((whole.cpu_seconds - start_up.cpu_seconds) / (floor.cpu_seconds - floor_start_up.cpu_seconds))
        print(f"DuckDB reads JSON and writes Parquet   {floor}")
        print(f"dataprep run                           {whole}   ratio {ratios[-1]:.2f}")
    ratio = statistics.median(ratios)
    print(f"{corpus.stat().st_size / 1e6:.0f} MB: median ratio {ratio:.2f} (required <= {REQUIRED_RATIO:g})")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
