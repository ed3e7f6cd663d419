"""What `dataprep dedup` made of a file: run as a user would, and read back from what it wrote."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class Outcome:
    """Which of n rows stay, and which row stays for each of the others.

    Attributes:
        kept: whether a row is in the output: shape (n,).
        partner: row that is said to stay for one that goes; -1 for rows without: shape (n,).
        similarity: what is said to be their similarity; NaN for rows without: shape (n,).
    """

    kept: npt.NDArray[np.bool_]
    partner: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float64]


def write_texts(texts: list[str], path: Path) -> Path:
    """A Parquet file of texts with their row numbers as `id`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": np.arange(len(texts)), "text": pa.array(texts, pa.string())}), path)
    return path


def deduplicated(source: Path, rows: int) -> Outcome:
    """Run the command on a file whose rows have their number as `id`."""
    target = source.with_name(f"{source.stem}-kept{source.suffix}")
    command = [sys.executable, "-m", "dataprep", "dedup", str(source), "-o", str(target)]
    command += ["--text", "text"] if source.suffix == ".parquet" else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"dataprep dedup ended with {done.returncode}\n{done.stderr}")
    kept = np.zeros(rows, np.bool_)
    kept[_ids(target)] = True
    partner, similarity = np.full(rows, -1), np.full(rows, np.nan)
    clusters = pq.read_table(target.with_name(f"{target.stem}.clusters.parquet"))
    row = clusters["row"].to_numpy()
    partner[row], similarity[row] = clusters["kept_row"].to_numpy(), clusters["similarity"].to_numpy()
    stays = partner == np.arange(rows)
    partner[stays], similarity[stays] = -1, np.nan
    return Outcome(kept, partner, similarity)


def _ids(path: Path) -> npt.NDArray[np.int64]:
    if path.suffix == ".parquet":
        return np.asarray(pq.read_table(path, columns=["id"])["id"].to_numpy())
    return np.array([orjson.loads(line)["id"] for line in path.read_bytes().splitlines()], np.int64)
