"""Rows of text as numbers of words: cutting, shuffling and editing a million of them is then array arithmetic.

A word keeps the white space behind it, so that rows put together again are the text that they came from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

Ids = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pieces:
    """n rows.

    Attributes:
        vocabulary: every word once, in the order in which the text has them.
        ids: words of all rows, as places in the vocabulary.
        offsets: where each row begins in `ids`, and the end: shape (n + 1,).
    """

    vocabulary: pa.StringArray
    ids: Ids
    offsets: Ints

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: Ints) -> Pieces:
        """These rows, in this order, any of them more than once."""
        sizes = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        places = np.repeat(self.offsets[rows] - offsets[:-1], sizes) + np.arange(offsets[-1])
        return Pieces(self.vocabulary, self.ids[places], offsets)

    def distinct(self, least: int) -> Pieces:
        """Rows of at least `least` bytes, of equal ones the first."""
        texts = pl.Series(self.texts())
        table = pl.DataFrame({"text": texts, "row": np.arange(len(self))}).filter(texts.str.len_bytes() >= least)
        return self.take(table.unique("text", keep="first", maintain_order=True)["row"].to_numpy())

    def edited(self, shares: npt.NDArray[np.float64], draw: np.random.Generator, others: Ids | None = None) -> Pieces:
        """The same with a share of each row's words edited: a third replaced, a third left out, a third put in anew.

        Args:
            shares: share of words in 0..1 for each row, shape (n,).
            draw: where chance comes from.
            others: words to draw new ones from, by default those of all rows.
        """
        sizes = np.diff(self.offsets)
        rows = np.repeat(np.arange(len(self)), sizes)
        chosen = np.flatnonzero(draw.random(len(self.ids)) < shares[rows])
        kinds = draw.integers(0, 3, len(chosen))
        times = np.ones(len(self.ids), np.int64)
        times[chosen] = kinds
        ids = np.repeat(self.ids, times)
        ends = np.cumsum(times)
        others = self.ids if others is None else others
        strange = others[draw.integers(0, len(others), len(chosen))]
        there = kinds > 0
        ids[ends[chosen[there]] - 1] = strange[there]
        return Pieces(self.vocabulary, ids, np.concatenate([[0], ends])[self.offsets])

    def texts(self) -> pa.Array:
        """The rows as strings."""
        words = self.vocabulary.take(pa.array(self.ids))
        return pc.binary_join(pa.ListArray.from_arrays(pa.array(self.offsets, pa.int32()), words), "")


def cut(texts: Iterable[str], size: int, *, across: bool = False) -> Pieces:
    """Rows of at least `size` bytes that end where a sentence or a line does, and at twice the size in any case.

    A text's last row may be shorter, unless rows go on `across` the ends of texts.

    >>> pieces = cut(["One two. Three four!\\nFive", "Six."], 8)
    >>> pieces.texts().to_pylist()
    ['One two. ', 'Three four!\\n', 'Five', 'Six.']
    """
    found = pl.Series(list(texts), dtype=pl.String).str.extract_all(r"\S+\s*")
    text_ends = set() if across else set(found.list.len().cum_sum().to_list())
    encoded = found.explode().drop_nulls().to_arrow().dictionary_encode()
    vocabulary, ids = encoded.dictionary.cast(pa.string()), encoded.indices.to_numpy()
    lengths = pc.binary_length(vocabulary).to_numpy()[ids].tolist()
    closing = pc.match_substring_regex(vocabulary, r"[.!?:]\s*$|\n").to_numpy(zero_copy_only=False)[ids].tolist()
    offsets, held = [0], 0
    for place, (length, closes) in enumerate(zip(lengths, closing, strict=True), 1):
        held += length
        if place in text_ends or (held >= size and (closes or held >= 2 * size)):
            offsets.append(place)
            held = 0
    return Pieces(vocabulary, ids.astype(np.int32), np.array(offsets, np.int64))
