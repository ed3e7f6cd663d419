"""What a run's numbers come to: one best for every place that shows one."""

from __future__ import annotations

import math

from trainer.page.curves import curves
from trainer.runs.listing import outcome
from trainer.watch.remarks import remarks
from trainer.watch.verdict import Verdict

WORSE = [
    {"step": 0, "validation_loss": 2.0},
    {"step": 5, "loss": 2.4},
    {"step": 5, "validation_loss": 2.5},
    {"step": 9, "validation_loss": 3.5},
]


def test_the_base_model_is_the_yardstick_and_never_the_best() -> None:
    found = Verdict.of(WORSE)
    assert (found.best_step, found.best_validation_loss, found.base_validation_loss) == (5, 2.5, 2.0)
    assert found.notes() == ["no better than its base model"]
    assert found.warnings() == [
        "no step was better than the base model: validation loss 2.0000 before training, 2.5000 at best (step 5)"
    ]


def test_listing_remarks_and_charts_have_the_same_best() -> None:
    found = outcome(WORSE)
    assert (found.best_step, found.best_validation_loss, found.base_validation_loss) == (5, 2.5, 2.0)
    assert found.notes == ("no better than its base model",)
    [said] = [each for each in remarks(WORSE) if each.startswith("No step was better than the base model")]
    assert "was 2 before training and 2.5 at best, at step 5." in said
    loss = next(curve for curve in curves(WORSE) if curve.title == "Loss")
    assert ">best</text>" in loss.svg


def test_a_run_that_is_better_than_its_base_has_nothing_to_say() -> None:
    found = Verdict.of([*WORSE, {"step": 12, "validation_loss": 1.5}])
    assert (found.best_step, found.notes(), found.warnings()) == (12, [], [])


def test_what_is_no_number_is_never_the_best_and_of_equal_losses_the_first_is() -> None:
    losses = [math.nan, math.inf, 1.5, 1.5]
    found = Verdict.of({"step": step, "validation_loss": loss} for step, loss in enumerate(losses, 1))
    assert (found.best_step, found.base_validation_loss, found.worse_than_base) == (3, None, False)


def test_the_first_alert_that_speaks_against_the_weights_stays() -> None:
    alerts = ["stalled_input", "overfitting", "diverged", "not_a_number"]
    found = Verdict.of({"step": step, "alert": alert} for step, alert in enumerate(alerts, 1))
    assert (found.alert, found.alert_step) == ("diverged", 3)
    assert found.warnings() == ["this run diverged at step 3: look at the report before its weights are used"]
