r"""Speed of the text statistics, in MB of UTF-8 a second on one core.

    python bench/text_statistics.py [--megabytes 64] [--json]

Text: T0 instructions from the shared data if they are at hand, else generated prose, seeded. Load and first compile
(once a machine) and warm-up (once a process) are printed apart. Each figure is the best of three passes over all
batches. Required: 100 MB/s without the n-gram tables, 50 MB/s with them. Ratios are to
Python's `re.findall(r"\w+", text.lower())`, which only finds the words.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
import time
from collections.abc import Callable, Sequence

import pyarrow as pa

from bench.corpora import T0, t0_rows
from dataprep import signals
from dataprep.kernels import first_compile_pending
from dataprep.record import TURNS_TYPE, Turns

RECORDS_A_BATCH = 4096
PASSES = 3
REQUIRED_MB_PER_S = {"without n-grams": 100.0, "with n-grams": 50.0}


def make_batches(megabytes: int) -> list[pa.Array]:
    """Columns of turns that hold about so many million bytes of text."""
    batches = []
    rows: list[list[dict[str, str]]] = []
    n_bytes = 0
    for row in itertools.chain.from_iterable(t0_rows() for _ in itertools.count()):
        prompt, completion = row["prompt"], row["completion"]
        rows.append([{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}])
        n_bytes += len(prompt.encode()) + len(completion.encode())
        if len(rows) == RECORDS_A_BATCH or n_bytes >= megabytes * 1e6:
            batches.append(pa.array(rows, TURNS_TYPE))
            rows = []
        if n_bytes >= megabytes * 1e6:
            return batches
    raise AssertionError("the generator does not end")


def best_seconds(work: Callable[[pa.Array], object], batches: list[pa.Array]) -> float:
    """The fastest of a few passes over all batches, in seconds of this thread's processor time."""
    seconds = []
    for _ in range(PASSES):
        start = time.thread_time()
        for batch in batches:
            work(batch)
        seconds.append(time.thread_time() - start)
    return min(seconds)


def words_in_python(batch: pa.Array) -> None:
    """The words only, with the standard library."""
    for content in Turns(batch).contents.to_pylist():
        re.findall(r"\w+", content.lower())


def main(arguments: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(description="Speed of the text statistics on one core.")
    parser.add_argument("--megabytes", type=int, default=64)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    options = parser.parse_args(arguments)
    batches = make_batches(options.megabytes)
    megabytes = sum(int(Turns(batch).utf8()[0][-1]) for batch in batches) / 1e6
    pending = first_compile_pending()

    start = time.perf_counter()
    families = signals.families()
    signals.measure(Turns(batches[0][:1]))
    first_seconds = time.perf_counter() - start
    start = time.perf_counter()
    signals.measure(Turns(batches[0]))
    warm_seconds = time.perf_counter() - start

    def measured(*chosen: signals.Family) -> Callable[[pa.Array], object]:
        return lambda batch: signals.measure(Turns(batch), only=chosen)

    plain = [family for family in families if family.name != "ngrams"]
    rates = {
        "re.findall in Python": megabytes / best_seconds(words_in_python, batches),
        **{f"{family.name} alone": megabytes / best_seconds(measured(family), batches) for family in families},
        "without n-grams": megabytes / best_seconds(measured(*plain), batches),
        "with n-grams": megabytes / best_seconds(measured(*families), batches),
    }
    text = "T0" if T0.exists() else "generated prose"
    met = all(rates[name] >= required for name, required in REQUIRED_MB_PER_S.items())
    if options.json:
        print(json.dumps({"text": text, "megabytes": megabytes, "rates": rates, "met": met}))
        return 0 if met else 1
    print(f"{megabytes:.0f} MB in {sum(map(len, batches)):,} records of {text}")
    print(f"load{' and first compile' if pending else ' of compiled kernels'}: {first_seconds:.2f} s")
    print(f"first batch: {warm_seconds:.2f} s")
    for name, rate in rates.items():
        required = f"   required {REQUIRED_MB_PER_S[name]:.0f}" if name in REQUIRED_MB_PER_S else ""
        print(f"{name:24} {rate:8.0f} MB/s  {rate / rates['re.findall in Python']:6.1f} x{required}")
    print("met" if met else "NOT met")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
