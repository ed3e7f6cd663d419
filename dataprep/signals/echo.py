"""Answers that repeat what they were asked: nothing is learned from them but to repeat.

Compared without regard to case and white space, but with punctuation: the answer of a row that teaches punctuation
differs from its input in nothing else.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.kernels.codepoints import CLASSES, LOWERS, UPPERS
from dataprep.kernels.search import find_echoes
from dataprep.signals.block import TextBlock
from dataprep.signals.family import Family, SignalColumn


def measure(block: TextBlock) -> dict[str, npt.NDArray[np.bool_]]:
    """Whether each record's answer says what its input, or the last user turn in it, said."""
    starts = block.row_offsets[:-1]
    echoes = find_echoes(block.data, block.offsets, starts, block.answers, block.last_users, CLASSES, UPPERS, LOWERS)
    return {"answer_echoes_input": echoes.astype(np.bool_)}


FAMILY = Family(
    name="echo",
    version=1,
    columns=(
        SignalColumn(
            "answer_echoes_input",
            pa.bool_(),
            "Whether the answer equals the whole input or the last user turn, apart from case and white space",
        ),
    ),
    measure=measure,
)
