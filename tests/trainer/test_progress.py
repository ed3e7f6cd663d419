"""What a person reads while a run goes on, and when it is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.cli.train import command_line
from trainer.loop import Fitted
from trainer.progress import Progress
from trainer.train import Trained, result_lines
from trainer.watch.verdict import Verdict

STEP = {"step": 31, "loss": 4.0, "learning_rate": 1e-3, "tokens_per_second": 1000.0}


def test_a_validation_has_its_step_once_and_a_later_step_says_of_when_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.show({"step": 30, "validation_loss": 3.98})
        progress.show(STEP)
    assert capsys.readouterr().err == (
        "step 30  validation 3.9800\nstep 31  loss 4.0000  rate 1.00e-03  1,000 tokens/s  validation 3.9800 (step 30)\n"
    )


def test_one_record_is_no_plural(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().records(1, 1)
    Progress().records(1, 0)
    assert capsys.readouterr().err == "1 of 1 record\n1 record\n"


def done(because: str | None, verdict: Verdict | None = None, steps: int = 7) -> Trained:
    return Trained(Path("runs/a"), Fitted(steps, verdict or Verdict(), None, because))


def test_an_interrupted_run_says_what_is_saved_and_the_command_that_goes_on() -> None:
    again = command_line(Path("my recipe.yaml"), ["name=a b"], allow_download=True, processes=1)
    assert again == "trainer train 'my recipe.yaml' --set 'name=a b' --allow-download"
    assert result_lines(done("signal"), again) == [
        "interrupted after step 7; all of it is saved in runs/a",
        f"next: {again} goes on from there",
    ]


def test_several_processes_go_on_as_several() -> None:
    again = command_line(Path("a.yaml"), [], allow_download=False, processes=4)
    assert again == "accelerate launch --num_processes 4 -m trainer train a.yaml"


def test_the_end_of_a_run_without_a_validation_loss_that_is_a_number() -> None:
    lines = result_lines(done(None, Verdict(alert="not_a_number", alert_step=1), steps=1), "")
    assert lines[0] == "done after 1 step: no validation loss was a number; the last weights are kept"
    assert lines[1].startswith("warning: the loss or the weights were no number any more at step 1")
