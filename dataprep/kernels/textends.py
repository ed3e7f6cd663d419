"""Trimming texts at their ends, and putting a batch together again from parts of texts.

In real data most edits are a line feed or an end marker cut off: both of a record's turns in T0. Made here for a whole
batch, without a Python string per text, they cost a tenth.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel
from dataprep.kernels.textflags import line_start, space_start


@kernel
def text_ends(
    offsets: npt.NDArray[np.int32],
    data: npt.NDArray[np.uint8],
    indices: npt.NDArray[np.int64],
    classes: npt.NDArray[np.uint8],
    trim: bool,
    marker_offsets: npt.NDArray[np.int64],
    markers: npt.NDArray[np.uint8],
) -> npt.NDArray[np.int64]:
    """Where white space and end markers at the ends of k texts begin and end, in bytes.

    Args:
        offsets: byte offsets into `data`, shape (m + 1,).
        data: UTF-8, valid.
        indices: the texts to look at, shape (k,). None may have a carriage return.
        classes: class bits of code points (see `textflags`), shape (65536,).
        trim: whether white space is trimmed at all.
        marker_offsets: byte offsets into `markers` of j markers, shape (j + 1,).
        markers: their UTF-8.

    Returns:
        Shape (k, 3), counted from the start of each text: where the first line that is not blank begins; where the
        white space at the end begins; where the markers and their white space before that begin. A text of white space
        only is not trimmed.
    """
    ends = np.empty((len(indices), 3), np.int64)
    for place in range(len(indices)):
        text = data[offsets[indices[place]] : offsets[indices[place] + 1]]
        stripped = space_start(text, len(text), classes)
        if trim and stripped > 0:
            ends[place, 0] = line_start(text, classes)
            ends[place, 1] = stripped
        else:
            ends[place, 0] = 0
            ends[place, 1] = len(text)
        end = stripped
        found = False
        while True:
            length = _marker_before(text, end, marker_offsets, markers)
            if length == 0:
                break
            found = True
            end = space_start(text, end - length, classes)
        ends[place, 2] = max(end, ends[place, 0]) if found else ends[place, 1]
    return ends


@kernel
def _marker_before(
    text: npt.NDArray[np.uint8], end: int, marker_offsets: npt.NDArray[np.int64], markers: npt.NDArray[np.uint8]
) -> int:
    """The length of the marker that ends at byte `end`, or 0."""
    for index in range(len(marker_offsets) - 1):
        first = marker_offsets[index]
        length = int(marker_offsets[index + 1] - first)
        if length <= end:
            same = True
            for i in range(length):
                if text[end - length + i] != markers[first + i]:
                    same = False
                    break
            if same:
                return length
    return 0


@kernel
def count_code_points(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Code points in data[start:end] for each of k pairs, shape (k,)."""
    counts = np.empty(len(starts), np.int64)
    for place in range(len(starts)):
        count = 0
        for byte in data[starts[place] : ends[place]]:
            count += byte & 0xC0 != 0x80
        counts[place] = count
    return counts


@kernel
def gather(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    other: npt.NDArray[np.uint8],
    from_other: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Texts put one after the other.

    Args:
        data: bytes that texts are taken from ...
        starts: ... text i from here, shape (m,) ...
        ends: ... to here, shape (m,).
        other: bytes that those texts are taken from for which `from_other` is set, shape (m,).

    Returns:
        Byte offsets, shape (m + 1,), and the bytes.
    """
    offsets = np.zeros(len(starts) + 1, np.int32)
    for i in range(len(starts)):
        offsets[i + 1] = offsets[i] + (ends[i] - starts[i])
    gathered = np.empty(offsets[-1], np.uint8)
    for i in range(len(starts)):
        if from_other[i]:
            gathered[offsets[i] : offsets[i + 1]] = other[starts[i] : ends[i]]
        else:
            gathered[offsets[i] : offsets[i + 1]] = data[starts[i] : ends[i]]
    return offsets, gathered
