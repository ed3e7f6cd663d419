"""How long a record's words are: base64, hashes, minified code and lost spaces make words that no language has."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.kernels.scan import WORD_CHARS
from dataprep.signals.block import TextBlock
from dataprep.signals.family import Family, SignalColumn, share


def measure(block: TextBlock) -> dict[str, npt.NDArray[Any]]:
    """Longest and mean word of each record."""
    starts, ends = block.record_tokens[:-1], block.record_tokens[1:]
    chars = block.scanned.token_chars
    longest = np.zeros(block.n_rows, np.int64)
    with_words = starts < ends  # reduceat would give an empty record the first word of the next
    if with_words.any():
        longest[with_words] = np.maximum.reduceat(chars, starts[with_words])
    return {
        "max_word_chars": longest,
        "mean_word_chars": share(block.counts[:, WORD_CHARS], ends - starts),
    }


FAMILY = Family(
    name="words",
    version=1,
    columns=(
        SignalColumn("max_word_chars", pa.int64(), "Characters of the longest word; 0 without words"),
        SignalColumn("mean_word_chars", pa.float64(), "Mean characters of a word; 0 without words"),
    ),
    measure=measure,
)
