"""The charts of a report: each a picture, and the same numbers as a table for who cannot see it or wants to copy."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trainer.page.charts import Mark, Point, Series, line_chart
from trainer.watch.verdict import Verdict

MAX_ROWS: Final = 60
"""Lines of a table; of a longer series evenly many, the last among them. All are in metrics.jsonl."""
_LOSS: Final = "nats a token"
_FORMS: Final = {_LOSS: ".4f", "MB": ",.0f"}
"""How numbers of a unit stand in a table, where five significant digits do not suit."""
_ALERTS: Final = {
    "not_a_number": "not a number",
    "diverged": "diverged",
    "stuck": "stuck",
    "overfitting": "overfitting",
    "stalled_input": "input stalls",
}


@dataclass(frozen=True)
class Curve:
    """A chart with its table.

    Attributes:
        title: what it shows.
        note: how to read it, in a sentence.
        svg: the picture.
        columns, rows: the table, the step first.
        left_out: steps that the table does not show.
    """

    title: str
    note: str
    svg: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    left_out: int


def curves(metrics: Sequence[Mapping[str, Any]], resumed: Sequence[int] = ()) -> list[Curve]:
    """All charts of a run; one of which nothing was measured is left out.

    Args:
        metrics: lines of the run.
        resumed: steps at which it was continued.
    """
    loss, validation = points(metrics, "loss"), points(metrics, "validation_loss")
    marks = _marks(metrics, resumed)
    measured = [
        _curve(
            "Loss",
            "The line without dots is of single steps; each dot is a validation over all its rows.",
            _LOSS,
            [Series("training", loss), Series("validation", validation, dots=True)],
            marks,
        ),
        _curve(
            "Gap",
            "Validation loss minus the mean training loss since the validation before: what grows is learnt by heart.",
            _LOSS,
            [Series("gap", gap(loss, validation), dots=True)],
        ),
        _curve("Learning rate", "As it was used at each step.", "rate", [_series(metrics, "learning_rate")]),
        _curve("Gradient norm", "Before it was clipped.", "norm", [_series(metrics, "grad_norm")]),
        _curve(
            "Throughput", "Tokens that were trained on, padding not counted.", "tokens/s",
            [_series(metrics, "tokens_per_second")],
        ),
        _curve("Memory", "The most that was in use so far.", "MB", [_series(metrics, "memory_mb")]),
    ]  # fmt: skip
    return [curve for curve in measured if curve is not None]


def points(metrics: Sequence[Mapping[str, Any]], key: str) -> list[Point]:
    """Step and value of each line that has a number for a key; one that is not finite is a gap in the line.

    >>> points([{"step": 1, "loss": 2.0}, {"step": 1, "validation_loss": 1.5}], "loss")
    [(1, 2.0)]
    """
    return [(line["step"], float(line[key])) for line in metrics if isinstance(line.get(key), int | float)]


def gap(loss: Sequence[Point], validation: Sequence[Point]) -> list[Point]:
    """For each validation, its loss minus the mean training loss of the steps since the one before.

    >>> gap([(1, 3.0), (2, 2.0), (3, 1.0)], [(2, 2.75), (3, 2.5)])
    [(2, 0.25), (3, 1.5)]
    """
    found, before = [], -math.inf
    for step, value in validation:
        since = [each for at, each in loss if before < at <= step and math.isfinite(each)]
        if since and math.isfinite(value):
            found.append((step, value - statistics.fmean(since)))
        before = step
    return found


def _series(metrics: Sequence[Mapping[str, Any]], key: str) -> Series:
    return Series(key.replace("_", " "), points(metrics, key))


def _curve(title: str, note: str, unit: str, series: Sequence[Series], marks: Sequence[Mark] = ()) -> Curve | None:
    drawn = [each for each in series if each.points]
    if not drawn:
        return None
    form = _FORMS.get(unit, ",.5g")
    svg = line_chart(drawn, title=title, x_label="step", y_label=unit, marks=marks)
    steps = sorted({step for each in drawn for step, _ in each.points})
    kept = _evenly(steps, {step for each in drawn if each.dots for step, _ in each.points})
    values = [dict(each.points) for each in drawn]
    rows = [(step, *(f"{of[step]:{form}}" if step in of else None for of in values)) for step in kept]
    columns = ("step", *(f"{each.name}, {unit}" if len(drawn) > 1 else unit for each in drawn))
    return Curve(title, note, svg, columns, rows, len(steps) - len(kept))


def _evenly(steps: Sequence[float], wanted: set[float]) -> list[float]:
    """At most MAX_ROWS steps: those wanted before others."""
    if len(steps) <= MAX_ROWS:
        return list(steps)
    chosen = sorted(wanted) or steps
    if len(chosen) <= MAX_ROWS:
        return list(chosen)
    return [chosen[round(index * (len(chosen) - 1) / (MAX_ROWS - 1))] for index in range(MAX_ROWS)]


def _marks(metrics: Sequence[Mapping[str, Any]], resumed: Sequence[int]) -> list[Mark]:
    """The best validation, where the run went on after a break, and the first alert of each kind."""
    at = Verdict.of(metrics).best_step
    best = [] if at is None else [Mark(at, "best")]
    alerts: dict[str, float] = {}
    for line in metrics:
        if "alert" in line:
            alerts.setdefault(str(line["alert"]), line["step"])
    said = [Mark(step, _ALERTS.get(kind, kind), "bad") for kind, step in alerts.items()]
    return best + [Mark(step, "resumed") for step in resumed] + said
