"""The scan: one pass over a block of text that finds words, their hashes, lines, and counts of character classes.

Everything that statistics, duplicates and n-grams need comes from this pass, because walking the text is the cost and
what is done with the words is nearly free. ASCII letters and digits are taken eight bytes at a time with plain integer
arithmetic, without a branch per byte that would be mispredicted at every word's end; the rest is decoded. T0
instructions, one core: 500 MB/s in blocks of 0.5 MB, 340 MB/s in blocks of 1 MB and more (page faults).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dataprep.kernels import kernel
from dataprep.kernels.bits import count_ones, trailing_zeros
from dataprep.kernels.codepoints import BLANK, MARK, NUMBER, SOLO, SYMBOL, UPPER
from dataprep.kernels.utf8 import (
    HASH_SEED,
    Bytes,
    Hashes,
    Int32s,
    Int64s,
    decode,
    finish_hash,
    first_bytes,
    hash_block,
    hash_span,
    trim,
    word_at,
)

CHARS, WORD_CHARS, LETTERS, UPPERS, NUMBERS, SYMBOLS = range(6)
"""Columns of `Scan.counts`."""

_HIGH = np.uint64(0x8080_8080_8080_8080)
_LOW = np.uint64(0x7F7F_7F7F_7F7F_7F7F)
_CASE = np.uint64(0x2020_2020_2020_2020)
_ALPHA = np.uint64(0x4040_4040_4040_4040)
_FROM_A = np.uint64((0x80 - ord("a")) * 0x0101_0101_0101_0101)
_PAST_Z = np.uint64((0x80 - ord("z") - 1) * 0x0101_0101_0101_0101)
_FROM_0 = np.uint64((0x80 - ord("0")) * 0x0101_0101_0101_0101)
_PAST_9 = np.uint64((0x80 - ord("9") - 1) * 0x0101_0101_0101_0101)
_NEWLINE = 10
_SPACE = np.uint64(32)
_BYTE = np.uint64(0xFF)
_NOT_ASCII = np.uint64(0x80)


class Scan(NamedTuple):
    """What the scan found in m texts with t words and l lines. Positions are byte offsets into the block's data."""

    counts: Int64s
    """Of each text: characters, those in words, letters, upper-case letters, numbers, symbols. Shape (m, 6)."""
    token_offsets: Int64s
    """Index of each text's first word, and the end: shape (m + 1,)."""
    token_starts: Int32s
    """Where each word begins: shape (t,)."""
    token_ends: Int32s
    """Where it ends: shape (t,)."""
    token_chars: Int32s
    """Its length in code points: shape (t,)."""
    token_hashes: Hashes
    """`utf8.hash_span` of its UTF-8 bytes with A-Z in lower case (letters beyond ASCII as they are): shape (t,)."""
    line_offsets: Int64s
    """Index of each text's first line, and the end: shape (m + 1,)."""
    line_starts: Int32s
    """Where each line begins: shape (l,). Lines end in a line feed or with the text; an empty text has none."""
    line_ends: Int32s
    """Where it ends, without its line feed: shape (l,)."""
    line_chars: Int32s
    """Its length in code points; 0 where nothing in it is visible: shape (l,)."""


@kernel
def ascii_word_bytes(block: np.uint64) -> np.uint64:
    """0x80 in each byte of the block that is an ASCII letter or digit, 0 in the others."""
    low = block & _LOW  # so that no sum below carries into the next byte
    folded = low | _CASE
    letters = (folded + _FROM_A) & ~(folded + _PAST_Z)
    digits = (low + _FROM_0) & ~(low + _PAST_9)
    return (letters | digits) & ~block & _HIGH


@kernel
def find_word_end(data: Bytes, index: int, end: int, classes: Bytes) -> tuple[int, int, int, int, int]:
    """The end of the word that begins at `index`, and its numbers of numbers, upper-case letters, marks and
    continuation bytes (bytes that add no character).
    """
    numbers = uppers = marks = continuations = 0
    code, size = decode(data, index, end)
    solo = classes[code] == SOLO
    if solo:
        continuations += size - 1
        index += size
    while index < end:
        if data[index] < 0x80:
            if solo:
                break
            block = word_at(data, index)
            length = min(trailing_zeros(~ascii_word_bytes(block) & _HIGH) >> 3, end - index)
            if length == 0:
                break
            taken = first_bytes(length)
            numbers += count_ones(~block & _ALPHA & taken)
            uppers += count_ones(~block & _CASE & taken)
            index += length
        else:
            code, size = decode(data, index, end)
            kind = classes[code]
            if kind <= BLANK or kind == SOLO or (solo and kind != MARK):
                break
            numbers += kind == NUMBER
            uppers += kind == UPPER
            marks += kind == MARK
            continuations += size - 1
            index += size
    return index, numbers, uppers, marks, continuations


@kernel
def count_newlines(data: Bytes) -> int:
    """Line feeds; over a whole array, because only then the compiler takes 64 bytes at a time (14 times as fast)."""
    found = 0
    for index in range(data.size):
        found += data[index] == _NEWLINE
    return found


