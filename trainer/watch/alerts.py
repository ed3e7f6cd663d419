"""Alerts while training runs: not a number, diverged, stuck, overfitting, stalled input. Rules on numbers alone.

Divergence has three forms, and looking for one of them misses the others:

- the loss or the gradient norm is not a finite number. The libraries below log such a loss as exactly 0.0
  (`logging_nan_inf_filter` of transformers), so 0.0 without a gradient counts too;
- the loss rises far above its best and stays there. Of training losses that takes a window of steps to tell; one
  validation tells it at once, as it is over all its rows, and the base model's is there to compare with from the start.
  Early stopping's patience is often over before a window is full. Where training loss fell meanwhile, it is
  overfitting instead, however far validation rose;
- the loss lies flat at ln(vocabulary), where every token is equally likely, without a gradient to leave it.

"Rises" is judged by quartiles of the last steps and not on a moving average: one spike, from which runs recover, moves
an average of ten steps to several times its value. The lower quartile now is compared with the upper one at the best:
where single losses differ threefold, as with a batch of one example, the loss must rise further to be told.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

AlertKind = Literal["not_a_number", "diverged", "stuck", "overfitting", "stalled_input"]
STATE_VERSION: Final = 1
_OF_VALIDATIONS: Final = "validation: "
"""Before a kind that validations told of: what steps say does not end it."""
_FIRST: Final = 3
"""The highest of so many losses is what the first two windows are compared with too: else a run that diverges within
its first window would not be seen. For longer it is not, as three small losses may be luck."""


@dataclass(frozen=True)
class Alert:
    """What was recognised at a step, said with its numbers."""

    kind: AlertKind
    step: int
    message: str


@dataclass(frozen=True)
class WatchConfig:
    """When to speak up. Losses are in nats a token."""

    warmup_steps: int = 0
    """Steps in which a loss near ln(vocabulary) is where an untrained model begins, and no alert."""
    window: int = 20
    """Logged steps that a judgement is made on; shorter for runs of a few dozen steps."""
    diverged_factor: float = 2.0
    """Diverged: three quarters of the window lie above this many times its lowest upper quartile so far …"""
    diverged_rise: float = 0.5
    """… and above that by so much: near 0, twice the loss is nothing."""
    stuck_distance: float = 0.02
    """Stuck: the whole window lies within this share of ln(vocabulary) …"""
    stuck_grad_norm: float = 1e-3
    """… with gradient norms of at most this."""
    validation_rise: float = 1.0
    """Diverged: a validation is by so much above the best so far …"""
    validation_factor: float = 3.0
    """… and so many times as high; twice is what short runs with a high rate recover from within a validation …"""
    guessing_share: float = 0.98
    """… or at least this share of ln(vocabulary), which is guessing …"""
    clear_share: float = 0.9
    """… while the best lay below this share of it; but not where …"""
    learning_fall: float = 0.1
    """… training loss has fallen by this share since: that is overfitting. Less is noise, as the training loss of a
    step is of the weights before it."""
    validations: int = 3
    """Overfitting: so many validations in a row above the best, while training loss is below what it was then …"""
    overfitting_rise: float = 0.01
    """… by at least this much."""
    waiting_share: float = 0.5
    """Stalled: more than this share of the window's time went into waiting for input …"""
    long_step_factor: float = 20.0
    """… or a step took this many times the median …"""
    long_step_seconds: float = 60.0
    """… and this much longer, and at least half of it was waiting, where that is known."""


