"""How long a record is, in every unit that rules are written in.

Words are runs of letters, digits and marks; in scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese)
each letter is one. So "don't" is two words and "漢字" is two.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.kernels.scan import CHARS
from dataprep.signals.block import TextBlock
from dataprep.signals.family import Family, SignalColumn


def measure(block: TextBlock) -> dict[str, npt.NDArray[np.int64] | pa.Array]:
    """Sizes of each record, and of its input and answer in words."""
    words_before = np.concatenate([[0], np.cumsum(block.turn_words)])
    has_answer = block.answers >= 0
    answer_words = np.where(has_answer, np.append(block.turn_words, 0)[block.answers], 0)
    bytes_before = block.offsets.astype(np.int64)
    return {
        "n_chars": block.counts[:, CHARS],
        "n_words": np.diff(block.record_tokens),
        "n_lines": np.diff(block.record_lines),
        "n_turns": np.diff(block.row_offsets),
        "n_bytes": np.diff(bytes_before[block.row_offsets]),
        "input_words": words_before[block.input_ends] - words_before[block.row_offsets[:-1]],
        "answer_words": pa.array(answer_words, pa.int64(), mask=~has_answer),
    }


FAMILY = Family(
    name="size",
    version=1,
    columns=(
        SignalColumn("n_chars", pa.int64(), "Characters (Unicode code points)"),
        SignalColumn("n_words", pa.int64(), "Words; in scripts written without spaces, letters"),
        SignalColumn("n_lines", pa.int64(), "Lines, blank ones included; each turn begins a new one"),
        SignalColumn("n_turns", pa.int64(), "Turns, also those without content"),
        SignalColumn("n_bytes", pa.int64(), "Bytes of the text in UTF-8"),
        SignalColumn("input_words", pa.int64(), "Words before the answer; of the whole record if it has none"),
        SignalColumn(
            "answer_words", pa.int64(), "Words of the answer (the last assistant turn); null if there is none"
        ),
    ),
    measure=measure,
)
