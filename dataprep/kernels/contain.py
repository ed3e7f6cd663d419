"""Containment: how much of a benchmark item's n-grams a record has, for every record, in one pass over its words.

The n-grams of all items are in one table, and nearly all n-grams of nearly all records are not. So each is first looked
up in a filter with two bits for every n-gram of an item among at least 16, which lets 1 in 80 pass by mistake; what is
left is looked up exactly. A record without a hit costs the hashing of its n-grams and that one look: 1.4 GB/s of text,
with the filter of 1,319 items in the second-level cache. Two different n-grams have equal 64-bit hashes with a chance
of 10^-7 for a million n-grams of items against a million of records.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel
from dataprep.kernels.grow import doubled
from dataprep.kernels.minhash import shingle
from dataprep.kernels.repeats import table_slots
from dataprep.kernels.sorting import ascending
from dataprep.kernels.utf8 import HASH_SEED, Hashes, Int32s, Int64s, finish_hash, hash_block

Bools = npt.NDArray[np.bool_]

_ONE = np.uint64(1)
_FIRST_BIT = np.uint64(52)
_SECOND_BIT = np.uint64(58)
_LOW_SIX = np.uint64(63)
_HALF = np.uint64(32)
_WORD_BITS = 64
_BITS_A_KEY = 16
_SAMPLES = 4
"""Words of a text that its mark is made of, beside their number."""


class Lookup(NamedTuple):
    """Some hashes, made to be asked for others that are hardly ever among them."""

    keys: Hashes
    """The hashes, ascending, each once: shape (k,)."""
    slots: Int32s
    """Open addressing: place in `keys` of the hash in each slot, -1 for none."""
    bits: Hashes
    """The filter: two bits of one word for each hash."""


class ItemGrams(NamedTuple):
    """The n-grams of k items, without those that count for none."""

    lookup: Lookup
    """All n-grams, g of them."""
    offsets: Int64s
    """Where the items of each n-gram begin in `items`, and the end: shape (g + 1,)."""
    items: Int32s
    """Items that have it, ascending."""
    in_input: Bools
    """Whether the item has it in its input, not only in its answer. One for each of `items`."""
    input_sizes: Int32s
    """N-grams of each item's input: shape (k,)."""
    sizes: Int32s
    """N-grams of each item: shape (k,)."""


@kernel
def filter_word(bits: Hashes, key: np.uint64) -> np.int64:
    """The word of the filter that has a hash's bits. Chosen by other bits of the hash than its slot."""
    return np.int64(key >> _HALF) & (bits.size - 1)


@kernel
def filter_bits(key: np.uint64) -> np.uint64:
    """The bits of a hash in its word."""
    return _ONE << ((key >> _FIRST_BIT) & _LOW_SIX) | _ONE << (key >> _SECOND_BIT)


@kernel
def may_have(bits: Hashes, key: np.uint64) -> bool:
    """Whether the filter lets a hash pass."""
    wanted = filter_bits(key)
    return bool(bits[filter_word(bits, key)] & wanted == wanted)


@kernel
def sift(bits: Hashes, keys: Hashes, count: int) -> int:
    """Move those of the first `count` hashes that the filter lets pass to the front; returns how many."""
    kept = 0
    for index in range(count):
        key = keys[index]
        keys[kept] = key
        kept += may_have(bits, key)
    return kept


@kernel
def fill(lookup: Lookup) -> None:
    """Enter `keys` into empty `slots` and `bits`."""
    last = lookup.slots.size - 1
    for place in range(lookup.keys.size):
        key = lookup.keys[place]
        slot = np.int64(key) & last
        while lookup.slots[slot] >= 0:
            slot = (slot + 1) & last
        lookup.slots[slot] = place
        lookup.bits[filter_word(lookup.bits, key)] |= filter_bits(key)


def lookup_of(keys: Hashes) -> Lookup:
    """Put hashes, ascending and each once, where `place_of` finds them.

    >>> lookup = lookup_of(np.array([3, 1 << 40], np.uint64))
    >>> place_of(lookup, np.uint64(1 << 40)), place_of(lookup, np.uint64(4))
    (1, -1)
    """
    words = 1
    while words * _WORD_BITS < _BITS_A_KEY * len(keys):
        words *= 2
    lookup = Lookup(keys, np.full(table_slots(len(keys)), -1, np.int32), np.zeros(words, np.uint64))
    fill(lookup)
    return lookup


