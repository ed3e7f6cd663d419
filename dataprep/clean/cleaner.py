"""Cleaning a batch: which turns, in which order, until nothing is left to clean.

A round runs the cleaners in their order over the turns that the compiled scan has flagged. One cleaner's edits can
give an earlier one work (removing a zero-width space can join two halves of a damaged character), so the turns that
changed go through another round, until none changes. The alternative, an order in which nothing can come back, does
not exist for all orders that a pipeline file can ask for. The second round costs a scan of what changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.clean import prefilter
from dataprep.clean.base import Cleaner
from dataprep.clean.config import CleanConfig, CleanerName
from dataprep.clean.control_characters import ControlCharacters
from dataprep.clean.edits import Edit, apply
from dataprep.clean.encoding import Encoding
from dataprep.clean.end_of_text import EndOfText
from dataprep.clean.ends import EndCuts, cut_ends, only_ends
from dataprep.clean.whitespace import Whitespace
from dataprep.kernels.textends import gather
from dataprep.record import RECORD_SCHEMA, Turns

CLEANERS: Final[dict[CleanerName, type[Encoding | ControlCharacters | Whitespace | EndOfText]]] = {
    "encoding": Encoding,
    "control_characters": ControlCharacters,
    "whitespace": Whitespace,
    "end_of_text": EndOfText,
}
"""All cleaners by name; each is made with the configuration: `CLEANERS[name](config)`."""

_MAX_ROUNDS: Final = 50
"""Rounds after which a turn that still changes is given up as an error. Real text needs two."""


@dataclass(slots=True)
class CleanVerdicts:
    """What was changed in a batch: one entry per record, turn and cleaner that changed something, as columns.

    Entries are sorted by row, then in the order in which the cleaners were applied, then by turn: the edits of an entry
    belong to the text that the entry before it of the same turn left. A cleaner comes twice for a turn where there was
    more to do for it after the others.
    """

    row: list[int] = field(default_factory=list)
    """Index of the record in the batch."""
    turn: list[int] = field(default_factory=list)
    """Index of the turn in the record."""
    cleaner: list[str] = field(default_factory=list)
    """The cleaner's name."""
    edits: list[list[Edit]] = field(default_factory=list)
    """What it changed; never empty."""
    errors: list[tuple[int, int, str, str]] = field(default_factory=list)
    """Row, turn, cleaner and message where a cleaner failed. The text stays as that cleaner was given it."""

    def __len__(self) -> int:
        return len(self.row)


def clean_batch(batch: pa.RecordBatch, config: CleanConfig) -> tuple[pa.RecordBatch, CleanVerdicts]:
    """Clean the turns of a batch of RECORD_SCHEMA.

    Returns:
        The batch, with the column `turns` replaced if any text changed, and what changed. Other columns stay as they
        are, the digest of the record before cleaning included.

    >>> from dataprep.record import Record, Turn, build_batch
    >>> batch = build_batch("s", [Record([Turn("user", "schÃ¶n"), Turn("assistant", "yes</s>")], meta={}, line=1)])
    >>> cleaned, verdicts = clean_batch(batch, CleanConfig())
    >>> Turns(cleaned["turns"]).contents.to_pylist(), verdicts.cleaner
    (['schön', 'yes'], ['encoding', 'end_of_text'])
    """
    turns = Turns(batch["turns"])
    column, verdicts = clean_turns(turns, [CLEANERS[name](config) for name in config.cleaners], config)
    if column is None:
        return batch, verdicts
    index = RECORD_SCHEMA.get_field_index("turns")
    return batch.set_column(index, RECORD_SCHEMA.field(index), column), verdicts


def clean_turns(
    turns: Turns, cleaners: Sequence[Cleaner], config: CleanConfig
) -> tuple[pa.ListArray | None, CleanVerdicts]:
    """Run cleaners over turns, in the order given, until none of them changes anything.

    Returns:
        The new column of turns, or None if nothing changed, and what changed.
    """
    journal = _Journal([cleaner.name for cleaner in cleaners])
    column: pa.ListArray | None = None
    current, indices = turns, np.arange(turns.n_turns)
    for _ in range(_MAX_ROUNDS):
        contents, changed = _round(current, indices, cleaners, config, journal)
        if contents is not current.contents:
            column = current.with_contents(contents)
            current = Turns(column)
        indices = np.setdiff1d(changed, [index for index, _, _ in journal.errors])
        if len(indices) == 0:
            break
        journal.first_step += len(cleaners)
    for index in indices.tolist():
        journal.errors.append((index, cleaners[-1].name, f"still changing after {_MAX_ROUNDS} rounds"))
    return column, journal.verdicts(turns)


