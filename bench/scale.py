r"""Scale: does a run of 5 M records need the memory of one of 500,000, and time in proportion?

    python -m bench.scale [SIZES...] [--memory 1GB] [--workers 2]

A seeded generator writes three sources of JSON Lines in different shapes, rows of 50 to 600 bytes; 5 M are 1.5 GB. One
record in twenty is an exact copy of one half a source away; three records share a group key; one row in a thousand is
broken. The same size always gives the same bytes.

Each size runs in a process of its own with the same memory limit for the SQL engine. What must hold, from the second
largest size to the largest: peak memory grows by no more than that limit (what does not fit spills) and 45 bytes a
record for numbers and keys, seconds a record by no more than a quarter, and what spilled stays below what
`dataprep.estimates` states beforehand.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from bench.processes import Cost, cost_of
from dataprep.estimates import SCRATCH_BYTES_A_RECORD
from dataprep.splits.members import HELD_BYTES_A_RECORD

SIZES: Final = (100_000, 500_000, 5_000_000)
REQUIRED_SLOWDOWN: Final = 1.25
SAMPLE_SECONDS: Final = 0.05
SEED: Final = 20_260
BLOCK: Final = 1_000
"""Records that one generator draws: any block can be drawn again alone, which is how a copy finds its original."""
COPY_EVERY: Final = 10
"""One record in so many of a source's second half is a copy of one in its first half."""
BROKEN_EVERY: Final = 1_000
SHARES: Final = {"forum": 0.5, "tickets": 0.3, "chats": 0.2}
LABELS: Final = ("billing", "delivery", "refund", "login", "other")
UNITS: Final = {"KB": 1e3, "MB": 1e6, "GB": 1e9}

Words = list[str]


@dataclass(frozen=True)
class Measured:
    """What one size needed; bytes unless named otherwise."""

    records: int
    corpus: int
    cost: Cost
    scratch: int
    cache: int
    versions: int

    @property
    def microseconds(self) -> float:
        return 1e6 * self.cost.wall_seconds / self.records


def forum(number: int, words: Words) -> object:
    cut = len(words) // 3 + 1
    thread = f"thread-{number // 3}"
    return {"prompt": " ".join(words[:cut]) + "?", "completion": " ".join(words[cut:]) + ".", "thread": thread}


def ticket(number: int, words: Words) -> object:
    return {"text": " ".join(words), "label": LABELS[number % len(LABELS)], "day": number % 365}


def chat(_: int, words: Words) -> object:
    cut = len(words) // 2
    turns = (("user", words[:cut]), ("assistant", words[cut:]))
    return {"messages": [{"role": role, "content": " ".join(said)} for role, said in turns]}


MAKERS: Final[dict[str, Callable[[int, Words], object]]] = {"forum": forum, "tickets": ticket, "chats": chat}

PIPELINE: Final = """\
name: scale
sources:
  - {name: forum, path: forum.jsonl, group: thread}
  - {name: tickets, path: tickets.jsonl, label: label}
  - {name: chats, path: chats.jsonl}
"""


@cache
def vocabulary() -> np.ndarray:
    """20,000 made-up words of one to four syllables, short ones first, as in prose."""
    syllables = [a + b for a, b in itertools.product("bdfgklmnprstvz", "aeiou")]
    draw = np.random.default_rng(SEED)
    words = {"".join(draw.choice(syllables, 1 + int(draw.integers(4)))) for _ in range(40_000)}
    return np.array(sorted(words, key=lambda word: (len(word), word))[:20_000], dtype=object)


