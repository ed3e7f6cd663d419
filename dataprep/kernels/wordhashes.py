"""Words of texts as hashes and nothing else: what duplicates are compared by, where no statistics are wanted.

The same words and hashes as `kernels.scan`, at twice its speed: in ASCII, which most texts are, the places where words
begin and end are found for 64 bytes at a time, as bits of one machine word, so that no step waits for the one before.
T0 instructions, one core: 1.0 GB/s in blocks of 0.25 MB.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel
from dataprep.kernels.bits import load_word, trailing_zeros
from dataprep.kernels.codepoints import BLANK
from dataprep.kernels.scan import ascii_word_bytes, find_word_end
from dataprep.kernels.utf8 import (
    HASH_SEED,
    Bytes,
    Hashes,
    Int64s,
    decode,
    finish_hash,
    first_bytes,
    hash_block,
    hash_span,
    word_at,
)

_HIGH = np.uint64(0x8080_8080_8080_8080)
_CASE = np.uint64(0x2020_2020_2020_2020)
_TO_BITS = np.uint64(0x0102_0408_1020_4080)
_CHUNK = 64
_NOTHING = np.uint64(0)
_ONE = np.uint64(1)
_SEVEN = np.uint64(7)
_TOP_BYTE = np.uint64(56)
_TOP_BIT = np.uint64(63)


@kernel
def word_bits(block: np.uint64) -> np.uint64:
    """A bit for each byte of the block, lowest first: whether it is an ASCII letter or digit."""
    return ((ascii_word_bytes(block) >> _SEVEN) * _TO_BITS) >> _TOP_BYTE


@kernel
def hash_ascii_word(data: Bytes, start: int, end: int) -> np.uint64:
    """`utf8.hash_span` of an ASCII word in lower case."""
    mixed = HASH_SEED
    index = start
    while end - index > 8:
        mixed = hash_block(mixed, word_at(data, index) | _CASE)
        index += 8
    mixed = hash_block(mixed, (word_at(data, index) | _CASE) & first_bytes(end - index))
    return finish_hash(mixed, end - start)


@kernel
def words_to(
    data: Bytes, index: int, stop: int, end: int, classes: Bytes, words: Hashes, count: int
) -> tuple[int, int]:
    """Append the words that begin in `data[index:stop]`, of a text that goes on to `end`, whatever they are.

    Returns:
        How many words there are now; where the last of them ends, at least `stop`.
    """
    while index < stop:
        code, size = decode(data, index, end)
        if classes[code] <= BLANK:
            index += size
            continue
        word_end = find_word_end(data, index, end, classes)[0]
        words[count] = hash_span(data, index, word_end, True)
        count += 1
        index = word_end
    return count, index


@kernel
def all_direct(data: Bytes, index: int, stop: int, end: int, direct: Bytes) -> bool:
    """Whether the words of `data[index:stop]` are those of its normalised form; the text goes on to `end`."""
    while index < stop:
        if data[index] < 0x80:
            index += 1
        else:
            code, size = decode(data, index, end)
            if direct[code] == 0:
                return False
            index += size
    return True


@kernel
def find_words(data: Bytes, start: int, end: int, classes: Bytes, direct: Bytes, words: Hashes, count: int) -> int:
    """Append the words of the text `data[start:end]` to the first `count` of `words`.

    Returns:
        How many there are now; -1 where the text has a code point that is not `direct`.
    """
    before = _NOTHING
    word_start = start
    inside = False
    base = start
    while base < end:
        mask = _NOTHING
        seen = _NOTHING
        stop = min(base + _CHUNK, end)
        if base + _CHUNK <= end:
            for part in range(8):
                block = load_word(data, base + 8 * part)
                seen |= block
                mask |= word_bits(block) << np.uint64(8 * part)
        else:
            for part in range((end - base + 7) >> 3):
                place = base + 8 * part
                block = word_at(data, place)
                if end - place < 8:
                    block &= first_bytes(end - place)
                seen |= block
                mask |= word_bits(block) << np.uint64(8 * part)
        if seen & _HIGH != _NOTHING:
            first = base
            count, base = words_to(data, word_start if inside else base, stop, end, classes, words, count)
            if not all_direct(data, first, base, end, direct):
                return -1
            before = _NOTHING
            inside = False
            continue
        bounds = mask ^ (mask << _ONE | before)
        before = mask >> _TOP_BIT
        while bounds != _NOTHING:
            place = base + trailing_zeros(bounds)
            bounds &= bounds - _ONE
            if inside:
                words[count] = hash_ascii_word(data, word_start, place)
                count += 1
            word_start = place
            inside = not inside
        base = stop
    if inside:
        words[count] = hash_ascii_word(data, word_start, end)
        count += 1
    return count


@kernel
def hash_words(
    data: Bytes, text_starts: Int64s, text_ends: Int64s, classes: Bytes, direct: Bytes, words: Hashes, count: int
) -> tuple[Int64s, Int64s, npt.NDArray[np.bool_], int]:
    """Append the hashes of the words of m texts to the first `count` of `words`.

    Args:
        data: text i is the UTF-8 in `data[text_starts[i]:text_ends[i]]`.
        text_starts, text_ends: shape (m,).
        classes: `codepoints.CLASSES`.
        direct: for each code point beyond ASCII whether it makes the same words in a normalised text, 0 or 1; texts
            with others are left out.
        words: with room for as many more as `most_words` says.

    Returns:
        Where the words of each text begin and end, shape (m,); which texts were left out, shape (m,); how many words
        there are now.
    """
    n_texts = text_starts.size
    starts = np.empty(n_texts, np.int64)
    ends = np.empty(n_texts, np.int64)
    left_out = np.zeros(n_texts, np.bool_)
    for text in range(n_texts):
        starts[text] = count
        found = find_words(data, text_starts[text], text_ends[text], classes, direct, words, count)
        left_out[text] = found < 0
        count = max(count, found)
        ends[text] = count
    return starts, ends, left_out, count
