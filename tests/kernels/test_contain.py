"""Containment is that of plain sets, whatever the filter and the table do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from dataprep.kernels.contain import (
    ItemGrams,
    Lookup,
    contained,
    grams_of,
    known_keys,
    lookup_of,
    mark,
    marked_spans,
    marks_of,
    may_have,
    place_of,
)

VOCABULARY = np.random.default_rng(0).integers(0, 1 << 64, 4, np.uint64)
VOCABULARY[0] = 0

Record = list[list[int]]
"""Texts of a record, as indices into the vocabulary."""
records_of_words = st.lists(st.lists(st.lists(st.integers(0, 3), max_size=9), max_size=3), max_size=6)
hashes_64 = st.integers(0, (1 << 64) - 1)


class Laid:
    """Records as the kernels take them."""

    def __init__(self, records: Sequence[Record]) -> None:
        texts = [text for record in records for text in record]
        bounds = np.array([0, *accumulate(map(len, texts))], np.int64)
        self.hashes = VOCABULARY[np.array([word for text in texts for word in text], np.int64)]
        self.starts, self.ends = bounds[:-1].copy(), bounds[1:].copy()
        self.record_texts = np.array([0, *accumulate(map(len, records))], np.int64)
        # The input of a record are all its texts but the last.
        self.input_ends = np.maximum(self.record_texts[1:] - 1, self.record_texts[:-1])

    @property
    def words(self) -> tuple[np.ndarray, ...]:
        return self.hashes, self.starts, self.ends, self.record_texts


def ngrams(texts: Sequence[Sequence[int]], size: int) -> set[tuple[int, ...]]:
    return {tuple(text[at : at + size]) for text in texts for at in range(len(text) - size + 1)}


def index(items: Sequence[Record], size: int) -> ItemGrams:
    """The n-grams of items, put together without numpy's help."""
    laid = Laid(items)
    table: dict[int, dict[int, bool]] = {}
    for key, item, in_input in zip(*grams_of(*laid.words, laid.input_ends, size), strict=True):
        having = table.setdefault(int(key), {})
        having[int(item)] = having.get(int(item), False) or bool(in_input)
    keys = sorted(table)
    entries = [(item, table[key][item]) for key in keys for item in sorted(table[key])]
    owners = np.array([item for item, _ in entries], np.int32)
    in_input = np.array([flag for _, flag in entries], np.bool_)
    return ItemGrams(
        lookup_of(np.array(keys, np.uint64)),
        np.array([0, *accumulate(len(table[key]) for key in keys)], np.int64),
        owners,
        in_input,
        np.bincount(owners[in_input], minlength=len(items)).astype(np.int32),
        np.bincount(owners, minlength=len(items)).astype(np.int32),
    )


def best(record: Record, items: Sequence[Record], size: int) -> tuple[int, float]:
    own = ngrams(record, size)
    found, share = -1, 0.0
    for number, item in enumerate(items):
        for side in (ngrams(item[:-1], size), ngrams(item, size)):
            if side and len(side & own) / len(side) > share:
                found, share = number, len(side & own) / len(side)
    return found, share


@given(records_of_words, records_of_words, st.integers(1, 4))
@example([[[0, 0, 0]]], [[[0, 0, 0, 0]], []], 1)
@example([[], [[1, 2]]], [], 2)
def test_the_item_and_its_share_are_those_of_plain_sets(items: list[Record], records: list[Record], size: int) -> None:
    found, shares = contained(*Laid(records).words, size, index(items, size))
    assert list(zip(found.tolist(), shares.tolist(), strict=True)) == [best(record, items, size) for record in records]


def test_an_ngram_counts_once_however_often_a_record_has_it() -> None:
    item, other = [[0, 1, 2, 3, 0, 2], []], [[3, 3, 3], []]
    found, shares = contained(*Laid([[[0, 1, 2] * 400]]).words, 3, index([other, item], 3))
    assert (found[0], shares[0]) == (1, 1 / 4)


def test_of_items_with_equal_shares_the_first_is_named() -> None:
    items = [[[0, 1, 2, 3], []], [[0, 1, 2, 0], []], [[0, 1, 2, 3], []]]
    found, shares = contained(*Laid([[[3, 0, 1, 2]], [[0, 1, 2, 0]]]).words, 3, index(items, 3))
    assert found.tolist() == [0, 1]
    assert shares.tolist() == [0.5, 1.0]


def test_more_hits_than_the_scratch_holds_at_first() -> None:
    rng = np.random.default_rng(1)
    words = rng.integers(0, 4, 3000).tolist()
    items = [[words[at : at + 20], []] for at in range(0, 2900, 10)]
    record = [words, words[:1000]]
    found, shares = contained(*Laid([record, [[]]]).words, 8, index(items, 8))
    assert (found[0], shares[0]) == best(record, items, 8)
    assert found[1] == -1


