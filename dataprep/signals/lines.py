"""Duplicate lines: how much of a record is lines that it repeats.

Boilerplate and scraped menus repeat lines; prose does not. Lines are compared without the blanks at their ends; blank
lines count neither as lines nor as repetitions.
Source: Gopher (Rae et al. 2021, arXiv 2112.11446), table A1: fractions of lines and characters in duplicate lines.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.kernels.repeats import count_repeated_lines
from dataprep.signals.block import TextBlock
from dataprep.signals.family import Family, SignalColumn, share


def measure(block: TextBlock) -> dict[str, npt.NDArray[np.float64]]:
    """Shares of lines that repeat an earlier line of the same record."""
    found = count_repeated_lines(block.line_hashes, block.scanned.line_chars, block.record_lines)
    lines, repeated, chars, repeated_chars = found.T
    return {
        "duplicate_line_share": share(repeated, lines),
        "duplicate_line_char_share": share(repeated_chars, chars),
    }


FAMILY = Family(
    name="lines",
    version=1,
    columns=(
        SignalColumn(
            "duplicate_line_share",
            pa.float64(),
            "Share of the lines with something visible that repeat an earlier line of the record (0 to 1)",
        ),
        SignalColumn(
            "duplicate_line_char_share",
            pa.float64(),
            "Share of the characters of such lines that are in lines which repeat an earlier one (0 to 1)",
        ),
    ),
    measure=measure,
)
