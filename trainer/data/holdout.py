"""Which examples are held out for validation where the data have no such split.

By a hash of how a conversation begins: all its examples, and all conversations that begin with the same, fall on one
side, so none is validated on what was trained on; and a conversation stays on its side when others are added. The
alternative, a draw by row, splits the answers of one conversation and repeated questions between the two.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.errors import InputError

_RANGE = 1 << 64


def hold_out(opening_keys: pa.ChunkedArray, share: float) -> npt.NDArray[np.bool_]:
    """Which examples are held out.

    Args:
        opening_keys: of each example: 32 hex characters, which are a uniform hash.
        share: to hold out. At least one opening is, and at least one stays.

    Raises:
        InputError: all conversations begin with the same.

    >>> keys = pa.chunked_array([["00" * 16, "ff" * 16, "00" * 16]])
    >>> hold_out(keys, 0.1).tolist()
    [True, False, True]
    """
    encoded = opening_keys.combine_chunks().dictionary_encode()
    openings = encoded.dictionary.to_pylist()
    if len(openings) < 2:
        hint = "give the data a validation split"
        raise InputError("no validation split, and nothing to hold out: every row asks the same", hint=hint)
    values = [int(key[:16], 16) for key in openings]
    held = np.array([value < share * _RANGE for value in values])
    if not held.any():
        held[min(range(len(values)), key=lambda place: openings[place])] = True
    if held.all():
        held[max(range(len(values)), key=lambda place: openings[place])] = False
    return np.asarray(held[encoded.indices.to_numpy()], np.bool_)
