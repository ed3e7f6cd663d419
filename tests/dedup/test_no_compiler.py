"""Machines where kernels cannot be compiled: the reference engine does the work, or the command says what to do.

Each machine is a process of its own: numba is absent there, or its LLVM cannot be loaded, or LLVM makes no code.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataprep.dedup.job import dedup
from tests.dedup.corpora import kept_ids, variants, write

REPOSITORY = Path(__file__).parents[2]
NO_CODE = """
from numba.core.codegen import CPUCodeLibrary

def finalize(self):
    raise RuntimeError("LLVM ERROR: 64-bit code requested on a subtarget that doesn't support it!")

CPUCodeLibrary.finalize = finalize
"""
MACHINES = {
    "no numba": ("numba/__init__.py", "raise ModuleNotFoundError(\"No module named 'numba'\")"),
    "no LLVM": ("llvmlite/__init__.py", "raise OSError('Could not find/load shared object file: libllvmlite.so')"),
    "no code": ("sitecustomize.py", NO_CODE),
}
CAUSES = {"no numba": "No module named 'numba'", "no LLVM": "libllvmlite.so", "no code": "64-bit code requested"}

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def command(machine: str, tmp_path: Path) -> Command:
    """Runs `dataprep` on the machine, in the test's folder, with no machine code at hand."""
    place, code = MACHINES[machine]
    file = tmp_path / "machine" / place
    file.parent.mkdir(parents=True)
    file.write_text(code)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "machine"), str(REPOSITORY)]),
        "NUMBA_CACHE_DIR": str(tmp_path / "machine" / "code"),
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "dataprep", *arguments]
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_reference_removes_the_same_rows_with_a_warning(machine: str, command: Command, tmp_path: Path) -> None:
    write(tmp_path / "in.parquet", list(variants(21, 60)))
    done = command("dedup", "in.parquet", "-o", "out.parquet")
    assert done.returncode == 0, done.stderr
    assert "warning: kernels cannot be compiled here" in done.stderr
    assert CAUSES[machine] in done.stderr
    assert "a hundred times longer" in done.stderr
    dedup(tmp_path / "in.parquet", tmp_path / "compiled.parquet", engine="kernel")
    assert 0 < len(kept_ids(tmp_path / "out.parquet")) < 60
    for table in ("", ".pairs", ".clusters"):
        one, other = (pq.read_table(tmp_path / f"{stem}{table}.parquet") for stem in ("out", "compiled"))
        assert one.equals(other)


def test_csv_needs_no_kernels_either(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('text\n"one two, three"\nOne two  three\n"one two, three"\n')
    done = command("dedup", "in.csv", "-o", "out.csv")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.csv").read_text() == 'text\n"one two, three"\nOne two  three\n'


def test_what_cannot_go_without_kernels_says_so_and_writes_nothing(
    machine: str, command: Command, tmp_path: Path
) -> None:
    write(tmp_path / "in.parquet", ["a"])
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n')
    before = sorted(tmp_path.iterdir())
    for arguments, place in (
        (["in.parquet", "-o", "out.parquet", "--engine", "kernel"], "--engine: kernels cannot be compiled here"),
        (["in.jsonl", "-o", "out.jsonl"], "in.jsonl: kernels cannot be compiled here"),
    ):
        done = command("dedup", *arguments)
        assert done.returncode == 2, done.stderr
        assert place in done.stderr
        assert CAUSES[machine] in done.stderr
        assert "next:" in done.stderr
        assert "Traceback" not in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_both_engines_remove_the_same_rows_of_real_questions(shared_data: Path, tmp_path: Path) -> None:
    from pyarrow import csv

    options = csv.ParseOptions(newlines_in_values=True)
    table = csv.read_csv(shared_data / "intents" / "banking77_train.csv", parse_options=options)
    assert_both_remove_the_same(table, ["text"], tmp_path)


def test_both_engines_remove_the_same_rows_of_real_instructions(shared_data: Path, tmp_path: Path) -> None:
    from pyarrow import json

    with pa.input_stream(shared_data / "instructions" / "t0_train_50k.jsonl.gz", compression="gzip") as stream:
        table = json.read_json(stream).select(["prompt", "completion"])
    rows = pa.array(range(0, len(table), len(table) // 3_000))[:3_000]
    assert_both_remove_the_same(table.take(rows), ["prompt", "completion"], tmp_path)


def assert_both_remove_the_same(table: pa.Table, text: list[str], folder: Path) -> None:
    pq.write_table(table, folder / "in.parquet")
    results = [
        dedup(folder / "in.parquet", folder / f"{name}.parquet", text=text, engine=name)
        for name in ("kernel", "datasketch")
    ]
    assert results[0].removed == results[1].removed > 50
    for part in ("", ".pairs", ".clusters"):
        one, other = (pq.read_table(folder / f"{name}{part}.parquet") for name in ("kernel", "datasketch"))
        assert one.equals(other)
