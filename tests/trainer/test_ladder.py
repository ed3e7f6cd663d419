"""The ladder of learning rates: what is tried, what is chosen, and what speaks against it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.rates.ladder import Rung, choose, ladder, next_rung, ramp, range_test

NAN = "the loss is nan at step 7"


def rung(rate: float, loss: float, *, tokens: int = 1000, diverged: str | None = None) -> Rung:
    return Rung(rate, ((tokens // 2, loss + 0.5), (tokens, loss)), diverged)


def test_the_ladder_starts_low_and_rises_by_half_decades() -> None:
    assert ladder() == [1e-05, 3.16e-05, 1e-04, 3.16e-04, 1e-03, 3.16e-03, 1e-02]
    assert ladder(lowest=2e-5, highest=1e-4, factor=2) == [2e-5, 4e-5, 8e-5]
    assert ladder(lowest=1e-4, highest=1e-4) == [1e-4]


@pytest.mark.parametrize("wrong", [{"factor": 1}, {"lowest": 0}, {"lowest": 1, "highest": 0.1}, {"highest": math.inf}])
def test_bounds_that_give_no_ladder_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="no ladder"):
        ladder(**wrong)


@given(st.floats(1e-7, 1e-3), st.floats(1.1, 10), st.floats(1, 1000))
def test_a_ladder_rises_within_its_bounds(lowest: float, factor: float, span: float) -> None:
    rates = ladder(lowest=lowest, highest=lowest * span, factor=factor)
    assert rates == sorted(set(rates))
    assert all(lowest * 0.99 <= rate <= lowest * span * 1.01 for rate in rates)


def test_rungs_are_tried_upward_until_one_diverges() -> None:
    rates = ladder(highest=1e-3)
    done: list[Rung] = []
    while (rate := next_rung(rates, done)) is not None:
        done.append(rung(rate, 2.0, diverged=NAN if rate >= 1e-4 else None))
    assert [each.learning_rate for each in done] == [1e-05, 3.16e-05, 1e-04]


def test_all_rungs_are_tried_where_none_diverges() -> None:
    assert next_rung([2e-5, 1e-5], [rung(1e-5, 2.0)]) == 2e-5
    assert next_rung([1e-5], [rung(1e-5, 2.0)]) is None


def test_the_lowest_validation_loss_wins() -> None:
    found = choose([rung(1e-5, 2.5), rung(1e-4, 2.0), rung(1e-3, 2.2)])
    assert found.learning_rate == 1e-4
    assert not found.warnings
    assert found.scores == ((1e-5, 2.5), (1e-4, 2.0), (1e-3, 2.2))


def test_of_rates_within_the_noise_the_lower_is_taken() -> None:
    rungs = [rung(1e-5, 2.5), rung(3e-5, 2.008), rung(1e-4, 2.0), rung(1e-3, 2.2)]
    found = choose(rungs)
    assert found.learning_rate == 3e-5
    assert "within the noise of 0.01" in found.reason
    assert choose(rungs, noise=0.001).learning_rate == 1e-4


def test_nothing_above_the_first_that_diverged_is_chosen() -> None:
    found = choose([rung(1e-5, 2.5), rung(1e-4, 2.2), rung(1e-3, 2.1, diverged=NAN), rung(1e-2, 1.0)])
    assert found.learning_rate == 1e-4
    assert found.scores[2:] == ((1e-3, None), (1e-2, None))


def test_losses_are_compared_at_equal_tokens() -> None:
    short = Rung(1e-5, ((500, 3.0), (1000, 2.0)))
    long = Rung(1e-4, ((500, 3.2), (1500, 1.2)))
    middle = Rung(3e-5, ((500, 3.2), (2000, 1.7)))
    found = choose([short, long, middle], noise=0.0)
    assert found.tokens == 1000
    assert found.learning_rate == 1e-5
    assert dict(found.scores)[1e-4] == pytest.approx(2.2)


def warned(*rungs: Rung, start: float | None = None) -> str:
    return " | ".join(choose(rungs, start=start).warnings)


def test_a_best_rate_at_either_end_is_warned_of() -> None:
    assert "highest that was tried" in warned(rung(1e-5, 2.5), rung(1e-4, 2.2), rung(1e-3, 2.0))
    assert "lowest that was tried" in warned(rung(1e-5, 2.0), rung(1e-4, 2.2), rung(1e-3, 2.5))


def test_the_ladder_is_climbed_on_where_the_range_test_allows_it() -> None:
    rungs = [rung(1e-4, 2.5), rung(1e-3, 2.2), rung(1e-2, 2.0)]
    assert choose(rungs).climb_to == choose(rungs, bound=3.8e-2).climb_to == pytest.approx(0.1)
    assert "a range test allows up to 0.038: higher ones may be better" in choose(rungs, bound=3.8e-2).warnings[0]
    assert choose(rungs, bound=2e-2).climb_to is None
    assert "nothing to gain higher up" in choose(rungs, bound=2e-2).warnings[0]
    assert choose([*rungs, rung(2e-2, 2.1)]).climb_to is None
    assert choose([*rungs, rung(2e-2, 2.1, diverged=NAN)]).climb_to is None


def test_a_choice_below_one_that_diverges_is_warned_of() -> None:
    rungs = (rung(1e-5, 2.5), rung(1e-4, 2.2), rung(1e-3, 2.0), rung(1e-2, 0.0, diverged=NAN))
    said = warned(*rungs)
    assert "the next rate, 0.01, diverges (the loss is nan at step 7)" in said
    assert "highest that was tried" not in said


def test_runs_that_cannot_be_told_apart_are_warned_of() -> None:
    assert "too short to tell them apart" in warned(rung(1e-5, 2.004), rung(1e-4, 2.0), rung(1e-3, 2.003))


def test_rates_that_do_not_learn_are_warned_of() -> None:
    rungs = (rung(1e-5, 2.5), rung(1e-4, 2.0), rung(1e-3, 2.5))
    assert "no rate lowered" in warned(*rungs, start=2.005)
    assert not warned(*rungs, start=2.6)


def test_few_rungs_are_warned_of() -> None:
    assert "only 1 of the rates" in warned(rung(1e-5, 2.5), rung(1e-4, 0, diverged=NAN))


@pytest.mark.parametrize(
    "rungs",
    [[rung(1e-5, 2.0, diverged=NAN)], [Rung(1e-5, ())], [rung(1e-5, math.nan)]],
    ids=["diverged", "never validated", "validated as nan"],
)
def test_where_no_rung_can_be_used_none_is_chosen(rungs: list[Rung]) -> None:
    found = choose(rungs)
    assert found.learning_rate is None
    assert found.warnings


def test_no_rungs_and_a_rate_twice_are_refused() -> None:
    for rungs in ([], [rung(1e-5, 2.0), rung(1e-5, 2.1)]):
        with pytest.raises(ValueError, match="a rate of its own"):
            choose(rungs)


bowls = st.lists(st.floats(1.0, 4.0), min_size=1, max_size=7)


@given(bowls, st.integers(0, 7), st.randoms())
def test_a_choice_never_depends_on_the_order_and_is_within_the_noise(
    losses: list[float], broken: int, draw: object
) -> None:
    rates = ladder()[: len(losses)]
    rungs = [
        rung(rate, loss, diverged=NAN if index == broken else None)
        for index, (rate, loss) in enumerate(zip(rates, losses, strict=True))
    ]
    found = choose(rungs, noise=0.05)
    shuffled = list(rungs)
    draw.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose(shuffled, noise=0.05) == found
    usable = losses[:broken]
    if not usable:
        assert found.learning_rate is None
    else:
        chosen = losses[rates.index(found.learning_rate or 0)]
        assert chosen <= min(usable) + 0.05
        assert all(loss > min(usable) + 0.05 for loss in usable[: rates.index(found.learning_rate or 0)])


def test_a_range_test_ends_where_the_loss_explodes() -> None:
    rates = ramp(lowest=1e-6, highest=1.0, steps=100)
    found = range_test([(rate, 4 - math.log10(rate / 1e-6) * 0.3 if rate < 3e-3 else 50 * rate + 4) for rate in rates])
    assert found is not None
    assert found.exploded_at is not None
    assert 1e-3 < found.upper_bound < found.exploded_at < 0.1


def test_a_range_test_that_never_explodes_says_so() -> None:
    found = range_test([(rate, 4 - rate) for rate in ramp(lowest=1e-6, highest=1e-3, steps=20)])
    assert found is not None
    assert (found.upper_bound, found.exploded_at) == (pytest.approx(1e-3), None)


def test_a_loss_that_is_no_number_ends_a_range_test() -> None:
    steps = [(1e-5, 3.0), (1e-4, 2.9), (1e-3, 2.8), (1e-2, math.nan), (1e-1, 2.0)]
    found = range_test(steps)
    assert found is not None
    assert (found.upper_bound, found.exploded_at) == (1e-3, 1e-2)
    assert range_test(steps[:2]) is None
    assert range_test(steps[2:]) is None


def test_a_ramp_rises_by_one_factor() -> None:
    rates = ramp(lowest=1e-6, highest=1e-2, steps=9)
    assert rates[0] == 1e-6
    assert rates[-1] == pytest.approx(1e-2)
    assert rates[5] / rates[4] == pytest.approx(rates[1] / rates[0])
    with pytest.raises(ValueError, match="two steps"):
        ramp(lowest=1e-6, highest=1e-2, steps=1)
