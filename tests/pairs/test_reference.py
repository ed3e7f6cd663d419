"""Kernels and their reference in plain Python and datasketch: the same words, shingles and signatures."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dataprep.digests import utf8_buffers
from dataprep.kernels.codepoints import CLASSES
from dataprep.kernels.jaccard import compare_pairs
from dataprep.kernels.scan import scan
from dataprep.kernels.staying import bucket_members
from dataprep.pairs.config import NearConfig
from dataprep.pairs.reference import jaccard, shingle_set, signature, word_hash, words_in
from dataprep.pairs.sketches import Sketcher, sets_of
from dataprep.pairs.words import words_of

ALPHABET = st.sampled_from("aAzZ09 .,\n-éÉßıİ“”…½ﬁ你好カｶきกำकि한글\u0301\u1100\u1161\u200b\u00a0\x00\x1c😀𝒜")
TEXT = st.one_of(st.text(ALPHABET, max_size=150), st.text(max_size=60))


def reference_hashes(text: str) -> list[int]:
    return [word_hash(word) for word in words_in(text)]


def check_same_words(texts: Sequence[str]) -> None:
    offsets, data = utf8_buffers(pa.array(texts, pa.string()))
    for words in (words_of(offsets, data), words_of(offsets, data, scan(data, offsets, CLASSES))):
        for text, start, end in zip(texts, words.starts.tolist(), words.ends.tolist(), strict=True):
            assert words.hashes[start:end].tolist() == reference_hashes(text)


@given(st.lists(TEXT, max_size=5))
def test_words_are_the_same_with_and_without_a_scan_and_in_python(texts: list[str]) -> None:
    check_same_words(texts)


@given(st.integers(0, 140), st.sampled_from(["é", "“", "½", "你", "\u0301"]), st.integers(0, 9))
def test_words_do_not_depend_on_where_64_bytes_end(place: int, char: str, more: int) -> None:
    text = "word1 longerword22 " * 8
    check_same_words([text[:more], text[:place] + char + text[place:]])


def test_real_prompts_have_the_same_words_sets_and_signatures(shared_data: Path) -> None:
    with gzip.open(shared_data / "instructions/t0_train_50k.jsonl.gz") as file:
        texts = [orjson.loads(line)["prompt"] for line, _ in zip(file, range(300), strict=False)]
    check_same_words(texts)
    offsets, data = utf8_buffers(pa.array(texts))
    words, record_texts = words_of(offsets, data), np.arange(len(texts) + 1)
    sketches, _ = Sketcher(NearConfig()).sketch(words, record_texts, signatures=True)
    bounds, values = sets_of(words, record_texts, sketches.ngrams)
    for row, text in enumerate(texts):
        if size := int(sketches.ngrams[row]):
            shingles = shingle_set(reference_hashes(text), size)
            assert values[bounds[row] : bounds[row + 1]].tolist() == shingles
            assert (sketches.signatures[row] == signature(shingles, 128)).all()


@given(st.lists(st.sets(st.integers(1, 40), min_size=1), min_size=2, max_size=6), st.floats(0.0, 1.0))
def test_similarity_is_that_of_pythons_sets(sets: list[set[int]], floor: float) -> None:
    offsets = np.cumsum([0, *map(len, sets)])
    values = np.array([value for each in sets for value in sorted(each)], np.uint64)
    left, right = np.triu_indices(len(sets), 1)
    found = compare_pairs(offsets, values, left, right, floor)
    for one, other, value in zip(left, right, found, strict=True):
        exact = jaccard(sets[one], sets[other])
        assert value == (exact if exact >= floor else 0.0)


@given(st.lists(st.one_of(st.integers(0, 6), st.integers(0, 2**64 - 1)), max_size=60), st.integers(0, 400))
def test_buckets_are_all_keys_that_occur_twice(keys: list[int], more: int) -> None:
    keys = keys + [number << 48 for number in range(more)] * 2
    members, starts = bucket_members(np.array(keys, np.uint64))
    found = [members[start:end].tolist() for start, end in pairwise(starts.tolist())]
    wanted: dict[int, list[int]] = {}
    for place, key in enumerate(keys):
        wanted.setdefault(key, []).append(place)
    assert sorted(found) == sorted(places for places in wanted.values() if len(places) > 1)


def test_buckets_of_many_keys_are_found_part_by_part() -> None:
    keys = np.random.default_rng(0).integers(0, 2**64, 30_000, dtype=np.uint64)
    members, starts = bucket_members(np.concatenate([keys, keys[::3]]))
    assert len(starts) - 1 == 10_000
    assert (np.diff(starts) == 2).all()
    assert sorted(members[starts[:-1]].tolist()) == list(range(0, 30_000, 3))