# -- looking up --


@given(st.sets(hashes_64, max_size=200), st.lists(hashes_64, max_size=50))
@example({0, 1, (1 << 64) - 1}, [2, 1 << 63])
@example({key << 40 for key in range(100)}, [1 << 20])  # one slot for all of them
def test_a_lookup_knows_its_hashes_and_no_others(keys: set[int], others: list[int]) -> None:
    ordered = sorted(keys)
    lookup = lookup_of(np.array(ordered, np.uint64))
    asked = np.array([*ordered, *others], np.uint64)
    places = [place_of(lookup, key) for key in asked]
    assert places == [ordered.index(key) if key in keys else -1 for key in asked.tolist()]
    assert all(may_have(lookup.bits, key) for key in asked[: len(ordered)])
    comparable = np.arange(len(asked)) % 3 > 0
    found, where = known_keys(asked, comparable, lookup)
    known = [place for place in range(len(asked)) if comparable[place] and asked[place] in keys]
    assert found.tolist() == known
    assert [ordered[place] for place in where] == asked[found].tolist()


def test_the_filter_lets_few_others_pass() -> None:
    rng = np.random.default_rng(2)
    lookup = lookup_of(np.unique(rng.integers(0, 1 << 64, 50_000, np.uint64)))
    others = rng.integers(0, 1 << 64, 20_000, np.uint64)
    assert sum(may_have(lookup.bits, key) for key in others) < 0.02 * len(others)


# -- marks --


def known(values: Sequence[int]) -> Lookup:
    return lookup_of(np.unique(np.array(values, np.uint64)))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.data())
def test_a_mark_does_not_know_how_words_are_divided_among_texts(words: list[int], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(words)), max_size=4)))
    parts = [words[start:end] for start, end in zip([0, *cuts], [*cuts, len(words)], strict=True)]
    whole, divided = Laid([[words]]), Laid([parts])
    expected = mark(whole.hashes, whole.starts, whole.ends, 0, len(words))
    assert mark(divided.hashes, divided.starts, divided.ends, 0, len(words)) == expected
    spans = np.array([[0, len(parts)]])
    assert marks_of(divided.hashes, divided.starts, divided.ends, spans).tolist() == [expected]


def test_texts_of_other_words_or_another_number_of_words_have_other_marks() -> None:
    texts = [[0], [1], [0, 0], [0, 1], [1, 0], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 3], [3, 1, 2, 3, 3]]
    laid = Laid([[text] for text in texts])
    spans = np.stack([np.arange(len(texts)), np.arange(len(texts)) + 1], axis=1)
    assert len(set(marks_of(laid.hashes, laid.starts, laid.ends, spans).tolist())) == len(texts)


@given(records_of_words, st.sets(st.lists(st.integers(0, 3), min_size=1, max_size=4).map(tuple), max_size=4))
def test_spans_are_turns_inputs_and_whole_records_that_are_known(
    records: list[Record], texts: set[tuple[int, ...]]
) -> None:
    sought = [Laid([[list(text)]]) for text in texts]
    marks = known([mark(each.hashes, each.starts, each.ends, 0, len(each.hashes)) for each in sought])
    laid = Laid(records)
    without = np.zeros(len(laid.starts), np.bool_)
    without[::2] = True  # as if every other text were a system prompt
    own_ends = np.where(without, laid.starts, laid.ends)
    spans = marked_spans(laid.hashes, laid.starts, laid.ends, own_ends, laid.record_texts, laid.input_ends, 2, marks)
    expected = []
    for row, record in enumerate(records):
        first, last = laid.record_texts[row : row + 2].tolist()
        for at, text in enumerate(record, first):
            if len(text) >= 2 and tuple(text) in texts:
                expected.append([row, at, at + 1])
        for end in (int(laid.input_ends[row]), last):
            own = [word for at in range(first, end) if not without[at] for word in record[at - first]]
            if tuple(own) in texts:
                expected.append([row, first, end])
    assert spans.tolist() == expected  # of four words or fewer, a mark has all of them


def test_no_records_and_no_items() -> None:
    laid, nothing = Laid([]), index([], 13)
    found, shares = contained(*laid.words, 13, nothing)
    assert len(found) == len(shares) == 0
    bounds = (laid.record_texts, laid.input_ends)
    assert marked_spans(laid.hashes, laid.starts, laid.ends, laid.ends, *bounds, 1, nothing.lookup).shape == (0, 3)
