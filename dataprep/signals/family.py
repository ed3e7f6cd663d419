"""What a family of signals is: some columns, a version number, and one function from a block of text to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.signals.block import TextBlock


@dataclass(frozen=True)
class SignalColumn:
    """One signal: its name in tables and rules, its type, and what it measures with unit and range."""

    name: str
    dtype: pa.DataType
    description: str


@dataclass(frozen=True)
class Family:
    """Signals that are measured together and stored in one file.

    `version` is kept by hand: raise it when the same text would give other values, so that stored ones are measured
    anew. `measure` gives one array a column, each with one value a record; null where there is nothing to measure.
    """

    name: str
    version: int
    columns: tuple[SignalColumn, ...]
    measure: Callable[[TextBlock], Mapping[str, npt.NDArray[Any] | pa.Array]]


def share(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """part / whole, in one division of integers, so that it is the same everywhere; 0 where there is no whole.

    >>> share(np.array([1, 0]), np.array([4, 0])).tolist()
    [0.25, 0.0]
    """
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
