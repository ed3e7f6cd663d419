"""Remarks in words on how a run went, from its logged numbers: what a person would say who looks at the curves.

Alerts that were logged are taken as they are; where none was (a run of others, alerts switched off), the same rules are
applied to the numbers anew, so that report and alert never say different things.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from trainer.watch.alerts import Watcher, loss_text
from trainer.watch.stopping import EarlyStopping
from trainer.watch.verdict import Verdict

_SMALL_FALL: Final = 0.005
"""A validation loss that falls by a smaller share than this has not fallen."""
_LITTLE_LEARNT: Final = 0.02
"""A run whose validation loss fell by a smaller share than this has learnt little."""
_RISE: Final = 0.01
"""Nats a token by which the last validations must lie above the best to be called overfitting."""
_GAP: Final = 0.3
"""Nats a token between validation and training loss that are worth a remark."""
_SPIKE: Final = 2.0
"""A loss this many times the median around it is a spike, if it is also …"""
_SPIKE_RISE: Final = 0.5
"""… this many nats above, and …"""
_SPIKE_DEVIATIONS: Final = 6.0
"""… as many standard deviations above, in logarithms: small batches make losses uneven, which is no spike."""
_AROUND: Final = 25
"""Logged steps before and after that a spike is judged by."""
_START: Final = 10
"""Logged steps that a run begins with, where it is compared with what came later."""
_MANY_SPIKES: Final = 0.02
"""Share of logged steps: more spikes than this are a sign of too high a learning rate."""
_CLIPPED: Final = 0.9
"""Share of logged steps after warm-up whose gradient was clipped: more mean that clipping sets the step."""
_SLOWER: Final = 0.6
"""The last quarter is slower than the first if it has less than this share of its tokens a second."""
_FEW: Final = 4
"""Validations (or quarters of ten losses) needed before a trend is spoken of."""


class _Loss(NamedTuple):
    step: int
    loss: float


@dataclass(frozen=True)
class _Run:
    """The numbers of a run, sorted out."""

    losses: list[_Loss]
    """Finite training losses."""
    validations: list[_Loss]
    """Finite validation losses."""
    norms: list[_Loss]
    """Finite gradient norms."""
    rates: list[float]
    """Learning rates as logged."""
    speeds: list[float]
    """Tokens a second."""
    alerts: list[tuple[int, str, str]]
    """Step, kind and message."""
    last_step: int
    vocabulary: int | None
    planned_steps: int | None
    stopped_early: bool
    max_grad_norm: float | None
    least_gain: float
    verdict: Verdict

    @property
    def best(self) -> _Loss | None:
        step, loss = self.verdict.best_step, self.verdict.best_validation_loss
        return None if step is None or loss is None else _Loss(step, loss)

    def trained_near(self, step: int) -> float | None:
        """Mean training loss of the tenth of the run that ends at a step."""
        span = max(1, self.last_step // 10)
        near = [each.loss for each in self.losses if step - span < each.step <= step]
        return statistics.fmean(near) if near else None

    def broken(self) -> list[tuple[int, str, str]]:
        return [alert for alert in self.alerts if alert[1] in ("not_a_number", "diverged", "stuck")]


def remarks(
    metrics: Sequence[Mapping[str, object]],
    *,
    vocabulary: int | None = None,
    planned_steps: int | None = None,
    stopped_early: bool = False,
    max_grad_norm: float | None = None,
    least_gain: float = 0.0,
) -> list[str]:
    """What there is to say about a finished or running run, the most important first.

    `metrics` are the lines of `metrics.jsonl`: training, validation and alert lines in any mixture; keys that are
    missing or no numbers are passed over. `vocabulary` helps to see a run that never began to learn, `planned_steps`
    and `stopped_early` say what early stopping saved, `max_grad_norm` what the clipping limit was, `least_gain` by how
    much a validation loss must be lower to count as better.

    >>> logged = [{"step": step, "validation_loss": 5 - step} for step in (1, 2, 3, 4)]
    >>> print(*remarks(logged))
    Still improving: step 4, the last, has the best validation loss, 1; the one before was 2. More epochs could help.
    """
    run = _sorted_out(metrics, vocabulary, planned_steps, stopped_early, max_grad_norm, least_gain)
    if not run.losses and not run.validations and not run.alerts:
        return ["Nothing is logged yet."]
    return [said for about in _ABOUT if (said := about(run))]


def _sorted_out(
    metrics: Sequence[Mapping[str, object]],
    vocabulary: int | None,
    planned_steps: int | None,
    stopped_early: bool,
    max_grad_norm: float | None,
    least_gain: float,
) -> _Run:
    found = _Run(
        [],
        [],
        [],
        [],
        [],
        [],
        max(map(_step, metrics), default=0),
        vocabulary,
        planned_steps,
        stopped_early,
        max_grad_norm,
        least_gain,
        Verdict.of(metrics),
    )
    watcher = Watcher(vocabulary)
    replayed: list[tuple[int, str, str]] = []
    for line in metrics:
        step, loss, validated = _step(line), _loss(line, "loss"), _loss(line, "validation_loss")
        norm = _number(line, "grad_norm")
        if "alert" in line:
            found.alerts.append((step, str(line["alert"]), str(line.get("message", ""))))
        if loss is not None:
            said = watcher.step(step, loss, norm, 0.0)
            replayed += [(each.step, each.kind, each.message) for each in said]
            if math.isfinite(loss):
                found.losses.append(_Loss(step, loss))
            if norm is not None and math.isfinite(norm):
                found.norms.append(_Loss(step, norm))
            found.rates.append(_number(line, "learning_rate") or 0.0)
        if validated is not None:
            said = watcher.validation(step, validated)
            replayed += [(each.step, each.kind, each.message) for each in said if each.kind != "overfitting"]
            if math.isfinite(validated):
                found.validations.append(_Loss(step, validated))
        if speed := _number(line, "tokens_per_second"):
            found.speeds.append(speed)
    told = {kind for _, kind, _ in found.alerts}
    found.alerts.extend(each for each in replayed if each[1] not in told)
    return found


def _number(line: Mapping[str, object], key: str) -> float | None:
    """A number of a line, None where there is none."""
    value = line.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _loss(line: Mapping[str, object], key: str) -> float | None:
    """A loss of a line. JSON has no word for "not a number": null stands for it."""
    return math.nan if key in line and line[key] is None else _number(line, key)


def _step(line: Mapping[str, object]) -> int:
    step = _number(line, "step")
    return int(step) if step is not None and math.isfinite(step) else 0


def _diverged(run: _Run) -> str | None:
    for step, kind, message in run.broken():
        what = {"not_a_number": "Not a number", "diverged": "Diverged", "stuck": "Stuck"}[kind]
        return (
            f"{what} at step {step:,}: {message}. A lower learning rate or a longer warm-up is the first thing to try."
        )
    return None


def _worse_than_base(run: _Run) -> str | None:
    if run.best is None or not run.verdict.worse_than_base:
        return None
    before = run.verdict.base_validation_loss
    return (
        f"No step was better than the base model: validation loss was {before:.4g} before training and "
        f"{loss_text(run.best.loss)} at best, at step {run.best.step:,}. What best/ holds is worse than what it began "
        "from; a lower learning rate (`trainer find-lr`) is the first thing to try."
    )


def _overfitting(run: _Run) -> str | None:
    best, last_two = run.best, run.validations[-2:]
    # Two in a row: one validation above the best may be chance.
    if best is None or run.broken() or any(each.loss - best.loss < _RISE for each in last_two):
        return None
    last = last_two[-1]
    trained_then, trained = run.trained_near(best.step), run.trained_near(last.step)
    if trained_then is None or trained is None or trained >= trained_then:
        return None
    return (
        f"Overfitting since step {best.step:,}: validation loss rose from {best.loss:.4g} to {last.loss:.4g} while "
        f"training loss fell from {trained_then:.4g} to {trained:.4g} (gap {last.loss - trained:.2f} nats a token)."
    )


def _early_stop(run: _Run) -> str | None:
    if not run.stopped_early:
        return None
    best = f"; the best validation was at step {run.best.step:,} ({loss_text(run.best.loss)})" if run.best else ""
    if run.planned_steps is None or run.planned_steps <= run.last_step:
        return f"Stopped early at step {run.last_step:,}{best}."
    saved = run.planned_steps - run.last_step
    return (
        f"Stopped early at step {run.last_step:,} of {run.planned_steps:,}, which saved {saved:,} steps "
        f"({saved / run.planned_steps:.0%}){best}."
    )


def _still_improving(run: _Run) -> str | None:
    if len(run.validations) < _FEW or run.broken() or run.stopped_early:
        return None
    if _fell(_second_half(run)) < _SMALL_FALL or not _gained_last(run):
        return None
    before, best = run.validations[-2:]
    words = f"step {best.step:,}, the last, has the best validation loss, {best.loss:.4g}"
    return f"Still improving: {words}; the one before was {before.loss:.4g}. More epochs could help."


def _gained_last(run: _Run) -> bool:
    """Whether the last validation is better than those before by early stopping's own measure."""
    stopping = EarlyStopping(patience=1, least_gain=run.least_gain)
    return [stopping.validation(*each) for each in run.validations][-1]


