"""What it costs: CPU seconds and peak memory of whole processes, Parquet to Parquet, beside the floor and peers.

The floor is DuckDB, which reads the file and writes it again. All sides run once before, which compiles kernels and
fills the file cache, and then in turn; CPU seconds are the least of the rounds, ratios the median of those within one.

A process's peak begins at what its parent holds when it is started, so this module imports and holds little, and
corpora are written by processes of their own.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from bench.near_duplicates.peers import FLOORS, PEERS, QUOTED, QUOTED_CORPORA, Peer, floor
from bench.processes import Cost, cost_of

OURS: Final = "dataprep dedup"
REQUIRED_FLOORS: Final = {"prose": 2.0, "short": 3.0, "million": 2.4}
"""The most that ours may be of the floor."""
STRETCH_FLOORS: Final = {"prose": 1.5, "short": 2.3}
REQUIRED_PEAK_MB: Final = {"million": 1_000, "ten": 4_000}
REQUIRED_GROWTH: Final = 1.3
"""Of the CPU seconds a row, from 1 M rows to 10 M."""
DEFAULT: Final = ("prose", "short", "million", "cluster")


@dataclass
class Side:
    """One program on one corpus: its command, and what each round cost."""

    name: str
    command: list[str]
    target: Path
    rounds: list[Cost] = field(default_factory=list)

    def run(self) -> Cost:
        """One run, into an empty place."""
        for path in self.target.parent.glob(f"{self.target.stem}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return cost_of(self.command)

    @property
    def cpu_seconds(self) -> float:
        return min(cost.cpu_seconds for cost in self.rounds)

    @property
    def peak_mb(self) -> float:
        return max(cost.peak_mb for cost in self.rounds)

    def ratio(self, other: Side) -> float:
        """Median of its CPU seconds over the other's, round by round."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return statistics.median(one.cpu_seconds / two.cpu_seconds for one, two in pairs)


