"""Known texts inside texts: markers anywhere, placeholders as the whole text, an answer that repeats its input."""

from __future__ import annotations

import numpy as np

from dataprep.kernels import kernel
from dataprep.kernels.bits import trailing_zeros
from dataprep.kernels.codepoints import BLANK, UPPER
from dataprep.kernels.utf8 import Bytes, Hashes, Int32s, Int64s, decode, trim, word_at

_END = -1
_EVERY_BYTE = np.uint64(0x0101_0101_0101_0101)
_HIGH_BITS = np.uint64(0x8080_8080_8080_8080)


@kernel
def count_occurrences(data: Bytes, offsets: Int32s, needles: Bytes, needle_offsets: Int64s) -> Int64s:
    """How often any of the needles occurs in each text, without overlaps, the first needle that fits wins: shape (m,).

    Args:
        data, offsets: the texts, as for `scan.scan`.
        needles, needle_offsets: needle k is `needles[needle_offsets[k]:needle_offsets[k + 1]]`, none of them empty.
    """
    begins = np.zeros(256, np.bool_)
    for needle in range(needle_offsets.size - 1):
        begins[needles[needle_offsets[needle]]] = True
    first_bytes = np.empty(256, np.uint64)
    n_first = 0
    for byte in range(256):
        if begins[byte]:
            first_bytes[n_first] = np.uint64(byte) * _EVERY_BYTE
            n_first += 1
    found = np.zeros(offsets.size - 1, np.int64)
    for text in range(offsets.size - 1):
        index = int(offsets[text])
        end = int(offsets[text + 1])
        while index < end:
            index += find_byte(word_at(data, index), first_bytes[:n_first])
            if index < end and begins[data[index]]:
                size = match_needle(data, index, end, needles, needle_offsets)
                found[text] += size > 0
                index += max(size, 1)
    return found


@kernel
def find_byte(block: np.uint64, wanted: Hashes) -> int:
    """Place of the first byte of the block that is one of those wanted, each given eight times over; 8 if none is."""
    hits = np.uint64(0)
    for byte in wanted:
        difference = block ^ byte
        hits |= (difference - _EVERY_BYTE) & ~difference & _HIGH_BITS  # the lowest bit that this sets is right
    return trailing_zeros(hits) >> 3


@kernel
def match_needle(data: Bytes, index: int, end: int, needles: Bytes, needle_offsets: Int64s) -> int:
    """Length in bytes of the first needle that stands at `index`; 0 if none does."""
    for needle in range(needle_offsets.size - 1):
        start = needle_offsets[needle]
        size = int(needle_offsets[needle + 1] - start)
        if index + size > end:
            continue
        place = 0
        while place < size and data[index + place] == needles[start + place]:
            place += 1
        if place == size:
            return size
    return 0


@kernel
def find_blank_and_listed(data: Bytes, offsets: Int32s, listed: Bytes, listed_offsets: Int64s, classes: Bytes) -> Bytes:
    """1 for each text in which nothing is visible (empty ones too), 2 for each that is one of the listed, else 0.

    Args:
        data, offsets, classes: the texts and the classes of code points, as for `scan.scan`.
        listed, listed_offsets: texts in lower case, laid out like needles; compared with A-Z in lower case and without
            the blanks at both ends.
    """
    longest = 0
    for entry in range(listed_offsets.size - 1):
        longest = max(longest, listed_offsets[entry + 1] - listed_offsets[entry])
    kinds = np.zeros(offsets.size - 1, np.uint8)
    for text in range(offsets.size - 1):
        start, end = trim(data, int(offsets[text]), int(offsets[text + 1]), classes)
        if start == end:
            kinds[text] = 1
        elif end - start <= longest:
            for entry in range(listed_offsets.size - 1):
                if equals_folded(data, start, end, listed, listed_offsets[entry], listed_offsets[entry + 1]):
                    kinds[text] = 2
                    break
    return kinds


@kernel
def equals_folded(data: Bytes, start: int, end: int, listed: Bytes, listed_start: int, listed_end: int) -> bool:
    """Whether a span is a listed text (in lower case), A-Z taken as a-z."""
    if end - start != listed_end - listed_start:
        return False
    for place in range(end - start):
        byte = data[start + place]
        if 65 <= byte <= 90:
            byte += 32
        if byte != listed[listed_start + place]:
            return False
    return True


@kernel
def find_echoes(
    data: Bytes,
    offsets: Int32s,
    inputs: Int64s,
    answers: Int64s,
    last_users: Int64s,
    classes: Bytes,
    uppers: Int32s,
    lowers: Int32s,
) -> Bytes:
    """1 for each record whose answer repeats its whole input or its last user turn, else 0: shape (n,).

    Compared without regard to case and white space, up to the first difference, so that nearly all records cost a few
    characters. An answer in which nothing is visible repeats nothing.

    Args:
        inputs: index of the first text of each record's input, which ends where the answer begins.
        answers: index of the text that is the answer, -1 for none.
        last_users: index of the user's last text before the answer, -1 for none.
        uppers, lowers: upper-case code points in order, and their lower-case forms.
    """
    echoes = np.zeros(answers.size, np.uint8)
    for record in range(answers.size):
        answer = answers[record]
        user = last_users[record]
        if answer < 0:
            continue
        if read_the_same(data, offsets, inputs[record], answer, answer, classes, uppers, lowers) or (
            user >= 0 and read_the_same(data, offsets, user, user + 1, answer, classes, uppers, lowers)
        ):
            echoes[record] = 1
    return echoes


@kernel
def read_the_same(
    data: Bytes,
    offsets: Int32s,
    first: int,
    last: int,
    answer: int,
    classes: Bytes,
    uppers: Int32s,
    lowers: Int32s,
) -> bool:
    """Whether the texts first..last, one after the other, read like the answer, and something is visible in them."""
    if first >= last:
        return False
    left, right = first, answer
    left_at = int(offsets[left])
    right_at = int(offsets[right])
    begun = False
    while True:
        left_char, left_gap, left, left_at = next_visible(data, offsets, left, last, left_at, classes)
        right_char, right_gap, right, right_at = next_visible(data, offsets, right, answer + 1, right_at, classes)
        if left_char == _END or right_char == _END:
            return begun and left_char == right_char
        if left_gap != right_gap and begun:
            return False
        if lower(left_char, classes, uppers, lowers) != lower(right_char, classes, uppers, lowers):
            return False
        begun = True


@kernel
def next_visible(
    data: Bytes, offsets: Int32s, text: int, last: int, index: int, classes: Bytes
) -> tuple[int, bool, int, int]:
    """The next visible character of texts read one after the other (-1 at the end of the one before `last`), whether a
    blank or the seam of two texts came before it, and the text and index to go on from.
    """
    gap = False
    while True:
        end = int(offsets[text + 1])
        if index < end:
            code, size = decode(data, index, end)
            index += size
            if classes[code] != BLANK:
                return code, gap, text, index
        elif text + 1 < last:
            text += 1
        else:
            return _END, gap, text, index
        gap = True


@kernel
def lower(code: int, classes: Bytes, uppers: Int32s, lowers: Int32s) -> int:
    """A code point in lower case, where that is one code point."""
    return int(lowers[np.searchsorted(uppers, code)]) if classes[code] == UPPER else code
