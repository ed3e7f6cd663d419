"""How good the removal of near duplicates is, and what it costs.

    python -m bench.near_duplicates quality [t0 banking77 bitext tweets planted articles calls]
    python -m bench.near_duplicates cost [prose short million cluster ten]
    python -m bench.near_duplicates corpus NAME      # writes one and says where it is

Options: `--rows N` (of each set or corpus), `--rounds N`, `--folder DIR` (corpora, results and the environments of
peers; by default `dataprep-bench` in the temporary folder).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

_AsWritten = argparse.RawDescriptionHelpFormatter


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the parts; 1 if something that is required was not met."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.near_duplicates", description=__doc__, formatter_class=_AsWritten
    )
    parser.add_argument("part", choices=("quality", "cost", "corpus"))
    parser.add_argument("names", nargs="*", help="sets or corpora; by default all but ten")
    parser.add_argument("--rows", type=int, help="rows of each set or corpus, instead of what it has")
    parser.add_argument("--rounds", type=int, default=3, help="measured runs of each program")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "dataprep-bench")
    options = parser.parse_args(arguments)
    # Each part imports its own: the peak memory of what `cost` starts would begin at what the others hold.
    if options.part == "quality":
        from bench.near_duplicates import quality

        return 0 if quality.main(options.folder, options.names, options.rows) else 1
    if options.part == "cost":
        from bench.near_duplicates import cost

        return 0 if cost.main(options.folder, options.names, options.rows, options.rounds) else 1
    from bench.near_duplicates.corpora import corpus

    for name in options.names:
        print(corpus(name, options.folder / "near", options.rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