@kernel
def place_of(lookup: Lookup, key: np.uint64) -> int:
    """The place of a hash in `lookup.keys`; -1 if it is not there. For the few that the filter lets pass."""
    last = lookup.slots.size - 1
    slot = np.int64(key) & last
    while lookup.slots[slot] >= 0:
        place = lookup.slots[slot]
        if lookup.keys[place] == key:
            return int(place)
        slot = (slot + 1) & last
    return -1


@kernel
def known_keys(keys: Hashes, comparable: Bools, lookup: Lookup) -> tuple[Int64s, Int64s]:
    """Which of n keys are in a lookup: index of each that is, and its place there.

    Args:
        keys: shape (n,).
        comparable: keys that count: shape (n,).
    """
    bits = lookup.bits
    found = np.empty(64, np.int64)
    places = np.empty(64, np.int64)
    filled = 0
    for index in range(keys.size):
        if not comparable[index] or not may_have(bits, keys[index]):
            continue
        place = place_of(lookup, keys[index])
        if place < 0:
            continue
        if filled == found.size:
            found = doubled(found)
            places = doubled(places)
        found[filled], places[filled] = index, place
        filled += 1
    return found[:filled], places[:filled]


@kernel
def most_of_a_text(starts: Int64s, ends: Int64s) -> int:
    """Words of the longest text."""
    most = 0
    for text in range(starts.size):
        most = max(most, ends[text] - starts[text])
    return most


@kernel
def grams_of(
    hashes: Hashes, starts: Int64s, ends: Int64s, record_texts: Int64s, input_ends: Int64s, size: int
) -> tuple[Hashes, Int32s, Bools]:
    """All n-grams of n records, as often as they occur: the hash, the record, and whether it is in the record's input.

    Args:
        hashes: hash of each word.
        starts, ends: the words of each of m texts in it: shape (m,). N-grams do not run from one text into the next.
        record_texts: index of each record's first text, and the end: shape (n + 1,).
        input_ends: the text at which each record's input ends: shape (n,).
        size: words in an n-gram.
    """
    total = 0
    for text in range(record_texts[0], record_texts[-1]):
        total += max(ends[text] - starts[text] - size + 1, 0)
    keys = np.empty(total, np.uint64)
    records = np.empty(total, np.int32)
    in_input = np.empty(total, np.bool_)
    filled = 0
    for record in range(record_texts.size - 1):
        for text in range(record_texts[record], record_texts[record + 1]):
            first, last = starts[text], ends[text]
            count = shingle(hashes[first:last], last - first, size, keys[filled:])
            records[filled : filled + count] = record
            in_input[filled : filled + count] = text < input_ends[record]
            filled += count
    return keys, records, in_input


@kernel
def contained(
    hashes: Hashes, starts: Int64s, ends: Int64s, record_texts: Int64s, size: int, grams: ItemGrams
) -> tuple[Int32s, npt.NDArray[np.float64]]:
    """For each of n records the item that it contains most of, and how much.

    Args:
        hashes, starts, ends, record_texts, size: as for `grams_of`.
        grams: of the items.

    Returns:
        The item, -1 where the record has no n-gram of any, of several the first; and the larger of two shares, those of
        the n-grams of the item's input, and of all its n-grams, that the record has. Both of shape (n,).
    """
    n_records = record_texts.size - 1
    found = np.full(n_records, -1, np.int32)
    shares = np.zeros(n_records, np.float64)
    shingles = np.empty(max(most_of_a_text(starts, ends), 1), np.uint64)
    bits = grams.lookup.bits
    hits = np.empty(256, np.int32)
    touched = np.empty(64, np.int32)
    n_all = np.zeros(grams.sizes.size, np.int32)
    n_input = np.zeros(grams.sizes.size, np.int32)
    for record in range(n_records):
        n_hits = 0
        for text in range(record_texts[record], record_texts[record + 1]):
            first, last = starts[text], ends[text]
            total = shingle(hashes[first:last], last - first, size, shingles)
            for index in range(sift(bits, shingles, total)):
                place = place_of(grams.lookup, shingles[index])
                if place < 0:
                    continue
                if n_hits == hits.size:
                    hits = doubled(hits)
                hits[n_hits] = place
                n_hits += 1
        if n_hits == 0:
            continue
        own = hits[:n_hits]
        ascending(own, own.size)
        n_touched = 0
        before = -1
        for place in own:
            if place == before:  # an n-gram counts once, however often the record has it
                continue
            before = place
            for index in range(grams.offsets[place], grams.offsets[place + 1]):
                item = grams.items[index]
                if n_all[item] == 0:
                    if n_touched == touched.size:
                        touched = doubled(touched)
                    touched[n_touched] = item
                    n_touched += 1
                n_all[item] += 1
                n_input[item] += grams.in_input[index]
        for item in touched[:n_touched]:
            share = n_all[item] / grams.sizes[item]
            if n_input[item] > 0:
                share = max(share, n_input[item] / grams.input_sizes[item])
            if share > shares[record] or (share == shares[record] and item < found[record]):
                found[record], shares[record] = item, share
            n_all[item] = 0
            n_input[item] = 0
    return found, shares


