"""The learning rate by short real runs on a geometric ladder, judged by validation loss.

Not by a range test, which raises the rate within one run until the loss explodes (Smith 2015, arXiv 1506.01186): a
transformer bears for a few steps what ruins it over a thousand, and the test points too high. It is used for what it
can tell, an upper bound, and saves rungs.

Losses are token-weighted and compared at equal numbers of tokens seen. Of rates that differ by less than the noise the
lower one is taken: it costs nothing now, and a long run is less forgiving than a short one.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LOWEST: Final = 1e-5
HIGHEST: Final = 1e-2
FACTOR: Final = math.sqrt(10)
NOISE: Final = 0.01
"""Nats a token that two runs with the same settings and other seeds may differ by, if nothing better is known."""
_SMOOTH: Final = 0.9
"""Of the moving average over a range test's losses."""
_EXPLODED: Final = 1.25
"""A range test has exploded where the average is this many times its lowest."""
_FEW: Final = 3
_CLIMB: Final = 10
"""Two rungs more."""


@dataclass(frozen=True)
class Rung:
    """One short run: its learning rate, and validation losses (nats a token) by tokens seen, in rising tokens."""

    learning_rate: float
    validation: tuple[tuple[int, float], ...]
    diverged: str | None = None
    """Why it counts as diverged, in words; None if it did not."""

    @property
    def tokens(self) -> int:
        """Seen at the last validation."""
        return self.validation[-1][0] if self.validation else 0

    def loss_at(self, tokens: int) -> float:
        """Validation loss after so many tokens, between two validations on the line that joins them.

        >>> Rung(1e-4, ((100, 3.0), (200, 2.0))).loss_at(150)
        2.5
        """
        seen = [each for each, _ in self.validation]
        place = bisect_left(seen, tokens)
        if place == len(seen):
            return self.validation[-1][1]
        after_tokens, after = self.validation[place]
        if place == 0 or after_tokens == tokens:
            return after
        before_tokens, before = self.validation[place - 1]
        return before + (after - before) * (tokens - before_tokens) / (after_tokens - before_tokens)


@dataclass(frozen=True)
class Choice:
    """What the ladder says."""

    learning_rate: float | None
    """None where no rung can be used."""
    reason: str
    warnings: tuple[str, ...]
    scores: tuple[tuple[float, float | None], ...]
    """Rates, rising, with their validation loss after `tokens`; None for what diverged or was not judged."""
    tokens: int
    """Seen by every rung when it was judged."""
    climb_to: float | None = None
    """The highest rate of the next ladder, where the best was the last rung and higher ones may be better still."""


@dataclass(frozen=True)
class RangeTest:
    """What a run with a rising learning rate says: no more than an upper bound."""

    upper_bound: float
    """Where the smoothed loss was lowest: above, it no longer falls."""
    exploded_at: float | None
    """Where it had risen by a quarter, or was no number; None where that was not reached."""


def ladder(*, lowest: float = LOWEST, highest: float = HIGHEST, factor: float = FACTOR) -> list[float]:
    """Learning rates to try, lowest first, each `factor` times the one before; three digits each.

    Raises `ValueError` for bounds or a factor that give no ladder.

    >>> ladder(highest=1e-3)
    [1e-05, 3.16e-05, 0.0001, 0.000316, 0.001]
    """
    if not (0 < lowest <= highest < math.inf and 1 < factor < math.inf):
        raise ValueError(f"no ladder from {lowest} to {highest} by {factor}")
    steps = math.floor(math.log(highest / lowest) / math.log(factor) + 1e-6)
    return [float(f"{lowest * factor**step:.2e}") for step in range(steps + 1)]


def next_rung(rates: Sequence[float], done: Sequence[Rung]) -> float | None:
    """The rate to try next, lowest first; None when all are done or one has diverged: higher ones would too.

    >>> next_rung([1e-5, 1e-4, 1e-3], [Rung(1e-5, ((10, 2.0),)), Rung(1e-4, (), "loss is nan")]) is None
    True
    """
    if any(rung.diverged for rung in done):
        return None
    tried = {rung.learning_rate for rung in done}
    return next((rate for rate in sorted(rates) if rate not in tried), None)


