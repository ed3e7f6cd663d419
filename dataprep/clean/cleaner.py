"""Cleaning a batch: which turns, in which order, until nothing is left to clean.

A round runs the cleaners in their order over the turns that the compiled scan has flagged. One cleaner's edits can
give an earlier one work (removing a zero-width space can join two halves of a damaged character), so the turns that
changed go through another round, until none changes; but for those out of which something was only cut, which leaves
nothing to clean. The alternative, an order in which nothing can come back, does not exist for all orders that a
pipeline file can ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.clean import prefilter
from dataprep.clean.base import Cleaner
from dataprep.clean.config import CleanConfig, CleanerName
from dataprep.clean.control_characters import ControlCharacters
from dataprep.clean.cuts import Cuts, cut, only_cuts
from dataprep.clean.edits import apply
from dataprep.clean.encoding import Encoding
from dataprep.clean.end_of_text import EndOfText
from dataprep.clean.verdicts import CleanVerdicts, Journal
from dataprep.clean.whitespace import Whitespace
from dataprep.kernels.textcuts import spliced
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


def clean_batch(batch: pa.RecordBatch, config: CleanConfig) -> tuple[pa.RecordBatch, CleanVerdicts]:
    """Clean the turns of a batch of RECORD_SCHEMA.

    Returns:
        The batch, with the column `turns` replaced if any text changed, and what changed. Other columns stay as they
        are, the digest of the record before cleaning included.

    >>> from dataprep.record import Record, Turn, build_batch
    >>> batch = build_batch("s", [Record([Turn("user", "schÃ¶n"), Turn("assistant", "yes</s>")], meta={}, line=1)])
    >>> cleaned, verdicts = clean_batch(batch, CleanConfig())
    >>> Turns(cleaned["turns"]).contents.to_pylist(), verdicts.table()["cleaner"].to_pylist()
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
    journal = Journal(tuple(cleaner.name for cleaner in cleaners))
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


def _round(
    turns: Turns,
    indices: npt.NDArray[np.int64],
    cleaners: Sequence[Cleaner],
    config: CleanConfig,
    journal: Journal,
) -> tuple[pa.StringArray, npt.NDArray[np.int64]]:
    """Run all cleaners once over some turns: all contents (the same array if none changed), and which need another."""
    flags = prefilter.flags(turns, indices, config.end_of_text_markers)
    hit = (flags & prefilter.wanted(cleaners)) != 0
    indices, flags = indices[hit], flags[hit]
    simple = only_cuts(flags, cleaners)
    cuts = cut(turns, indices[simple], flags[simple], cleaners)
    journal.add_columns(cuts.edits)
    texts = _cleaned_texts(turns, indices[~simple], flags[~simple], cleaners, journal)
    rewritten = np.fromiter(texts, np.int64, len(texts))
    if len(cuts.turns) == 0 and len(rewritten) == 0:
        return turns.contents, rewritten
    return _with_changes(turns, cuts, rewritten, list(texts.values())), rewritten


def _cleaned_texts(
    turns: Turns,
    indices: npt.NDArray[np.int64],
    flags: npt.NDArray[np.uint8],
    cleaners: Sequence[Cleaner],
    journal: Journal,
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
                journal.add(place, index, edits)
        if text is not original:
            changed[index] = text
    return changed


def _with_changes(turns: Turns, cuts: Cuts, rewritten: npt.NDArray[np.int64], texts: Sequence[str]) -> pa.StringArray:
    """The contents with pieces cut out of some and others rewritten. Nulls stay null."""
    offsets, data = turns.utf8()
    ends = np.diff(offsets).astype(np.int64)
    ends[cuts.indices] = cuts.ends
    buffers = spliced(offsets, data, ends, cuts.turns, cuts.spans, rewritten, *prefilter.encoded(texts))
    valid = None if turns.contents.null_count == 0 else pa.array(turns.valid).buffers()[1]
    return pa.StringArray.from_buffers(turns.n_turns, *map(pa.py_buffer, buffers), valid)
