"""Runs one of the trainer's benchmarks, or several.

    python -m bench.training defaults          # trained tokens a second beside TRL's defaults
    python -m bench.training overhead cache    # our own share of a step; the second start
    python -m bench.training banking77 6      # epochs
    python -m bench.training gpu               # needs one; see its --help

Exits with 1 if something that is required was missed.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Final

NAMES: Final = ("defaults", "overhead", "cache", "banking77", "gpu")

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# One thread unless somebody asks for more: where other processes want the cores too, two threads that wait for each
# other trained 130 tokens a second of the banking77 model, and one thread 3,000.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def main(arguments: list[str]) -> int:
    """Run what is named, each with the arguments that follow its name."""
    if not arguments or arguments[0] not in NAMES:
        print(__doc__)
        return 0 if arguments in ([], ["-h"], ["--help"]) else 2
    met = True
    while arguments:
        name, *rest = arguments
        end = next((place for place, each in enumerate(rest) if each in NAMES), len(rest))
        print(f"== training {name}", flush=True)
        met &= import_module(f"bench.training.{name}").main(rest[:end])
        arguments = rest[end:]
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
