"""Dividing a sequence of groups among splits so that every stretch of it has the wanted proportions.

Error diffusion: each group goes to the split that is furthest behind its share of what was placed before it, whatever
the group's own size, so that large groups are not kept out of small splits; only a group that is larger than a split's
whole share never goes there. Groups come sorted by stratum and, within it, by hash, so each stratum ends within about
one group of its shares; independent draws per group would miss the shares of small strata by chance. Where some groups
have their place already, the others start from what is placed, so that a split that fell behind catches up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel


@kernel
def allocate(
    sizes: npt.NDArray[np.int64], shares: npt.NDArray[np.float64], placed: npt.NDArray[np.int64]
) -> npt.NDArray[np.int8]:
    """Index of the split for each group, in the order given.

    Args:
        sizes: records in each group, shape (n,).
        shares: wanted share of each split, shape (k,), summing to 1. A split with share 0 gets nothing.
        placed: records that each split has already, shape (k,).
    """
    largest = int(np.argmax(shares))
    filled = placed.copy()
    result = np.empty(len(sizes), np.int8)
    total = filled.sum()
    whole = total + sizes.sum()
    for index in range(len(sizes)):
        best = largest
        best_deficit = shares[largest] * total - filled[largest]
        for split in range(len(shares)):
            deficit = shares[split] * total - filled[split]
            if deficit > best_deficit and sizes[index] <= shares[split] * whole:
                best, best_deficit = split, deficit
        total += sizes[index]
        filled[best] += sizes[index]
        result[index] = best
    return result


def places(keys: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.uint64]:
    """A place for each 128-bit key that knows only the seed and the key: the same in whatever company.

    Method: the finaliser of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014)
    over both halves. Keys are cryptographic digests already; this only makes one seed's order unlike another's.

    Args:
        keys: shape (n, 2).
        seed: any non-negative integer.

    >>> first, same, other = places(np.array([[1, 2], [1, 2], [2, 1]], np.uint64), 0).tolist()
    >>> first == same, first == other, places(np.array([[1, 2]], np.uint64), 1).tolist() == [first]
    (True, False, False)
    """
    mixed = np.full(len(keys), seed % (1 << 64), np.uint64)
    for half in (keys[:, 0], keys[:, 1]):
        mixed = _finalize(mixed + np.uint64(0x9E3779B97F4A7C15) ^ half)
    return mixed


def _finalize(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