@dataclass(slots=True)
class _Journal:
    """What happened so far, by turn index in the batch."""

    names: list[str]
    """The cleaners' names, in their order."""
    first_step: int = 0
    """Step of the first cleaner in the present round; steps count cleaners over all rounds."""
    indices: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    edits: list[list[Edit]] = field(default_factory=list)
    errors: list[tuple[int, str, str]] = field(default_factory=list)
    """Turn index, cleaner, message."""

    def add(self, place: int, indices: list[int], edits: list[list[Edit]]) -> None:
        """Edits of the cleaner at a place, one list for each turn."""
        self.indices += indices
        self.steps += [self.first_step + place] * len(indices)
        self.edits += edits

    def verdicts(self, turns: Turns) -> CleanVerdicts:
        """As columns, in their order."""
        indices, steps = np.array(self.indices, np.int64), np.array(self.steps, np.int64)
        order = np.lexsort((indices, steps, turns.rows[indices]))
        rows, places = _places(turns, indices[order])
        errors = sorted(self.errors, key=itemgetter(0))
        failed_at = _places(turns, np.array([index for index, _, _ in errors], np.int64))
        return CleanVerdicts(
            row=rows,
            turn=places,
            cleaner=[self.names[step % len(self.names)] for step in steps[order].tolist()],
            edits=[self.edits[at] for at in order.tolist()],
            errors=[
                (row, turn, name, message) for row, turn, (_, name, message) in zip(*failed_at, errors, strict=True)
            ],
        )


def _places(turns: Turns, indices: npt.NDArray[np.int64]) -> tuple[list[int], list[int]]:
    """Record index of each turn, and the turn's index in its record."""
    rows = turns.rows[indices]
    return rows.tolist(), (indices - turns.row_offsets[rows]).tolist()


def _round(
    turns: Turns,
    indices: npt.NDArray[np.int64],
    cleaners: Sequence[Cleaner],
    config: CleanConfig,
    journal: _Journal,
) -> tuple[pa.StringArray, npt.NDArray[np.int64]]:
    """Run all cleaners once over some turns: all contents (the same array if none changed), and which changed."""
    flags = prefilter.flags(turns, indices, config.end_of_text_markers)
    hit = (flags & prefilter.wanted(cleaners)) != 0
    indices, flags = indices[hit], flags[hit]
    simple = only_ends(flags, cleaners)
    cuts = cut_ends(turns, indices[simple], cleaners)
    for place, cut, edits in cuts.edits:
        journal.add(place, cut, edits)
    texts = _cleaned_texts(turns, indices[~simple], flags[~simple], cleaners, journal)
    rewritten = np.fromiter(texts, np.int64, len(texts))
    changed = np.concatenate([cuts.indices, rewritten])
    if len(changed) == 0:
        return turns.contents, changed
    return _with_changes(turns, cuts, rewritten, list(texts.values())), changed


def _cleaned_texts(
    turns: Turns,
    indices: npt.NDArray[np.int64],
    flags: npt.NDArray[np.uint8],
    cleaners: Sequence[Cleaner],
    journal: _Journal,
) -> dict[int, str]:
    """Run the cleaners on single texts; the new texts of those that changed, by turn index."""
    by_place = [(place, cleaner, cleaner.wants) for place, cleaner in enumerate(cleaners)]
    offsets, data = turns.utf8()
    view = memoryview(data)  # type: ignore[arg-type] # mypy knows the buffer protocol from Python 3.12 on
    changed: dict[int, str] = {}
    for index, flag, start, end in zip(
        indices.tolist(), flags.tolist(), offsets[indices].tolist(), offsets[indices + 1].tolist(), strict=True
    ):
        original = text = str(view[start:end], "utf-8")
        for place, cleaner, wants in by_place:
            if text is original and not flag & wants:  # the flags are those of the original
                continue
            try:
                edits = cleaner.edits(text)
                if edits:
                    text = apply(text, edits)
            except Exception as error:  # whatever went wrong, one record is held; the batch goes on
                journal.errors.append((index, cleaner.name, f"{type(error).__name__}: {error}"))
                break
            if edits:
                journal.add(place, [index], [edits])
        if text is not original:
            changed[index] = text
    return changed


def _with_changes(
    turns: Turns, cuts: EndCuts, rewritten: npt.NDArray[np.int64], texts: Sequence[str]
) -> pa.StringArray:
    """The contents with some cut at their ends and others rewritten. Nulls stay null."""
    offsets, data = turns.utf8()
    starts, ends = offsets[:-1].astype(np.int64), offsets[1:].astype(np.int64)
    starts[cuts.indices], ends[cuts.indices] = cuts.starts, cuts.ends
    text_offsets, text_data = prefilter.encoded(texts)
    starts[rewritten], ends[rewritten] = text_offsets[:-1], text_offsets[1:]
    from_texts = np.zeros(turns.n_turns, np.bool_)
    from_texts[rewritten] = True
    buffers = gather(data, starts, ends, text_data, from_texts)
    valid = None if turns.contents.null_count == 0 else pa.array(turns.valid).buffers()[1]
    return pa.StringArray.from_buffers(turns.n_turns, *map(pa.py_buffer, buffers), valid)
