"""Configuration of rules: a named condition on signals and fields, with an action."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from dataprep.pipeline.base import Config

Action = Literal["drop", "hold", "flag"]
Operator = Literal["<", "<=", ">", ">=", "=", "!="]


class RuleConfig(Config):
    """One rule: either `signal`, `op`, `threshold`, or `when` (an expression), and what happens to records it meets."""

    signal: str | None = None
    """The signal to compare, such as `n_words`."""
    op: Operator | None = None
    """How the signal is compared with the threshold."""
    threshold: float | int | str | bool | None = None
    """The value to compare with; `$threshold` inside `when`."""
    when: str | None = None
    """A condition over signals and fields, such as `n_words < $threshold and label = 'x'`."""
    value: str | None = None
    """The expression whose result the ledger records for `when`; without it near misses are not offered."""
    action: Action = "drop"
    """`drop` removes the record, `hold` keeps it aside for a person, `flag` only notes it."""
    because: str | None = Field(default=None, max_length=500)
    """Why this rule exists, for the people who read reports."""

    @model_validator(mode="after")
    def _one_form(self) -> RuleConfig:
        if self.when is None:
            missing = [key for key in ("signal", "op", "threshold") if getattr(self, key) is None]
            if missing:
                raise ValueError(
                    f"a rule needs `signal`, `op` and `threshold`, or `when`; missing: {', '.join(missing)}"
                )
            if self.value is not None:
                raise ValueError("`value` goes with `when`; with `signal` the signal itself is recorded")
        elif self.signal is not None or self.op is not None:
            raise ValueError("`when` replaces `signal` and `op`; give one or the other")
        return self
