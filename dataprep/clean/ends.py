"""`whitespace` and `end_of_text` for a whole batch at once, where they only cut something off the ends of a text.

The same edits as the cleaners themselves make, which a test compares; without it cleaning T0 takes three times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataprep.clean.base import Cleaner
from dataprep.clean.edits import Edit
from dataprep.clean.end_of_text import EndOfText
from dataprep.clean.prefilter import classes, encoded, wanted
from dataprep.clean.whitespace import Whitespace
from dataprep.kernels.textends import count_code_points, text_ends
from dataprep.kernels.textflags import CODE, ENDS, MARKER
from dataprep.record import Turns

_Ints = npt.NDArray[np.int64]
_Bytes = npt.NDArray[np.uint8]
_Entries = tuple[list[int], list[list[Edit]]]


@dataclass(frozen=True, slots=True)
class EndCuts:
    """The cuts at both ends of k texts. All arrays have shape (k,); positions are bytes in the batch's data."""

    indices: _Ints
    """Which turns."""
    starts: _Ints
    """Where what is kept of each begins."""
    ends: _Ints
    """Where what is kept of each ends."""
    edits: list[tuple[int, list[int], list[list[Edit]]]]
    """For each cleaner its place among the cleaners, the turns that it cut, and its edits of each of these."""


def only_ends(flags: npt.NDArray[np.uint8], cleaners: Sequence[Cleaner]) -> npt.NDArray[np.bool_]:
    """Which texts get no edits but cuts at their ends, by their flags, shape (k,).

    White space at the end of a text with code is left to the cleaner: it may be in a fence that was never closed.
    """
    names = [cleaner.name for cleaner in cleaners]
    if EndOfText.name in names and Whitespace.name in names[names.index(EndOfText.name) :]:
        return np.zeros(len(flags), np.bool_)  # here the white space is trimmed first
    others = wanted(cleaners) & ~(ENDS | MARKER)
    simple: npt.NDArray[np.bool_] = ((flags & others) == 0) & ((flags & (ENDS | CODE)) != (ENDS | CODE))
    return simple


def cut_ends(turns: Turns, indices: _Ints, cleaners: Sequence[Cleaner]) -> EndCuts:
    """Cut white space and end markers off the turns at `indices`, for which `only_ends` holds."""
    offsets, data = turns.utf8()
    markers = [marker for cleaner in cleaners if isinstance(cleaner, EndOfText) for marker in cleaner.markers]
    trim = any(isinstance(cleaner, Whitespace) for cleaner in cleaners)
    found = text_ends(offsets, data, indices, classes(), trim, *encoded(markers))
    starts, stops = offsets[indices].astype(np.int64), offsets[indices + 1].astype(np.int64)
    lead, tail, end = starts + found[:, 0], starts + found[:, 1], starts + found[:, 2]
    changed = (lead > starts) | (end < stops)
    indices, starts, lead, end, tail, stops = (column[changed] for column in (indices, starts, lead, end, tail, stops))
    edits: list[tuple[int, list[int], list[list[Edit]]]] = []
    for place, cleaner in enumerate(cleaners):
        if isinstance(cleaner, Whitespace):
            edits.append((place, *_trims(data, indices, (starts, lead, tail, stops))))
        elif isinstance(cleaner, EndOfText):
            edits.append((place, *_removed_markers(data, indices, (lead, end, tail))))
    return EndCuts(indices, lead, end, edits)


def _trims(data: _Bytes, indices: _Ints, bounds: tuple[_Ints, _Ints, _Ints, _Ints]) -> _Entries:
    """The edits of `whitespace`. `bounds`: of the text, its first line, the white space at its end; end of the text."""
    start, lead, tail, stop = bounds
    cut = (lead > start) | (tail < stop)
    before, after = _texts(data, start[cut], lead[cut]), _texts(data, tail[cut], stop[cut])
    lengths = count_code_points(data, start[cut], tail[cut]).tolist()
    edits: list[list[Edit]] = []
    for lead_text, tail_text, length in zip(before, after, lengths, strict=True):
        trims = [Edit(0, len(lead_text), lead_text, "")] if lead_text else []
        if tail_text:
            trims.append(Edit(length, length + len(tail_text), tail_text, ""))
        edits.append(trims)
    return indices[cut].tolist(), edits


def _removed_markers(data: _Bytes, indices: _Ints, bounds: tuple[_Ints, _Ints, _Ints]) -> _Entries:
    """The edits of `end_of_text`. `bounds`: of what `whitespace` left, of the markers; end of what it left."""
    lead, end, tail = bounds
    cut = end < tail
    lengths = count_code_points(data, lead[cut], end[cut]).tolist()
    removed = _texts(data, end[cut], tail[cut])
    return indices[cut].tolist(), [
        [Edit(length, length + len(marker), marker, "")] for length, marker in zip(lengths, removed, strict=True)
    ]


def _texts(data: _Bytes, starts: _Ints, ends: _Ints) -> list[str]:
    """The texts between byte positions."""
    view = memoryview(data)  # type: ignore[arg-type] # mypy knows the buffer protocol from Python 3.12 on
    return [str(view[start:end], "utf-8") for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
