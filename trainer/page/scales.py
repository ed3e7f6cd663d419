"""Axes: from values to places, and the round numbers that are written beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SMALLEST: Final = 1e-30
LARGEST: Final = 1e30
"""Sizes that an axis has room for: what training logs lies between, or is as good as no number."""
_STEPS: Final = (1.0, 2.0, 5.0, 10.0)
_UNITS: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_WITHIN_DECADE: Final = (1, 2, 5)


@dataclass(frozen=True)
class Scale:
    """One axis: values from `low` to `high`, placed on 0 to 1; with `log`, equal ratios are equally far apart."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies: 0 at `low`, 1 at `high`, beyond these for values outside.

        >>> Scale(1e-5, 1e-3, log=True).place(1e-4)
        0.5
        """
        low, high, value = (math.log10(number) if self.log else number for number in (self.low, self.high, value))
        return round((value - low) / (high - low), 9)

    def ticks(self, about: int = 5) -> list[float]:
        """Round numbers within the axis, rising: about as many as asked for.

        >>> Scale(0, 1).ticks()
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        >>> Scale(1e-5, 1e-3, log=True).ticks()
        [1e-05, 2e-05, 5e-05, 0.0001, 0.0002, 0.0005, 0.001]
        """
        return self._decades(about) if self.log else self._rounds(about)

    def _rounds(self, about: int) -> list[float]:
        rough = (self.high - self.low) / about
        size = 10.0 ** math.floor(math.log10(rough))
        step = min((size * each for each in _STEPS), key=lambda step: abs(step - rough))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        digits = max(0, 2 - math.floor(math.log10(step)))
        return [round(index * step, digits) for index in range(first, last + 1)]

    def _decades(self, about: int) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        within = _WITHIN_DECADE if last - first <= about / 2 + 1 else (1,)
        every = max(1, round((last - first) / about))
        marks = [float(f"{digit}e{power}") for power in range(first, last + 1, every) for digit in within]
        found = [mark for mark in marks if self.low * (1 - 1e-9) <= mark <= self.high * (1 + 1e-9)]
        return found if len(found) > 1 else self._rounds(about)


def fits(value: float, *, log: bool) -> bool:
    """Whether a value can stand on an axis: finite, on a logarithmic one positive.

    >>> fits(0.0, log=False), fits(0.0, log=True), fits(math.inf, log=False), fits(math.nan, log=False)
    (True, False, False, False)
    """
    return abs(value) <= LARGEST and (value >= SMALLEST or not log)


def scale_of(values: Sequence[float], *, log: bool, room: float) -> Scale:
    """An axis for finite values, with `room` (a share of the axis) left on both sides.

    One value alone gets an axis around it. A linear axis of values that are not negative does not reach below 0.
    """
    low, high = min(values), max(values)
    if log:
        ratio = (high / low) ** room if high > low else 2.0
        return Scale(low / ratio, high * ratio, log=True)
    margin = (high - low) * room if high > low else abs(high) * 0.1 or 1.0
    # Losses of one run can differ in the last digits only: an axis must be wider than what a float can tell apart.
    margin = max(margin, abs(high) * 1e-9, SMALLEST)
    return Scale(max(0.0, low - margin) if low >= 0 else low - margin, high + margin)


def number_text(value: float) -> str:
    """A number as it stands beside an axis: short, exact enough for a tick.

    >>> [number_text(value) for value in (0, 0.05, 2e-4, 31.6e-6, 1234, 25_000, 1.5e6, 3e9)]
    ['0', '0.05', '2e-4', '3.16e-5', '1,234', '25k', '1.5M', '3G']
    """
    size = abs(value)
    if 0 < size <= 1e-3:
        return _power_text(value)
    unit, name = _unit(size)
    if name:
        return f"{value / unit:.4g}{name}" if size < 1e15 else f"{value:.2e}"
    return _plain_text(value)


def tick_texts(ticks: Sequence[float], *, log: bool = False) -> list[str]:
    """Numbers beside one axis, all in one form: the unit of the largest, or powers of ten where these are shorter.

    A logarithmic axis has powers below 0.1 already: they are what learning rates are named by.

    >>> tick_texts([0, 4_000, 8_000, 12_000]), tick_texts([0, 0.001, 0.002])
    (['0', '4k', '8k', '12k'], ['0', '0.001', '0.002'])
    >>> tick_texts([0, 5e-4, 1e-3, 1.5e-3]), tick_texts([1e-3, 1e-2, 1e-1], log=True)
    (['0', '5e-4', '1e-3', '1.5e-3'], ['1e-3', '1e-2', '1e-1'])
    """
    sizes = [abs(value) for value in ticks if value] or [1.0]
    smallest, largest = min(sizes), max(sizes)
    wide = log and largest >= 1e4 and largest > 1e3 * smallest
    if smallest < (0.1 if log else 1e-3) or wide or largest >= 1e12:
        return [_power_text(value) if value else "0" for value in ticks]
    unit, name = _unit(largest)
    return [f"{value / unit:,.4g}{name}" if value and name else _plain_text(value) for value in ticks]


def _plain_text(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _power_text(value: float) -> str:
    digits, power = f"{value:.2e}".split("e")
    return f"{float(digits):g}e{int(power)}"


def _unit(size: float) -> tuple[float, str]:
    """What numbers of a size are said in; thousands from ten thousand on."""
    return next(((unit, name) for unit, name in _UNITS if size >= max(unit, 1e4)), (1.0, ""))
