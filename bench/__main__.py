"""Runs the benchmarks that take minutes: `python -m bench`, or those named: `python -m bench scale`."""

from __future__ import annotations

import sys
from importlib import import_module

BENCHMARKS = ("text_statistics", "whole_job")
NAMED_ONLY = ("scale",)
"""Those that take longer than somebody who asked for no particular one will wait."""

for name in sys.argv[1:] or BENCHMARKS:
    if name not in BENCHMARKS + NAMED_ONLY:
        raise SystemExit(f"no benchmark {name}; there are {', '.join(BENCHMARKS + NAMED_ONLY)}")
    print(f"== {name}")
    import_module(f"bench.{name}").main()
