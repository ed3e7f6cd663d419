"""A block of text to be measured: some records of a batch, scanned once for all families.

A block is about 0.5 MB of text: large enough that a family's call costs little beside its work, small enough that the
allocator hands the same memory out again for the next (blocks of 1 MB and more scan at 0.67 of the speed: page faults).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.kernels import read_only
from dataprep.kernels.codepoints import CLASSES
from dataprep.kernels.scan import Scan, hash_lines, scan
from dataprep.record import ROLES, Turns

BLOCK_BYTES: Final = 1 << 19
"""Text of a block, in bytes of UTF-8; one more record than fits is let in."""

_ASSISTANT: Final = ROLES.index("assistant")
_USER: Final = ROLES.index("user")


class TextBlock:
    """Some records of a batch: n records with m turns, their text, and the arrays that families measure from.

    Arrays over turns have m values, arrays over records n. What is found by compiled kernels is found at first use.

    Args:
        turns: the turns of a batch.
        end_of_text_markers: tokenizer markers to count.
        rows: first record of the block and the one after the last; the whole batch if not given.

    >>> import pyarrow as pa
    >>> from dataprep.record import TURNS_TYPE
    >>> turns = [{"role": "user", "content": "Two words?"}, {"role": "assistant", "content": "Yes"}]
    >>> block = TextBlock(Turns(pa.array([turns], TURNS_TYPE)), ())
    >>> block.turn_words.tolist(), block.answers.tolist()
    ([2, 1], [1])
    """

    def __init__(self, turns: Turns, end_of_text_markers: tuple[str, ...], rows: tuple[int, int] | None = None) -> None:
        first, last = rows or (0, turns.n_rows)
        bounds = turns.row_offsets[first : last + 1]
        here = slice(int(bounds[0]), int(bounds[-1]))
        offsets, data = turns.utf8()
        self.end_of_text_markers = end_of_text_markers
        self.n_rows = last - first
        self.row_offsets: npt.NDArray[np.int64] = bounds - bounds[0]
        """Index of each record's first turn, and the end: shape (n + 1,)."""
        self.offsets = read_only(offsets[here.start : here.stop + 1])
        """Byte offsets of the turns' texts, shape (m + 1,), into `data`."""
        self.data = read_only(data)
        """UTF-8 of the whole batch."""
        self.roles = turns.roles[here]
        self.valid = turns.valid[here]
        """Whether a turn has content (not null)."""
        self.missing = turns.missing[here]
        """Whether a turn stands for a field that the row did not have."""
        self.calls = turns.calls[here]
        """Whether a turn calls a tool."""

    @cached_property
    def scanned(self) -> Scan:
        """Words, lines and counts of character classes of each turn."""
        return scan(self.data, self.offsets, CLASSES)

    @cached_property
    def line_hashes(self) -> npt.NDArray[np.uint64]:
        """Hash of each line of the scan, without the blanks at its ends; 0 for blank lines."""
        found = self.scanned
        return hash_lines(self.data, found.line_starts, found.line_ends, found.line_chars, CLASSES)

    @cached_property
    def answers(self) -> npt.NDArray[np.int64]:
        """Turn that is each record's answer, its last assistant turn; -1 for none."""
        return self._last_of_role(_ASSISTANT, self.row_offsets[1:])

    @cached_property
    def last_users(self) -> npt.NDArray[np.int64]:
        """Last user turn before each record's answer; -1 for none, or no answer."""
        return self._last_of_role(_USER, np.where(self.answers >= 0, self.answers, self.row_offsets[:-1]))

    @cached_property
    def input_ends(self) -> npt.NDArray[np.int64]:
        """Turn at which each record's input ends: its answer, or, where there is none, the end of the record."""
        return np.where(self.answers >= 0, self.answers, self.row_offsets[1:])

    @cached_property
    def turn_words(self) -> npt.NDArray[np.int64]:
        """Words of each turn."""
        return np.diff(self.scanned.token_offsets)

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """The scan's counts of each record, columns as in `kernels.scan`: shape (n, 6)."""
        return self.sum_turns(self.scanned.counts)

    @cached_property
    def record_tokens(self) -> npt.NDArray[np.int64]:
        """Index of each record's first word in the scan's arrays, and the end: shape (n + 1,)."""
        return self.scanned.token_offsets[self.row_offsets]

    @cached_property
    def record_lines(self) -> npt.NDArray[np.int64]:
        """Index of each record's first line in the scan's arrays, and the end: shape (n + 1,)."""
        return self.scanned.line_offsets[self.row_offsets]

    def sum_turns(self, values: npt.NDArray[np.int64 | np.bool_]) -> npt.NDArray[np.int64]:
        """Sums over each record's turns of values over turns (shape (m,) or (m, k)); 0 for records without turns."""
        totals = np.zeros((len(values) + 1, *values.shape[1:]), np.int64)
        np.cumsum(values, axis=0, out=totals[1:])
        return totals[self.row_offsets[1:]] - totals[self.row_offsets[:-1]]

    def _last_of_role(self, role: int, ends: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Last turn of a role before `ends` in each record; -1 for none."""
        last_so_far = np.maximum.accumulate(
            np.concatenate([[-1], np.where(self.roles == role, np.arange(len(self.roles)), -1)])
        )
        found = last_so_far[ends]
        return np.where(found >= self.row_offsets[:-1], found, -1)


def split_rows(turns: Turns) -> Iterator[tuple[int, int]]:
    """Ranges of records of about BLOCK_BYTES each; one empty range for an empty batch."""
    offsets, _ = turns.utf8()
    starts = offsets[turns.row_offsets].astype(np.int64)
    first = 0
    while True:
        last = int(np.searchsorted(starts, starts[first] + BLOCK_BYTES, side="left"))
        last = min(last, turns.n_rows)
        yield first, last
        if last == turns.n_rows:
            return
        first = last


def pack_texts(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Texts as kernels take them: their UTF-8, and the offset of each text in it, shape (k + 1,)."""
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    offsets[1:] = np.cumsum([len(text) for text in encoded])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets
