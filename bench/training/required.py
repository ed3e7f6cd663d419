"""Measured beside required, the same way for every figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """A figure with what it must be.

    >>> print(Figure("trained tokens a second, ours over TRL's", 3.21, "at least", 2.0, "times"))
    met     trained tokens a second, ours over TRL's: 3.21 times; required at least 2 times
    >>> Figure("share of a step in our own listeners", 2.5, "at most", 2.0, "%").met
    False
    """

    name: str
    measured: float
    relation: Literal["at least", "at most"]
    required: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether it is what it must be."""
        return self.measured >= self.required if self.relation == "at least" else self.measured <= self.required

    def __str__(self) -> str:
        verdict = "met    " if self.met else "MISSED "
        asked = f"required {self.relation} {self.required:g} {self.unit}"
        return f"{verdict} {self.name}: {self.measured:.3g} {self.unit}; {asked}"
