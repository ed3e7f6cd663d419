"""Tokenizer markers in the text: a dump of a chat template, which a model would learn to write."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.kernels.search import count_occurrences
from dataprep.signals.block import TextBlock, pack_texts
from dataprep.signals.family import Family, SignalColumn


def measure(block: TextBlock) -> dict[str, npt.NDArray[np.int64]]:
    """Occurrences of end-of-text markers anywhere in each record; where several fit, the longest is taken."""
    markers = sorted(
        {marker for marker in block.end_of_text_markers if marker}, key=lambda marker: (-len(marker), marker)
    )
    found = count_occurrences(block.data, block.offsets, *pack_texts(markers))
    return {"end_of_text_markers": block.sum_turns(found)}


FAMILY = Family(
    name="markers",
    version=1,
    columns=(
        SignalColumn(
            "end_of_text_markers",
            pa.int64(),
            "Tokenizer markers such as <|endoftext|> anywhere in the text (those of clean.end_of_text_markers)",
        ),
    ),
    measure=measure,
)
