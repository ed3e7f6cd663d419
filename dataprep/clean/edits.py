"""Edits: the only way in which cleaning changes text.

A cleaner says what it would change instead of changing it, so that one list serves as the verdict's content, the
difference shown to a person, the undo, and the map for offsets that point into the text. The alternative, comparing
the texts afterwards, guesses where a change was; it is kept for showing two versions of a text (`word_diff`).
Positions are code points, as in Python's `str`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

DiffOp = Literal["equal", "delete", "insert"]

_TOKEN: Final = re.compile(r"\s+|\w+|[^\w\s]")
_MAX_DIFF_TOKENS: Final = 400
"""Tokens a side that `word_diff` compares one by one. Matching is cubic at worst: 400 tokens of two words and the
spaces between them take 0.15 s; past it, the differing middle is shown as one deletion and one insertion."""


class Edit(NamedTuple):
    """Replace `original`, at code points start..end of the text as the cleaner saw it, by `replacement`."""

    start: int
    end: int
    original: str
    replacement: str


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text with all edits made.

    Args:
        text: the text that the edits were made for.
        edits: sorted by start, not overlapping.

    Raises:
        ValueError: the edits overlap, are out of order, or belong to another text.

    >>> apply("one  two", [Edit(3, 5, "  ", " ")])
    'one two'
    """
    pieces: list[str] = []
    position = 0
    for start, end, original, replacement in edits:
        if start < position or end - start != len(original) or not text.startswith(original, start):
            raise ValueError(f"edit at code points {start}..{end} does not fit the text")
        pieces += (text[position:start], replacement)
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def undo(cleaned: str, edits: Sequence[Edit]) -> str:
    """The text as it was before `apply(text, edits)` gave `cleaned`.

    Raises:
        ValueError: `cleaned` is not what these edits made.

    >>> undo("one two", [Edit(3, 5, "  ", " ")])
    'one  two'
    """
    return apply(cleaned, inverse(edits))


def inverse(edits: Sequence[Edit]) -> list[Edit]:
    """The edits that take the cleaned text back to the original one.

    >>> inverse([Edit(0, 1, "\\n", ""), Edit(4, 5, "a", "bc")])
    [Edit(start=0, end=0, original='', replacement='\\n'), Edit(start=3, end=5, original='bc', replacement='a')]
    """
    shift = 0
    back: list[Edit] = []
    for start, end, original, replacement in edits:
        at = start + shift
        back.append(Edit(at, at + len(replacement), replacement, original))
        shift += len(replacement) - (end - start)
    return back


def map_offset(offset: int, edits: Sequence[Edit]) -> int:
    """Where a code-point offset into the original text points after the edits.

    An offset outside every edit keeps pointing at the same character. One inside a replaced span moves to the same
    distance from the replacement's start, at most to its end; one at an insertion stays before it. Order is kept.

    >>> edits = [Edit(3, 5, "  ", " ")]
    >>> [map_offset(offset, edits) for offset in (0, 3, 4, 5, 8)]
    [0, 3, 4, 4, 7]
    """
    shift = 0
    for start, end, _, replacement in edits:
        if offset <= start:
            break
        if offset < end:
            return start + shift + min(offset - start, len(replacement))
        shift += len(replacement) - (end - start)
    return offset + shift


def word_diff(before: str, after: str) -> list[tuple[DiffOp, str]]:
    """What changed between two texts, in words, for showing to a person.

    Concatenating the texts of `equal` and `delete` gives `before`; of `equal` and `insert`, `after`. Two neighbours
    never have the same operation. The work is bounded: past 400 differing tokens the middle is shown as replaced whole.

    >>> word_diff("It costs 5 euro.", "It costs 6 euro.")
    [('equal', 'It costs '), ('delete', '5'), ('insert', '6'), ('equal', ' euro.')]
    """
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    shorter = min(len(old), len(new))
    head = 0
    while head < shorter and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    old_middle, new_middle = old[head : len(old) - tail], new[head : len(new) - tail]
    parts: list[tuple[DiffOp, str]] = [("equal", "".join(old[:head]))]
    if max(len(old_middle), len(new_middle)) > _MAX_DIFF_TOKENS:
        parts += [("delete", "".join(old_middle)), ("insert", "".join(new_middle))]
    else:
        matcher = SequenceMatcher(None, old_middle, new_middle, autojunk=False)
        for op, old_start, old_end, new_start, new_end in matcher.get_opcodes():
            if op == "equal":
                parts.append(("equal", "".join(old_middle[old_start:old_end])))
            else:
                parts.append(("delete", "".join(old_middle[old_start:old_end])))
                parts.append(("insert", "".join(new_middle[new_start:new_end])))
    parts.append(("equal", "".join(old[len(old) - tail :])))
    return _merged(parts)


def _merged(parts: list[tuple[DiffOp, str]]) -> list[tuple[DiffOp, str]]:
    """Without empty parts, and with neighbours of one operation joined."""
    merged: list[tuple[DiffOp, str]] = []
    for op, text in parts:
        if not text:
            continue
        if merged and merged[-1][0] == op:
            merged[-1] = (op, merged[-1][1] + text)
        else:
            merged.append((op, text))
    return merged
