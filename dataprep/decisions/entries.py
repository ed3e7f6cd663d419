"""The entries of a decisions file, and what of them decides a result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Literal, TypeAlias

import orjson
from pydantic import Field, field_validator, model_validator

from dataprep.pipeline.base import Config

Verb = Literal["release", "drop"]
SplitName = Literal["train", "validation", "test"]
MAX_TEXT: Final = 2_000
"""Characters of a reason, at most."""
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class _Reasoned(Config):
    because: Text
    """Why, for whoever asks `dataprep why` in a year."""
    who: Text
    """The person who decided."""
    when: Text
    """When, as an ISO 8601 date or time."""

    @field_validator("when")
    @classmethod
    def _time(cls, text: str) -> str:
        datetime.fromisoformat(text)
        return text


class RecordDecision(_Reasoned):
    """What becomes of one record, whatever rules say."""

    record: Annotated[str, Field(min_length=1)]
    """The record's id."""
    digest: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None
    """Digest of the record as it came (column `digest` of `records`): a record that has changed since is not decided
    about. Without it the decision holds for whatever has this id."""
    decision: Verb
    """`release`: no rule holds it any more; `drop`: it goes."""
    to: SplitName | None = None
    """For a release: the split where it belongs."""

    @model_validator(mode="after")
    def _fits(self) -> RecordDecision:
        if self.to is not None and self.decision == "drop":
            raise ValueError("`to` goes with `decision: release`")
        return self

    @property
    def detail(self) -> str:
        """Who, when and why, in one line, as the ledger has it."""
        return f"{self.who}, {self.when}: {self.because}"


class AcceptedBudget(_Reasoned):
    """An exceeded budget that a person accepted, up to a share."""

    accept_budget: Text
    """The budget's name: `overall`, a rule's name, or a slice's values, as in `label=refund`."""
    up_to: Annotated[float, Field(ge=0, le=1)]
    """The share that may go, 0..1: what had gone when it was accepted."""


Entry: TypeAlias = RecordDecision | AcceptedBudget


@dataclass(frozen=True, slots=True)
class Decisions:
    """All decisions in force: one for a record, one for a budget.

    Attributes:
        records: by id.
        budgets: by name.
    """

    records: Mapping[str, RecordDecision] = field(default_factory=dict)
    budgets: Mapping[str, AcceptedBudget] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Decisions:
        """The decisions of some entries; a later one about the same thing takes an earlier one's place.

        >>> made = {"because": "real data", "who": "ada", "when": "2026-01-02"}
        >>> Decisions.of([AcceptedBudget(accept_budget="overall", up_to=0.5, **made)]).accepted
        {'overall': 0.5}
        """
        records: dict[str, RecordDecision] = {}
        budgets: dict[str, AcceptedBudget] = {}
        for entry in entries:
            if isinstance(entry, RecordDecision):
                records[entry.record] = entry
            else:
                budgets[entry.accept_budget] = entry
        return cls(records, budgets)

    def entries(self) -> list[Entry]:
        """All entries in the order of the file: budgets by name, then records by id."""
        return [
            *(self.budgets[name] for name in sorted(self.budgets)),
            *(self.records[record] for record in sorted(self.records)),
        ]

    def plus(self, entries: Iterable[Entry]) -> Decisions:
        """These decisions and newer ones."""
        return Decisions.of([*self.entries(), *entries])

    @property
    def accepted(self) -> dict[str, float]:
        """For each accepted budget the share up to which it was accepted."""
        return {name: entry.up_to for name, entry in sorted(self.budgets.items())}

    def records_digest(self) -> str:
        """Digest of all that is said about records; empty where there is nothing.

        Who decided, when and why enter too: the ledger repeats them. Accepted budgets do not: they are compared after
        deciding.
        """
        effect: list[list[Any]] = [
            [entry.record, entry.digest, entry.decision, entry.to, entry.detail]
            for _, entry in sorted(self.records.items())
        ]
        return sha256(orjson.dumps(effect)).hexdigest() if effect else ""
