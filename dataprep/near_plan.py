"""What `dataprep plan` says of near duplicates: the settings in words, and preambles that the sample's turns share.

A preamble that many records begin with (`Below is an instruction that describes a task…`) makes records alike that have
nothing else in common, the more so the shorter they are. It is looked for among the words that would be compared, after
what `dedup.near.strip` takes away, so that a preamble named there is not found again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.digests import utf8_buffers
from dataprep.file_job import PreparedFile
from dataprep.pairs.config import NearConfig
from dataprep.pairs.near_keys import KeyTexts, NearKeys
from dataprep.pairs.words import Words, words_of
from dataprep.record import ROLES, Turns

Ints = npt.NDArray[np.int64]

_LEAST_WORDS: Final = 8
"""Words of a preamble."""
_SHARE: Final = 0.2
"""Share of a source's turns of one role that begin with it."""
_LEAST_TURNS: Final = 10
"""Turns that do, so that a sample of a few rows shows none."""
_MOST_TURNS: Final = 5_000
"""Turns of one role that are looked at."""
_ALONG: Final = 0.8
"""A preamble goes on while so many of the turns that share it have the same next word."""
_SIMILARITIES: Final = (0.7, 0.8, 0.9)

_FIELDS: Final = {
    "input": "the input (all turns before the last answer)",
    "answer": "the answer",
    "system": "system prompts",
}


@dataclass(frozen=True, slots=True)
class Preamble:
    """A text that many turns of one role begin with.

    Attributes:
        source, role: whose turns.
        text: as the first such turn has it.
        words: how many it has.
        turns: how many turns of the sample begin with it, each text once unless it is a system prompt.
        share: of all such turns of this role in the source's sample, 0..1.
    """

    source: str
    role: str
    text: str
    words: int
    turns: int
    share: float


@dataclass(frozen=True, slots=True)
class PlannedNear:
    """How near duplicates will be looked for.

    Attributes:
        words: the settings in words, a line each.
        recall: chance to find a pair, by its similarity; none below `least`.
        least: similarity below which pairs are not looked for.
        preambles: what many turns begin with, and would better stand in `dedup.near.strip`.
    """

    words: tuple[str, ...]
    recall: dict[float, float]
    least: float
    preambles: tuple[Preamble, ...]


def plan_near(config: NearConfig, prepared: Sequence[PreparedFile]) -> PlannedNear | None:
    """How near duplicates will be looked for; None where they are not.

    Args:
        config: the settings.
        prepared: the sample.
    """
    if not config.on:
        return None
    least = config.stored().floor
    return PlannedNear(tuple(describe(config)), _recall(config), least, tuple(_preambles(config, prepared)))


def describe(config: NearConfig) -> Iterator[str]:
    """The settings in words.

    >>> print(*describe(NearConfig()), sep="\\n")
    from similarity 0.8 on a record is dropped: exact Jaccard similarity of the runs of words
    compared: the input (all turns before the last answer), the answer; never records of different labels
    answers must be as similar alone, too, by runs of 3 words; those under 5 words and tool calls must be equal
    records under 5 words: exact key only; 5-19 words: runs of 3 words; 20 and more: runs of 5; never across classes
    chance to find a pair, by 21 bands of 6: at 0.7 92.78 %, at 0.8 99.83 %, at 0.9 over 99.99 %
    pairs below 0.7 are not looked for
    """
    done = {"drop": "dropped", "hold": "held", "flag": "flagged"}[config.action]
    yield f"from similarity {config.threshold:g} on a record is {done}: exact Jaccard similarity of the runs of words"
    fields = ", ".join(words for field, words in _FIELDS.items() if field in config.fields) or "nothing but the label"
    yield f"compared: {fields}" + ("; never records of different labels" if "label" in config.fields else "")
    least, size = config.least_words, config.short_ngram
    if config.answers_alone:
        yield (
            f"answers must be as similar alone, too, by runs of {size} words; those under {least} words and tool calls "
            "must be equal"
        )
    yield _classes(config)
    chances = ", ".join(f"at {each:g} {_percent(chance)}" for each, chance in _recall(config).items())
    yield f"chance to find a pair, by {config.bands} bands of {config.rows}: {chances}"
    yield f"pairs below {config.stored().floor:g} are not looked for"


def _recall(config: NearConfig) -> dict[float, float]:
    """Chance to find a pair at the usual similarities that are looked for, and at the threshold."""
    similarities = sorted({*_SIMILARITIES, config.threshold})
    return {each: config.recall(each) for each in similarities if each >= config.stored().floor}


def _classes(config: NearConfig) -> str:
    """
    >>> _classes(NearConfig(least_words=3, short_below=3, short_ngram=3, ngram=3))
    'records under 3 words: exact key only; 3 and more: runs of 3'
    """
    least, below = config.least_words, max(config.short_below, config.least_words)
    parts = [f"records under {least} words: exact key only"] if least > 1 else []
    if below > least:
        span = f"{least}-{below - 1}" if below - 1 > least else str(least)
        parts.append(f"{span} words: runs of {config.short_ngram} words")
    parts.append(f"{below} and more: runs of {config.ngram}")
    across = "; never across classes" if below > least else ""
    return "; ".join(parts) + across


