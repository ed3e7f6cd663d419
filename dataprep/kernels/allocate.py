"""Dividing a sequence of groups among splits so that every stretch of it has the wanted proportions.

Error diffusion: each group goes to the split that is furthest behind its share of what was placed before it, whatever
the group's own size, so that large groups are not kept out of small splits; only a group that is larger than a split's
whole share never goes there. Groups come sorted by stratum and, within it, by hash, so each stratum ends within about
one group of its shares; independent draws per group would miss the shares of small strata by chance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel


@kernel
def allocate(sizes: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    """Index of the split for each group, in the order given.

    Args:
        sizes: records in each group, shape (n,).
        shares: wanted share of each split, shape (k,), summing to 1. A split with share 0 gets nothing.
    """
    largest = int(np.argmax(shares))
    placed = np.zeros(len(shares), np.int64)
    result = np.empty(len(sizes), np.int8)
    whole = sizes.sum()
    total = 0
    for index in range(len(sizes)):
        best = largest
        best_deficit = shares[largest] * total - placed[largest]
        for split in range(len(shares)):
            deficit = shares[split] * total - placed[split]
            if deficit > best_deficit and sizes[index] <= shares[split] * whole:
                best, best_deficit = split, deficit
        total += sizes[index]
        placed[best] += sizes[index]
        result[index] = best
    return result
