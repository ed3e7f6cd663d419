"""`trainer find-lr`: short real runs with rising learning rates, and the one that validation speaks for.

Each rung is the recipe's own run, cut short: the same rows, batch, warm-up and schedule, from the same weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

from dataprep.errors import InputError
from trainer.rates.advice import Situation, advice
from trainer.rates.ladder import HIGHEST, LOWEST, Choice, RangeTest, Rung, choose, ladder, next_rung, range_test
from trainer.rates.picture import rates_picture
from trainer.ready import Ready
from trainer.recipe import Recipe
from trainer.recipe_file import LoadedRecipe
from trainer.steps import Steps, plan_steps

_RAMP: Final = (1e-6, 1.0)
_RAMP_STEPS: Final = 60
_LEAST_STEPS: Final = 20
_MOST_STEPS: Final = 100
_SHARE: Final = 5
"""A rung has a fifth of the run's steps, within these bounds."""
_VALIDATIONS: Final = 3
_MOST_ROWS: Final = 256
"""Rows of validation that rungs are judged on."""

Note = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """What the ladder came to.

    Attributes:
        choice: the learning rate, if any, and what speaks for and against it.
        rungs: the short runs.
        tested: the range test; None where the loss never fell.
        advice: what the size of the data speaks for.
        steps: of a rung.
        picture, table: files.
        next: the command that comes next.
    """

    choice: Choice
    rungs: tuple[Rung, ...]
    tested: RangeTest | None
    advice: tuple[str, ...]
    steps: int
    picture: Path
    table: Path
    next: str

    def lines(self) -> list[str]:
        """The table and the conclusion, for a person."""
        found = ["learning rate   validation loss"]
        scores = dict(self.choice.scores)
        for rung in self.rungs:
            loss = scores.get(rung.learning_rate)
            said = f"diverged: {rung.diverged}" if rung.diverged else "-" if loss is None else f"{loss:.4f}"
            mark = "   <- chosen" if rung.learning_rate == self.choice.learning_rate else ""
            found.append(f"{rung.learning_rate:<16.3g}{said}{mark}")
        if self.tested is not None:
            bound = self.tested.upper_bound
            found.append(f"range test: the training loss falls up to a rate of {bound:.2g}; none above it is tried")
        rate = self.choice.learning_rate
        found += ["", self.choice.reason if rate is None else f"recommended: {rate:.3g}: {self.choice.reason}"]
        found += [f"note: {line}" for line in (*self.choice.warnings, *self.advice)]
        return [*found, "", f"picture  {self.picture}", f"table    {self.table}"]


