"""Rows that were never text: random tokens with half of them masked, for tests of the loop alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import datasets
import numpy as np
import pyarrow as pa

from trainer.sft import IGNORED

Document = tuple[list[int], list[int]]


def documents(count: int, seed: int = 0, vocabulary: int = 250) -> list[Document]:
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        ids = draw.integers(5, vocabulary, int(draw.integers(6, 30))).tolist()
        half = len(ids) // 2
        found.append((ids, [IGNORED] * half + ids[half:]))
    return found


def single(some: Sequence[Document]) -> Any:
    return _rows([[each] for each in some])


def packed(some: Sequence[Document], length: int = 128) -> Any:
    rows: list[list[Document]] = [[]]
    for each in some:
        if sum(len(ids) for ids, _ in rows[-1]) + len(each[0]) > length:
            rows.append([])
        rows[-1].append(each)
    return _rows(rows)


def _rows(rows: Sequence[Sequence[Document]]) -> Any:
    columns = {
        "input_ids": [[token for ids, _ in row for token in ids] for row in rows],
        "labels": [[label for _, labels in row for label in labels] for row in rows],
        "seq_lengths": [[len(ids) for ids, _ in row] for row in rows],
    }
    return datasets.Dataset(pa.table(columns))
