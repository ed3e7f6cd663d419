"""The yardstick for near duplicates: its corpora, its brute force, and its judgement of what is removed."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.near_duplicates.brute_force import Pairs, all_pairs, sets_of, words
from bench.near_duplicates.cases import articles, function_calls, key_of
from bench.near_duplicates.corpora import strange, with_copies
from bench.near_duplicates.outcome import Outcome, deduplicated, write_texts
from bench.near_duplicates.pieces import Pieces, cut
from bench.near_duplicates.quality import difference, greedily_kept, judge
from dataprep.pairs.config import NearConfig
from dataprep.pairs.words import words_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "assistant" / "data" / "t0_sample.jsonl"
CONFIG = NearConfig()


def prompts() -> list[str]:
    return [json.loads(line)["prompt"] for line in EXAMPLE.read_text(encoding="utf-8").splitlines()]


def pieces() -> Pieces:
    return cut(prompts(), 300)


def jaccard(left: str, right: str) -> float:
    """By Python's sets, in length classes."""
    one, other = words(left), words(right)
    sizes = [0 if len(each) < 5 else 3 if len(each) < 20 else 5 for each in (one, other)]
    if not sizes[0] or sizes[0] != sizes[1]:
        return 0.0
    sets = [{tuple(each[at : at + sizes[0]]) for at in range(len(each) - sizes[0] + 1)} for each in (one, other)]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


texts_of_few_words = st.lists(st.lists(st.sampled_from("abc"), max_size=30).map(" ".join), max_size=12)


@given(texts_of_few_words, st.sampled_from([0.5, 0.7, 0.8, 1.0]))
def test_brute_force_finds_the_pairs_that_sets_of_words_have(texts: list[str], threshold: float) -> None:
    found = all_pairs(sets_of(texts, CONFIG), threshold)
    every = {
        (left, right): value
        for left, right in itertools.combinations(range(len(texts)), 2)
        if (value := jaccard(texts[left], texts[right])) >= threshold
    }
    listed = list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert dict(zip(listed, found.similarity.tolist(), strict=True)) == every
    assert len(listed) == len(every)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_words_are_what_the_product_calls_words(texts: list[str]) -> None:
    encoded = [text.encode("utf-8", "replace") for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    found = words_of(offsets, np.frombuffer(b"".join(encoded), np.uint8))
    theirs = [found.hashes[start:end].tolist() for start, end in zip(found.starts, found.ends, strict=True)]
    ours = [words(text.decode()) for text in encoded]
    assert list(map(len, ours)) == list(map(len, theirs))
    names = {
        number: word
        for mine, others in zip(ours, theirs, strict=True)
        for word, number in zip(mine, others, strict=True)
    }
    assert [[names[number] for number in row] for row in theirs] == ours


def test_cutting_loses_nothing_but_leading_white_space() -> None:
    assert "".join(pieces().texts().to_pylist()) == "".join(text.lstrip() for text in prompts())


def test_planted_rows_are_as_many_and_as_near_as_stated_and_the_same_every_time() -> None:
    made, again = (with_copies(pieces().distinct(100), 400, np.random.default_rng(1)) for _ in range(2))
    texts = made.texts().to_pylist()
    assert texts == again.texts().to_pylist()
    assert len(texts) == 400
    assert len(texts) - len(set(texts)) >= 20
    similar = all_pairs(sets_of(texts, CONFIG), 0.2).similarity
    assert ((similar > 0.2) & (similar < 0.9)).sum() >= 10


def test_strange_rows_resemble_nothing() -> None:
    one = pieces().distinct(200)
    other = strange(one, np.random.default_rng(2))
    sets = sets_of([*one.texts().to_pylist(), *other.texts().to_pylist()], CONFIG)
    values = [sets.similarity(row, row + len(one)) for row in range(len(one))]
    assert float(np.mean(values)) < 0.25


def outcome_of(kept: list[bool], partner: list[int], similarity: list[float]) -> Outcome:
    return Outcome(np.array(kept), np.array(partner), np.array(similarity))


A = "the quick brown fox jumps over the lazy dog"
LIKE_A = "the quick brown fox jumps over the lazy dogs"
TEXTS = [A, LIKE_A, "Nothing of that kind is to be found here", "no", "No"]


@pytest.mark.parametrize(
    ("kept", "partner", "similarity", "missed", "wrong", "misstated"),
    [
        ([True, False, True, True, False], [-1, 0, -1, -1, 3], [0, 0.75, 0, 0, 1], 0, 0, 0),
        ([True, True, True, True, False], [-1, -1, -1, -1, 3], [0, 0, 0, 0, 1], 1, 0, 0),
        ([True, False, False, True, True], [-1, 0, 0, -1, -1], [0, 0.75, 0, 0, 0], 0, 1, 0),
        ([True, False, True, True, True], [-1, 2, -1, -1, -1], [0, 0.75, 0, 0, 0], 0, 1, 1),
        ([True, False, True, True, True], [-1, 0, -1, -1, -1], [0, 0.9, 0, 0, 0], 0, 0, 1),
        ([True, False, True, False, False], [-1, 0, -1, 4, 3], [0, 0.75, 0, 1, 1], 0, 2, 0),
    ],
)
def test_what_is_missed_wrong_and_misstated_is_counted(
    kept: list[bool], partner: list[int], similarity: list[float], missed: int, wrong: int, misstated: int
) -> None:
    sets = sets_of(TEXTS, CONFIG)
    found = judge(TEXTS, sets, all_pairs(sets, 0.7), outcome_of(kept, partner, similarity), 0.7)
    assert (found.pairs, found.missed, found.wrong, found.misstated) == (1, missed, wrong, misstated)


def test_a_chain_keeps_both_of_its_ends() -> None:
    chain = Pairs(np.array([0, 1]), np.array([1, 2]), np.array([0.8, 0.8]))
    assert greedily_kept(chain, 3).tolist() == [True, False, True]


def test_the_words_that_differ_are_shown() -> None:
    assert difference("Book a flight to Paris, please.", "Book a train to Paris") == "[-flight-]{+train+} [-please-]"
    assert difference("Same words", "same WORDS!") == ""
    assert difference("a", "b " * 100, most=10) == "[-a-]{+b b ..."


def test_the_articles_have_the_known_pairs_and_no_others(shared_data: Path) -> None:
    texts, truth = articles()
    pairs = all_pairs(sets_of(texts, CONFIG), CONFIG.threshold)
    assert set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == truth
    assert len(truth) == 10


def test_function_calls_come_with_twins_that_have_other_arguments(shared_data: Path) -> None:
    rows = function_calls()
    assert rows == function_calls()
    originals, twins = ({key_of(row) for row in part} for part in (rows[:300], rows[300:]))
    assert len(twins) == len(rows) - 300 > 100
    assert not twins & originals


def test_the_command_is_perfect_on_a_small_corpus(tmp_path: Path) -> None:
    texts = with_copies(pieces(), 600, np.random.default_rng(3)).texts().to_pylist()
    sets = sets_of(texts, CONFIG)
    outcome = deduplicated(write_texts(texts, tmp_path / "small.parquet"), len(texts))
    judged = judge(texts, sets, all_pairs(sets, CONFIG.threshold), outcome, CONFIG.threshold)
    assert judged.removed > 60
    assert judged.met