def choose(
    rungs: Sequence[Rung], *, noise: float = NOISE, start: float | None = None, bound: float | None = None
) -> Choice:
    """The learning rate that the rungs speak for, with what speaks against relying on it.

    The lowest validation loss wins, and of those within `noise` (nats a token) of it the lowest rate. Rungs above the
    first that diverged are not looked at. `start` is the validation loss before any training, and `bound` the upper
    bound of a range test, if known.

    Raises `ValueError` for no rungs, or two with one rate.

    >>> found = choose([Rung(1e-5, ((10, 2.5),)), Rung(1e-4, ((10, 2.0),)), Rung(1e-3, (), "the loss is nan")])
    >>> found.learning_rate, found.reason
    (0.0001, 'validation loss 2 after 10 tokens, the lowest of 2 rates')
    """
    ranked = sorted(rungs, key=lambda rung: rung.learning_rate)
    rates = [rung.learning_rate for rung in ranked]
    if not ranked or len(set(rates)) != len(rates):
        raise ValueError("a choice needs rungs, each with a rate of its own")
    broken = next((index for index, rung in enumerate(ranked) if rung.diverged), len(ranked))
    usable = [rung for rung in ranked[:broken] if rung.validation and math.isfinite(rung.validation[-1][1])]
    first_bad = ranked[broken] if broken < len(ranked) else None
    if not usable:
        why = f"{first_bad.learning_rate:.3g}: {first_bad.diverged}" if first_bad else "none was validated"
        hint = "start the ladder lower, and look at the data and the model: such rates rarely diverge"
        return Choice(None, f"no rate can be used ({why})", (hint,), tuple((rate, None) for rate in rates), 0)
    tokens = min(rung.tokens for rung in usable)
    losses = {rung.learning_rate: rung.loss_at(tokens) for rung in usable}
    best = min(losses, key=lambda rate: (losses[rate], rate))
    chosen = min(rate for rate, loss in losses.items() if loss <= losses[best] + noise)
    climb_to = best * _CLIMB if best == rates[-1] and len(rates) > 1 and (bound or math.inf) >= best * FACTOR else None
    return Choice(
        chosen,
        _reason(chosen, best, losses, tokens, noise),
        tuple(_warnings(chosen, best, losses, first_bad, noise, start, bound)),
        tuple((rate, losses.get(rate)) for rate in rates),
        tokens,
        climb_to,
    )


def _reason(chosen: float, best: float, losses: dict[float, float], tokens: int, noise: float) -> str:
    said = f"validation loss {losses[chosen]:.4g} after {tokens:,} tokens"
    if chosen == best:
        return f"{said}, the lowest of {len(losses)} rates"
    return (
        f"{said}; {best:.3g} has {losses[best]:.4g}, which is within the noise of {noise:g}: of equals the lower rate "
        "is taken"
    )


def _warnings(
    chosen: float,
    best: float,
    losses: dict[float, float],
    first_bad: Rung | None,
    noise: float,
    start: float | None,
    bound: float | None,
) -> list[str]:
    """What speaks against relying on the choice."""
    found = []
    lowest, highest = min(losses), max(losses)
    if len(losses) < _FEW:
        found.append(f"only {len(losses)} of the rates could be judged: try rates between them, or lower ones")
    if best == highest and first_bad is None and len(losses) > 1:
        allowed = f", and a range test allows up to {bound:.2g}" if bound is not None else ""
        if bound is None or bound >= best * FACTOR:
            found.append(
                f"the best rate is the highest that was tried, {best:.3g}{allowed}: higher ones may be better still"
            )
        else:
            found.append(
                f"the best rate, {best:.3g}, is the last rung below {bound:.2g}, above which the training loss of a "
                "range test no longer falls: there is nothing to gain higher up"
            )
    if best == lowest and len(losses) > 1:
        found.append(f"the best rate is the lowest that was tried, {best:.3g}: lower ones may be better still")
    if first_bad is not None and chosen == highest:
        found.append(
            f"the next rate, {first_bad.learning_rate:.3g}, diverges ({first_bad.diverged}): in a long run there is "
            "little room above, so keep the warm-up and watch the first steps"
        )
    if max(losses.values()) - losses[best] <= noise and len(losses) > 1:
        found.append(f"all rates are within the noise of {noise:g}: the runs were too short to tell them apart")
    if start is not None and losses[best] >= start - noise:
        found.append(f"no rate lowered the validation loss of {start:.4g} before training by more than the noise")
    return found


def ramp(*, lowest: float, highest: float, steps: int) -> list[float]:
    """Rates of a range test: rising by the same factor each step, from `lowest` to `highest`.

    >>> [float(f"{rate:.2g}") for rate in ramp(lowest=1e-6, highest=1e-2, steps=5)]
    [1e-06, 1e-05, 0.0001, 0.001, 0.01]
    """
    if steps < 2 or not 0 < lowest < highest:
        raise ValueError("a ramp rises over at least two steps")
    return [lowest * (highest / lowest) ** (step / (steps - 1)) for step in range(steps)]


def range_test(steps: Sequence[tuple[float, float]]) -> RangeTest | None:
    """The upper bound that a range test gives, from (learning rate, training loss) of its steps; None for too few.

    >>> rates = ramp(lowest=1e-6, highest=1, steps=61)
    >>> found = range_test([(rate, 3 - min(rate, 1e-2) * 100 + (rate > 1e-2) * 40 * rate) for rate in rates])
    >>> 5e-3 < found.upper_bound < found.exploded_at < 0.1
    True
    """
    average, weight = 0.0, 0.0
    lowest: tuple[float, float] | None = None
    seen = 0
    for rate, loss in steps:
        if not math.isfinite(loss):
            return RangeTest(lowest[1], rate) if lowest and seen >= _FEW else None
        average, weight = _SMOOTH * average + (1 - _SMOOTH) * loss, _SMOOTH * weight + 1 - _SMOOTH
        seen += 1
        smooth = average / weight
        if lowest is None or smooth < lowest[0]:
            lowest = (smooth, rate)
        elif smooth > _EXPLODED * lowest[0] and seen >= _FEW:
            return RangeTest(lowest[1], rate)
    return RangeTest(lowest[1], None) if lowest and seen >= _FEW else None
