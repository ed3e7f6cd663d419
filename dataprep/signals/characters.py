"""What a record's characters are: symbols, digits, capitals. Tables, code, markup and shouting stand out here.

Source of the idea: the symbol, digit and upper-case filters of C4, Gopher (Rae et al. 2021, arXiv 2112.11446) and
RedPajama-V2; counted here over characters of any script, not over ASCII.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.kernels.scan import CHARS, LETTERS, NUMBERS, SYMBOLS, UPPERS
from dataprep.signals.block import TextBlock
from dataprep.signals.family import Family, SignalColumn, share


def measure(block: TextBlock) -> dict[str, npt.NDArray[np.float64]]:
    """Shares of character classes in each record."""
    counts = block.counts
    return {
        "symbol_share": share(counts[:, SYMBOLS], counts[:, CHARS]),
        "digit_share": share(counts[:, NUMBERS], counts[:, CHARS]),
        "upper_share": share(counts[:, UPPERS], counts[:, LETTERS]),
    }


FAMILY = Family(
    name="characters",
    version=1,
    columns=(
        SignalColumn(
            "symbol_share",
            pa.float64(),
            "Share of the characters that are neither letter, mark, number nor blank: punctuation, symbols, emoji, "
            "control characters (0 to 1)",
        ),
        SignalColumn("digit_share", pa.float64(), "Share of the characters that are digits or numbers (0 to 1)"),
        SignalColumn("upper_share", pa.float64(), "Share of the letters that are upper-case (0 to 1)"),
    ),
    measure=measure,
)