def block_of(source: str, number: int) -> list[Words]:
    """The words of one block of a source's records, the same on every call."""
    draw = np.random.default_rng([SEED, list(SHARES).index(source), number])
    lengths = draw.integers(5, 80, BLOCK)
    chosen = (len(vocabulary()) * draw.random(int(lengths.sum())) ** 3).astype(np.int64)
    words = vocabulary()[chosen].tolist()
    ends = np.cumsum(lengths).tolist()
    return [words[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]


def rows(source: str, count: int) -> Iterator[bytes]:
    """The lines of one source, a block at a time."""
    make = MAKERS[source]
    half = -(-count // BLOCK) // 2
    for number in range(-(-count // BLOCK)):
        first = number * BLOCK
        block = block_of(source, number)
        originals = block_of(source, number - half) if number >= half > 0 else None
        for index, words in enumerate(block[: count - first]):
            place = first + index
            if originals is not None and index % COPY_EVERY == 0:
                place, words = place - half * BLOCK, originals[index]
            line = json.dumps(make(place, words)).encode()
            yield line[: len(line) // 2] if (first + index) % BROKEN_EVERY == 7 else line


def write_corpus(records: int, folder: Path) -> Path:
    """The sources and their pipeline file; kept if there. Returns the pipeline file, which is written last."""
    pipeline = folder / "pipeline.yaml"
    if pipeline.exists():
        return pipeline
    folder.mkdir(parents=True, exist_ok=True)
    for source, share in SHARES.items():
        with (folder / f"{source}.jsonl").open("wb") as handle:
            handle.writelines(line + b"\n" for line in rows(source, int(records * share)))
    pipeline.write_text(PIPELINE, encoding="utf-8")
    return pipeline


def size_of(folder: Path) -> int:
    """Bytes of all files below; what vanishes meanwhile counts for nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


@contextmanager
def peak_scratch(store: Path) -> Iterator[list[int]]:
    """The most bytes that the SQL engine had spilled below `runs/` at any sampling, in the list's only place."""
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], sum(map(size_of, store.glob("runs/*/scratch-*"))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def measure(records: int, work: Path, *, memory: str, workers: int) -> Measured:
    """Run one size in a fresh store, which is removed again."""
    pipeline = write_corpus(records, work / f"scale-{records}")
    store = work / "scale-store"
    shutil.rmtree(store, ignore_errors=True)
    command = [sys.executable, "-m", "dataprep", "run", str(pipeline), "--store", str(store)]
    with peak_scratch(store) as scratch:
        cost = cost_of([*command, "--memory", memory, "--workers", str(workers)])
    corpus = sum(path.stat().st_size for path in pipeline.parent.glob("*.jsonl"))
    found = Measured(records, corpus, cost, scratch[0], size_of(store / "cache"), size_of(store / "versions"))
    shutil.rmtree(store)
    return found


def bytes_of(memory: str) -> float:
    """Bytes of a limit such as `1GB` or `500MB`."""
    return float(memory[:-2]) * UNITS[memory[-2:].upper()]


def verdict(small: Measured, large: Measured, memory: str) -> bool:
    """Print what is required of the two largest sizes beside what was found."""
    growth = large.cost.peak_mb - small.cost.peak_mb
    slowdown = large.microseconds / small.microseconds
    stated = SCRATCH_BYTES_A_RECORD * large.records
    allowed = (bytes_of(memory) + HELD_BYTES_A_RECORD * (large.records - small.records)) / 1e6
    print(f"from {small.records:,} to {large.records:,} records:")
    print(f"  peak memory grows by {growth:,.0f} MB (required <= {allowed:,.0f}: the limit given, and keys)")
    print(f"  seconds a record grow {slowdown:.2f} times (required <= {REQUIRED_SLOWDOWN:g})")
    print(f"  spilled at most {large.scratch / 1e6:,.0f} MB (required <= {stated / 1e6:,.0f}, as stated beforehand)")
    return growth <= allowed and slowdown <= REQUIRED_SLOWDOWN and large.scratch <= stated


def main(arguments: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(description="Memory, time and disk of a run by its number of records.")
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, metavar="SIZE", help="records, ascending")
    parser.add_argument("--memory", default="1GB", help="limit of the SQL engine, the same for all sizes")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    work = Path(tempfile.gettempdir()) / "dataprep-bench"
    found = []
    for records in sorted(options.sizes):
        one = measure(records, work, memory=options.memory, workers=options.workers)
        found.append(one)
        print(
            f"{one.records:>9,} records {one.corpus / 1e6:7,.0f} MB  {one.cost}  {one.microseconds:5.0f} us a record  "
            f"spilled {one.scratch / 1e6:,.0f} MB  cache {one.cache / one.corpus:.2f} and version "
            f"{one.versions / one.corpus:.2f} of the input",
            flush=True,
        )
    met = len(found) < 2 or verdict(found[-2], found[-1], options.memory)
    print("met" if met else "NOT met")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
