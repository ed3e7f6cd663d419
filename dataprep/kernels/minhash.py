"""Sketches for near duplicates: word n-grams of each record, their MinHash signature, and the keys of its bands.

Signatures are bit for bit those of `datasketch.MinHash(scheme="affine32")` over the upper 32 bits of the shingles'
hashes. Permutations are nearly free: four shingles at a time stay in vector registers, 27 billion permuted values a
second with AVX-512; what costs is finding the words, which `kernels.scan` has done already.

The input side of a record (all turns before its answer) is a beginning of its words, so its sketch is the state of the
whole record's on the way, where both have n-grams of one size.

Source: Broder, "On the resemblance and containment of documents", 1997; bands: Leskovec, Rajaraman and Ullman, Mining
of Massive Datasets, chapter 3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel
from dataprep.kernels.utf8 import Hashes, Int64s

Uint32s = npt.NDArray[np.uint32]

_EMPTY = np.uint32(0xFFFF_FFFF)
_STEP = np.uint64(0xD6E8_FEB8_6659_FD93)
_STEP_2 = np.uint64(0xA076_1D64_78BD_642F)
_MIX = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIX_2 = np.uint64(0xBF58_476D_1CE4_E5B9)
_HALF = np.uint64(32)
_TAIL = np.uint64(29)
_FMIX_1 = np.uint32(0x85EB_CA6B)
_FMIX_2 = np.uint32(0xC2B2_AE35)
_FMIX_SHIFT_1 = np.uint32(16)
_FMIX_SHIFT_2 = np.uint32(13)


class Sketches(NamedTuple):
    """What is compared of n records. Arrays over records have n values."""

    words: npt.NDArray[np.int32]
    """Words of each record."""
    identity: Hashes
    """128 bits that are equal for equal sequences of words and equal seeds: shape (n, 2)."""
    ngrams: npt.NDArray[np.uint8]
    """Words in a shingle; 0 for records that are too short to be compared but by their exact key."""
    keys: Hashes
    """Key of each band: shape (bands, n). Two records are nominated where one of these is equal."""
    signatures: Uint32s
    """MinHash values: shape (n, permutations), or (0, permutations) if they were not asked for."""


@kernel
def record_words(hashes: Hashes, starts: Int64s, ends: Int64s, first: int, last: int, room: Hashes) -> Hashes:
    """Hashes of the words of the texts `first` to `last`: where they lie if side by side, else copied to `room`."""
    if first == last:
        return room[:0]
    apart = False
    for text in range(first + 1, last):
        apart |= starts[text] != ends[text - 1]
    if not apart:
        return hashes[starts[first] : ends[last - 1]]
    count = 0
    for text in range(first, last):
        begin = starts[text]
        size = ends[text] - begin
        for place in range(size):
            room[count + place] = hashes[begin + place]
        count += size
    return room[:count]


@kernel
def most_words(starts: Int64s, ends: Int64s, record_texts: Int64s) -> int:
    """Words of the longest record."""
    most = 0
    for record in range(record_texts.size - 1):
        words = 0
        for text in range(record_texts[record], record_texts[record + 1]):
            words += ends[text] - starts[text]
        most = max(most, words)
    return most


@kernel
def shingle(words: Hashes, count: int, size: int, out: Hashes) -> int:
    """Hash of each run of `size` words among the first `count`; returns how many there are.

    Method: polynomial of the word hashes in `_STEP` modulo 2^64, then mixed. All runs take one word more at a time,
    which the compiler makes eight lanes of; rolled on from run to run, each would wait for the one before.
    """
    total = count - size + 1
    if total <= 0:
        return 0
    for place in range(total):
        out[place] = words[place]
    for shift in range(1, size):
        for place in range(total):
            out[place] = out[place] * _STEP + words[place + shift]
    for place in range(total):
        mixed = (out[place] ^ (out[place] >> _HALF)) * _MIX
        out[place] = mixed ^ (mixed >> _TAIL)
    return total


@kernel
def fmix(value: np.uint32) -> np.uint32:
    """MurmurHash3's 32-bit finaliser."""
    value = np.uint32(np.uint32(value ^ (value >> _FMIX_SHIFT_1)) * _FMIX_1)
    value = np.uint32(np.uint32(value ^ (value >> _FMIX_SHIFT_2)) * _FMIX_2)
    return np.uint32(value ^ (value >> _FMIX_SHIFT_1))


@kernel
def sign(mixed: Uint32s, first: int, last: int, a: Uint32s, b: Uint32s, signature: Uint32s) -> None:
    """Lower a signature by the shingles `first` to `last`: the least a * h + b modulo 2^32 for each permutation."""
    place = first
    while place + 4 <= last:
        h_0, h_1, h_2, h_3 = mixed[place], mixed[place + 1], mixed[place + 2], mixed[place + 3]
        for index in range(a.size):
            factor, shift = a[index], b[index]
            left = min(np.uint32(factor * h_0 + shift), np.uint32(factor * h_1 + shift))
            right = min(np.uint32(factor * h_2 + shift), np.uint32(factor * h_3 + shift))
            signature[index] = min(signature[index], min(left, right))
        place += 4
    while place < last:
        h_0 = mixed[place]
        for index in range(a.size):
            signature[index] = min(signature[index], np.uint32(a[index] * h_0 + b[index]))
        place += 1


