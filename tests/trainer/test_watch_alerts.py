"""Alerts while training runs: what is recognised, what is not, and what survives a resume."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.watch.alerts import Alert, WatchConfig, Watcher, ended

VOCABULARY = 32_000
UNIFORM = math.log(VOCABULARY)


def told(losses: Iterable[float], *, norm: float | None = 1.0, config: WatchConfig | None = None) -> list[Alert]:
    watcher = Watcher(VOCABULARY, config)
    return [alert for step, loss in enumerate(losses, 1) for alert in watcher.step(step, loss, norm, 0.5)]


def noisy(level: float, steps: int, *, sigma: float, seed: int = 0) -> list[float]:
    draw = random.Random(seed)
    return [level * math.exp(draw.gauss(0, sigma)) for _ in range(steps)]


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_told_at_once(loss: float) -> None:
    [alert] = told([2.0, loss])
    assert (alert.kind, alert.step) == ("not_a_number", 2)
    assert str(loss) in alert.message


@pytest.mark.parametrize("norm", [math.nan, math.inf])
def test_a_gradient_that_is_no_number_is_told_though_the_loss_is_fine(norm: float) -> None:
    [alert] = Watcher(VOCABULARY).step(1, 2.0, norm, 0.5)
    assert alert.kind == "not_a_number"
    assert "gradient norm" in alert.message


@pytest.mark.parametrize("norm", [0.0, None, math.nan])
def test_zero_without_a_gradient_is_how_a_loss_that_is_no_number_is_logged(norm: float | None) -> None:
    assert [alert.kind for alert in Watcher(VOCABULARY).step(3, 0.0, norm, 0.5)] == ["not_a_number"]


def test_a_loss_of_zero_with_a_gradient_is_a_loss() -> None:
    assert not told([1.0, 0.0, 0.5], norm=0.3)


def test_a_loss_that_stays_far_above_its_best_has_diverged() -> None:
    [alert] = told([3 - step / 20 for step in range(40)] + [6.0] * 20)
    assert alert.kind == "diverged"
    assert 41 < alert.step <= 60
    assert "lie above 6; at its best, around step 40, three quarters lay below 1.8" in alert.message


def test_a_run_that_diverges_within_the_first_window_is_seen() -> None:
    [alert] = told([3.0, 2.9, 2.8, 5.0, 8.0, *[11.0] * 25])
    assert alert.kind == "diverged"


def test_one_spike_is_not_divergence() -> None:
    assert not told([2.0] * 30 + [400.0] + [2.0] * 30)


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.6, 0.8])
def test_losses_of_a_batch_of_one_example_are_not_divergence(sigma: float) -> None:
    for seed in range(20):
        assert not told(noisy(1.5, 800, sigma=sigma, seed=seed))


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.6])
def test_they_are_where_their_level_rises_to_that_of_a_broken_model(sigma: float) -> None:
    for seed in range(20):
        [alert] = told(noisy(1.5, 300, sigma=sigma, seed=seed) + noisy(11.0, 60, sigma=0.05, seed=seed))
        assert alert.kind == "diverged"
        assert 300 < alert.step <= 320


def test_twice_a_loss_near_zero_is_not_divergence() -> None:
    assert not told([0.02] * 30 + [0.1] * 40)


def test_a_flat_loss_at_the_logarithm_of_the_vocabulary_without_gradient_is_stuck() -> None:
    [alert] = told([UNIFORM + 0.001] * 30, norm=1e-6)
    assert alert.kind == "stuck"
    assert f"{UNIFORM:.4g}" in alert.message


def test_an_untrained_model_begins_there_and_has_a_gradient() -> None:
    assert not told([UNIFORM] * 40, norm=0.8)


def test_warm_up_is_not_stuck() -> None:
    assert not told([UNIFORM] * 40, norm=1e-6, config=WatchConfig(warmup_steps=40))
    assert told([UNIFORM] * 41, norm=1e-6, config=WatchConfig(warmup_steps=40))


def test_a_vocabulary_that_is_not_known_leaves_that_judgement_out() -> None:
    watcher = Watcher(None)
    assert not [alert for step in range(40) for alert in watcher.step(step, UNIFORM, 0.0, 0.5)]


def test_what_lasts_is_told_once_and_again_when_it_comes_back() -> None:
    watcher = Watcher(VOCABULARY)
    losses = [2.0, math.nan, math.nan, 2.0, math.nan]
    assert [len(watcher.step(step, loss, 1.0, 0.5)) for step, loss in enumerate(losses)] == [0, 1, 0, 0, 1]


def overfitted(watcher: Watcher, validations: Iterable[float], trained: Iterable[float]) -> list[Alert]:
    found = []
    for index, (validated, loss) in enumerate(zip(validations, trained, strict=True), 1):
        for step in range(index * 10 - 9, index * 10 + 1):
            assert not watcher.step(step, loss, 1.0, 0.5)
        found += watcher.validation(index * 10, validated)
    return found


def test_validation_above_its_best_while_training_falls_is_overfitting() -> None:
    [alert] = overfitted(Watcher(VOCABULARY), [2.0, 1.5, 1.6, 1.7, 1.8, 1.9], [2.0, 1.6, 1.4, 1.2, 1.0, 0.9])
    assert (alert.kind, alert.step) == ("overfitting", 50)
    assert "overfitting since step 20" in alert.message
    assert "1.5" in alert.message
    assert "0.300 above" in alert.message


def test_both_losses_rising_is_not_overfitting() -> None:
    assert not overfitted(Watcher(VOCABULARY), [1.5, 1.6, 1.7, 1.8, 1.9], [1.0, 1.1, 1.2, 1.3, 1.4])


def test_a_validation_between_that_comes_near_the_best_starts_the_count_anew() -> None:
    assert not overfitted(Watcher(VOCABULARY), [1.5, 1.6, 1.6, 1.505, 1.6, 1.6], [2.0, 1.9, 1.8, 1.7, 1.6, 1.5])


def test_a_validation_that_is_no_number_is_told() -> None:
    assert [alert.kind for alert in Watcher(VOCABULARY).validation(5, math.nan)] == ["not_a_number"]


def validated(
    watcher: Watcher, validations: Iterable[float], trained: Iterable[float], *, base: float
) -> list[tuple[int, str]]:
    """Step and kind of what two steps and a validation after each say, after a validation of the base model."""
    found = watcher.validation(0, base)
    for index, (loss, train) in enumerate(zip(validations, trained, strict=True), 1):
        for step in (2 * index - 1, 2 * index):
            found += watcher.step(step, train, 1.0, 0.5)
        found += watcher.validation(2 * index, loss)
    return [(alert.step, alert.kind) for alert in found]


def test_a_validation_far_above_the_base_model_has_diverged_long_before_a_window_is_full() -> None:
    found = validated(Watcher(1_000), [30389.0, 61165.0, 120168.0], [9000.0, 50000.0, 90000.0], base=6.94)
    assert found == [(2, "diverged")]


def test_training_losses_that_do_not_know_of_it_yet_do_not_hide_it() -> None:
    watcher = Watcher(1_000)
    assert not watcher.validation(0, 6.05)
    for step, loss in ((1, 6.07), (2, 5.98)):  # of the weights before the step that ruined them
        assert not watcher.step(step, loss, 1.0, 0.5)
    assert [alert.kind for alert in watcher.validation(2, 24712.0)] == ["diverged"]


def test_its_message_has_the_yardstick() -> None:
    watcher = Watcher(1_000)
    watcher.validation(0, 3.0)
    watcher.step(1, 3.0, 1.0, 0.5)
    [alert] = watcher.validation(1, 9.5)
    assert alert.message == "the validation loss at step 1 is 9.5, far above its best of 3 before training"
    watcher = Watcher(1_000)
    for step, loss in ((0, 3.0), (5, 2.0)):
        watcher.step(step + 1, loss, 1.0, 0.5)
        assert not watcher.validation(step, loss)
    watcher.step(10, 7.0, 1.0, 0.5)
    [alert] = watcher.validation(10, 7.0)
    assert alert.message == "the validation loss at step 10 is 7, far above its best of 2 at step 5"


def test_a_model_that_comes_to_guess_every_token_has_diverged_though_its_loss_did_not_double() -> None:
    [alert] = validated(Watcher(VOCABULARY), [UNIFORM - 0.05], [UNIFORM], base=6.0)
    assert alert == (2, "diverged")
    assert not validated(Watcher(VOCABULARY), [UNIFORM + 0.1], [UNIFORM + 0.1], base=UNIFORM)  # it began there


def test_validation_far_above_its_best_while_training_loss_falls_is_overfitting_and_no_divergence() -> None:
    found = validated(Watcher(VOCABULARY), [1.5, 3.2, 5.0, 7.0], [1.4, 0.8, 0.3, 0.1], base=2.0)
    assert found == [(8, "overfitting")]


def test_overfitting_from_the_first_step_on_is_told() -> None:
    watcher = Watcher(VOCABULARY)
    assert validated(watcher, [2.2, 2.4, 2.7], [1.8, 1.2, 0.6], base=2.0) == [(6, "overfitting")]


@pytest.mark.parametrize("losses", [[0.3, 1.2], [2.0, 2.9], [2.0, 5.9]])
def test_a_validation_somewhat_above_its_best_is_no_divergence(losses: list[float]) -> None:
    assert not validated(Watcher(VOCABULARY), losses[1:], losses[1:], base=losses[0])


def test_divergence_is_told_once_though_steps_and_validations_see_it() -> None:
    losses = [20.0 + step for step in range(30)]
    assert validated(Watcher(VOCABULARY), losses, losses, base=3.0) == [(2, "diverged")]


def test_input_that_takes_most_of_the_time_is_told_with_its_share() -> None:
    watcher = Watcher(VOCABULARY)
    found = [alert for step in range(1, 41) for alert in watcher.step(step, 2.0, 1.0, 1.0, waiting=0.63)]
    assert [(alert.kind, alert.step) for alert in found] == [("stalled_input", 20)]
    assert "63%" in found[0].message


def test_input_that_keeps_up_is_not_told() -> None:
    watcher = Watcher(VOCABULARY)
    assert not [alert for step in range(60) for alert in watcher.step(step, 2.0, 1.0, 1.0, waiting=0.3)]


@pytest.mark.parametrize(("waiting", "expected"), [(None, 1), (110.0, 1), (5.0, 0)])
def test_a_step_far_longer_than_the_median_is_told_unless_it_was_not_waiting(
    waiting: float | None, expected: int
) -> None:
    watcher = Watcher(VOCABULARY)
    usual = None if waiting is None else 0.01
    for step in range(20):
        assert not watcher.step(step, 2.0, 1.0, 0.5, waiting=usual)
    found = watcher.step(20, 2.0, 1.0, 120.0, waiting=waiting)
    assert len([alert for alert in found if alert.kind == "stalled_input"]) == expected


def test_the_first_step_may_take_long() -> None:
    watcher = Watcher(VOCABULARY)
    assert not watcher.step(1, 2.0, 1.0, 300.0)
    assert not watcher.step(2, 2.0, 1.0, 0.5)


def test_overfitting_ends_no_run_and_everything_else_does() -> None:
    assert ended([]) is None
    assert ended([Alert("overfitting", 1, "")]) is None
    stop = Alert("diverged", 2, "")
    assert ended([Alert("overfitting", 1, ""), stop]) is stop


events = st.lists(
    st.one_of(
        st.tuples(
            st.just("step"),
            st.sampled_from([0.0, 0.5, 1.0, 2.0, 9.0, UNIFORM, math.nan]),
            st.sampled_from([None, 0.0, 1e-6, 1.0, math.inf]),
            st.sampled_from([0.1, 0.2, 100.0]),
            st.sampled_from([None, 0.05, 90.0]),
        ),
        st.tuples(st.just("validation"), st.sampled_from([1.0, 1.1, 1.2, 1.3, math.nan])),
    ),
    max_size=60,
)


@given(events, st.integers(0, 60))
def test_a_resumed_run_alerts_as_an_unbroken_one(happened: list[tuple[object, ...]], cut: int) -> None:
    config = WatchConfig(window=4, validations=2, warmup_steps=3)

    def play(watcher: Watcher, part: list[tuple[object, ...]], first: int) -> list[Alert]:
        found: list[Alert] = []
        for step, (kind, *values) in enumerate(part, first):
            happening = watcher.step if kind == "step" else watcher.validation
            found += happening(step, *values)  # type: ignore[arg-type]
        return found

    unbroken = play(Watcher(VOCABULARY, config), happened, 0)
    before, after = Watcher(VOCABULARY, config), Watcher(VOCABULARY, config)
    first = play(before, happened[:cut], 0)
    after.restore(json.loads(json.dumps(before.state(), allow_nan=False)))
    assert first + play(after, happened[cut:], cut) == unbroken


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 0"):
        Watcher(VOCABULARY).restore({"version": 0})
