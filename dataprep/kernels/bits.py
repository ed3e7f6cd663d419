"""Machine words over bytes: the few instructions that numba does not offer by name.

Eight bytes at a time is where the scan's speed comes from. All machines that numba compiles for are little-endian, so
the first byte in memory is the lowest byte of the word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from dataprep.kernels import instruction


def _load_word(_typing_context: Any, data: Any, index: Any) -> Any:
    from llvmlite import ir  # type: ignore[import-untyped]
    from numba import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(pointer, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(data, index), generate


def _count_ones(_typing_context: Any, _word: Any) -> Any:
    from numba import types

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


def _trailing_zeros(_typing_context: Any, _word: Any) -> Any:
    from llvmlite import ir
    from numba import types

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


load_word = cast("Callable[[npt.NDArray[np.uint8], int], np.uint64]", instruction(_load_word))
"""The eight bytes from `data[index]` on as one uint64. The caller sees to it that they lie inside the array."""

count_ones = cast("Callable[[np.uint64], int]", instruction(_count_ones))
"""Number of set bits of a uint64, as int64."""

trailing_zeros = cast("Callable[[np.uint64], int]", instruction(_trailing_zeros))
"""Number of zero bits below the lowest set bit of a uint64, as int64; 64 for zero."""