def _plateau(run: _Run) -> str | None:
    if len(run.validations) < 2 * _FEW or run.broken():
        return None
    half = _second_half(run)
    spread = max(each.loss for each in half) - min(each.loss for each in half)
    if spread >= _SMALL_FALL * half[0].loss or _fell(run.validations) < _LITTLE_LEARNT:
        return None
    return (
        f"Plateau: since step {half[0].step:,} validation loss has stayed within {spread:.3g} of {half[-1].loss:.4g}. "
        "Shorter training would have given the same."
    )


def _gap(run: _Run) -> str | None:
    if run.best is None or (trained := run.trained_near(run.best.step)) is None or run.broken():
        return None
    gap = run.best.loss - trained
    if gap < _GAP or _overfitting(run):
        return None
    return (
        f"At the best validation (step {run.best.step:,}) validation loss is {gap:.2f} nats a token above training "
        "loss: more data, more dropout or a smaller adapter would narrow this."
    )


def _spikes(run: _Run) -> list[tuple[_Loss, float]]:
    """Losses far above the median of those around, with that median."""
    found = []
    for index, each in enumerate(run.losses):
        around = run.losses[max(0, index - _AROUND) : index] + run.losses[index + 1 : index + 1 + _AROUND]
        before = run.losses[max(0, index - 3) : index]
        if len(around) < _AROUND or not before:
            continue
        usual = statistics.median(other.loss for other in around)
        # What is compared with the median alone would take the fall at the start of a run for a spike.
        least = max(_SPIKE * usual, usual + _SPIKE_RISE, max(other.loss for other in before) + _SPIKE_RISE)
        if each.loss > least and _deviations(each.loss, usual, [other.loss for other in around]) > _SPIKE_DEVIATIONS:
            found.append((each, usual))
    return found


