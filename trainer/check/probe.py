"""A few real steps, to know what training and validating cost on this machine: in about 20 seconds, on any machine.

A step of a large recipe takes minutes on a processor, so the probe begins with one of 64 tokens and goes on to larger
ones while they fit the time that is left: rows cut to fewer tokens, one row, a batch, the whole step. Rows are drawn at
random, as training draws them. The alternative, the recipe's own step on its longest rows, took 6 min 45 s for 135
million parameters on two cores.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dataprep.console import counted
from trainer.recipe import Recipe
from trainer.steps import Steps

if TYPE_CHECKING:
    import datasets

SECONDS: Final = 20.0
_CUTS: Final = (64, 128, 256, 512)
"""Tokens that a row is cut to, where a whole one takes too long."""
_FEWEST: Final = 2
"""Steps of a size: the first warms up, the second is timed."""
_MOST: Final = 9
_VALIDATING: Final = 1.0
"""Steps that take as long as a validation before and one after."""


@dataclass(frozen=True)
class Layout:
    """The rows of a step: so many sequences at a time, so often, each cut to so many tokens (None: whole)."""

    batch: int
    accumulation: int
    cut: int | None = None

    def tokens(self, mean: float) -> float:
        """Of a step, where a row has so many on average."""
        return self.batch * self.accumulation * (mean if self.cut is None else min(mean, self.cut))

    def text(self) -> str:
        """In words.

        >>> Layout(1, 1, 256).text(), Layout(8, 2).text()
        ('one row cut to 256 tokens', '16 whole rows')
        """
        if self.cut is not None:
            return f"one row cut to {self.cut} tokens"
        rows = self.batch * self.accumulation
        return "one whole row" if rows == 1 else f"{rows:,} whole rows"


@dataclass
class Probed:
    """What was timed.

    Attributes:
        steps: tokens and seconds of each step, warm-up left out.
        validation: tokens and seconds of the last validation; None where the time was up before.
        layout: of the last steps.
        whole: whether these are the recipe's own.
        seconds: that the probe took.
    """

    steps: list[tuple[int, float]] = field(default_factory=list)
    validation: tuple[int, float] | None = None
    layout: Layout = Layout(1, 1)
    whole: bool = False
    seconds: float = 0.0

    def text(self) -> str:
        """In words."""
        whole = "as in the recipe" if self.whole else "less than the recipe's step"
        steps = counted(len(self.steps), "step")
        return f"timed in {self.seconds:.0f} s on {steps} of up to {self.layout.text()}, drawn at random ({whole})"


class _TimeIsUpError(Exception):
    """The time is up."""


def probe(
    model: Any,
    recipe: Recipe,
    train: datasets.Dataset,
    validation: datasets.Dataset,
    *,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Probed:
    """Time steps and a validation. The model is not what it was afterwards.

    Args:
        model: a `trainer.models.load.Loaded`.
        recipe: of the run.
        train, validation: its rows.
        seconds: to take, about; one of the smallest steps is timed in any case.
        clock: seconds, rising.
    """
    until = (began := clock()) + seconds
    mean = sum(map(sum, train["seq_lengths"])) / len(train)
    layouts = layouts_of(recipe.training.batch_size, recipe.training.accumulation, mean)
    found = Probed()
    chosen: tuple[Layout, int] | None = (layouts[0], 3)
    while chosen is not None:
        found.layout, steps = chosen
        found.whole = found.layout == layouts[-1]
        _try(found, model, recipe, steps, train, validation, lambda: clock() > until)
        tokens, taken = found.steps[-1]
        chosen = affordable(layouts[layouts.index(found.layout) + 1 :], mean, taken / tokens, until - clock())
    found.seconds = clock() - began
    return found


def layouts_of(batch: int, accumulation: int, mean: float) -> list[Layout]:
    """What is tried for a step of so many sequences of so many tokens on average, the smallest first.

    >>> [layout.text() for layout in layouts_of(8, 1, 200)]
    ['one row cut to 64 tokens', 'one row cut to 128 tokens', 'one whole row', '8 whole rows']
    """
    cuts = [Layout(1, 1, cut) for cut in _CUTS if cut < mean]
    whole = [Layout(1, 1), Layout(batch, 1), Layout(batch, accumulation)]
    return cuts + list(dict.fromkeys(whole))


def affordable(
    layouts: Sequence[Layout], mean: float, seconds_a_token: float, left: float
) -> tuple[Layout, int] | None:
    """The largest layout of which a warm-up and a timed step fit the time that is left, and how many steps do.

    Args:
        layouts: larger than what was timed, the smallest first.
        mean: tokens of a row.
        seconds_a_token: of the step that was timed; larger ones take less.
        left: seconds.

    >>> affordable([Layout(1, 1), Layout(8, 1)], 1000, 0.003, 20)
    (Layout(batch=1, accumulation=1, cut=None), 5)
    """
    for layout in reversed(layouts):
        step = layout.tokens(mean) * seconds_a_token
        fit = int(left / max(step, 1e-9) - _VALIDATING)
        if fit >= _FEWEST:
            return layout, min(fit, _MOST)
    return None


def _try(
    found: Probed,
    model: Any,
    recipe: Recipe,
    steps: int,
    train: datasets.Dataset,
    validation: datasets.Dataset,
    over: Callable[[], bool],
) -> None:
    """Take steps of the layout that `found` names, and note what they took there."""
    from trainer.loop import fit

    layout, draw = found.layout, np.random.default_rng(recipe.training.seed)
    timed: list[tuple[int, float]] = []
    before = [0, 0.0]

    def note(values: Mapping[str, Any]) -> None:
        if values["step"] == 0 or "alert" in values:
            return
        tokens, seconds = values["tokens"] - int(before[0]), values["seconds"] - before[1]
        before[:] = [values["tokens"], values["seconds"]]
        if "validation_loss" in values:
            found.validation = (sum(map(sum, judged["seq_lengths"])), seconds)
            return
        timed.append((tokens, seconds))
        if len(timed) >= _FEWEST and over():
            raise _TimeIsUpError

    rows = _drawn(train, layout.batch * layout.accumulation * steps, layout.cut, draw)
    judged = _drawn(validation, layout.batch, layout.cut, draw)
    with tempfile.TemporaryDirectory() as folder, suppress(_TimeIsUpError):
        fit(
            model,
            _calm(recipe, layout),
            Steps(steps, steps),
            train=rows,
            validation=judged,
            packed=recipe.data.packing,
            folder=Path(folder),
            on_values=note,
            checkpoints=False,
        )
    found.steps += timed[1:]


def _calm(recipe: Recipe, layout: Layout) -> Recipe:
    """The recipe with a layout, which nothing but the end of its steps ends."""
    early = recipe.training.early_stopping.model_copy(update={"enabled": False})
    changed = {"batch_size": layout.batch, "accumulation": layout.accumulation, "early_stopping": early}
    return recipe.model_copy(
        update={
            "training": recipe.training.model_copy(update=changed),
            "monitoring": recipe.monitoring.model_copy(update={"on_alert": "warn"}),
        }
    )


def _drawn(rows: datasets.Dataset, count: int, cut: int | None, draw: np.random.Generator) -> datasets.Dataset:
    """Rows at random, each once, cut to so many tokens; the last of a cut row is trained on, so that it has a loss."""
    chosen = rows.select(draw.permutation(len(rows))[:count])
    return chosen if cut is None else chosen.map(lambda row: _cut(row, cut), keep_in_memory=True)


def _cut(row: dict[str, list[int]], cut: int) -> dict[str, list[int]]:
    """The first tokens of a row, its documents cut with it.

    >>> _cut({"input_ids": [5, 6, 7, 8], "labels": [-100, -100, 7, 8], "seq_lengths": [3, 1]}, 2)
    {'input_ids': [5, 6], 'labels': [-100, 6], 'seq_lengths': [2]}
    """
    ids = row["input_ids"][:cut]
    ends = np.minimum(np.cumsum(row["seq_lengths"]), len(ids))
    sizes = np.diff(ends, prepend=0)
    labels = [*row["labels"][: len(ids) - 1], ids[-1]]
    return {"input_ids": ids, "labels": labels, "seq_lengths": sizes[sizes > 0].tolist()}