@kernel
def words_in(starts: Int64s, ends: Int64s, first: int, last: int) -> int:
    """Words of the texts `first` to `last`."""
    count = 0
    for text in range(first, last):
        count += ends[text] - starts[text]
    return count


@kernel
def mark(hashes: Hashes, starts: Int64s, ends: Int64s, first: int, count: int) -> np.uint64:
    """Hash of how many words the texts from `first` on have, and of four of them: the outer ones and two between.

    Equal sequences of words have equal marks, however they are divided among texts; so texts whose marks differ are not
    the same, which is true of nearly all and takes no look at most of their words.
    """
    value = HASH_SEED
    text = first
    before = 0
    taken = min(count, _SAMPLES)
    for sample in range(taken):
        place = sample * (count - 1) // max(taken - 1, 1)
        while place - before >= ends[text] - starts[text]:
            before += ends[text] - starts[text]
            text += 1
        value = hash_block(value, hashes[starts[text] + place - before])
    return finish_hash(value, count)


@kernel
def marks_of(hashes: Hashes, starts: Int64s, ends: Int64s, spans: Int64s) -> Hashes:
    """The mark of each of s runs of texts, each given by its first text and the one after its last: shape (s, 2)."""
    marks = np.empty(len(spans), np.uint64)
    for span in range(len(spans)):
        first, last = spans[span, 0], spans[span, 1]
        marks[span] = mark(hashes, starts, ends, first, words_in(starts, ends, first, last))
    return marks


@kernel
def marked_spans(
    hashes: Hashes,
    starts: Int64s,
    ends: Int64s,
    own_ends: Int64s,
    record_texts: Int64s,
    input_ends: Int64s,
    least_words: int,
    marks: Lookup,
) -> Int64s:
    """Runs of texts whose mark is known: single texts, inputs of records, and whole records.

    Args:
        hashes, starts, ends, record_texts, input_ends: as for `grams_of`.
        own_ends: `ends`, but `starts` for texts that inputs and whole records are judged without: shape (m,).
        least_words: single texts with fewer words are passed over.
        marks: the known ones.

    Returns:
        Record, first text and the one after the last of each: shape (s, 3), ascending by record.
    """
    bits = marks.bits
    spans = np.empty((64, 3), np.int64)
    filled = 0
    for record in range(record_texts.size - 1):
        first, last = record_texts[record], record_texts[record + 1]
        for text in range(first, last + 2):
            single = text < last
            begin = text if single else first
            end = text + 1 if single else input_ends[record] if text == last else last
            chosen_ends = ends if single else own_ends
            count = words_in(starts, chosen_ends, begin, end)
            if count < (least_words if single else 1):
                continue
            value = mark(hashes, starts, chosen_ends, begin, count)
            if not may_have(bits, value) or place_of(marks, value) < 0:
                continue
            if filled == len(spans):
                spans = np.concatenate((spans, np.empty_like(spans)))
            spans[filled, 0], spans[filled, 1], spans[filled, 2] = record, begin, end
            filled += 1
    return spans[:filled]
