"""How long training will take, from a few steps that were timed: an estimate with its range.

The time of a step is taken as a + b · tokens (what a step costs anyhow, and what each token does) where the probe has
steps of different sizes, else as proportional to tokens. Validations are counted with it, which can take as long as
training does, and checkpoints at an assumed speed of the disk; loading the model and tokenising are not.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from dataprep.console import counted

_LEAST_RANGE: Final = 0.1
"""The range is at least ± this share: a probe of seconds does not see what hours bring."""
_FEW: Final = 3
_WIDE_RANGE: Final = 0.3
"""The same from fewer timed steps than that, or where the largest of them has less than half the tokens of a step."""
_DISK: Final = 300e6
"""Bytes that are saved in a second: an assumption."""
_VARIED: Final = 1.2
"""Largest over smallest step of a probe from which a cost a step can be told from a cost a token."""


@dataclass(frozen=True)
class TimeEstimate:
    """Seconds that training takes, and between which."""

    seconds: float
    low: float
    high: float
    tokens_per_second: float
    """While it trains."""
    steps: int = 0
    validations: int = 0
    """With the one before the first step."""
    validating_seconds: float = 0.0
    saving_seconds: float = 0.0
    probed: str = ""
    """What was timed, in words."""

    def text(self) -> str:
        """In words.

        >>> print(TimeEstimate(5400, 4800, 6300, 1210.4, 300, 21, 1500, 40).text().replace(": ", ":\\n"))
        about 1 h 30 min (1 h 20 min to 1 h 45 min):
        300 steps 1 h 4 min at 1,210 tokens a second, 21 validations 25 min, saving 40 s
        """
        training = self.seconds - self.validating_seconds - self.saving_seconds
        parts = [
            f"{counted(self.steps, 'step')} {duration_text(training)} at {self.tokens_per_second:,.0f} tokens a second",
            f"{counted(self.validations, 'validation')} {duration_text(self.validating_seconds)}",
            f"saving {duration_text(self.saving_seconds)}",
        ]
        between = f"{duration_text(self.low)} to {duration_text(self.high)}"
        return f"about {duration_text(self.seconds)} ({between}): {', '.join(parts)}"

    def with_validations(self, count: int, seconds: float, *, saved_bytes: int) -> TimeEstimate:
        """The same with validations, each of so many seconds, and checkpoints of so many bytes after all but the first.

        >>> found = TimeEstimate(100, 90, 110, 1000, 50).with_validations(11, 10, saved_bytes=600_000_000)
        >>> found.seconds, found.low, found.saving_seconds
        (230.0, 207.0, 20.0)
        """
        saving = max(count - 1, 0) * saved_bytes / _DISK
        whole = self.seconds + count * seconds + saving
        low, high = (whole * bound / self.seconds for bound in (self.low, self.high))
        return replace(
            self, seconds=whole, low=low, high=high, validations=count, validating_seconds=count * seconds,
            saving_seconds=saving,
        )  # fmt: skip


def estimate_time(probe: Sequence[tuple[int, float]], *, steps: int, tokens: int) -> TimeEstimate | None:
    """The time of `steps` optimiser steps over `tokens` tokens in all, from (tokens, seconds) of the probe's steps.

    The range is that of the probe's steps about the fit (two standard deviations of a step, scaled to their mean's),
    at least ± 10 %, and ± 30 % where they are fewer than three or far smaller than the run's. None without any.

    Args:
        probe: steps that were timed, warm-up left out.
        steps, tokens: of the run.

    >>> probe = [(4096, 2.0), (4096, 2.1), (4096, 1.9), (4096, 2.0)]
    >>> found = estimate_time(probe, steps=100, tokens=409_600)
    >>> round(found.seconds), round(found.low), round(found.high)
    (200, 180, 220)
    """
    timed = [(size, seconds) for size, seconds in probe if size > 0 and seconds > 0]
    if not timed:
        return None
    fixed, each = _fit(timed)
    seconds = fixed * steps + each * tokens
    errors = [seconds_of - (fixed + each * size) for size, seconds_of in timed]
    usual = statistics.fmean(seconds_of for _, seconds_of in timed)
    doubt = 2 * math.sqrt(statistics.fmean(error * error for error in errors) / len(timed)) / usual
    far = len(timed) < _FEW or 2 * max(size for size, _ in timed) < tokens / max(steps, 1)
    doubt = min(0.9, max(_WIDE_RANGE if far else _LEAST_RANGE, doubt))
    speed = tokens / seconds if seconds else 0.0
    return TimeEstimate(seconds, seconds * (1 - doubt), seconds * (1 + doubt), speed, steps)


def _fit(timed: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Seconds a step and seconds a token, neither below zero."""
    sizes = [float(size) for size, _ in timed]
    taken = [seconds for _, seconds in timed]
    proportional = (0.0, sum(taken) / sum(sizes))
    if max(sizes) < _VARIED * min(sizes):
        return proportional
    each, fixed = statistics.linear_regression(sizes, taken)
    return (fixed, each) if fixed >= 0 and each > 0 else proportional


def duration_text(seconds: float) -> str:
    """Seconds as people say them: two units at most.

    >>> [duration_text(each) for each in (0.4, 42, 200, 3600, 5400, 100_000)]
    ['under a second', '42 s', '3 min 20 s', '1 h', '1 h 30 min', '1 d 4 h']
    """
    if seconds < 1:
        return "under a second"
    # Rounded to the smaller unit first, so that it is never said to be 60 of it.
    for large, small, one, two in ((86_400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        whole, rest = divmod(round(seconds / small), large // small)
        if whole:
            return f"{whole} {one} {rest} {two}" if rest else f"{whole} {one}"
    return f"{round(seconds)} s"