def find_rate(
    loaded: LoadedRecipe,
    *,
    steps: int | None = None,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
    allow_download: bool = False,
    on_note: Note | None = None,
) -> Found:
    """Climb the ladder.

    Args:
        loaded: the recipe.
        steps: optimiser steps of a rung; by default a fifth of the run's, at least 20 and at most 100.
        lowest, highest: between which rates.
        allow_download: whether a model that is not on this machine may be fetched.
        on_note: told of each rung.

    Raises:
        InputError: the recipe, the model or the data cannot be used; or bounds make no ladder.
        MachineError: out of memory.
    """
    from trainer.data.prepare import check_limits
    from trainer.ready import make_ready

    if not 0 < lowest <= highest < math.inf:
        raise InputError(f"there are no rates from {lowest:g} to {highest:g}", key="--lowest")
    note = on_note or (lambda _: None)
    ready = make_ready(loaded, allow_download=allow_download)
    check_limits(ready.prepared, loaded.recipe)
    total = plan_steps(len(ready.train), loaded.recipe).total
    each = steps or max(_LEAST_STEPS, min(_MOST_STEPS, total // _SHARE))
    tested = _range_test(loaded, ready)
    if tested is not None:
        note(f"range test: the loss stops falling at {tested.upper_bound:.1e}")
    rates = [rate for rate in ladder(lowest=lowest, highest=highest) if tested is None or rate <= tested.upper_bound]
    rates = rates or [lowest]
    rungs: list[Rung] = []
    trained = 0
    while (rate := next_rung(rates, rungs)) is not None:
        rung, start, trained = _climb(loaded, ready, rate, each)
        rungs.append(rung)
        last = rung.validation[-1][1] if rung.validation else math.nan
        note(f"{rate:.3g}: " + (f"diverged, {rung.diverged}" if rung.diverged else f"validation loss {last:.4f}"))
    choice = choose(rungs, start=start, bound=None if tested is None else tested.upper_bound)
    said = advice(_situation(ready, loaded.recipe, total, choice, rungs, trained, each))
    folder = loaded.runs / f"find-lr-{loaded.recipe.name}"
    folder.mkdir(parents=True, exist_ok=True)
    picture, table = folder / "rates.svg", folder / "rates.json"
    picture.write_text(rates_picture(rungs, choice, tested=tested), encoding="utf-8")
    found = Found(choice, tuple(rungs), tested, tuple(said), each, picture, table, _next(choice, loaded.path))
    table.write_bytes(orjson.dumps(as_dict(found), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return found


def _next(choice: Choice, recipe: Path) -> str:
    """The command that the choice speaks for."""
    if choice.learning_rate is None:
        return f"trainer check {recipe}"
    if choice.climb_to is not None:
        return f"trainer find-lr {recipe} --highest {choice.climb_to:.2g}"
    return f"trainer train {recipe}"


def as_dict(found: Found) -> dict[str, Any]:
    """For `--json`."""
    told = asdict(found)
    return told | {"picture": str(found.picture), "table": str(found.table)}


def _climb(loaded: LoadedRecipe, ready: Ready, rate: float, steps: int) -> tuple[Rung, float, int]:
    """One rung, the validation loss before it, and the number of weights that were trained."""
    validation: list[tuple[int, float]] = []

    def note(values: Mapping[str, Any]) -> None:
        if "validation_loss" in values:
            validation.append((values["tokens"], values["validation_loss"]))

    because, trained = _run(loaded, ready, {"learning_rate": rate}, steps, note)
    diverged = because.removeprefix("alert: ") if because is not None else None
    return Rung(rate, tuple(validation[1:]), diverged), validation[0][1], trained


def _range_test(loaded: LoadedRecipe, ready: Ready) -> RangeTest | None:
    seen: list[tuple[float, float]] = []

    def note(values: Mapping[str, Any]) -> None:
        if "loss" in values:
            seen.append((values["learning_rate"], values["loss"]))

    _run(loaded, ready, {"learning_rate": _RAMP[1]}, _RAMP_STEPS, note, ramp=_RAMP)
    return range_test(seen)


def _run(
    loaded: LoadedRecipe,
    ready: Ready,
    training: Mapping[str, Any],
    steps: int,
    note: Callable[[Mapping[str, Any]], None],
    *,
    ramp: tuple[float, float] | None = None,
) -> tuple[str | None, int]:
    """A short run of the recipe with other settings; returns why it was stopped, and how many weights were trained."""
    from trainer.loop import fit
    from trainer.models.load import load

    recipe = loaded.recipe
    stopping = recipe.training.early_stopping.model_copy(update={"enabled": False})
    short = recipe.model_copy(
        update={
            "training": recipe.training.model_copy(update={**training, "early_stopping": stopping}),
            "monitoring": recipe.monitoring.model_copy(update={"on_alert": "stop"}),
        }
    )
    model = load(ready.folder, short.model, loaded.base, short.training.seed)
    rows = ready.validation.select(range(min(len(ready.validation), _MOST_ROWS)))
    with TemporaryDirectory() as folder:
        fitted = fit(
            model,
            short,
            Steps(steps, steps if ramp else max(1, steps // _VALIDATIONS)),
            train=ready.train,
            validation=rows,
            packed=short.data.packing,
            folder=Path(folder),
            on_values=note,
            checkpoints=False,
            ramp=ramp,
        )
    return fitted.stopped_because, sum(each.numel() for each in model.model.parameters() if each.requires_grad)


def _situation(
    ready: Ready, recipe: Recipe, total: int, choice: Choice, rungs: list[Rung], trained: int, steps: int
) -> Situation:
    prepared = ready.prepared
    seen = max((rung.tokens for rung in rungs), default=0)
    return Situation(
        examples=len(prepared.train),
        trained_tokens=prepared.description["trained_tokens"]["train"],
        epochs=recipe.training.epochs,
        steps=total,
        method=recipe.model.method,
        parameters=trained,
        learning_rate=choice.learning_rate or recipe.training.learning_rate,
        validation_examples=len(prepared.validation),
        rung_tokens=seen or None,
        run_tokens=seen * total // steps,
    )
