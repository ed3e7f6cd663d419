"""Remarks in words: each said where it applies, and not where it does not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.watch.remarks import remarks

Curve = Callable[[int], float]


def logged(
    train: Curve,
    validate: Curve,
    *,
    steps: int = 200,
    every: int = 20,
    rate: float = 1e-4,
    norm: Curve = lambda step: 0.8,
    speed: Curve = lambda step: 1000.0,
) -> list[Mapping[str, object]]:
    lines: list[Mapping[str, object]] = []
    for step in range(1, steps + 1):
        line = {"step": step, "tokens": step * 100, "seconds": step * 0.1, "loss": train(step), "grad_norm": norm(step)}
        lines.append(line | {"learning_rate": rate, "tokens_per_second": speed(step)})
        if step % every == 0:
            lines.append({"step": step, "validation_loss": validate(step), "validation_tokens": 500})
    return lines


def falling(step: int) -> float:
    return 1 + 2 * math.exp(-step / 60)


def beginnings(said: list[str]) -> list[str]:
    return [each.split(":")[0].split(" at step")[0].split(" since step")[0].split(" (")[0] for each in said]


def test_nothing_logged_is_said() -> None:
    assert remarks([]) == ["Nothing is logged yet."]


def test_overfitting_is_said_with_its_step_and_gap() -> None:
    [said] = remarks(logged(lambda step: 3 - step / 100, lambda step: 2 + abs(step - 100) / 400))
    assert said.startswith("Overfitting since step 100: validation loss rose from 2 to 2.25 while training loss fell")
    assert "gap 1.1" in said


def test_still_improving_is_said_of_a_run_that_ends_at_its_best() -> None:
    [said] = remarks(logged(falling, falling))
    assert said.startswith("Still improving: step 200, the last,")


def test_a_gain_that_early_stopping_would_not_count_is_not_improving() -> None:
    losses = [2.0, 1.0, 0.8, 0.6, 0.5, 0.4, 0.2, 0.15, 0.12, 0.1105, 0.1102, 0.1101]
    lines = logged(falling, lambda step: losses[step // 10 - 1], steps=120, every=10)
    assert "Still improving" not in beginnings(remarks(lines, least_gain=0.001))
    assert "Still improving" in beginnings(remarks(lines, least_gain=0.00001))


def test_small_gains_that_add_up_are_improving() -> None:
    lines = logged(falling, lambda step: 0.5 - step / 20 * 0.0008, steps=180)
    assert "Still improving" in beginnings(remarks(lines, least_gain=0.001))


def test_a_plateau_is_not_improving() -> None:
    [said] = remarks(logged(lambda step: 1 + 2 * math.exp(-step / 10), lambda step: 1 + 2 * math.exp(-step / 10)))
    assert said.startswith("Plateau: since step 120 ")


def test_what_early_stopping_saved_is_said() -> None:
    lines = logged(lambda step: 3 - step / 100, lambda step: 2 + abs(step - 100) / 400)
    said = remarks(lines, planned_steps=1000, stopped_early=True)
    assert said[1] == (
        "Stopped early at step 200 of 1,000, which saved 800 steps (80%); the best validation was at step 100 (2)."
    )


@pytest.mark.parametrize("broken", [math.nan, None])
def test_a_loss_that_is_no_number_is_said_whether_as_nan_or_as_null(broken: float | None) -> None:
    lines = logged(falling, falling, steps=50)
    [said] = remarks([*lines, {"step": 51, "loss": broken, "grad_norm": None}])
    assert said.startswith("Not a number at step 51: ")


def test_divergence_is_recognised_where_no_alert_was_logged() -> None:
    said = remarks(logged(lambda step: 2.0 if step < 100 else 9.0, lambda step: 2.0))
    assert beginnings(said)[0] == "Diverged"
    assert not {"Overfitting", "Still improving", "Plateau"} & set(beginnings(said))


def test_an_alert_that_was_logged_is_not_recognised_a_second_time() -> None:
    lines = logged(lambda step: 2.0 if step < 100 else 9.0, lambda step: 2.0)
    said = remarks([*lines, {"step": 99, "alert": "diverged", "message": "as told while it ran"}])
    [diverged] = [each for each in said if each.startswith("Diverged")]
    assert diverged.startswith("Diverged at step 99: as told while it ran. A lower learning rate")


def test_stuck_needs_the_vocabulary() -> None:
    lines = logged(lambda step: math.log(5000), lambda step: math.log(5000), norm=lambda step: 0.0)
    assert beginnings(remarks(lines, vocabulary=5000))[0] == "Stuck"
    assert "Stuck" not in beginnings(remarks(lines))


def test_stalled_input_is_said() -> None:
    alert = {"step": 60, "alert": "stalled_input", "message": "63% of the time went into waiting for input"}
    said = remarks([*logged(falling, falling), alert])
    assert "Stalled at step 60: 63% of the time went into waiting for input." in said


def test_one_spike_is_said_and_blamed_on_nothing() -> None:
    said = remarks(logged(lambda step: 40.0 if step == 150 else falling(step), falling))
    assert "One spike of the training loss; the highest at step 150: 40, around it 1.164." in said
    assert not [each for each in said if "too high" in each]


def test_many_spikes_speak_for_too_high_a_rate() -> None:
    said = remarks(logged(lambda step: 9.0 if step % 25 == 0 else falling(step), falling, rate=5e-3))
    assert "The learning rate looks too high (0.005 at its highest): 8 spikes in 200 logged steps." in said


def test_a_steep_start_is_no_spike() -> None:
    said = remarks(logged(lambda step: 1 + 10 * math.exp(-step / 3), falling))
    assert not [each for each in said if "spike" in each]


def test_noise_of_small_batches_is_no_sign_of_a_rate_too_high() -> None:
    draw = random.Random(3)
    said = remarks(logged(lambda step: falling(step) * math.exp(draw.gauss(0, 0.15)), falling))
    assert beginnings(said) == ["Still improving"]


def test_a_loss_that_hardly_falls_speaks_for_too_low_a_rate() -> None:
    said = remarks(logged(lambda step: 3 - step / 5000, lambda step: 3 - step / 5000, rate=1e-7))
    assert "The learning rate looks too low (1e-07 at its highest)" in [each.split(":")[0] for each in said]


def test_a_gap_at_the_best_is_said_where_it_is_not_overfitting() -> None:
    said = remarks(logged(falling, lambda step: falling(step) + 0.6))
    assert any("0.59 nats a token above training loss" in each for each in said)


def test_a_run_that_slows_down_is_told() -> None:
    said = remarks(logged(falling, falling, speed=lambda step: 1000.0 if step < 100 else 300.0))
    assert "Slower towards the end: 300 tokens a second in the last quarter, 1,000 in the first." in said


values = st.one_of(st.none(), st.floats(), st.text(max_size=3), st.booleans(), st.integers(-5, 5))
keys = st.sampled_from(
    ["step", "loss", "validation_loss", "grad_norm", "learning_rate", "tokens_per_second", "alert", "message", "else"]
)


@given(st.lists(st.dictionaries(keys, values, max_size=5), max_size=40))
def test_any_lines_at_all_get_remarks(lines: list[dict[str, object]]) -> None:
    assert all(isinstance(each, str) for each in remarks(lines, planned_steps=10, stopped_early=True))
