"""Small datasets for tests, and reading back what a run published."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

import dataprep
from dataprep.flow import RunResult


def write_jsonl(path: Path, rows: Iterable[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows))
    return path


def pair(prompt: str, completion: str, **meta: Any) -> dict[str, Any]:
    return {"prompt": prompt, "completion": completion, **meta}


def pairs(count: int, *, start: int = 0) -> list[dict[str, Any]]:
    return [
        pair(f"What is the number after {n}, please?", f"The number after {n} is {n + 1}.")
        for n in range(start, start + count)
    ]


def run_yaml(folder: Path, text: str, *, store: str = "store", **options: Any) -> RunResult:
    path = folder / "pipeline.yaml"
    path.write_text(text, encoding="utf-8")
    return dataprep.run(path, store=folder / store, **options)


def table(result: RunResult, name: str) -> pl.DataFrame:
    """One table of a version, as its Parquet files hold it."""
    files = sorted((result.path / name).glob("*.parquet"))
    return pl.concat([pl.read_parquet(file) for file in files]) if files else pl.DataFrame()


def split(result: RunResult, name: str) -> pl.DataFrame:
    files = sorted((result.path / "data").glob(f"{name}-*.parquet"))
    return pl.concat([pl.read_parquet(file) for file in files]) if files else pl.DataFrame()