class Watcher:
    """Watches one run. Each kind is told once when it begins, and again only after it had gone.

    `vocabulary` is the number of tokens that the model can predict; None leaves out the judgement that needs it.
    `state()` and `restore()` carry everything over a resume as JSON, so that a resumed run alerts as an unbroken one.

    >>> watcher = Watcher(32_000, WatchConfig())
    >>> [alert] = watcher.step(7, math.nan, 1.5, 0.4)
    >>> alert.kind, alert.message
    ('not_a_number', 'at step 7 the loss is nan: it is not a number any more, and neither are the weights')
    """

    def __init__(self, vocabulary: int | None, config: WatchConfig | None = None) -> None:
        self._config = config or WatchConfig()
        self._uniform = math.log(vocabulary) if vocabulary and vocabulary > 1 else None
        self._losses: list[float] = []
        self._norms: list[float] = []
        self._seconds: list[float] = []
        self._waited: list[float] = []
        self._best: tuple[int, float] | None = None
        """Step and value of the lowest upper quartile of a window."""
        self._first: tuple[int, float] | None = None
        """Step and highest of the first losses."""
        self._seen = 0
        """Finite losses so far."""
        self._between: list[float] = [0.0, 0.0]
        """Sum and number of training losses since the last validation."""
        self._best_validation: tuple[int, float, float | None] | None = None
        """Step, validation loss, and mean training loss before it."""
        self._begun: float | None = None
        """The first training loss: it is of the base model, as the validation of step 0 is."""
        self._above: int = 0
        self._told: set[str] = set()
        """Kinds that are the case, by what told of them: steps, or validations (`_OF_VALIDATIONS`)."""

    def step(
        self, step: int, loss: float, grad_norm: float | None, seconds: float, waiting: float | None = None
    ) -> list[Alert]:
        """What a logged step says.

        `grad_norm` is before clipping. `seconds` is what an optimiser step took, without validation and saving (a mean
        where several steps are logged together); `waiting` what of it was spent on waiting for input, if known.
        """
        broken = self._not_a_number(step, loss, grad_norm)
        if broken is None:
            self._remember(loss, grad_norm)
        rose = None if broken else self._diverged(step)
        flat = None if broken or rose else self._stuck(step)
        stalled = self._stalled(step, seconds, waiting)
        self._keep(self._seconds, seconds)
        found: dict[AlertKind, str | None] = {
            "not_a_number": broken,
            "diverged": rose,
            "stuck": flat,
            "stalled_input": stalled,
        }
        return self._newly(step, found)

    def validation(self, step: int, loss: float) -> list[Alert]:
        """What a validation says; `loss` in nats a token. That of step 0, the base model, is what others rise from."""
        total, count = self._between
        trained = total / count if count else None
        self._between = [0.0, 0.0]
        found: dict[AlertKind, str | None] = {"not_a_number": None, "diverged": None}
        if math.isfinite(loss):
            found["diverged"] = self._far_above(step, loss, trained)
            found["overfitting"] = self._overfitting(step, loss, trained)
        else:
            found["not_a_number"] = f"at step {step:,} the validation loss is {loss}"
        return self._newly(step, found, _OF_VALIDATIONS)

    def state(self) -> dict[str, Any]:
        """Everything that was learned so far, as JSON."""
        return {
            "version": STATE_VERSION,
            "losses": list(self._losses),
            "norms": list(self._norms),
            "seconds": list(self._seconds),
            "waited": list(self._waited),
            "best": self._best and list(self._best),
            "first": self._first and list(self._first),
            "seen": self._seen,
            "between": list(self._between),
            "best_validation": self._best_validation and list(self._best_validation),
            "begun": self._begun,
            "above": self._above,
            "told": sorted(self._told),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state()`. Raises `ValueError` for one of another version."""
        if state.get("version") != STATE_VERSION:
            raise ValueError(f"state of version {state.get('version')}, not {STATE_VERSION}")
        self._losses, self._norms = list(state["losses"]), list(state["norms"])
        self._seconds, self._waited = list(state["seconds"]), list(state["waited"])
        self._best, self._first = _pair(state["best"]), _pair(state["first"])
        self._seen = int(state["seen"])
        self._between = list(state["between"])
        best = state["best_validation"]
        self._best_validation = (int(best[0]), float(best[1]), best[2]) if best else None
        self._begun = state.get("begun")  # not in states of before it was looked at
        self._above = int(state["above"])
        self._told = set(state["told"])

    def _newly(self, step: int, found: Mapping[AlertKind, str | None], teller: str = "") -> list[Alert]:
        """Alerts for what was not the case before, whoever told of it."""
        known = {told.removeprefix(_OF_VALIDATIONS) for told in self._told}
        alerts = [Alert(kind, step, said) for kind, said in found.items() if said and kind not in known]
        self._told -= {teller + kind for kind in found}
        self._told |= {teller + kind for kind, said in found.items() if said}
        return alerts

    def _keep(self, values: list[float], value: float) -> None:
        values.append(float(value))
        del values[: -self._config.window]

    def _remember(self, loss: float, grad_norm: float | None) -> None:
        self._begun = loss if self._begun is None else self._begun
        self._between = [self._between[0] + loss, self._between[1] + 1]
        self._keep(self._losses, loss)
        self._seen += 1
        if grad_norm is not None:
            self._keep(self._norms, grad_norm)

    def _not_a_number(self, step: int, loss: float, grad_norm: float | None) -> str | None:
        if not math.isfinite(loss):
            return f"at step {step:,} the loss is {loss}: it is not a number any more, and neither are the weights"
        if grad_norm is not None and not math.isfinite(grad_norm):
            return f"at step {step:,} the gradient norm is {grad_norm} (loss {loss:.4g}): the weights are lost"
        if loss == 0.0 and not grad_norm:
            norm = "no gradient norm" if grad_norm is None else "gradient norm 0"
            return (
                f"at step {step:,} the loss is exactly 0.0 with {norm}: that is how a loss that is not a number is "
                "logged, or a batch in which nothing is trained on"
            )
        return None

    def _diverged(self, step: int) -> str | None:
        config = self._config
        if len(self._losses) == _FIRST and self._first is None:
            self._first = (step, max(self._losses))
        if len(self._losses) < config.window:
            return None
        ranked = sorted(self._losses)
        low, high = ranked[len(ranked) // 4], ranked[3 * len(ranked) // 4]
        if self._best is None or high < self._best[1]:
            self._best = (step, high)
        bests = [self._best]
        if self._first is not None and self._seen <= 2 * config.window:
            bests.append(self._first)
        at, best = min(bests, key=lambda best: best[1])
        if low <= max(best * config.diverged_factor, best + config.diverged_rise):
            return None
        return (
            f"three quarters of the last {config.window} logged losses up to step {step:,} lie above {low:.4g}; at its "
            f"best, around step {at:,}, three quarters lay below {best:.4g}"
        )

    def _far_above(self, step: int, loss: float, trained: float | None) -> str | None:
        config = self._config
        if self._best_validation is None or self._fell(trained, config.learning_fall):
            return None
        at, best, _ = self._best_validation
        where = f"at step {at:,}" if at else "before training"
        if loss > max(best * config.validation_factor, best + config.validation_rise):
            return (
                f"the validation loss at step {step:,} is {loss_text(loss)}, far above its best of {loss_text(best)} "
                f"{where}"
            )
        uniform = self._uniform
        if uniform is None or best >= uniform * config.clear_share or loss < uniform * config.guessing_share:
            return None
        return (
            f"the validation loss at step {step:,} is {loss_text(loss)}, no better than ln(vocabulary) = "
            f"{uniform:.4g}, where every token is equally likely; its best was {loss_text(best)} {where}"
        )

    def _fell(self, trained: float | None, share: float = 0.0) -> bool:
        """Whether training loss is below what it was at the best validation, by a share of it."""
        then = self._best_validation[2] if self._best_validation else None
        then = self._begun if then is None else then
        return trained is not None and then is not None and trained < then * (1 - share)

    def _stuck(self, step: int) -> str | None:
        config = self._config
        if self._uniform is None or step <= config.warmup_steps:
            return None
        if min(len(self._losses), len(self._norms)) < config.window:
            return None
        far = max(abs(loss - self._uniform) for loss in self._losses)
        norm = max(self._norms)
        if far > config.stuck_distance * self._uniform or norm > config.stuck_grad_norm:
            return None
        return (
            f"the loss lies at {self._losses[-1]:.4g}, which is ln(vocabulary) = {self._uniform:.4g}: every token is "
            f"equally likely. The gradient norm was at most {norm:.1e} in the last {config.window} logged steps up to "
            f"step {step:,}, so nothing moves it"
        )

    def _stalled(self, step: int, seconds: float, waiting: float | None) -> str | None:
        config = self._config
        if waiting is not None:
            self._keep(self._waited, waiting)
        recent = [*self._seconds, seconds][-len(self._waited) :] if self._waited else []
        if len(self._waited) == config.window and len(recent) == config.window and sum(recent) > 0:
            share = sum(self._waited) / sum(recent)
            if share > config.waiting_share:
                return (
                    f"{share:.0%} of the time of the last {config.window} logged steps up to step {step:,} went into "
                    f"waiting for input ({sum(self._waited):.1f} of {sum(recent):.1f} s)"
                )
        if len(self._seconds) < config.window // 2:
            return None
        usual = statistics.median(self._seconds)
        long = seconds > config.long_step_factor * usual and seconds > usual + config.long_step_seconds
        if not long or (waiting is not None and waiting < seconds / 2):
            return None
        known = "" if waiting is None else f", {waiting:.0f} s of it waiting for input"
        return f"step {step:,} took {seconds:.0f} s{known}; the median is {usual:.2f} s"

    def _overfitting(self, step: int, loss: float, trained: float | None) -> str | None:
        config = self._config
        if self._best_validation is None or loss < self._best_validation[1]:
            self._best_validation, self._above = (step, loss, trained), 0
            return None
        at, best, trained_then = self._best_validation
        trained_then = self._begun if trained_then is None else trained_then
        self._above = self._above + 1 if loss - best >= config.overfitting_rise else 0
        if trained is None or trained_then is None or not self._fell(trained) or self._above < config.validations:
            return None
        return (
            f"validation loss is {loss:.4g}, {loss - best:.3f} above its best of {best:.4g} at step {at:,}, for "
            f"{self._above} validations in a row, while training loss fell from {trained_then:.4g} to {trained:.4g}: "
            f"overfitting since step {at:,}"
        )


def loss_text(loss: float) -> str:
    """A loss with four digits, and no exponent where it has left all bounds.

    >>> loss_text(2.53412), loss_text(30389.4)
    ('2.534', '30,389')
    """
    return f"{loss:.4g}" if abs(loss) < 1e4 else f"{loss:,.0f}" if abs(loss) < 1e15 else f"{loss:.3g}"


def _pair(value: Sequence[float] | None) -> tuple[int, float] | None:
    return (int(value[0]), float(value[1])) if value else None


def ended(alerts: Sequence[Alert]) -> Alert | None:
    """The alert for which a run stops under `on_alert: stop`: any but overfitting, which early stopping ends.

    >>> ended([Alert("overfitting", 9, "…")]) is None
    True
    """
    return next((alert for alert in alerts if alert.kind != "overfitting"), None)