@kernel
def band_keys(signature: Uint32s, rows: int, seed: np.uint64, record: int, keys: Hashes) -> None:
    """Write the key of each band of `rows` values into `keys[:, record]`; other seeds give other keys."""
    for band in range(keys.shape[0]):
        key = seed
        for row in range(rows):
            key = (key ^ np.uint64(signature[band * rows + row])) * _MIX
            key ^= key >> _HALF
        key *= _MIX_2
        keys[band, record] = key ^ (key >> _HALF)


@kernel
def identify(words: Hashes, count: int, seed: np.uint64, record: int, identity: Hashes) -> None:
    """Write 128 bits of a sequence of words into `identity[record]`."""
    low = seed
    high = seed ^ _MIX
    for place in range(count):
        low = (low ^ words[place]) * _STEP
        low ^= low >> _HALF
        high = (high + words[place]) * _STEP_2
        high ^= high >> _TAIL
    identity[record, 0] = (low ^ np.uint64(count)) * _MIX_2
    identity[record, 1] = (high ^ np.uint64(count)) * _MIX


@kernel
def ngram_size(words: int, least: int, short_below: int, short: int, long: int) -> int:
    """Words in a shingle of a record of so many words: its length class; 0 where only the exact key counts."""
    if words < least:
        return 0
    return short if words < short_below else long


@kernel
def sketch(
    hashes: Hashes,
    starts: Int64s,
    ends: Int64s,
    record_texts: Int64s,
    input_ends: Int64s,
    seeds: Hashes,
    sizes: tuple[int, int, int, int],
    a: Uint32s,
    b: Uint32s,
    bands: int,
    rows: int,
    with_inputs: bool,
    with_signatures: bool,
) -> tuple[Sketches, Sketches]:
    """Sketch n records: the whole ones, and their input sides (of no records if not asked for).

    Args:
        hashes: hash of each word.
        starts, ends: the words of each of m texts in it: shape (m,).
        record_texts: index of each record's first text, and the end: shape (n + 1,).
        input_ends: the text at which each record's input side ends: shape (n,).
        seeds: what two records must have in common beside their words to be compared as whole records: shape (n,).
        sizes: least words of a record, words from which it is long, words in a shingle of short and of long ones.
        a, b: the permutations: shape (permutations,).
        bands, rows: how many bands of how many values.
    """
    least, short_below, short, long = sizes
    n_records = record_texts.size - 1
    n_inputs = n_records if with_inputs else 0
    n_signed = n_records if with_signatures else 0
    whole = Sketches(
        np.zeros(n_records, np.int32),
        np.empty((n_records, 2), np.uint64),
        np.zeros(n_records, np.uint8),
        np.zeros((bands, n_records), np.uint64),
        np.full((n_signed, a.size), _EMPTY, np.uint32),
    )
    inputs = Sketches(
        np.zeros(n_inputs, np.int32),
        np.empty((n_inputs, 2), np.uint64),
        np.zeros(n_inputs, np.uint8),
        np.zeros((bands, n_inputs), np.uint64),
        np.full((0, a.size), _EMPTY, np.uint32),
    )
    most = max(most_words(starts, ends, record_texts), 1)
    room = np.empty(most, np.uint64)
    shingles = np.empty(most, np.uint64)
    mixed = np.empty(most, np.uint32)
    signature = np.empty(a.size, np.uint32)
    for record in range(n_records):
        first, last = record_texts[record], record_texts[record + 1]
        words = record_words(hashes, starts, ends, first, last, room)
        count = words.size
        size = ngram_size(count, least, short_below, short, long)
        whole.words[record] = count
        whole.ngrams[record] = size
        identify(words, count, seeds[record], record, whole.identity)
        input_count = 0
        input_size = 0
        if with_inputs:
            for text in range(first, input_ends[record]):
                input_count += ends[text] - starts[text]
            input_size = ngram_size(input_count, least, short_below, short, long)
            inputs.words[record] = input_count
            inputs.ngrams[record] = input_size
            identify(words, input_count, np.uint64(0), record, inputs.identity)
        signature[:] = _EMPTY
        done = 0
        if input_size > 0:
            done = shingle(words, input_count, input_size, shingles)
            for place in range(done):
                mixed[place] = fmix(np.uint32(shingles[place] >> _HALF))
            sign(mixed, 0, done, a, b, signature)
            band_keys(signature, rows, np.uint64(input_size), record, inputs.keys)
        if size > 0:
            if size != input_size:
                signature[:] = _EMPTY
                done = 0
            total = shingle(words, count, size, shingles)
            for place in range(done, total):
                mixed[place] = fmix(np.uint32(shingles[place] >> _HALF))
            sign(mixed, done, total, a, b, signature)
            band_keys(signature, rows, seeds[record] ^ np.uint64(size), record, whole.keys)
            if with_signatures:
                whole.signatures[record] = signature
    return whole, inputs
