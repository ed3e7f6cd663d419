"""Advice by the size of the data: said where it applies, with its numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trainer.rates.advice import Situation, advice

USUAL = Situation(
    examples=20_000,
    trained_tokens=3_000_000,
    epochs=3,
    steps=1900,
    method="lora",
    parameters=40_000_000,
    learning_rate=2e-4,
    validation_examples=2000,
)


def test_a_usual_situation_needs_no_advice() -> None:
    assert advice(USUAL) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"examples": 400, "trained_tokens": 60_000},
            "400 examples are few: 40,000,000 trainable weights can learn 60,0",
        ),
        ({"steps": 40}, "40 optimiser steps are few"),
        ({"learning_rate": 2e-5}, "2e-05 is below what is usual for LoRA, 0.0001 to 0.0005"),
        ({"method": "full", "learning_rate": 2e-4}, "0.0002 is above what is usual for all weights, 1e-05 to 5e-05"),
        (
            {"rung_tokens": 90_000, "run_tokens": 9_000_000},
            "The run sees 100 times the tokens of a rung (9,000,000 against 90,000)",
        ),
        ({"trained_tokens": 200_000_000}, "The adapters may be too small: 200,000,000 trained tokens hold"),
        ({"epochs": 10}, "10 epochs: data seen up to 4 times are nearly as good as new ones"),
        ({"validation_examples": 100}, "100 validation examples tell losses apart that differ by 0.10 nats"),
        ({"validation_examples": 0}, "Without validation examples"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_each_size_has_its_advice(change: dict[str, object], said: str) -> None:
    [found] = advice(replace(USUAL, **change))  # type: ignore[arg-type]
    assert found.startswith(said)


def test_a_long_run_is_told_a_lower_rate_but_not_to_take_it_first() -> None:
    [found] = advice(replace(USUAL, rung_tokens=90_000, run_tokens=9_000_000))
    assert "stay at 0.0002, and only if validation loss turns early, take 4.6e-05" in found


def test_all_weights_have_no_adapters_that_are_too_small() -> None:
    full = replace(USUAL, method="full", learning_rate=2e-5, trained_tokens=200_000_000)
    assert advice(full) == []
