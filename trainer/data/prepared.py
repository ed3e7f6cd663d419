"""What training starts from: tokens and labels, and what became of every example on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

EXAMPLES: Final = ("record_id", "answer", "group", "input_ids", "labels")
"""Columns of `train` and `validation`."""
ABOUT: Final = ("record_id", "answer", "split", "outcome", "tokens", "trained_tokens")
"""Columns of `outcomes`."""


@dataclass(frozen=True)
class Prepared:
    """Data under one tokenizer, template and length.

    Attributes:
        train, validation: examples to train on and to validate on, columns EXAMPLES; `labels` is -100 where a token is
            not trained on. In `train` a mixture's repetitions have been applied.
        outcomes: one row for every example, those left out included, columns ABOUT. `tokens` counts the whole example
            before anything was cut, `trained_tokens` what is trained on when it is seen once.
        overlap: held-out records whose input stands in train or another such split, see `trainer.data.overlap`.
        description: JSON-able, without text of the data: where they came from, counts, notes.
        digest: equal for equal data under equal settings; hex.
    """

    train: pa.Table
    validation: pa.Table
    outcomes: pa.Table
    overlap: pa.Table
    description: dict[str, Any]
    digest: str