def _percent(chance: float) -> str:
    return "over 99.99 %" if chance > 0.9999 else f"{100 * chance:.2f} %"


def _preambles(config: NearConfig, prepared: Sequence[PreparedFile]) -> Iterator[Preamble]:
    for source in dict.fromkeys(item.source.name for item in prepared):
        files = [
            path for item in prepared if item.source.name == source for path in item.part_files(item.prepare, "records")
        ]
        if files:
            parts = [pq.read_table(path, columns=["turns"])["turns"].combine_chunks() for path in files]
            yield from shared_preambles(config, source, Turns(pa.concat_arrays(parts)))


def shared_preambles(config: NearConfig, source: str, turns: Turns) -> Iterator[Preamble]:
    """What at least a fifth of the turns of one role begin with, 8 words or more, the longest of each role first.

    Of turns with the same words only the first counts, unless they are system prompts: what is said again and again is
    a duplicate, not a preamble.

    Args:
        config: which turns are compared, and what is left out of them already.
        source: the name of the source.
        turns: of its records.
    """
    texts = KeyTexts.of(turns)
    found = NearKeys(config).side_words(texts, "whole")
    left_out = found.starts - words_of(texts.offsets, texts.data).starts
    for number, role in enumerate(ROLES):
        of_role = np.flatnonzero((texts.roles == number) & (found.ends > found.starts))[:_MOST_TURNS]
        if role != "system":
            of_role = _distinct(found, of_role)
        least = max(math.ceil(_SHARE * len(of_role)), _LEAST_TURNS)
        prefixes = _Prefixes(found.hashes, found.starts[of_role], (found.ends - found.starts)[of_role], least)
        preambles = []
        for length, group in prefixes.find(np.arange(len(of_role))):
            first = int(of_role[group[0]])
            text = _words_between(turns.contents[first].as_py(), int(left_out[first]), length)
            preambles.append(Preamble(source, role, text, length, len(group), len(group) / len(of_role)))
        yield from sorted(preambles, key=lambda one: (-one.words, -one.turns, one.text))


def _distinct(words: Words, turns: Ints) -> Ints:
    """Some turns, less those with the words of an earlier one."""
    first = {words.hashes[words.starts[turn] : words.ends[turn]].tobytes(): turn for turn in turns[::-1].tolist()}
    return np.array(sorted(first.values()), np.int64)


class _Prefixes:
    """Finds runs of words that many of some texts begin with.

    Args:
        hashes: of words.
        starts: where the words of each text begin in it.
        sizes: how many there are.
        least: texts that must share one.
    """

    def __init__(self, hashes: npt.NDArray[np.uint64], starts: Ints, sizes: Ints, least: int) -> None:
        self._hashes = hashes
        self._starts = starts
        self._sizes = sizes
        self._least = least

    def find(self, group: Ints, length: int = 0) -> Iterator[tuple[int, Ints]]:
        """Runs that begin with what a group shares: how many words, and the texts that do.

        A run ends where its texts go on differently. Some of them may share much more; these have a run of their own,
        and the others are looked at without them.

        Args:
            group: texts that share the first `length` words.
            length: how many these are.
        """
        branches = self._branches(group, length)
        while branches and len(branches[0]) >= _ALONG * len(group):
            group, length = branches[0], length + 1
            branches = self._branches(group, length)
        longer = [found for branch in branches for found in self.find(branch, length + 1)]
        if length >= _LEAST_WORDS:
            longer = [found for found in longer if found[0] - length >= _LEAST_WORDS]
            others = np.setdiff1d(group, np.concatenate([group[:0], *(members for _, members in longer)]))
            if not longer:
                yield length, group
            elif len(others) >= self._least:
                yield from self.find(others, length)
        yield from longer

    def _branches(self, group: Ints, length: int) -> list[Ints]:
        """The texts of a group by their next word, as far as enough of them have the same, most first."""
        going_on = group[self._sizes[group] > length]
        words = self._hashes[self._starts[going_on] + length]
        values, counts = np.unique(words, return_counts=True)
        chosen = np.flatnonzero(counts >= self._least)
        order = chosen[np.lexsort((values[chosen], -counts[chosen]))]
        return [going_on[words == value] for value in values[order]]


def _words_between(text: str, skipped: int, count: int) -> str:
    """The part of a text that holds some of its words.

    >>> _words_between("### Below: one, two. Three", 1, 2)
    'one, two.'
    """
    return text[_before_word(text, skipped) : _before_word(text, skipped + count)].strip()


def _before_word(text: str, count: int) -> int:
    """Where, in characters, the word after so many others begins; the end of a text that has none."""
    low, high = 0, len(text) + 1
    while low < high:  # the shortest beginning that has a part of that word
        middle = (low + high) // 2
        low, high = (low, middle) if _words(text[:middle]) > count else (middle + 1, high)
    return min(max(low - 1, 0), len(text))


def _words(text: str) -> int:
    words = words_of(*utf8_buffers(pa.array([text])))
    return int(words.ends[0] - words.starts[0])
