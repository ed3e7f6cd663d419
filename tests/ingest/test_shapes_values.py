"""Times and numbers keep their order as text; JSON loses nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.ingest.shapes.values import jsonable, kept, sortable_number, time_of, to_json

NUMBERS = st.one_of(
    st.integers(-(10**20) + 1, 10**20 - 1),
    st.decimals(min_value=-(10**9), max_value=10**9, places=6),
    st.sampled_from(["0", "-0", "-1", "1.5", "1.55", "-1.5", "-1.55", "007", "+3.10"]).map(Decimal),
)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


@given(NUMBERS, NUMBERS)
def test_the_order_of_number_text_is_the_order_of_numbers(one: Any, two: Any) -> None:
    first, second = sortable_number(one), sortable_number(two)
    assert first is not None
    assert second is not None
    assert (first < second) == (one < two)
    assert (first == second) == (one == two)


@given(st.integers(-(10**15), 10**15))
def test_a_number_is_the_same_time_in_every_format(value: int) -> None:
    assert sortable_number(value) == sortable_number(str(value)) == sortable_number(float(value))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**20, 1e300, "1e9", "١٢", "1,5", "", "9" * 5000])
def test_what_is_no_plain_number_has_no_place_in_the_order(value: Any) -> None:
    assert sortable_number(value) is None


OFFSETS = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
MOMENTS = st.datetimes(timezones=OFFSETS, min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1))  # noqa: DTZ001


@given(MOMENTS, MOMENTS)
def test_the_order_of_time_text_is_the_order_of_time(one: datetime, two: datetime) -> None:
    first, second = (time_of(moment.isoformat(), "t", "iso") for moment in (one, two))
    assert first is not None
    assert second is not None
    assert (first < second) == (one < two)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2015-02-24 11:35:52 -0800", "2015-02-24T19:35:52.000000Z"),
        ("2015-02-24T11:35:52Z", "2015-02-24T11:35:52.000000Z"),
        ("2015-02-24", "2015-02-24T00:00:00.000000Z"),
        (" 2015-02-24T11:35:52.5 ", "2015-02-24T11:35:52.500000Z"),
        (datetime(2015, 2, 24, 11, tzinfo=UTC), "2015-02-24T11:00:00.000000Z"),
        (date(2015, 2, 24), "2015-02-24T00:00:00.000000Z"),
        (None, None),
        ("", None),
    ],
)
def test_times_are_utc(value: Any, text: str | None) -> None:
    assert time_of(value, "t", "iso") == text


@given(VALUES)
def test_every_parsed_value_can_be_kept_and_nothing_becomes_null(value: Any) -> None:
    plain = jsonable(value)
    assert kept(value) == plain
    assert orjson.loads(to_json(value)) == plain
    assert n_nulls(plain) == n_nulls(value)


def n_nulls(value: Any) -> int:
    if isinstance(value, (list, dict)):
        return sum(map(n_nulls, value.values() if isinstance(value, dict) else value))
    return value is None


def test_a_nested_nan_is_not_lost_behind_a_fast_path() -> None:
    assert to_json({"frames": [{"score": float("nan")}]}) == '{"frames":[{"score":"NaN"}]}'
    assert kept([2**70]) == [str(2**70)]
