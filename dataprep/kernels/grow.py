"""Arrays that grow in kernels. numba's own `np.append` would bring SciPy into every process that loads its code."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel

T = TypeVar("T", bound=np.generic)


@kernel
def larger(array: npt.NDArray[T], count: int, size: int) -> npt.NDArray[T]:
    """The first `count` of an array, with room for `size`.

    >>> larger(np.array([1, 2, 3]), 2, 9)[:2].tolist()
    [1, 2]
    """
    found = np.empty(size, array.dtype)
    found[:count] = array[:count]
    return found


@kernel
def doubled(array: npt.NDArray[T]) -> npt.NDArray[T]:
    """The array followed by as much room again.

    >>> doubled(np.array([1, 2]))[:2].tolist(), len(doubled(np.array([1, 2])))
    ([1, 2], 4)
    """
    return larger(array, array.size, 2 * array.size)
