"""The corpora that cost is measured on: real text with planted copies, the same for the same seed and the same text.

    prose      55,000 documents of about 2 kB: documentation and prompts
    short      190,000 rows of about 230 bytes: sentences of prompts, each once, then of documentation
    million    1 M rows of about 700 bytes: the same text again and again, each time with a third of its words edited
    ten        10 M such rows
    alike      100,000 rows of about 1 kB that differ in one word: two of them have J = 0.87
    template   as many with 1 to 3 % of their words edited: of two of them J is 0.6 to 0.9
    unrelated  as many rows of the same length that have nothing in common

In the first four every twentieth row is an exact copy of another, and every tenth a near copy with 1 to 30 % of its
words edited. Each is a Parquet file with the columns `id` and `text`, zstd, row groups of 100,000, and kept if there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.near_duplicates.pieces import Pieces, cut
from bench.near_duplicates.texts import documentation, prompts

SEED: Final = 20_261
GROUP_ROWS: Final = 100_000
COPIES_SHARE: Final = 0.05
NEAR_SHARE: Final = 0.1
EDITS: Final = (0.01, 0.3)
"""Least and largest share of words edited in a near copy."""
_STRANGE: Final = 1 / 3
"""Share of words edited to make a row another one: a near copy of it has J = 0.1 with the first."""
_ALIKE_WORDS: Final = 150
_TEMPLATE_EDITS: Final = (0.01, 0.03)


@dataclass(frozen=True)
class Corpus:
    """What a corpus is made of: `rows` of it by default, drawn in groups from `pieces`."""

    rows: int
    groups: Callable[[int], Iterator[Pieces]]


def with_copies(pieces: Pieces, rows: int, draw: np.random.Generator) -> Pieces:
    """So many rows, shuffled: rows of `pieces`, and exact and near copies of those."""
    near, exact = int(rows * NEAR_SHARE), int(rows * COPIES_SHARE)
    originals = _as_many(pieces, rows - near - exact, draw)
    edited = originals.take(draw.integers(0, len(originals), near)).edited(draw.uniform(*EDITS, near), draw)
    copied = originals.take(draw.integers(0, len(originals), exact))
    return joined(originals, edited, copied).take(draw.permutation(rows))


def joined(*parts: Pieces) -> Pieces:
    """The rows of several pieces of one vocabulary."""
    ids = np.concatenate([part.ids for part in parts])
    sizes = np.concatenate([np.diff(part.offsets) for part in parts])
    return Pieces(parts[0].vocabulary, ids, np.concatenate([[0], np.cumsum(sizes)]))


def _as_many(pieces: Pieces, rows: int, draw: np.random.Generator) -> Pieces:
    """So many rows; those beyond what there is are earlier ones made others."""
    order = draw.permutation(len(pieces))
    if rows <= len(pieces):
        return pieces.take(order[:rows])
    return joined(pieces, strange(pieces.take(draw.integers(0, len(pieces), rows - len(pieces))), draw))


def strange(pieces: Pieces, draw: np.random.Generator) -> Pieces:
    """The same rows with so many words edited that they resemble nothing."""
    return pieces.edited(np.full(len(pieces), _STRANGE), draw)


@cache
def _sentences() -> Pieces:
    return cut(chain(prompts(), documentation()), 180).distinct(120)


@cache
def _everything_cut(size: int) -> Pieces:
    return cut(chain(documentation(), prompts()), size, across=True)


def _prose(rows: int) -> Iterator[Pieces]:
    yield with_copies(_everything_cut(2_250), rows, np.random.default_rng([SEED, 1]))


def _short(rows: int) -> Iterator[Pieces]:
    sentences = _sentences()
    yield with_copies(sentences.take(np.arange(min(rows, len(sentences)))), rows, np.random.default_rng([SEED, 2]))


def _many(rows: int) -> Iterator[Pieces]:
    pieces = _everything_cut(640)
    for number, first in enumerate(range(0, rows, GROUP_ROWS)):
        draw = np.random.default_rng([SEED, 3, number])
        wanted = min(GROUP_ROWS, rows - first)
        drawn = pieces.take(draw.integers(0, len(pieces), wanted))
        yield with_copies(strange(drawn, draw), wanted, draw)


def _same(rows: int) -> Pieces:
    """One text again and again."""
    pieces = _everything_cut(640)
    offsets = np.arange(rows + 1) * _ALIKE_WORDS
    return Pieces(pieces.vocabulary, np.tile(pieces.ids[:_ALIKE_WORDS], rows), offsets)


def _alike(rows: int) -> Iterator[Pieces]:
    draw = np.random.default_rng([SEED, 4])
    same, words = _same(rows), _everything_cut(640).ids
    places = same.offsets[:-1] + draw.integers(0, _ALIKE_WORDS, rows)
    same.ids[places] = words[draw.integers(0, len(words), rows)]
    yield same


def _template(rows: int) -> Iterator[Pieces]:
    draw = np.random.default_rng([SEED, 6])
    yield _same(rows).edited(draw.uniform(*_TEMPLATE_EDITS, rows), draw, _everything_cut(640).ids)


def _unrelated(rows: int) -> Iterator[Pieces]:
    draw = np.random.default_rng([SEED, 5])
    pieces = _everything_cut(640)
    firsts = draw.integers(0, len(pieces.ids) - _ALIKE_WORDS, rows)
    ids = pieces.ids[(firsts[:, None] + np.arange(_ALIKE_WORDS)).ravel()]
    yield strange(Pieces(pieces.vocabulary, ids, np.arange(rows + 1) * _ALIKE_WORDS), draw)


CORPORA: Final = {
    "prose": Corpus(55_000, _prose),
    "short": Corpus(190_000, _short),
    "million": Corpus(1_000_000, _many),
    "ten": Corpus(10_000_000, _many),
    "alike": Corpus(100_000, _alike),
    "template": Corpus(100_000, _template),
    "unrelated": Corpus(100_000, _unrelated),
}


def corpus(name: str, folder: Path, rows: int | None = None) -> Path:
    """The file of a corpus, written unless it is there."""
    made = CORPORA[name]
    wanted = rows or made.rows
    path = folder / f"{name}-{wanted}.parquet"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
    first = 0
    with pq.ParquetWriter(unfinished, schema, compression="zstd", compression_level=3) as writer:
        for pieces in made.groups(wanted):
            texts = pieces.texts()
            ids = pa.array(np.arange(first, first + len(texts)))
            writer.write_table(pa.table([ids, texts], schema=schema), row_group_size=GROUP_ROWS)
            first += len(texts)
    unfinished.rename(path)
    return path
