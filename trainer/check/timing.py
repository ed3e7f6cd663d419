"""How long training will take, from a few steps that were timed: an estimate with its range.

The time of a step is taken as a + b · tokens (what a step costs anyhow, and what each token does) where the probe has
steps of different sizes, else as proportional to tokens. The first step is left out: it compiles, allocates and reads
for all that follow.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_FEWEST: Final = 2
"""Timed steps, beside the first, that an estimate needs."""
_LEAST_RANGE: Final = 0.1
"""The range is at least ± this share: a probe of seconds does not see what hours bring."""
_VARIED: Final = 1.2
"""Largest over smallest step of a probe from which a cost a step can be told from a cost a token."""


@dataclass(frozen=True)
class TimeEstimate:
    """Seconds that training takes, and between which."""

    seconds: float
    low: float
    high: float
    tokens_per_second: float

    def text(self) -> str:
        """In words.

        >>> TimeEstimate(5400, 4800, 6300, 1210.4).text()
        'about 1 h 30 min (1 h 20 min to 1 h 45 min), 1,210 tokens a second'
        """
        between = f"{duration_text(self.low)} to {duration_text(self.high)}"
        return f"about {duration_text(self.seconds)} ({between}), {self.tokens_per_second:,.0f} tokens a second"


def estimate_time(probe: Sequence[tuple[int, float]], *, steps: int, tokens: int) -> TimeEstimate | None:
    """The time of `steps` optimiser steps over `tokens` tokens in all, from (tokens, seconds) of the probe's steps.

    The range is that of the probe's steps about the fit (two standard deviations of a step, scaled to their mean's,
    and at least ± 10 %). None where fewer than three steps were timed.

    >>> probe = [(4096, 9.0), (4096, 2.0), (4096, 2.1), (4096, 1.9), (4096, 2.0)]
    >>> found = estimate_time(probe, steps=100, tokens=409_600)
    >>> round(found.seconds), round(found.low), round(found.high)
    (200, 180, 220)
    """
    timed = [(size, seconds) for size, seconds in probe[1:] if size > 0 and seconds > 0]
    if len(timed) < _FEWEST:
        return None
    fixed, each = _fit(timed)
    seconds = fixed * steps + each * tokens
    errors = [seconds_of - (fixed + each * size) for size, seconds_of in timed]
    usual = statistics.fmean(seconds_of for _, seconds_of in timed)
    doubt = 2 * math.sqrt(statistics.fmean(error * error for error in errors) / len(timed)) / usual
    doubt = min(0.9, max(_LEAST_RANGE, doubt))
    return TimeEstimate(seconds, seconds * (1 - doubt), seconds * (1 + doubt), tokens / seconds if seconds else 0.0)


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
