"""What a run's numbers come to: its best step, whether that is better than the model before training, what went wrong.

The one home of "best": the lowest validation loss of a step that trained. The validation before the first step is of
the base model and never the best, because `best/` holds what was trained: to export an untouched base model as a
fine-tuned one would be a lie. It is the yardstick beside it instead, and a run that stays above it says so wherever it
is shown. Of equal losses the first counts, as with the checkpoint that the library keeps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

BROKEN: Final = {"not_a_number": "not a number", "diverged": "diverged", "stuck": "stuck"}
"""Alerts that speak against a run's weights, in words."""
_HAPPENED: Final = {
    "not_a_number": "the loss or the weights were no number any more",
    "diverged": "this run diverged",
    "stuck": "this run was stuck where every token is equally likely",
}


@dataclass(frozen=True)
class Verdict:
    """Losses in nats a token; what was never measured is None.

    Attributes:
        best_step, best_validation_loss: the lowest validation loss of a step from 1 on; `best/` has its weights.
        base_validation_loss: before the first step.
        alert, alert_step: the first alert that speaks against the weights, a key of `BROKEN`.

    >>> lines = [{"step": 0, "validation_loss": 2.0}, {"step": 5, "validation_loss": 2.5}]
    >>> found = Verdict.of([*lines, {"step": 9, "alert": "diverged", "message": "…"}])
    >>> found.best_step, found.best_validation_loss, found.base_validation_loss
    (5, 2.5, 2.0)
    >>> found.notes()
    ['diverged at step 9', 'no better than its base model']
    """

    best_step: int | None = None
    best_validation_loss: float | None = None
    base_validation_loss: float | None = None
    alert: str | None = None
    alert_step: int | None = None

    @classmethod
    def of(cls, lines: Iterable[Mapping[str, Any]]) -> Self:
        """The verdict on the lines of `metrics.jsonl`."""
        found = cls()
        for line in lines:
            found = found.after(line)
        return found

    def after(self, line: Mapping[str, Any]) -> Self:
        """The verdict with one more line."""
        step, loss = line.get("step"), line.get("validation_loss")
        if not isinstance(step, int):
            return self
        if self.alert is None and line.get("alert") in BROKEN:
            return replace(self, alert=line["alert"], alert_step=step)
        if isinstance(loss, bool) or not isinstance(loss, int | float) or not math.isfinite(loss):
            return self
        if step == 0:
            return replace(self, base_validation_loss=float(loss))
        if self.best_validation_loss is None or loss < self.best_validation_loss:
            return replace(self, best_step=step, best_validation_loss=float(loss))
        return self

    @property
    def worse_than_base(self) -> bool:
        """Whether no step was better than the model before training; false where that cannot be said."""
        best, base = self.best_validation_loss, self.base_validation_loss
        return best is not None and base is not None and best >= base

    def notes(self) -> list[str]:
        """What speaks against the weights, in a few words each."""
        said = [] if self.alert is None else [f"{BROKEN[self.alert]} at step {self.alert_step:,}"]
        return [*said, "no better than its base model"] if self.worse_than_base else said

    def warnings(self) -> list[str]:
        """The same in sentences, for who is about to use the weights."""
        said = []
        if self.alert is not None:
            said.append(
                f"{_HAPPENED[self.alert]} at step {self.alert_step:,}: look at the report before its weights are used"
            )
        if self.worse_than_base:
            said.append(
                f"no step was better than the base model: validation loss {self.base_validation_loss:.4f} before "
                f"training, {self.best_validation_loss:.4f} at best (step {self.best_step:,})"
            )
        return said

    def as_dict(self) -> dict[str, Any]:
        """For `run.json` and `--json`."""
        return asdict(self)
