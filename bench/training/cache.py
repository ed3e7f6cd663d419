"""The second start: tokenised data from the cache, beside reading, rendering and tokenising them."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.training.models import Shape, model_folder
from bench.training.required import Figure
from bench.training.texts import short_rows, write_rows

REQUIRED: Final = 10.0
_VOCABULARY: Final = 4000
_ROUNDS: Final = 2


def main(arguments: Sequence[str]) -> bool:
    """Start twice and compare; whether what is required was met. Argument: rows, 20,000 by default."""
    from trainer.data.prepare import prepare
    from trainer.models.load import load_tokenizer
    from trainer.models.quiet import quiet
    from trainer.ready import make_ready
    from trainer.recipe_file import load
    from trainer.start import start

    quiet()
    count = int(arguments[0]) if arguments else 20_000
    rows = short_rows(count)
    with tempfile.TemporaryDirectory(prefix="bench-cache-") as name:
        folder = Path(name)
        data = write_rows(folder / "train.jsonl", rows)
        tiny = Shape(hidden=64, layers=1, heads=2, key_heads=2, feed_forward=64)
        texts = [text for row in rows[:2000] for text in (row.prompt, row.completion)]
        model = model_folder(folder / "base", tiny, texts, _VOCABULARY)
        start(str(data), str(model), folder / "recipe.yaml", store="store", method="full")
        loaded = load(folder / "recipe.yaml")
        tokenizer, _ = load_tokenizer(model, loaded.recipe.model, folder)
        cold: list[float] = []
        warm: list[float] = []
        for turn in range(_ROUNDS):
            for times in (cold, warm):
                began = time.perf_counter()
                prepare(loaded.recipe, folder, tokenizer, cache=folder / f"cache-{turn}")
                times.append(time.perf_counter() - began)
        starts = []
        for _ in range(2):
            began = time.perf_counter()
            make_ready(loaded)
            starts.append(time.perf_counter() - began)
    slow, fast = statistics.median(cold), statistics.median(warm)
    print(f"{count:,} rows: {slow:.2f} s from the rows, {1000 * fast:.0f} ms from the cache")
    print(f"with the tokenizer loaded and rows packed: first start {starts[0]:.2f} s, second {starts[1]:.2f} s")
    figure = Figure("the second start's data over the first's", slow / fast, "at least", REQUIRED, "times faster")
    print(figure)
    return figure.met