@kernel
def scan(data: Bytes, offsets: Int32s, classes: Bytes) -> Scan:
    """Find the words and lines of m texts.

    Args:
        data, offsets: text i is the UTF-8 in `data[offsets[i]:offsets[i + 1]]`.
        classes: `codepoints.CLASSES`.
    """
    n_texts = offsets.size - 1
    n_bytes = int(offsets[n_texts]) - int(offsets[0])
    # Two words of one byte need a byte between them, or a three-byte one: never more words than this.
    n_tokens_most = (n_bytes + n_texts) // 2 + 1
    n_lines_most = n_texts + count_newlines(data[offsets[0] : offsets[n_texts]])
    counts = np.empty((n_texts, 6), np.int64)
    token_offsets = np.zeros(n_texts + 1, np.int64)
    token_starts = np.empty(n_tokens_most, np.int32)
    token_ends = np.empty(n_tokens_most, np.int32)
    token_chars = np.empty(n_tokens_most, np.int32)
    token_hashes = np.empty(n_tokens_most, np.uint64)
    line_offsets = np.zeros(n_texts + 1, np.int64)
    line_starts = np.empty(n_lines_most, np.int32)
    line_ends = np.empty(n_lines_most, np.int32)
    line_chars = np.empty(n_lines_most, np.int32)
    token = 0
    line = 0
    for text in range(n_texts):
        start = index = int(offsets[text])
        end = int(offsets[text + 1])
        word_chars = numbers = uppers = marks = symbols = continuations = 0
        line_start = start
        continuations_before_line = 0
        visible_before_line = token
        while index < end:
            # ASCII words, nearly all of most texts; `at` is where the block begins, `length` its bytes of the word.
            at = index
            mixed = HASH_SEED
            word_numbers = word_uppers = 0
            while True:
                block = word_at(data, at)
                length = min(trailing_zeros(~ascii_word_bytes(block) & _HIGH) >> 3, end - at)
                if length > 0:
                    taken = first_bytes(length)
                    word_numbers += count_ones(~block & _ALPHA & taken)  # digits lack the bit 0x40 of letters
                    word_uppers += count_ones(~block & _CASE & taken)
                    mixed = hash_block(mixed, (block | _CASE) & taken)
                at += length
                if length < 8:
                    break
            next_byte = (block >> np.uint64(8 * length)) & _BYTE
            if at > index and (at == end or next_byte < _NOT_ASCII):
                numbers += word_numbers
                uppers += word_uppers
                word_chars += at - index
                token_starts[token] = index
                token_ends[token] = at
                token_chars[token] = at - index
                token_hashes[token] = finish_hash(mixed, at - index)
                token += 1
                index = at + (next_byte == _SPACE)  # a step beyond the end does no harm
                continue
            code, size = decode(data, index, end)
            kind = classes[code]
            if kind == SYMBOL:
                symbols += 1
                continuations += size - 1
                index += size + ((block >> np.uint64(8 * size)) & _BYTE == _SPACE)
            elif kind != BLANK:
                word_end, more_numbers, more_uppers, more_marks, more = find_word_end(data, index, end, classes)
                numbers += more_numbers
                uppers += more_uppers
                marks += more_marks
                continuations += more
                word_chars += word_end - index - more
                token_starts[token] = index
                token_ends[token] = word_end
                token_chars[token] = word_end - index - more
                token_hashes[token] = hash_span(data, index, word_end, True)
                token += 1
                index = word_end
            elif code == _NEWLINE and size == 1:  # longer, it is damaged UTF-8, and no place was counted for it
                line_starts[line] = line_start
                line_ends[line] = index
                length = index - line_start - (continuations - continuations_before_line)
                line_chars[line] = length if symbols + token > visible_before_line else 0
                line += 1
                index += 1
                line_start = index
                continuations_before_line = continuations
                visible_before_line = symbols + token
            else:
                continuations += size - 1
                index += size
        if line_start < end:
            line_starts[line] = line_start
            line_ends[line] = end
            length = end - line_start - (continuations - continuations_before_line)
            line_chars[line] = length if symbols + token > visible_before_line else 0
            line += 1
        counts[text, CHARS] = end - start - continuations
        counts[text, WORD_CHARS] = word_chars
        counts[text, LETTERS] = word_chars - numbers - marks
        counts[text, UPPERS] = uppers
        counts[text, NUMBERS] = numbers
        counts[text, SYMBOLS] = symbols
        token_offsets[text + 1] = token
        line_offsets[text + 1] = line
    return Scan(
        counts,
        token_offsets,
        token_starts[:token],
        token_ends[:token],
        token_chars[:token],
        token_hashes[:token],
        line_offsets,
        line_starts[:line],
        line_ends[:line],
        line_chars[:line],
    )


@kernel
def hash_lines(data: Bytes, line_starts: Int32s, line_ends: Int32s, line_chars: Int32s, classes: Bytes) -> Hashes:
    """Hash of each line without the blanks at its ends; 0 where nothing in it is visible. Shape (l,)."""
    hashes = np.zeros(line_starts.size, np.uint64)
    for line in range(line_starts.size):
        if line_chars[line] > 0:
            start, end = trim(data, int(line_starts[line]), int(line_ends[line]), classes)
            hashes[line] = hash_span(data, start, end, False)
    return hashes
