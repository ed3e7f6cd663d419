"""Small corpora with near duplicates in them, and what brute force makes of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.dedup.settings import NearSettings
from dataprep.pairs.normal import normalize_text
from dataprep.pairs.reference import jaccard, words_in

WORDS = ("time", "year", "people", "way", "day", "man", "thing", "woman", "life", "child", "world", "school", "state")


def variants(seed: int, rows: int) -> list[str]:
    """Rows of 3 to 60 words, most of them an earlier one with some words changed."""
    draw = random.Random(seed)
    texts: list[str] = []
    for _ in range(rows):
        if texts and draw.random() < 0.7:
            words = draw.choice(texts).split()
            for _ in range(draw.choice([0, 1, 1, 2, 4, 8])):
                words[draw.randrange(len(words))] = draw.choice(WORDS) + str(draw.randrange(50))
        else:
            words = [draw.choice(WORDS) + str(draw.randrange(50)) for _ in range(draw.choice([3, 8, 15, 30, 60]))]
        text = " ".join(words)
        texts.append(text.upper() if draw.random() < 0.1 else text)
    return texts


def shingles_of(text: str, settings: NearSettings) -> tuple[int, set[tuple[str, ...]]]:
    """Words in a shingle, and the set of these: of words, not of hashes."""
    words = list(words_in(text))
    if len(words) < settings.least_words:
        return 0, set()
    size = settings.short_ngram if len(words) < settings.short_below else settings.ngram
    return size, {tuple(words[start : start + size]) for start in range(len(words) - size + 1)}


def similarity(left: str, right: str, settings: NearSettings) -> float:
    """What two texts have in common, by the definition."""
    (size, one), (other_size, other) = shingles_of(left, settings), shingles_of(right, settings)
    if size == 0 or other_size == 0:
        return float(size == other_size and normalize_text(left) == normalize_text(right))
    return jaccard({hash(each) for each in one}, {hash(each) for each in other}) if size == other_size else 0.0


def greedy(texts: Sequence[str], settings: NearSettings) -> list[int]:
    """Rows that stay where every row is compared with all that stay before it."""
    kept: list[int] = []
    for row, text in enumerate(texts):
        if not any(similarity(texts[other], text, settings) >= settings.threshold for other in kept):
            kept.append(row)
    return kept


def write(path: Path, texts: Sequence[str | None], row_group_size: int = 1_000_000) -> Path:
    """A Parquet file with the texts and their row numbers."""
    table = pa.table({"id": list(range(len(texts))), "text": pa.array(texts, pa.string())})
    pq.write_table(table, path, row_group_size=row_group_size)
    return path


def kept_ids(path: Path) -> list[int]:
    """Row numbers in a file."""
    ids: list[int] = pq.read_table(path)["id"].to_pylist()
    return ids
