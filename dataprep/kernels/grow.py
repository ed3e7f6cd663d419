"""Arrays that grow in kernels. numba's own `np.append` would bring SciPy into every process that loads its code."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel

T = TypeVar("T", bound=np.generic)


@kernel
def doubled(array: npt.NDArray[T]) -> npt.NDArray[T]:
    """The array followed by as much room again.

    >>> doubled(np.array([1, 2]))[:2].tolist(), len(doubled(np.array([1, 2])))
    ([1, 2], 4)
    """
    larger = np.empty(2 * array.size, array.dtype)
    larger[: array.size] = array
    return larger
