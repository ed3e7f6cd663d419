"""The kernel's digests are those of `hashlib`, for messages of every length, in whatever company."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.kernels.blake2b import blake2b_128, joined

EDGES = (0, 1, 7, 127, 128, 129, 255, 256, 257, 1000)
lengths = st.lists(st.sampled_from(EDGES) | st.integers(0, 700), max_size=30)


def noise(size: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def bounds_of(sizes: list[int], first: int = 0) -> npt.NDArray[np.int64]:
    return first + np.cumsum([0, *sizes])


def by_hashlib(data: npt.NDArray[np.uint8], bounds: npt.NDArray[np.integer], person: bytes = b"") -> list[bytes]:
    return [
        blake2b(data[start:end].tobytes(), digest_size=16, person=person).digest() for start, end in pairwise(bounds)
    ]


def by_kernel(data: npt.NDArray[np.uint8], bounds: npt.NDArray[np.integer], person: bytes = b"") -> list[bytes]:
    return [digest.tobytes() for digest in blake2b_128(data, bounds, person)]


@settings(deadline=None)
@given(lengths, st.integers(0, 200), st.integers(0, 200), st.binary(max_size=16))
def test_digests_are_those_of_hashlib(sizes: list[int], before: int, after: int, person: bytes) -> None:
    """Messages begin somewhere in the array and end somewhere before its end."""
    data = noise(before + sum(sizes) + after)
    bounds = bounds_of(sizes, before)
    assert by_kernel(data, bounds, person) == by_hashlib(data, bounds, person)


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("count", [1, 7, 8, 9])
def test_lanes_may_be_fewer_or_more_than_messages(size: int, count: int) -> None:
    data, bounds = noise(size * count), bounds_of([size] * count)
    assert by_kernel(data, bounds) == by_hashlib(data, bounds)


def test_one_long_message_among_short_ones() -> None:
    sizes = [3, 100_000, *[40] * 50]
    data, bounds = noise(sum(sizes)), bounds_of(sizes)
    assert by_kernel(data, bounds) == by_hashlib(data, bounds)


def test_what_lies_behind_a_message_does_not_matter() -> None:
    bounds = np.array([5, 10])
    assert by_kernel(noise(500)[:10], bounds) == by_kernel(noise(500), bounds)


def test_no_messages_have_no_digests() -> None:
    assert blake2b_128(np.empty(0, np.uint8), np.zeros(1, np.int64)).shape == (0, 16)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32])
def test_bounds_may_be_of_any_type_and_read_only(dtype: type[np.integer]) -> None:
    data = np.frombuffer(b"abcdef", np.uint8)
    bounds = np.array([1, 3, 6], dtype)
    bounds.setflags(write=False)
    assert by_kernel(data, bounds) == by_hashlib(data, bounds)


def test_a_longer_personalisation_is_refused() -> None:
    with pytest.raises(ValueError, match="17 bytes of personalisation"):
        blake2b_128(np.empty(0, np.uint8), np.zeros(1, np.int64), b"x" * 17)


def test_threads_do_not_disturb_each_other() -> None:
    sizes = [n % 300 for n in range(400)]
    bounds = bounds_of(sizes)
    several = [noise(sum(sizes), seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda data: by_kernel(data, bounds), several))
    assert found == [by_hashlib(data, bounds) for data in several]


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=200), st.binary(max_size=9)), max_size=12))
def test_joined_messages_are_their_pieces_one_after_another(messages: list[tuple[bytes, ...]]) -> None:
    columns = [[message[place] for message in messages] for place in range(3)]
    pieces = [
        (np.frombuffer(b"ahead" + b"".join(texts), np.uint8), bounds_of([*map(len, texts)], 5)) for texts in columns
    ]
    data, bounds = joined(pieces)
    assert data.tobytes() == b"".join(b"".join(message) for message in messages)
    assert np.diff(bounds).tolist() == [sum(map(len, message)) for message in messages]