def corpus(name: str, work: Path, rows: int | None) -> Path:
    """The file of a corpus."""
    command = [sys.executable, "-m", "bench.near_duplicates", "corpus", name, "--folder", str(work.resolve())]
    command += [] if rows is None else ["--rows", str(rows)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    path = Path(done.stdout.splitlines()[-1])
    print(f"-- {name}: {rows_of(path):,} rows, {path.stat().st_size / 1e6:,.0f} MB of Parquet", flush=True)
    return path


def rows_of(path: Path) -> int:
    """Rows of a Parquet file or of a folder of such."""
    files = path.glob("*.parquet") if path.is_dir() else [path]
    return sum(pq.read_metadata(file).num_rows for file in files)


def dedup(source: Path, work: Path) -> Side:
    """Our side."""
    target = work / "ours.parquet"
    command = [sys.executable, "-m", "dataprep", "dedup", str(source), "-o", str(target), "--text", "text"]
    return Side(OURS, command, target)


def measured(sides: Sequence[Side], rounds: int) -> None:
    """Run them warm, in turn."""
    for side in sides:
        side.run()
    for _ in range(rounds):
        for side in sides:
            side.rounds.append(side.run())


def compare(name: str, work: Path, rows: int | None, rounds: int) -> bool:
    """One corpus: the floor, ours, and the peers that can be had; prints the table and what was required."""
    source, results = corpus(name, work, rows), results_in(work)
    ours = dedup(source, results)
    lowest = Side("DuckDB reads and writes it", floor(source, results / "floor.parquet"), results / "floor.parquet")
    beside = [(peer, side) for peer in PEERS if (side := _peer(peer, source, results)) is not None]
    sides = [lowest, ours, *(side for _, side in beside)]
    measured(sides, rounds)
    print(f"{'':32}{'CPU s':>7}{'x floor':>9}{'peak MB':>9}{'rows kept':>11}{'ours / it':>11}")
    for side in sides:
        kept = rows_of(side.target)
        print(
            f"{side.name:32}{side.cpu_seconds:7.2f}{side.ratio(lowest):9.2f}{side.peak_mb:9.0f}{kept:11,}"
            f"{ours.ratio(side):11.2f}"
        )
    met = [_required("of the floor", ours.ratio(lowest), REQUIRED_FLOORS.get(name), STRETCH_FLOORS.get(name))]
    met += [_required(f"of {peer}", ours.ratio(side), peer.required.get(name)) for peer, side in beside]
    met.append(_required("MB at the peak", ours.peak_mb, REQUIRED_PEAK_MB.get(name)))
    _quote(name, {peer.name for peer, _ in beside})
    return all(met)


def cluster(work: Path, rows: int | None, rounds: int) -> bool:
    """Clusters of nearly identical rows beside as many unrelated ones of the same length."""
    names = ("unrelated", "alike", "template")
    sides = [dedup(corpus(name, work, rows), results_in(work, name)) for name in names]
    measured(sides, rounds)
    met = True
    for name, side in zip(names, sides, strict=True):
        print(f"{name:32}{side.cpu_seconds:7.2f} CPU s {side.peak_mb:6.0f} MB  {rows_of(side.target):,} rows kept")
        met &= side is sides[0] or _required("of as many unrelated ones", side.ratio(sides[0]), 1.0)
    return met


def ten_million(work: Path, rows: int | None) -> bool:
    """Ours alone on ten times as many rows, once."""
    results = results_in(work)
    small = dedup(corpus("million", work, rows and rows // 10), results)
    large = dedup(corpus("ten", work, rows), results)
    small.run()
    small.rounds.append(small.run())
    large.rounds.append(large.run())
    print(f"{'a tenth of the rows':32}{small.rounds[0]}\n{'all':32}{large.rounds[0]}")
    growth = _required("x CPU seconds a row of a tenth", large.ratio(small) / 10, REQUIRED_GROWTH)
    return _required("MB at the peak", large.peak_mb, REQUIRED_PEAK_MB["ten"]) and growth


def results_in(work: Path, name: str = "") -> Path:
    """Where outputs go: a folder that is there."""
    folder = work / "near-results" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main(work: Path, names: Sequence[str], rows: int | None, rounds: int) -> bool:
    """Measure some corpora; whether all that is required was met."""
    met = True
    for name in names or DEFAULT:
        if name == "cluster":
            met &= cluster(work, rows, rounds)
        elif name == "ten":
            met &= ten_million(work, rows)
        else:
            met &= compare(name, work, rows, rounds)
    print("met" if met else "NOT met")
    return met


def _peer(peer: Peer, source: Path, work: Path) -> Side | None:
    interpreter = peer.environment(work.parent / "peers")
    if isinstance(interpreter, str):
        print(f"{peer} cannot be installed here and is quoted: {interpreter}")
        return None
    target = work / f"{peer.name}.parquet"
    return Side(str(peer), peer.command(interpreter, source, target), target)


def _required(what: str, value: float, limit: float | None, stretch: float | None = None) -> bool:
    """Print a figure beside its limit, if it has one; whether it is met."""
    if limit is None:
        return True
    wish = f", stretch {stretch:g}" if stretch is not None else ""
    print(f"  {value:,.2f} {what} (required <= {limit:,.4g}{wish}){'' if value <= limit else '  NOT met'}")
    return value <= limit


def _quote(name: str, measured_here: set[str]) -> None:
    quoted = [each for each in QUOTED if name in each.figures and each.program.split(" ")[0] not in measured_here]
    if quoted:
        print(f"  quoted, from another machine, {QUOTED_CORPORA[name]}, where the floor took {FLOORS[name]:g} CPU s:")
    for each in quoted:
        seconds, *shares = each.figures[name]
        found = f", recall {shares[0]:.3f}, precision {shares[1]:.3f}" if shares else ""
        print(f"    {each.program:32}{seconds:7.1f} CPU s  {seconds / FLOORS[name]:6.1f} x floor{found}")
