"""Rows taken apart: their texts as UTF-8 for Arrow, and what is left of them as Python objects.

For JSON rows of flat shapes, whose long texts only pass through ingest: making a Python string of each, to be encoded
again, takes more than half of the time between a file's bytes and its records. A row that cannot be taken apart with
certainty stays whole, so what a row means is defined elsewhere, once; this only saves the detour.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from dataprep.kernels.jsonstrings import unescape
from dataprep.kernels.jsontexts import ABSENT, FoundTexts, find_texts
from dataprep.kernels.lines import inspect

_MAX_BYTES = 2**31 - 1
"""Of the offsets of an Arrow string array."""

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TextKeys:
    """Keys whose values are texts that pass through, each key once."""

    required: tuple[str, ...]
    """A row without one of them stays whole."""
    optional: tuple[str, ...] = ()
    """A row may lack these: its text is empty then."""

    @property
    def all(self) -> tuple[str, ...]:
        """Required and optional keys."""
        return self.required + self.optional


@dataclass(frozen=True, slots=True)
class RowTexts:
    """The texts of n rows, k of each, where they stand in the bytes of a block."""

    keys: tuple[str, ...]
    places: Sequence[int]
    """Index of each row among the block's rows, rising."""
    data: bytes
    starts: Int64s
    """First byte of each text, ABSENT where the row has none: shape (n, k)."""
    ends: Int64s
    sizes: Int64s
    """Bytes of each text without escapes: shape (n, k)."""

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, place: int) -> bool:
        index = bisect_left(self.places, place)
        return index < len(self.places) and self.places[index] == place

    def has(self, key: str) -> bool:
        """Whether any row has the key, of those wanted."""
        return key in self.keys and bool((self.starts[:, self.keys.index(key)] != ABSENT).any())

    def lengths(self, key: str) -> Int64s:
        """Bytes of each row's text under one key, 0 where the row has none."""
        return self.sizes[:, self.keys.index(key)]

    def of(self, *keys: str) -> pa.StringArray:
        """The texts under some keys, row by row, of each row in the order of `keys`: n times as many as keys."""
        columns = [self.keys.index(key) for key in keys]
        starts, ends, sizes = (each[:, columns].ravel() for each in (self.starts, self.ends, self.sizes))
        offsets = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        texts = unescape(np.frombuffer(self.data, np.uint8), starts, ends, offsets)
        buffers = pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(texts)
        return pa.StringArray.from_buffers(len(sizes), *buffers)

    def only(self, kept: Sequence[bool]) -> RowTexts:
        """Some of the rows."""
        chosen = np.flatnonzero(kept)
        places = [self.places[index] for index in chosen.tolist()]
        return RowTexts(self.keys, places, self.data, self.starts[chosen], self.ends[chosen], self.sizes[chosen])


@dataclass(frozen=True, slots=True)
class ApartRows:
    """Which rows of a block were taken apart, and into what."""

    taken: npt.NDArray[np.bool_]
    """For each row of the block whether it was."""
    rests: list[dict[str, Any]]
    """What else each of those holds. One object may stand for several rows: not to be changed."""
    _found: FoundTexts
    _data: bytes
    _keys: TextKeys

    def texts(self, places: Sequence[int]) -> RowTexts:
        """Their texts, `places` being the index of each among the block's rows."""
        starts, ends, sizes = (each[self.taken] for each in (self._found.starts, self._found.ends, self._found.sizes))
        return RowTexts(self._keys.all, places, self._data, starts, ends, sizes)


def take_apart(
    data: bytes, starts: Int64s, ends: Int64s, skipped: npt.NDArray[np.bool_], keys: TextKeys, max_depth: int
) -> ApartRows | None:
    r"""Take apart those of the JSON rows `data[start:end]` that are surely fit for it.

    None where none can be: more bytes than Arrow counts, keys that JSON spells with a backslash or not at all.

    A row so taken has no duplicate key, no long number, no NUL and no more depth than allowed: the scan that flags
    such rows for exact parsing has been over its rest.

    Args:
        data: bytes of rows.
        starts: first byte of each row.
        ends: the byte after its last.
        skipped: rows to leave whole.
        keys: where texts are.
        max_depth: how deep containers may nest.

    >>> row = b'{"text": "a\\tb", "n": 1}'
    >>> place = np.array([0]), np.array([len(row)]), np.array([False])
    >>> apart = take_apart(row, *place, TextKeys(("text",)), 100)
    >>> apart.rests, apart.texts([0]).of("text").to_pylist()
    ([{'n': 1}], ['a\tb'])
    """
    names = [key.encode(errors="backslashreplace") for key in keys.all]
    if len(data) > _MAX_BYTES or any(b"\\" in name for name in names):  # what looks like an escape could match one
        return None
    found = find_texts(np.frombuffer(data, np.uint8), starts, ends, skipped, names, len(keys.required))
    taken, rests = _rests(found, max_depth)
    return ApartRows(taken, rests, found, data, keys)


def _rests(found: FoundTexts, max_depth: int) -> tuple[npt.NDArray[np.bool_], list[dict[str, Any]]]:
    """The parsed rests, and which rows they are of: without those that turn out to be unusual, or not JSON."""
    rows = np.flatnonzero(found.taken)
    if len(found.rest) == len("{},") * len(rows) + 1:
        return found.taken, [{}] * len(rows)
    ends = found.rest_ends[rows]
    starts = np.ones_like(ends)
    starts[1:] = ends[:-1] + 1
    flags = inspect(found.rest, starts, ends, max_depth)
    text = found.rest.data
    if not flags.any():
        try:
            return found.taken, orjson.loads(text)
        except orjson.JSONDecodeError:
            pass  # for one row or more; which ones shows below
    taken, rests = found.taken.copy(), []
    for row, start, end, flag in zip(*(each.tolist() for each in (rows, starts, ends, flags)), strict=True):
        taken[row] = False
        if not flag:
            with suppress(orjson.JSONDecodeError):
                rests.append(orjson.loads(text[start:end]))
                taken[row] = True
    return taken, rests
