"""Early stopping: patience, the least gain, and both over a resume."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.watch.stopping import EarlyStopping


def stopped_at(losses: list[float], *, patience: int, least_gain: float = 0.0) -> int | None:
    stopping = EarlyStopping(patience=patience, least_gain=least_gain)
    for index, loss in enumerate(losses):
        stopping.validation(index, loss)
        if stopping.should_stop:
            return index
    return None


def test_it_stops_when_patience_ends() -> None:
    assert stopped_at([3, 2, 2.1, 2.2, 2.3], patience=3) == 4
    assert stopped_at([3, 2, 2.1, 2.2], patience=3) is None


def test_a_new_best_starts_patience_anew() -> None:
    assert stopped_at([3, 2, 2.1, 2.2, 1.9, 2.0, 2.0], patience=3) is None


def test_less_than_the_least_gain_is_no_new_best_until_gains_add_up() -> None:
    stopping = EarlyStopping(patience=5, least_gain=0.01)
    assert [stopping.validation(step, loss) for step, loss in enumerate([2.0, 1.995, 1.99, 1.985])] == [
        True,
        False,
        False,
        True,
    ]
    assert (stopping.best_step, stopping.best_loss, stopping.waited) == (3, 1.985, 0)


def test_what_is_no_number_is_never_the_best() -> None:
    stopping = EarlyStopping(patience=2)
    assert not stopping.validation(1, math.nan)
    assert stopping.best_step is None
    assert not stopping.validation(2, math.inf)
    assert stopping.should_stop
    assert stopping.reason() == "no validation loss is a number in 2 validations"


@given(st.lists(st.floats(0, 5), max_size=20), st.integers(0, 20), st.integers(1, 4), st.sampled_from([0.0, 0.1]))
def test_patience_survives_a_resume(losses: list[float], cut: int, patience: int, gain: float) -> None:
    unbroken = EarlyStopping(patience=patience, least_gain=gain)
    expected = [(unbroken.validation(step, loss), unbroken.should_stop) for step, loss in enumerate(losses)]
    before = EarlyStopping(patience=patience, least_gain=gain)
    found = [(before.validation(step, loss), before.should_stop) for step, loss in enumerate(losses[:cut])]
    after = EarlyStopping(patience=patience, least_gain=gain)
    after.restore(json.loads(json.dumps(before.state())))
    found += [(after.validation(step, loss), after.should_stop) for step, loss in enumerate(losses[cut:], cut)]
    assert found == expected
    assert after.state() == unbroken.state()


def test_a_state_of_another_version_and_senseless_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="version None"):
        EarlyStopping(patience=1).restore({})
    with pytest.raises(ValueError, match="patience"):
        EarlyStopping(patience=0)
    with pytest.raises(ValueError, match="least_gain"):
        EarlyStopping(patience=1, least_gain=math.nan)
