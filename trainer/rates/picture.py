"""The picture of a search for a learning rate: validation loss by rate, what diverged, what was chosen."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.page.charts import SERIES_AT_MOST, Mark, Series, line_chart
from trainer.rates.ladder import Choice, RangeTest, Rung


def rates_picture(rungs: Sequence[Rung], choice: Choice, *, tested: RangeTest | None = None) -> str:
    """One SVG: loss over the learning rate on a logarithmic axis. What diverged has no loss and stands as a cross.

    >>> from trainer.rates.ladder import choose
    >>> rungs = [Rung(1e-5, ((10, 2.5),)), Rung(1e-4, ((10, 2.0),)), Rung(1e-3, (), "the loss is nan")]
    >>> svg = rates_picture(rungs, choose(rungs))
    >>> "1e-4 chosen" in svg, "1e-3 diverged" in svg
    (True, True)
    """
    points = [(rate, loss) for rate, loss in choice.scores if loss is not None]
    marks = [Mark(rung.learning_rate, f"{_rate_text(rung.learning_rate)} diverged", "bad") for rung in _diverged(rungs)]
    if choice.learning_rate is not None:
        marks.append(Mark(choice.learning_rate, f"{_rate_text(choice.learning_rate)} chosen"))
    if tested is not None:
        marks.append(Mark(tested.upper_bound, f"upper bound {_rate_text(tested.upper_bound)}"))
    return line_chart(
        [Series("validation loss", points, dots=True)],
        title="Validation loss by learning rate",
        x_label="learning rate",
        y_label="nats a token",
        marks=marks,
        description=_description(rungs, choice),
        x_log=True,
    )


def curves_picture(rungs: Sequence[Rung]) -> str:
    """One SVG: validation loss over tokens seen, a line for each rate; the highest six where there are more."""
    shown = sorted((rung for rung in rungs if rung.validation), key=lambda rung: rung.learning_rate)[-SERIES_AT_MOST:]
    return line_chart(
        [Series(_rate_text(rung.learning_rate), rung.validation, dots=True) for rung in shown],
        title="Validation loss while training, by learning rate",
        x_label="tokens seen",
        y_label="nats a token",
    )


def _rate_text(rate: float) -> str:
    """A learning rate as recipes have it.

    >>> _rate_text(3.16e-4), _rate_text(0.01)
    ('3.16e-4', '1e-2')
    """
    digits, power = f"{rate:.2e}".split("e")
    return f"{float(digits):g}e{int(power)}"


def _diverged(rungs: Sequence[Rung]) -> list[Rung]:
    return [rung for rung in rungs if rung.diverged]


def _description(rungs: Sequence[Rung], choice: Choice) -> str:
    """The conclusion, for who does not see the picture."""
    rate = "No rate" if choice.learning_rate is None else f"{_rate_text(choice.learning_rate)} is"
    losses = [f"{_rate_text(rate)}: {loss:.4g}" for rate, loss in choice.scores if loss is not None]
    bad = [f"{_rate_text(rung.learning_rate)} diverged ({rung.diverged})" for rung in _diverged(rungs)]
    return f"{rate} chosen: {choice.reason}. {'; '.join([*losses, *bad])}"
