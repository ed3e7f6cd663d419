"""Repetition inside a record: n-grams and lines that occur more than once.

A hash table for each record and each n would be nine passes over all words. But an n-gram can only repeat if the
(n-1)-gram that it begins with does, so each pass looks only at the places that survived the one before. In T0
instructions 13 % of all places are left at n = 3 and 2.5 % at n = 5: nine lengths for little more than one.
Equality is that of 64-bit hashes: in a record of a million words, a false match has a chance of 3 in 10^8.
"""

from __future__ import annotations

import numpy as np

from dataprep.kernels import kernel
from dataprep.kernels.utf8 import Hashes, Int32s, Int64s

TOP_SIZES = (2, 3, 4)
"""Lengths in words of the n-grams whose most frequent one is measured (Gopher, table A1)."""
DUPLICATE_SIZES = (5, 6, 7, 8, 9, 10)
"""Lengths of the n-grams whose repetitions are measured."""

_FIRST_SIZE = TOP_SIZES[0]
_LAST_TOP_SIZE = TOP_SIZES[-1]
_LAST_SIZE = DUPLICATE_SIZES[-1]
_MIX = np.uint64(0x9E37_79B9_7F4A_7C15)
_STEP = np.uint64(0xD6E8_FEB8_6659_FD93)


@kernel
def find_first_equals(keys: Hashes, count: int, table: Int32s, firsts: Int32s, times: Int32s) -> None:
    """For each of the first `count` keys, the place of the first one equal to it, and at that place how many there are.

    `table` is scratch of at least twice as many slots, rounded up to a power of two; `firsts`, `times` are results.
    """
    bits = 1
    while 1 << bits < 2 * count:
        bits += 1
    shift = np.uint64(64 - bits)
    last_slot = (1 << bits) - 1
    table[: last_slot + 1] = -1
    for place in range(count):
        key = keys[place]
        slot = np.int64((key * _MIX) >> shift)
        times[place] = 0
        while True:
            first = table[slot]
            if first < 0:
                table[slot] = first = place
                break
            if keys[first] == key:
                break
            slot = (slot + 1) & last_slot
        firsts[place] = first
        times[first] += 1


@kernel
def table_slots(count: int) -> int:
    """Slots of scratch that `find_first_equals` needs for `count` keys."""
    slots = 2
    while slots < 2 * count:
        slots *= 2
    return slots


@kernel
def most_at_once(offsets: Int64s) -> int:
    """The largest number of items of one record."""
    most = 0
    for record in range(offsets.size - 1):
        most = max(most, offsets[record + 1] - offsets[record])
    return most


@kernel
def count_repeated_chars(token_hashes: Hashes, token_chars: Int32s, offsets: Int64s) -> Int64s:
    """Characters in repeated n-grams of each record's words: shape (n, 9), columns as TOP_SIZES + DUPLICATE_SIZES.

    Top: characters of the words covered by the most frequent n-gram, where it occurs at least twice (ties: the one with
    more characters, then the earlier one). Duplicate: of those covered by n-grams that occurred before in the record.
    A word under two overlapping n-grams counts once.

    Args:
        token_hashes: hash of each word; token_chars: its length; both of shape (t,).
        offsets: index of each record's first word, and the end: shape (n + 1,).
    """
    n_records = offsets.size - 1
    result = np.zeros((n_records, _LAST_SIZE - _FIRST_SIZE + 1), np.int64)
    most = most_at_once(offsets)
    table = np.empty(table_slots(most), np.int32)
    grams = np.empty(most, np.uint64)
    places = np.empty(most, np.int32)
    firsts = np.empty(most, np.int32)
    times = np.empty(most, np.int32)
    for record in range(n_records):
        begin, end = offsets[record], offsets[record + 1]
        count = end - begin
        for index in range(count):
            places[index] = index
            grams[index] = token_hashes[begin + index]
        for size in range(_FIRST_SIZE, _LAST_SIZE + 1):
            kept = 0
            for index in range(count):
                last = begin + places[index] + size - 1
                if last < end:
                    grams[kept] = grams[index] * _STEP + token_hashes[last]
                    places[kept] = places[index]
                    kept += 1
            count = kept
            if count < 2:
                break
            find_first_equals(grams, count, table, firsts, times)
            column = size - _FIRST_SIZE
            if size <= _LAST_TOP_SIZE:
                top = find_top(places, firsts, times, count, token_chars, begin, size)
                if top >= 0:
                    result[record, column] = cover(places, firsts, count, token_chars, begin, size, top)
            else:
                result[record, column] = cover(places, firsts, count, token_chars, begin, size, -1)
            kept = 0
            for index in range(count):
                if times[firsts[index]] > 1:
                    grams[kept] = grams[index]
                    places[kept] = places[index]
                    kept += 1
            count = kept
    return result


@kernel
def find_top(
    places: Int32s, firsts: Int32s, times: Int32s, count: int, token_chars: Int32s, begin: int, size: int
) -> int:
    """The most frequent n-gram that occurs twice or more, as index of its first occurrence; -1 if there is none."""
    top = -1
    top_times = 1
    top_chars = 0
    for index in range(count):
        if firsts[index] != index or times[index] < max(top_times, 2):
            continue
        chars = 0
        for token in range(begin + places[index], begin + places[index] + size):
            chars += token_chars[token]
        if times[index] > top_times or chars > top_chars:
            top, top_times, top_chars = index, times[index], chars
    return top


@kernel
def cover(places: Int32s, firsts: Int32s, count: int, token_chars: Int32s, begin: int, size: int, first: int) -> int:
    """Characters of the words under all occurrences of the n-gram `first`; for -1, of all that occurred before."""
    chars = 0
    covered_to = 0
    for index in range(count):
        if firsts[index] == first if first >= 0 else firsts[index] != index:
            for token in range(max(places[index], covered_to), places[index] + size):
                chars += token_chars[begin + token]
            covered_to = places[index] + size
    return chars


@kernel
def count_repeated_lines(line_hashes: Hashes, line_chars: Int32s, offsets: Int64s) -> Int64s:
    """Lines with something visible, of these the ones that repeat an earlier one, and the characters of both: (n, 4).

    Args:
        line_hashes: hash of each line; line_chars: its length, 0 where it is blank; both of shape (l,).
        offsets: index of each record's first line, and the end: shape (n + 1,).
    """
    n_records = offsets.size - 1
    result = np.zeros((n_records, 4), np.int64)
    most = most_at_once(offsets)
    table = np.empty(table_slots(most), np.int32)
    keys = np.empty(most, np.uint64)
    lengths = np.empty(most, np.int32)
    firsts = np.empty(most, np.int32)
    times = np.empty(most, np.int32)
    for record in range(n_records):
        count = 0
        for line in range(offsets[record], offsets[record + 1]):
            if line_chars[line] > 0:
                keys[count] = line_hashes[line]
                lengths[count] = line_chars[line]
                result[record, 2] += line_chars[line]
                count += 1
        result[record, 0] = count
        if count < 2:
            continue
        find_first_equals(keys, count, table, firsts, times)
        for index in range(count):
            if firsts[index] != index:
                result[record, 1] += 1
                result[record, 3] += lengths[index]
    return result
