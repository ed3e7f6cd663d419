"""How long it will take, from a few timed steps."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.check.timing import duration_text, estimate_time


def test_one_step_is_enough_and_says_that_it_is_little() -> None:
    found = estimate_time([(100, 1.0)], steps=10, tokens=1000)
    assert found is not None
    assert (found.seconds, found.low, found.high) == pytest.approx((10, 7, 13))


def test_steps_that_are_far_smaller_than_the_runs_widen_the_range() -> None:
    found = estimate_time([(100, 1.0)] * 6, steps=10, tokens=10_000)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((70, 130))


def test_validations_and_checkpoints_are_part_of_the_time() -> None:
    bare = estimate_time([(100, 1.0)] * 6, steps=10, tokens=1000)
    assert bare is not None
    found = bare.with_validations(4, 5.0, saved_bytes=600_000_000)
    assert found.seconds == pytest.approx(10 + 4 * 5 + 3 * 2)
    assert found.tokens_per_second == bare.tokens_per_second
    assert "4 validations 20 s, saving 6 s" in found.text()


def test_a_cost_a_step_is_told_from_a_cost_a_token() -> None:
    probe = [*((size, 0.5 + size / 1000) for size in (100, 500, 1000, 3000))]
    found = estimate_time(probe, steps=10, tokens=50_000)
    assert found is not None
    assert found.seconds == pytest.approx(10 * 0.5 + 50)
    assert found.tokens_per_second == pytest.approx(50_000 / 55)


def test_uneven_steps_widen_the_range() -> None:
    even = estimate_time([(100, 1.0)] * 6, steps=10, tokens=1000)
    uneven = estimate_time([(100, 0.3), (100, 1.7)] * 3, steps=10, tokens=1000)
    assert even is not None
    assert uneven is not None
    assert (even.low, even.high) == pytest.approx((9, 11))
    assert uneven.high > 1.4 * uneven.seconds > uneven.seconds > uneven.low > 0


def test_no_steps_give_no_estimate() -> None:
    assert estimate_time([], steps=1, tokens=1) is None
    assert estimate_time([(0, 1.0), (100, 0.0)], steps=1, tokens=1) is None


timed = st.lists(st.tuples(st.integers(1, 10_000), st.floats(0.001, 100)), min_size=1, max_size=12)


@given(timed, st.integers(1, 10_000), st.integers(1, 10**9))
def test_an_estimate_lies_within_its_range_and_more_takes_longer(
    probe: list[tuple[int, float]], steps: int, tokens: int
) -> None:
    found = estimate_time(probe, steps=steps, tokens=tokens)
    longer = estimate_time(probe, steps=steps, tokens=2 * tokens)
    assert found is not None
    assert longer is not None
    assert 0 < found.low < found.seconds < found.high
    assert longer.seconds > found.seconds


@given(st.floats(0, 1e7))
def test_durations_never_say_sixty_of_a_unit(seconds: float) -> None:
    words = duration_text(seconds).split()
    assert not {("60", "s"), ("60", "min"), ("24", "h")} & set(pairwise(words))
