"""What measuring budgets found, and its form as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Scope = Literal["overall", "rule", "slice"]


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One budget, measured.

    Attributes:
        name: how `accept-budget` and a decisions file call it: `overall`, the rule's name, or the slice's values, as in
            `label=refund`.
        scope: whose budget it is.
        key: where it stands in the pipeline file, dotted.
        values: for a slice its columns and their values; null where records have none.
        rules: for a slice the rules that it counts; empty for all.
        records: ingested records of the slice, or of the run.
        gone: those of them that were dropped or held.
        share: gone / records, 0..1; 0 without records.
        budget: the share that the pipeline file allows, 0..1.
        allowed: the share that applies: `budget`, or what a person accepted where that is more.
        over: whether `share` is more than `allowed`.
        taken_by: rules that took most, with their number of records; known of lines over their budget, like the next.
        taken_from: sources that lost most, with their number of records.
        examples: ids of up to three of the records.
    """

    name: str
    scope: Scope
    key: str
    values: dict[str, str | None]
    rules: tuple[str, ...]
    records: int
    gone: int
    share: float
    budget: float
    allowed: float
    over: bool
    taken_by: tuple[tuple[str, int], ...] = ()
    taken_from: tuple[tuple[str, int], ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """All budgets of a run, measured.

    Attributes:
        lines: the worst first, by how far they are over (or under) what is allowed; a slice budget has a line for each
            slice over it, up to a thousand, and for the slice that comes closest.
        measured: how many budgets were measured, each slice counted.
        exceeded: how many of them are over.
        warnings: sources that lost more than half, where no budget speaks of sources, one sentence each.
        notes: accepted budgets that met nothing, one sentence each.
    """

    lines: tuple[BudgetLine, ...] = ()
    measured: int = 0
    exceeded: int = 0
    warnings: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())

    @property
    def over(self) -> tuple[BudgetLine, ...]:
        """The lines over what is allowed: where there is one, nothing may be published."""
        return tuple(line for line in self.lines if line.over)

    def as_dict(self) -> dict[str, Any]:
        """As JSON-able values; `from_dict` is the inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> BudgetReport:
        """A report from what `as_dict` gave, also after a way through JSON, which knows no tuples.

        >>> BudgetReport.from_dict(BudgetReport(warnings=("careful",)).as_dict()).warnings
        ('careful',)
        """
        return cls(
            lines=tuple(_line(line) for line in values["lines"]),
            measured=values["measured"],
            exceeded=values["exceeded"],
            warnings=tuple(values["warnings"]),
            notes=tuple(values["notes"]),
        )


def _line(values: dict[str, Any]) -> BudgetLine:
    pairs = {key: tuple((name, count) for name, count in values[key]) for key in ("taken_by", "taken_from")}
    return BudgetLine(**values | pairs | {key: tuple(values[key]) for key in ("rules", "examples")})


def percent(share: float) -> str:
    """A share with four figures: enough to tell 5.012 % from the 5 % that are allowed.

    >>> percent(0.05012), percent(0.3), percent(1)
    ('5.012 %', '30 %', '100 %')
    """
    return f"{100 * share:.4g} %"
