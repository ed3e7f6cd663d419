"""Early stopping: when validation loss has not become better for a while, more steps only overfit.

Kept apart from the training loop and its libraries because theirs forgets, on a resume, how often it had waited: a run
that is interrupted often enough never stops.
Source: Prechelt 1998, "Early stopping — but when?".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

STATE_VERSION: Final = 1


class EarlyStopping:
    """Knows the best validation so far, and whether it is long enough ago.

    `patience` is how many validations in a row may pass without a new best; `least_gain` by how many nats a token a
    loss must be lower to be one. A loss that is not a finite number is never the best.

    >>> stopping = EarlyStopping(patience=2, least_gain=0.01)
    >>> [stopping.validation(step, loss) for step, loss in ((10, 2.0), (20, 1.995), (30, 2.1))]
    [True, False, False]
    >>> stopping.should_stop, stopping.best_step, stopping.reason()
    (True, 10, 'no validation loss below 2 (step 10) by 0.01 in 2 validations')
    """

    def __init__(self, *, patience: int, least_gain: float = 0.0) -> None:
        if patience < 1 or not least_gain >= 0:
            raise ValueError("patience is at least 1 and least_gain at least 0")
        self._patience = patience
        self._least_gain = least_gain
        self.best_step: int | None = None
        """Step of the best validation."""
        self.best_loss: float | None = None
        """Its loss in nats a token."""
        self.waited = 0
        """Validations since."""

    @property
    def should_stop(self) -> bool:
        """Whether patience is at its end."""
        return self.waited >= self._patience

    def validation(self, step: int, loss: float) -> bool:
        """Take notice of a validation; true if it is a new best, to be kept as a checkpoint."""
        if math.isfinite(loss) and (self.best_loss is None or loss < self.best_loss - self._least_gain):
            self.best_step, self.best_loss, self.waited = step, float(loss), 0
            return True
        self.waited += 1
        return False

    def reason(self) -> str:
        """Why it stops, in words."""
        if self.best_loss is None:
            return f"no validation loss is a number in {self.waited} validations"
        gain = f" by {self._least_gain:g}" if self._least_gain else ""
        return (
            f"no validation loss below {self.best_loss:.4g} (step {self.best_step:,}){gain} "
            f"in {self.waited} validations"
        )

    def state(self) -> dict[str, Any]:
        """What must survive a resume, as JSON."""
        return {
            "version": STATE_VERSION,
            "best_step": self.best_step,
            "best_loss": self.best_loss,
            "waited": self.waited,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state()`; patience and gain are those of now. Raises `ValueError` for another version's."""
        if state.get("version") != STATE_VERSION:
            raise ValueError(f"state of version {state.get('version')}, not {STATE_VERSION}")
        self.best_step, self.best_loss, self.waited = state["best_step"], state["best_loss"], int(state["waited"])
