"""Scores of answers that should be one of some labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def macro_f1(wanted: Sequence[str], found: Sequence[str]) -> float:
    """The mean of F1 over the labels that are wanted somewhere, in 0..1; any other answer counts against its row only.

    The same as scikit-learn's `f1_score(…, labels=sorted(set(wanted)), average="macro", zero_division=0)`.

    >>> macro_f1(["a", "a", "b"], ["a", "b", "b"])
    0.6666666666666666
    >>> macro_f1(["a", "b"], ["a", "no idea"])
    0.5
    """
    if len(wanted) != len(found) or not wanted:
        raise ValueError(f"{len(wanted)} labels for {len(found)} answers")
    right = Counter(label for label, answer in zip(wanted, found, strict=True) if label == answer)
    rows, answers = Counter(wanted), Counter(found)
    return sum(2 * right[label] / (rows[label] + answers[label]) for label in rows) / len(rows)
