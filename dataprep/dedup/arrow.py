"""numpy arrays as Arrow arrays without `pyarrow.array`, which imports pandas where that is installed (0.6 s)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def arrow(values: npt.NDArray[Any]) -> pa.Array:
    """An array of numbers; no copy.

    >>> arrow(np.array([1, 2], np.uint8)).type, arrow(np.array([True, False, True])).to_pylist()
    (DataType(uint8), [True, False, True])
    """
    if values.dtype == np.bool_:
        bits = np.packbits(values, bitorder="little")
        return pa.BooleanArray.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])
    plain = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(plain.dtype), len(plain), [None, pa.py_buffer(plain)])


def arrow_texts(values: Sequence[str]) -> pa.Array:
    """An array of a few strings.

    >>> arrow_texts(["near", "exact"]).to_pylist()
    ['near', 'exact']
    """
    encoded = [value.encode() for value in values]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))
