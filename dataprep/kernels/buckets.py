"""Buckets: records with an equal key, found by sorting.

A key's upper bits and the record's number share one word, so that sorting plain words brings equal keys together with
their records in order, eight bytes a record. The lower bits of a key are lost; where that matters the caller compares
whole keys, and a nomination is verified anyhow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel
from dataprep.kernels.utf8 import Hashes, Int64s


def packed(keys: Hashes, records: npt.NDArray[np.int64], total: int) -> tuple[Hashes, int]:
    """Keys with their records, sorted, and the number of bits that a record's number takes.

    Args:
        keys: key of each of k records: shape (k,).
        records: their numbers, ascending.
        total: records there are; numbers are below it.

    >>> words, bits = packed(np.array([5 << 32, 1 << 32, 5 << 32], np.uint64), np.arange(3), 3)
    >>> (words & np.uint64((1 << bits) - 1)).tolist()
    [1, 0, 2]
    """
    bits = max(int(total).bit_length(), 1)
    low = np.uint64((1 << bits) - 1)
    words = (keys & ~low) | records.astype(np.uint64)
    words.sort()
    return words, bits


@kernel
def run_end(words: Hashes, bits: int, start: int) -> int:
    """Where the bucket that begins at `start` ends."""
    shift = np.uint64(bits)
    key = words[start] >> shift
    end = start + 1
    while end < words.size and words[end] >> shift == key:
        end += 1
    return end


@kernel
def nominate(words: Hashes, bits: int, most: int) -> tuple[Hashes, Int64s]:
    """All pairs of the buckets of at most `most` records, and the bounds of the larger buckets.

    Returns:
        Pairs as earlier << 32 | later; start and end of each larger bucket in `words`: shape (g, 2).
    """
    low = np.uint64((1 << bits) - 1)
    n_pairs = 0
    n_giants = 0
    start = 0
    while start < words.size:
        end = run_end(words, bits, start)
        size = end - start
        if size > most:
            n_giants += 1
        else:
            n_pairs += size * (size - 1) // 2
        start = end
    pairs = np.empty(n_pairs, np.uint64)
    giants = np.empty((n_giants, 2), np.int64)
    n_pairs = 0
    n_giants = 0
    start = 0
    while start < words.size:
        end = run_end(words, bits, start)
        if end - start > most:
            giants[n_giants, 0], giants[n_giants, 1] = start, end
            n_giants += 1
        else:
            for first in range(start, end):
                for second in range(first + 1, end):
                    pairs[n_pairs] = (words[first] & low) << np.uint64(32) | (words[second] & low)
                    n_pairs += 1
        start = end
    return pairs, giants


@kernel
def first_equals(words: Hashes, bits: int, identity: Hashes, first: Int64s) -> None:
    """For each record the first one with an equal identity, itself where there is none.

    Args:
        words, bits: `packed` identities (one half of each) with their records.
        identity: 128 bits of each record: shape (n, 2).
        first: the result, shape (n,); only what is in `words` is written.
    """
    low = np.uint64((1 << bits) - 1)
    start = 0
    while start < words.size:
        end = run_end(words, bits, start)
        for place in range(start, end):
            record = np.int64(words[place] & low)
            first[record] = record
            for earlier in range(start, place):
                other = np.int64(words[earlier] & low)
                if (
                    first[other] == other
                    and identity[other, 0] == identity[record, 0]
                    and identity[other, 1] == identity[record, 1]
                ):
                    first[record] = other
                    break
        start = end
