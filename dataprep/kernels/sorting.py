"""Sorting in kernels. numba's own keeps what is left to do on a list, and lists need all of its runtime."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel

T = TypeVar("T", bound=np.generic)


@kernel
def ascending(array: npt.NDArray[T], count: int) -> None:
    """Put the first `count` of an array into ascending order, in place.

    Method: heapsort (Williams, "Algorithm 232", 1964); up to 32 by insertion, which is faster there.

    >>> numbers = np.array([3, 1, 2, 0])
    >>> ascending(numbers, 3)
    >>> numbers.tolist()
    [1, 2, 3, 0]
    """
    if count <= 32:
        for last in range(1, count):
            value = array[last]
            place = last
            while place > 0 and array[place - 1] > value:
                array[place] = array[place - 1]
                place -= 1
            array[place] = value
        return
    for root in range(count // 2 - 1, -1, -1):
        sift_down(array, root, count)
    for end in range(count - 1, 0, -1):
        largest = array[0]
        array[0] = array[end]
        array[end] = largest
        sift_down(array, 0, end)


@kernel
def sift_down(array: npt.NDArray[T], root: int, count: int) -> None:
    """Make a heap of what is below a root whose two sides are heaps."""
    value = array[root]
    while 2 * root + 1 < count:
        child = 2 * root + 1
        if child + 1 < count and array[child + 1] > array[child]:
            child += 1
        if array[child] <= value:
            break
        array[root] = array[child]
        root = child
    array[root] = value
