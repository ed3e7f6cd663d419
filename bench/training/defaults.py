"""Our defaults beside TRL's, in trained tokens a second on the same short rows and the same processor.

All weights are trained on both sides. Beside TRL's defaults as they are (padding to the longest of a batch, bfloat16,
gradient checkpointing), TRL without the last two, and ours in bfloat16, so that it can be seen what comes from where.
The rows are the same, so the ratio of tokens a second is that of seconds; TRL also trains on the template's line feed
after an answer's end, a token a row that raises the figure it is shown with and teaches nothing.
"""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

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
        ratios.append(theirs.seconds / mine.seconds)
    eased = trls(SMALL, tokenizer, rows, bf16=False, gradient_checkpointing=False)
    small = ours(SMALL, tokenizer, examples, dtype="bfloat16")
    print(f"  TRL in float32 without gradient checkpointing {eased}\n  ours in bfloat16 {small}")
    print(f"  padding: {padded(examples, 8):.2f} tokens computed for each that is there, in batches of 8 rows")
    figure = Figure(
        "trained tokens a second over TRL's defaults", statistics.median(ratios), "at least", REQUIRED, "times"
    )
    print(figure)
    return figure.met


def padded(examples: pa.Table, batch: int) -> float:
    """Tokens with padding over tokens, where rows in a seeded random order are padded to the longest of a batch.

    >>> padded(pa.table({"input_ids": [[1, 2, 3], [1]]}), 2)
    1.5
    """
    sizes = [len(ids) for ids in examples["input_ids"].to_pylist()]
    random.Random(0).shuffle(sizes)
    batches = [sizes[start : start + batch] for start in range(0, len(sizes), batch)]
    return sum(max(each) * len(each) for each in batches) / sum(sizes)
