"""Repeated n-grams: how much of a record's text is phrases that it says again.

The sign of degenerate generation, of keyword spam and of templates. Two kinds: the share covered by the most frequent
2-, 3- and 4-gram, and the share covered by 5- to 10-grams that occurred before. Where Gopher leaves room, as here:
shares are of the characters in words; an n-gram that occurs once covers nothing (else every two-word text would be
covered whole); words under overlapping n-grams count once; words are compared with A-Z in lower case, over turns.
Source: Gopher (Rae et al. 2021, arXiv 2112.11446), table A1; thresholds there 0.20, 0.18, 0.16 and 0.15 down to 0.10.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.kernels.repeats import DUPLICATE_SIZES, TOP_SIZES, count_repeated_chars
from dataprep.kernels.scan import WORD_CHARS
from dataprep.signals.block import TextBlock
from dataprep.signals.family import Family, SignalColumn, share

_TOP_NAMES = tuple(f"top_{size}gram_char_share" for size in TOP_SIZES)
_DUPLICATE_NAMES = tuple(f"duplicate_{size}gram_char_share" for size in DUPLICATE_SIZES)


def measure(block: TextBlock) -> dict[str, npt.NDArray[np.float64]]:
    """Shares of the characters in words that are under repeated n-grams."""
    repeated = count_repeated_chars(block.scanned.token_hashes, block.scanned.token_chars, block.record_tokens)
    names = _TOP_NAMES + _DUPLICATE_NAMES
    return {name: share(repeated[:, column], block.counts[:, WORD_CHARS]) for column, name in enumerate(names)}


FAMILY = Family(
    name="ngrams",
    version=1,
    columns=(
        *(
            SignalColumn(
                name,
                pa.float64(),
                f"Share of the characters in words that are under the most frequent run of {size} words, if that "
                "occurs at least twice (0 to 1)",
            )
            for name, size in zip(_TOP_NAMES, TOP_SIZES, strict=True)
        ),
        *(
            SignalColumn(
                name,
                pa.float64(),
                f"Share of the characters in words that are under runs of {size} words which occurred before in the "
                "record (0 to 1)",
            )
            for name, size in zip(_DUPLICATE_NAMES, DUPLICATE_SIZES, strict=True)
        ),
    ),
    measure=measure,
)
