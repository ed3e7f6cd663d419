"""Parts without content: turns that are missing, null, empty, blank, or hold a placeholder instead of text.

Five separate counts, because they have five separate causes (a renamed column, a failed join, an unanswered row, a
cleaning accident, a form's default) and the default rules name them. Each turn counts in one of them at most.
A turn that calls a tool counts in none: in OpenAI's format its content is null or empty as a rule, and nothing is
wrong with it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.kernels.codepoints import CLASSES
from dataprep.kernels.search import find_blank_and_listed
from dataprep.signals.block import TextBlock, pack_texts
from dataprep.signals.family import Family, SignalColumn

PLACEHOLDERS: Final = (
    *("n/a", "na", "none", "null", "nan", "tbd", "todo", "-", "?", "...", "…", "lorem ipsum", "[deleted]", "[removed]"),
)
"""Texts that stand for no text, when they are all there is, in any case."""

_PACKED = pack_texts(PLACEHOLDERS)


def measure(block: TextBlock) -> dict[str, npt.NDArray[np.int64]]:
    """Counts of turns without content, by what is there instead."""
    empty = np.diff(block.offsets) == 0
    spoken = ~block.calls
    kinds = find_blank_and_listed(block.data, block.offsets, *_PACKED, CLASSES)
    return {
        "missing_parts": block.sum_turns(spoken & ~block.valid & block.missing),
        "null_parts": block.sum_turns(spoken & ~block.valid & ~block.missing),
        "empty_parts": block.sum_turns(spoken & block.valid & empty),
        "blank_parts": block.sum_turns(spoken & block.valid & ~empty & (kinds == 1)),
        "placeholder_parts": block.sum_turns(spoken & block.valid & (kinds == 2)),
    }


FAMILY = Family(
    name="parts",
    version=2,
    columns=(
        SignalColumn("missing_parts", pa.int64(), "Turns whose field the row did not have"),
        SignalColumn("null_parts", pa.int64(), "Turns whose field was null"),
        SignalColumn("empty_parts", pa.int64(), "Turns whose text has no characters"),
        SignalColumn(
            "blank_parts", pa.int64(), "Turns with text in which nothing is visible: white space, zero-width characters"
        ),
        SignalColumn(
            "placeholder_parts",
            pa.int64(),
            "Turns whose whole text is one of: " + ", ".join(PLACEHOLDERS) + " (in any case)",
        ),
    ),
    measure=measure,
)
