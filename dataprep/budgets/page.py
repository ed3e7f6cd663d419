"""The page that a run over budget leaves: what would have gone, how much was allowed, and who took it from where."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from dataprep.budgets.report import BudgetLine, BudgetReport, percent
from dataprep.console import clip, counted, one_line, table
from dataprep.errors import RefusedError

_SHOWN: Final = 20
"""Budgets on the page; JSON has the others."""
_ID_WIDTH: Final = 40


class BudgetError(RefusedError):
    """Budgets are exceeded; nothing was published. Exit code 1.

    Args:
        report: what was measured; at least one line is over.
        run_id: the run, whose tables were kept for `dataprep held` and `dataprep sql`.

    Attributes:
        report: as given; `report.as_dict()` is the page for programs.
        run_id: as given.
    """

    def __init__(self, report: BudgetReport, run_id: str) -> None:
        worst = report.over[0]
        exceeded = "a budget is exceeded" if report.exceeded == 1 else f"{report.exceeded:,} budgets are exceeded"
        accept = f"dataprep accept-budget {run_id} {shlex.quote(worst.name)} --because …"
        super().__init__(
            f"{exceeded}; nothing was published",
            key=worst.key,
            step="budgets",
            hint=f"look with `dataprep held {run_id}` or `dataprep show {run_id} --dropped`; "
            f"then mend the rules, raise {worst.key}, or `{accept}`",
        )
        self.report = report
        self.run_id = run_id

    def __str__(self) -> str:
        head, next_line, hint = super().__str__().partition("\n  next: ")
        return "\n".join([head, "", *page(self.report), next_line.removeprefix("\n") + hint])


def page(report: BudgetReport, width: int | None = None) -> list[str]:
    """The page as lines for a terminal, the worst budget first; only budgets that are over.

    Args:
        report: what was measured.
        width: columns of the terminal, to which the table is cut; None to show names in full.
    """
    over = report.over[:_SHOWN]
    rows = [(one_line(line.name), line.records, line.gone, percent(line.share), percent(line.allowed)) for line in over]
    lines = table(["budget", "records", "gone", "share", "allowed"], rows, width=width) if over else []
    if report.exceeded > len(over):
        lines.append(f"and {report.exceeded - len(over):,} more")
    for line in over:
        lines += ["", *_losses(line)]
    return [*lines, ""] if lines else []


def _losses(line: BudgetLine) -> list[str]:
    body = [f"{one_line(line.name)} would lose {line.gone:,} of {counted(line.records, 'record')}"]
    if line.taken_by:
        body.append(f"  by        {_listed(line.taken_by)}")
    if line.taken_from:
        body.append(f"  from      {_listed(line.taken_from)}")
    if line.examples:
        body.append(f"  such as   {', '.join(clip(one_line(record), _ID_WIDTH) for record in line.examples)}")
    return body


def _listed(counts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{clip(one_line(name), _ID_WIDTH)} {count:,}" for name, count in counts)
