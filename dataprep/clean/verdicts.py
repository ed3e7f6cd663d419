"""What cleaning did, as columns from the kernels to the table of edits.

Nine of ten edits of T0 are made by a kernel for a whole batch; with a Python object for each of them, and one more in
the table, cleaning took three times as long. Cleaners that look at single texts make `Edit` tuples, which are put into
the same columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.clean.edits import Edit
from dataprep.record import Turns
from dataprep.store.tables import EDIT_TYPE

EDITS_SCHEMA: Final = pa.schema(
    [
        ("row_in_part", pa.int64()),
        ("cleaner", pa.string()),
        ("edits", pa.list_(EDIT_TYPE)),
        ("error", pa.string()),
    ]
)
"""What `CleanVerdicts.table` gives. `edits` is null where the cleaner failed, `error` where it did not."""

_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EditColumns:
    """n edits, those of one turn and step in order. Positions are code points of the text that the step was given."""

    turns: _Ints
    """Index of the turn in the batch, shape (n,)."""
    steps: _Ints
    """How many times a cleaner had been applied to the batch before, over all rounds, shape (n,)."""
    starts: _Ints
    ends: _Ints
    originals: pa.StringArray
    replacements: pa.StringArray


@dataclass(frozen=True, slots=True, eq=False)
class CleanVerdicts:
    """What was changed in a batch: n edits as columns, sorted by row, step, turn and position.

    A step is one application of one cleaner. The edits of a step and turn belong to the text that the steps before it
    left. A cleaner has several steps where there was more to do for it after the others.
    """

    cleaners: tuple[str, ...]
    """The names of the cleaners, in the order in which they take their steps, again and again."""
    rows: _Ints
    """Index of the record in the batch, shape (n,)."""
    steps: _Ints
    """The step, shape (n,); the cleaner is `cleaners[step % len(cleaners)]`."""
    edits: pa.StructArray
    """The edits, of EDIT_TYPE; `turn` is the index of the turn in the record."""
    errors: list[tuple[int, int, str, str]]
    """Row, turn, cleaner and message where a cleaner failed. The text stays as that cleaner was given it."""

    def __len__(self) -> int:
        return len(self.rows)

    def counts(self) -> Counter[str]:
        """How many turns each cleaner changed; one that it changed in two rounds counts twice."""
        turns = self.edits.field("turn").to_numpy()
        firsts = _firsts(self.rows, self.steps, turns)
        return Counter([self.cleaners[step] for step in (self.steps[firsts] % max(1, len(self.cleaners))).tolist()])

    def table(self) -> pa.Table:
        """As EDITS_SCHEMA: one row per record and step, in order; then the cleaners that failed."""
        firsts = _firsts(self.rows, self.steps)
        bounds = np.append(firsts, len(self)).astype(np.int32)
        names = pa.array(self.cleaners, pa.string()).take(pa.array(self.steps[firsts] % max(1, len(self.cleaners))))
        failed = pa.table(
            {
                "row_in_part": [row for row, _, _, _ in self.errors],
                "cleaner": [cleaner for _, _, cleaner, _ in self.errors],
                "edits": [None] * len(self.errors),
                "error": [f"turn {turn}: {message}" for _, turn, _, message in self.errors],
            },
            schema=EDITS_SCHEMA,
        )
        edits = pa.ListArray.from_arrays(pa.array(bounds), self.edits, type=EDITS_SCHEMA.field("edits").type)
        changed = pa.table(
            [pa.array(self.rows[firsts]), names, edits, pa.nulls(len(firsts), pa.string())], schema=EDITS_SCHEMA
        )
        return pa.concat_tables([changed, failed])


def _firsts(*columns: npt.NDArray[np.integer]) -> _Ints:
    """Where the values of sorted columns differ from those before them, and 0 unless the columns are empty."""
    new = np.zeros(len(columns[0]), np.bool_)
    new[:1] = True
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(new)


@dataclass(slots=True)
class Journal:
    """What happened so far in a batch, round by round."""

    cleaners: tuple[str, ...]
    first_step: int = 0
    """Step of the first cleaner in the present round."""
    errors: list[tuple[int, str, str]] = field(default_factory=list)
    """Turn index, cleaner, message."""
    _chunks: list[EditColumns] = field(default_factory=list)
    _turns: list[int] = field(default_factory=list)
    _steps: list[int] = field(default_factory=list)
    _edits: list[Edit] = field(default_factory=list)

    def add(self, place: int, turn: int, edits: Sequence[Edit]) -> None:
        """Add the edits that the cleaner at a place made in one turn."""
        self._turns += [turn] * len(edits)
        self._steps += [self.first_step + place] * len(edits)
        self._edits += edits

    def add_columns(self, edits: EditColumns) -> None:
        """Add edits of many turns, with the places of the cleaners as steps."""
        steps = edits.steps + self.first_step
        self._chunks.append(
            EditColumns(edits.turns, steps, edits.starts, edits.ends, edits.originals, edits.replacements)
        )

    def verdicts(self, turns: Turns) -> CleanVerdicts:
        """Everything, in order. `turns`: of the batch."""
        chunks = [*self._chunks, self._singles()]
        indices, steps, starts, ends = (
            np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ("turns", "steps", "starts", "ends")
        )
        rows = turns.rows[indices]
        order = np.lexsort((indices, steps, rows))  # stable: edits of one turn and step stay in order
        indices, rows = indices[order], rows[order]
        texts = (
            pa.concat_arrays([getattr(chunk, name) for chunk in chunks]).take(pa.array(order))
            for name in ("originals", "replacements")
        )
        places = (indices - turns.row_offsets[rows], starts[order], ends[order])
        edits = pa.StructArray.from_arrays(
            [*(pa.array(values.astype(np.int32)) for values in places), *texts], fields=list(EDIT_TYPE)
        )
        errors = sorted(self.errors, key=itemgetter(0))
        failed = np.array([index for index, _, _ in errors], np.int64)
        failed_rows = turns.rows[failed]
        failed_turns = failed - turns.row_offsets[failed_rows]
        return CleanVerdicts(
            cleaners=self.cleaners,
            rows=rows,
            steps=steps[order],
            edits=edits,
            errors=[
                (row, turn, name, message)
                for row, turn, (_, name, message) in zip(
                    failed_rows.tolist(), failed_turns.tolist(), errors, strict=True
                )
            ],
        )

    def _singles(self) -> EditColumns:
        """The edits that were added turn by turn."""
        return EditColumns(
            turns=np.array(self._turns, np.int64),
            steps=np.array(self._steps, np.int64),
            starts=np.array([edit.start for edit in self._edits], np.int64),
            ends=np.array([edit.end for edit in self._edits], np.int64),
            originals=pa.array([edit.original for edit in self._edits], pa.string()),
            replacements=pa.array([edit.replacement for edit in self._edits], pa.string()),
        )
