"""Our defaults beside TRL's, in trained tokens a second on the same short rows and the same processor.

Beside TRL's defaults as they are (padding to the longest of a batch, bfloat16, gradient checkpointing), the same with
these two switched off, so that what packing alone gives can be seen. Each side's tokens are its own count: TRL trains
on the template's line feed after an answer's end as well, a token a row that raises its figure and teaches nothing.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.training.models import SMALL, llama, parameters, tokenizer_of
from bench.training.required import Figure
from bench.training.speed import examples_of, ours, trls
from bench.training.texts import has_banking77, short_rows

REQUIRED: Final = 2.0
_VOCABULARY: Final = 4000


def main(arguments: Sequence[str]) -> bool:
    """Compare; whether what is required was met. Arguments: rows (256) and rounds (3)."""
    from trainer.models.quiet import quiet

    quiet()
    count, rounds = (int(given) for given in [*arguments, *("256", "3")[len(arguments) :]])
    rows = short_rows(count)
    tokenizer = tokenizer_of([text for row in rows for text in (row.prompt, row.completion)], _VOCABULARY)
    millions = parameters(llama(SMALL, tokenizer)) / 1e6
    with tempfile.TemporaryDirectory(prefix="bench-defaults-") as folder:
        examples = examples_of(rows, tokenizer, Path(folder))
    print(
        f"{count:,} rows of {'banking77' if has_banking77() else 'made text'}, a Llama of {millions:.1f} M parameters"
    )
    ours(SMALL, tokenizer, examples.slice(0, 32))  # threads, allocator, imports
    ratios = []
    for _ in range(rounds):
        mine, theirs = ours(SMALL, tokenizer, examples), trls(SMALL, tokenizer, rows)
        print(f"  ours           {mine}\n  TRL's defaults {theirs}", flush=True)
        ratios.append(mine.rate / theirs.rate)
    eased = trls(SMALL, tokenizer, rows, bf16=False, gradient_checkpointing=False)
    print(f"  TRL, float32, no gradient checkpointing {eased}: ours {mine.rate / eased.rate:.2f} times that")
    figure = Figure(
        "trained tokens a second over TRL's defaults", statistics.median(ratios), "at least", REQUIRED, "times"
    )
    print(figure)
    return figure.met
