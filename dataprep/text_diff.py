"""The difference of two long texts in words, piece by piece between the places where they surely agree.

`clean.edits.word_diff` compares word by word and gives up on a middle of more than 400 words, which then shows as
replaced whole. Near duplicates are long and differ in several places, so their texts are first cut where a run of words
that each of them has once is common to both (patience diff); what lies between two cuts is small again.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from dataprep.clean.edits import DiffOp, word_diff

Difference = list[tuple[DiffOp, str]]

_TOKEN: Final = re.compile(r"\s+|\w+|[^\w\s]")
_RUN: Final = 8
"""Tokens of a run that marks a place: four words and the spaces between them."""
_SHORT: Final = 400
"""Tokens up to which `word_diff` compares one by one."""


def long_word_diff(before: str, after: str) -> Difference:
    """What differs between two texts, as `word_diff` gives it, in time that grows with their length.

    >>> long_word_diff("It costs 5 euro.", "It costs 6 euro.")
    [('equal', 'It costs '), ('delete', '5'), ('insert', '6'), ('equal', ' euro.')]
    >>> words = [f"word{index}" for index in range(2_000)]
    >>> changed = ["first", *words[1:-1], "last"]
    >>> [text for operation, text in long_word_diff(" ".join(words), " ".join(changed)) if operation != "equal"]
    ['word0', 'first', 'word1999', 'last']
    """
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    places = _places(old, new) if max(len(old), len(new)) > _SHORT else []
    parts: Difference = []
    left = right = 0
    for next_left, next_right in [*places, (len(old), len(new))]:
        one, other = old[left:next_left], new[right:next_right]
        if one == other:
            parts.append(("equal", "".join(one)))
        else:
            parts += word_diff("".join(one), "".join(other))
        left, right = next_left, next_right
    return _joined(parts)


def _places(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Where a run begins that each side has once: places in both, ascending in both, as many as there are."""
    here, there = _single_runs(old), _single_runs(new)
    matches = [(place, there[run]) for run, place in here.items() if run in there]
    # The longest ascending sequence of the second places: `ends` has the smallest end of each length.
    ends: list[int] = []
    at: list[int] = []
    previous: list[int] = []
    for index, (_, place) in enumerate(matches):
        length = bisect_left(ends, place)
        ends[length : length + 1] = [place]
        at[length : length + 1] = [index]
        previous.append(at[length - 1] if length else -1)
    chosen: list[tuple[int, int]] = []
    index = at[-1] if at else -1
    while index >= 0:
        chosen.append(matches[index])
        index = previous[index]
    return chosen[::-1]


def _single_runs(tokens: Sequence[str]) -> dict[tuple[str, ...], int]:
    """The place of each run of tokens that stands there once, in order of places."""
    places: dict[tuple[str, ...], int] = {}
    for place in range(len(tokens) - _RUN + 1):
        run = tuple(tokens[place : place + _RUN])
        places[run] = -1 if run in places else place
    return {run: place for run, place in places.items() if place >= 0}


def _joined(parts: Difference) -> Difference:
    """Between two equal parts at most one deletion and then one insertion; changed words that only a space parts are
    one change."""
    parts = [part for part in parts if part[1]]
    joined: Difference = []
    equal, deleted, inserted = "", "", ""
    for place, (operation, text) in enumerate(parts):
        if operation == "delete":
            deleted += text
        elif operation == "insert":
            inserted += text
        elif text == " " and (deleted or inserted) and place + 1 < len(parts) and parts[place + 1][0] != "equal":
            deleted, inserted = deleted + text, inserted + text
        elif deleted or inserted:
            joined += [("equal", equal), ("delete", deleted), ("insert", inserted)]
            equal, deleted, inserted = text, "", ""
        else:
            equal += text
    joined += [("equal", equal), ("delete", deleted), ("insert", inserted)]
    return [part for part in joined if part[1]]