def _deviations(loss: float, usual: float, around: Sequence[float]) -> float:
    """How far a loss lies above the usual one, in standard deviations of logarithms, by their median deviation."""
    tiny = 1e-9
    spread = statistics.median(abs(math.log(max(other, tiny) / max(usual, tiny))) for other in around)
    # 1.4826 makes a median deviation a standard deviation, where the distribution is normal.
    return math.log(loss / max(usual, tiny)) / max(1.4826 * spread, tiny)


def _say_spikes(run: _Run) -> str | None:
    spikes = _spikes(run)
    if not spikes:
        return None
    worst, usual = max(spikes, key=lambda spike: spike[0].loss - spike[1])
    count = f"{len(spikes)} spikes" if len(spikes) > 1 else "One spike"
    return f"{count} of the training loss; the highest at step {worst.step:,}: {worst.loss:.4g}, around it {usual:.4g}."


def _rate_too_high(run: _Run) -> str | None:
    signs = []
    if len(run.losses) >= _FEW * _START:
        spikes = _spikes(run)
        if len(spikes) > _MANY_SPIKES * len(run.losses):
            signs.append(f"{len(spikes)} spikes in {len(run.losses):,} logged steps")
        peak = max(range(len(run.rates)), key=run.rates.__getitem__)
        start = statistics.median(each.loss for each in run.losses[:_START])
        after = [each.loss for each in run.losses[peak : peak + _START]]
        if peak >= _START and len(after) == _START and statistics.median(after) > start * 1.1:
            signs.append(f"loss rose from {start:.4g} to {statistics.median(after):.4g} when the rate was highest")
    if run.max_grad_norm and len(run.norms) >= _FEW * _START:
        later = run.norms[len(run.norms) // 10 :]
        clipped = sum(each.loss > run.max_grad_norm for each in later) / len(later)
        if clipped > _CLIPPED and signs:
            signs.append(f"{clipped:.0%} of the gradients were clipped at {run.max_grad_norm:g}")
    if not signs or run.broken():
        return None
    return f"The learning rate looks too high ({_highest(run)}): {'; '.join(signs)}."


def _rate_too_low(run: _Run) -> str | None:
    curve = run.validations
    if len(curve) < _FEW or run.broken() or _rate_too_high(run):
        return None
    fell = _fell(curve)
    if run.stopped_early or not 0 <= fell < _LITTLE_LEARNT or curve[-1].loss > curve[-2].loss:
        return None
    return (
        f"The learning rate looks too low ({_highest(run)}): validation loss fell by {fell:.1%} only, from "
        f"{curve[0].loss:.4g} to {curve[-1].loss:.4g}, over {curve[-1].step - curve[0].step:,} steps. "
        "`trainer find-lr` finds one."
    )


def _input(run: _Run) -> str | None:
    stalls = [alert for alert in run.alerts if alert[1] == "stalled_input"]
    if not stalls:
        return None
    times = f" ({len(stalls)} times)" if len(stalls) > 1 else ""
    return f"Stalled at step {stalls[0][0]:,}{times}: {stalls[0][2]}."


def _slower(run: _Run) -> str | None:
    quarter = len(run.speeds) // 4
    if quarter < _START // 2:
        return None
    first, last = statistics.median(run.speeds[:quarter]), statistics.median(run.speeds[-quarter:])
    if last >= _SLOWER * first:
        return None
    return f"Slower towards the end: {last:,.0f} tokens a second in the last quarter, {first:,.0f} in the first."


def _second_half(run: _Run) -> list[_Loss]:
    return run.validations[len(run.validations) // 2 :]


def _fell(curve: Sequence[_Loss]) -> float:
    """Share by which the loss fell from first to last."""
    return (curve[0].loss - curve[-1].loss) / curve[0].loss if curve[0].loss > 0 else 0.0


def _highest(run: _Run) -> str:
    rate = max(run.rates, default=0.0)
    return f"{rate:.2g} at its highest" if rate > 0 else "not logged"


_ABOUT: Final[tuple[Callable[[_Run], str | None], ...]] = (
    _diverged,
    _worse_than_base,
    _overfitting,
    _early_stop,
    _still_improving,
    _plateau,
    _gap,
    _rate_too_high,
    _rate_too_low,
    _say_spikes,
    _input,
    _slower,
)
