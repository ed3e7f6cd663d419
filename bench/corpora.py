"""Corpora for the benchmarks: real text where it is at hand, made distinct by a seeded generator.

`T0` is `instructions/t0_train_50k.jsonl.gz` from the folder in $DATAPREP_SHARED_DATA; without it rows of the same
length and look are made from the words of the example data.
"""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SHARED = Path(os.environ.get("DATAPREP_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
T0 = SHARED / "instructions" / "t0_train_50k.jsonl.gz"
REPLACED_SHARE = 0.1
EXAMPLE = Path(__file__).parents[1] / "examples" / "assistant" / "data" / "t0_sample.jsonl"


def t0_rows() -> Iterator[dict[str, str]]:
    """The rows of T0, or 55,185 rows drawn from the example's words."""
    if T0.exists():
        with gzip.open(T0, "rt", encoding="utf-8", newline="\n") as handle:
            for line in handle:
                yield json.loads(line)
        return
    draw = random.Random(0)
    words = [
        word
        for line in EXAMPLE.read_text(encoding="utf-8").split("\n")
        if line
        for word in json.loads(line)["prompt"].split(" ")
    ]
    for _ in range(55_185):
        prompt = " ".join(draw.choices(words, k=draw.randint(20, 320)))
        yield {"prompt": prompt, "completion": " ".join(draw.choices(words, k=8)) + "<|endoftext|>", "template": "made"}


def t0_times(copies: int, path: Path) -> Path:
    """T0 `copies` times over as JSON Lines, every row made distinct with a fixed seed. Kept if there.

    Each copy has a tenth of its words replaced by words drawn from all of T0, so that no row is a near duplicate of
    another copy's, and a compressor does not see the same page ten times.
    """
    if path.exists():
        return path
    draw = np.random.default_rng(copies)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    rows = list(t0_rows())
    vocabulary = [word for row in rows[::20] for word in row["prompt"].split(" ")]
    with temporary.open("w", encoding="utf-8", newline="\n") as handle:
        for copy in range(copies):
            for number, row in enumerate(rows):
                words = row["prompt"].split(" ")
                places = np.flatnonzero(draw.random(len(words)) < REPLACED_SHARE)
                for place, word in zip(places, draw.integers(0, len(vocabulary), len(places)), strict=True):
                    words[place] = vocabulary[word]
                made = {**row, "prompt": f"{' '.join(words)}\n(reference {copy}-{number})"}
                handle.write(json.dumps(made, ensure_ascii=False) + "\n")
    temporary.rename(path)
    return path
