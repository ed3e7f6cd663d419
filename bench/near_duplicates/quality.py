"""How good it is: what `dataprep dedup` removes and leaves, beside all pairs that there are.

Recall counts pairs at or above the threshold of which one at least goes. Precision counts rows that go: each must name
a row that stays and be as near to it as it says. Both are counted against `bench.near_duplicates.brute_force`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import orjson
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bench.corpora import SHARED, T0
from bench.near_duplicates.brute_force import Pairs, Sets, all_pairs, sets_of, words
from bench.near_duplicates.cases import articles, cases, function_calls, key_of
from bench.near_duplicates.outcome import Outcome, deduplicated, write_texts
from dataprep.pairs.config import NearConfig
from dataprep.pairs.folding import normalize_text

REQUIRED_RECALL: Final = 0.999
REQUIRED_LOW_RECALL: Final = 0.995
LOW: Final = (0.80, 0.85)
"""The similarities in which bands are most likely to miss a pair."""
T0_README: Final = "about 23,600"
ROUNDING: Final = 1e-6
"""Similarities may be stored as 32-bit floats."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Counts of one set.

    Attributes:
        rows, removed: rows there are, and that went.
        pairs, missed: pairs at or above the threshold, and those of which both stay.
        low_pairs, low_missed: the same of those with a similarity within LOW.
        wrong: rows that went without a row that stays and is near enough.
        misstated: rows that went with another similarity than stated.
    """

    rows: int
    removed: int
    pairs: int
    missed: int
    low_pairs: int
    low_missed: int
    wrong: int
    misstated: int

    def __add__(self, other: Judged) -> Judged:
        return Judged(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def recall(self) -> float:
        return 1 - self.missed / max(self.pairs, 1)

    @property
    def low_recall(self) -> float:
        return 1 - self.low_missed / max(self.low_pairs, 1)

    @property
    def met(self) -> bool:
        good = self.recall >= REQUIRED_RECALL and self.low_recall >= REQUIRED_LOW_RECALL
        return good and not self.wrong and not self.misstated


def judge(texts: Sequence[str], sets: Sets, pairs: Pairs, outcome: Outcome, threshold: float) -> Judged:
    """Hold an outcome against all pairs that there are."""
    both = outcome.kept[pairs.left] & outcome.kept[pairs.right]
    low = (pairs.similarity >= LOW[0]) & (pairs.similarity < LOW[1])
    gone = np.flatnonzero(~outcome.kept)
    wrong = misstated = 0
    for row in gone.tolist():
        partner = int(outcome.partner[row])
        if partner < 0 or not outcome.kept[partner]:
            wrong += 1
            continue
        exact = similarity(texts, sets, row, partner)
        wrong += exact < threshold
        misstated += not abs(outcome.similarity[row] - exact) <= ROUNDING
    return Judged(
        len(texts), len(gone), len(both), int(both.sum()), int(low.sum()), int((both & low).sum()), wrong, misstated
    )


def similarity(texts: Sequence[str], sets: Sets, left: int, right: int) -> float:
    """Exact similarity of two rows; texts without shingles are equal or not."""
    if normalize_text(texts[left]) == normalize_text(texts[right]):
        return 1.0
    return sets.similarity(left, right)


def greedily_kept(pairs: Pairs, rows: int) -> np.ndarray:
    """The rows that stay when each in turn goes if it has a pair with one that stays: shape (rows,)."""
    earlier: list[list[int]] = [[] for _ in range(rows)]
    for left, right in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        earlier[right].append(left)
    kept = np.ones(rows, np.bool_)
    for row, others in enumerate(earlier):
        kept[row] = not any(kept[other] for other in others)
    return kept


def main(work: Path, names: Sequence[str], rows: int | None) -> bool:
    """Judge all sets, or those named; whether all that is required was met."""
    config = NearConfig()
    folder = work / "near-results"
    every = cases(work)
    total, met = None, True
    print(f"{'':16}{'rows':>9}{'removed':>9}{'pairs':>10}{'recall':>9}{'0.80-0.85':>11}{'recall':>9}{'wrong':>7}")
    for name, load in every.items():
        if names and name.split(" ")[0] not in names:
            continue
        texts = load()[:rows]
        sets = sets_of(texts, config)
        pairs = all_pairs(sets, config.threshold)
        outcome = deduplicated(write_texts(texts, folder / f"{name.replace(' ', '-')}.parquet"), len(texts))
        judged = judge(texts, sets, pairs, outcome, config.threshold)
        _print(name, judged)
        total = judged if total is None else total + judged
        if name == "t0":
            _explain_t0(pairs, judged)
    if total is not None:
        _print("all", total)
        met &= total.met
        print(
            f"required: recall >= {REQUIRED_RECALL}, in 0.80-0.85 >= {REQUIRED_LOW_RECALL}; nothing wrong or misstated"
        )
    if SHARED.is_dir():
        if not names or "articles" in names:
            met &= judge_articles(folder, config)
        if not names or "calls" in names:
            met &= list_function_calls(folder, config)
    print("met" if met else "NOT met")
    return met


def judge_articles(folder: Path, config: NearConfig) -> bool:
    """Whether exactly the known pairs are found among 1,000 articles."""
    texts, truth = articles()
    outcome = deduplicated(write_texts(texts, folder / "articles.parquet"), len(texts))
    gone = np.flatnonzero(~outcome.kept).tolist()
    found = {(min(row, int(outcome.partner[row])), max(row, int(outcome.partner[row]))) for row in gone}
    every = all_pairs(sets_of(texts, config), config.threshold)
    there = set(zip(every.left.tolist(), every.right.tolist(), strict=True))
    print(f"articles: {len(found & truth)} of the {len(truth)} known pairs found, {len(found - truth)} others")
    return found == truth == there


def list_function_calls(folder: Path, config: NearConfig) -> bool:
    """Print each conversation with function calls that goes, with the one that stays and the words that differ.

    Whether the differences matter is for a person to say; those that are the same word for word are only counted.
    """
    rows = function_calls()
    path = folder / "calls.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps({"id": n, "conversations": row}) + b"\n" for n, row in enumerate(rows)))
    texts = [key_of(row) for row in rows]
    sets = sets_of(texts, config)
    outcome = deduplicated(path, len(rows))
    judged = judge(texts, sets, all_pairs(sets, config.threshold), outcome, config.threshold)
    _print("function calls", judged)
    gone = np.flatnonzero(~outcome.kept).tolist()
    differing = [row for row in gone if words(texts[row]) != words(texts[int(outcome.partner[row])])]
    print(f"  {len(gone) - len(differing)} rows go that are the same word for word, {len(differing)} others:")
    for row in differing:
        partner = int(outcome.partner[row])
        exact = similarity(texts, sets, row, partner)
        print(f"  row {row} goes for {partner}, J = {exact:.3f}: {difference(texts[partner], texts[row])}")
    return judged.met


def difference(stays: str, goes: str, most: int = 160) -> str:
    """The words that one text has and the other has not, cut after so many characters.

    >>> difference("Book a flight to Paris, please.", "Book a train to Paris")
    '[-flight-]{+train+} [-please-]'
    """
    left, right = words(stays), words(goes)
    parts = []
    for tag, begin, end, first, last in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag != "equal":
            old, new = " ".join(left[begin:end]), " ".join(right[first:last])
            parts.append((f"[-{old}-]" if old else "") + (f"{{+{new}+}}" if new else ""))
    found = " ".join(parts)
    return found if len(found) <= most else found[:most] + " ..."


def _explain_t0(pairs: Pairs, judged: Judged) -> None:
    """The figure of the data's own description, beside what an exact comparison with rows that stay gives."""
    n = judged.rows
    edges = coo_array((np.ones(len(pairs.left)), (pairs.left, pairs.right)), shape=(n, n))
    chained = n - connected_components(edges, directed=False)[0]
    greedy = n - int(greedily_kept(pairs, n).sum())
    print(f"  removed by brute force, each for a row that stays: {greedy:,}; all but one of each chain: {chained:,}")
    if T0.exists():
        print(f"  the data's README says {T0_README}: that follows chains, whose ends need not be alike")


def _print(name: str, judged: Judged) -> None:
    print(
        f"{name:16}{judged.rows:9,}{judged.removed:9,}{judged.pairs:10,}{judged.recall:9.5f}"
        f"{judged.low_pairs:11,}{judged.low_recall:9.5f}{judged.wrong + judged.misstated:7}",
        flush=True,
    )
