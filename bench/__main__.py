"""Runs every benchmark: `python -m bench`, or those named: `python -m bench whole_job`."""

from __future__ import annotations

import sys
from importlib import import_module

BENCHMARKS = ("text_statistics", "whole_job")

for name in sys.argv[1:] or BENCHMARKS:
    if name not in BENCHMARKS:
        raise SystemExit(f"no benchmark {name}; there are {', '.join(BENCHMARKS)}")
    print(f"== {name}")
    import_module(f"bench.{name}").main()
