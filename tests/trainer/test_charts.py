"""Charts: well-formed, harmless, honest about what they leave out, the same bytes each time."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.page.charts import SERIES_AT_MOST, Mark, Series, line_chart
from trainer.page.scales import number_text, scale_of, tick_texts
from trainer.rates.ladder import RangeTest, Rung, choose
from trainer.rates.picture import curves_picture, rates_picture

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</title><script>alert(1)</script>\x00\x1b[2J\u202e\" onload='x'"


def chart(*series: Series, **options: object) -> ET.Element:
    settings = {"title": "Loss", "x_label": "step", "y_label": "nats a token"} | options
    return ET.fromstring(line_chart(series, **settings))  # type: ignore[arg-type]


def texts(root: ET.Element) -> list[str]:
    return [each.text or "" for each in root.iter(f"{SVG}text")]


def test_a_chart_says_what_it_shows() -> None:
    root = chart(Series("training loss", [(1, 4.0), (5, 1.0), (9, 2.0)]), Series("validation loss", [(1, 3.0)]))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "Loss"
    assert root.findtext(f"{SVG}desc") == (
        "training loss: from 4 to 2, lowest 1 at step 5; validation loss: from 3 to 3, lowest 3 at step 1"
    )
    assert {"Loss", "step", "nats a token", "training loss", "validation loss"} <= set(texts(root))


def test_a_conclusion_takes_the_place_of_the_ranges() -> None:
    root = chart(Series("a", [(1, 1.0)]), description="It overfits.")
    assert root.findtext(f"{SVG}desc") == "It overfits."


def test_hostile_text_stays_text() -> None:
    svg = line_chart(
        [Series(HOSTILE, [(1, 1.0), (2, 2.0)]), Series("b", [])],
        title=HOSTILE,
        x_label=HOSTILE,
        y_label=HOSTILE,
        marks=[Mark(1, HOSTILE), Mark(2, HOSTILE, "bad")],
        description=HOSTILE,
    )
    root = ET.fromstring(svg)
    allowed = {"svg", "title", "desc", "style", "rect", "text", "line", "polyline", "circle", "path"}
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= allowed
    assert not [name for each in root.iter() for name in each.attrib if name.startswith("on")]
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", svg)


def test_nothing_is_fetched_and_nothing_has_an_id() -> None:
    svg = line_chart([Series("a", [(1, 1.0), (2, 2.0)])], title="t", x_label="x", y_label="y")
    assert not re.search(r"href|src=|url\(|@import| id=", svg)
    assert svg.count("http") == 1  # the namespace


def test_a_value_that_is_no_number_leaves_a_gap() -> None:
    root = chart(Series("a", [(1, 1.0), (2, 2.0), (3, math.nan), (4, 2.0), (5, 1.0), (6, math.inf), (7, 1.5)]))
    assert [len(each.get("points", "").split()) for each in root.iter(f"{SVG}polyline")] == [2, 2]
    assert len(list(root.iter(f"{SVG}circle"))) == 1  # the last, which no line leads to


def test_no_values_are_said() -> None:
    for series in ((), (Series("a", []),), (Series("a", [(1, math.nan)]),)):
        assert "No values." in texts(chart(*series))


def test_a_spike_does_not_flatten_the_rest_and_is_said() -> None:
    points = [(step, 2.0 - step / 400) for step in range(200)]
    points[50] = (50, 900.0)
    root = chart(Series("a", points))
    assert "1 higher, up to 900" in texts(root)
    assert "1.6" in texts(root)


def test_the_fall_at_the_start_is_no_spike() -> None:
    root = chart(Series("a", [(step, 1 + 9 * math.exp(-step / 10)) for step in range(400)]))
    assert not [said for said in texts(root) if "higher" in said]


def test_a_long_series_is_thinned_without_losing_its_extremes() -> None:
    points = [(step, 1.0 + (step % 7) / 10) for step in range(100_000)]
    points[70_001] = (70_001, 0.2)
    svg = line_chart([Series("a", points)], title="t", x_label="x", y_label="y")
    assert len(svg) < 20_000
    assert "lowest 0.2 at x 70k" in svg


def test_marks_are_named_and_bad_ones_crossed() -> None:
    root = chart(Series("a", [(1, 1.0), (9, 2.0)]), marks=[Mark(3, "best"), Mark(8, "diverged", "bad")])
    assert {"best", "diverged"} <= set(texts(root))
    assert len(list(root.iter(f"{SVG}path"))) == 1


def test_labels_of_marks_that_are_close_stand_in_rows() -> None:
    root = chart(Series("a", [(1, 1.0), (99, 2.0)]), marks=[Mark(40 + index, f"mark {index}") for index in range(3)])
    rows = {each.get("y") for each in root.iter(f"{SVG}text") if (each.text or "").startswith("mark ")}
    assert len(rows) == 3


def test_a_legend_that_is_too_wide_goes_on_in_the_next_row() -> None:
    root = chart(*[Series(f"series of a long name {index}", [(1, 1.0), (2, 2.0)]) for index in range(5)])
    names = [each for each in root.iter(f"{SVG}text") if (each.text or "").startswith("series of")]
    assert len({each.get("y") for each in names}) == 3
    assert all(float(each.get("x", "")) + 7 * len(each.text or "") < 560 for each in names)


def test_a_very_long_name_is_cut_in_the_legend() -> None:
    root = chart(Series("a" * 500, [(1, 1.0)]), Series("b", [(1, 1.0)]))
    assert f"{'a' * 39}…" in texts(root)


def test_more_lines_than_can_be_told_apart_are_refused() -> None:
    with pytest.raises(ValueError, match=f"at most {SERIES_AT_MOST}"):
        chart(*[Series("a", [])] * (SERIES_AT_MOST + 1))


finite = st.floats(-1e12, 1e12) | st.floats(0, 10)
points = st.lists(st.tuples(st.floats() | finite, st.floats() | finite), max_size=30)


@given(points, points, st.text(max_size=20), st.lists(st.floats(), max_size=4), st.booleans(), st.booleans())
def test_any_values_give_a_well_formed_chart_with_finite_places(
    one: list[tuple[float, float]],
    two: list[tuple[float, float]],
    text: str,
    marks: list[float],
    x_log: bool,
    y_log: bool,
) -> None:
    def draw() -> str:
        series = [Series(text, one), Series("b", two, dots=True)]
        found = [Mark(x, text) for x in marks]
        return line_chart(series, title=text, x_label=text, y_label="y", marks=found, x_log=x_log, y_log=y_log)

    svg = draw()
    root = ET.fromstring(svg)
    places = " ".join(f"{each.get('points', '')} {each.get('cx', '')} {each.get('x1', '')}" for each in root.iter())
    assert not re.search("nan|inf", places)
    assert svg == draw()


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_lie_on_the_axis_and_rise(low: float, width: float) -> None:
    scale = scale_of([low, low + width], log=False, room=0.0)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 12
    assert ticks == sorted(ticks)
    assert all(-1e-6 <= scale.place(tick) <= 1 + 1e-6 for tick in ticks)


@given(st.floats(1e-12, 1e12), st.sampled_from([-1, 0, 1]))
def test_a_number_beside_an_axis_is_short(size: float, sign: int) -> None:
    assert len(number_text(sign * size)) <= 9


def test_the_picture_of_rates_marks_what_diverged_and_what_was_chosen() -> None:
    rungs = [
        Rung(1e-5, ((10, 2.5),)),
        Rung(1e-4, ((10, 2.0),)),
        Rung(3e-4, ((10, 2.3),)),
        Rung(1e-3, (), "the loss is nan <b>"),
    ]
    root = ET.fromstring(rates_picture(rungs, choose(rungs), tested=RangeTest(5e-4, None)))
    assert {"1e-4 chosen", "1e-3 diverged", "upper bound 5e-4", "learning rate"} <= set(texts(root))
    assert len(list(root.iter(f"{SVG}circle"))) == 3
    assert (root.findtext(f"{SVG}desc") or "").startswith("1e-4 is chosen: validation loss 2 after 10 tokens")


def test_a_picture_of_nothing_but_divergence_still_says_so() -> None:
    rungs = [Rung(1e-5, (), "the loss is nan")]
    root = ET.fromstring(rates_picture(rungs, choose(rungs)))
    assert (root.findtext(f"{SVG}desc") or "").startswith("No rate chosen: no rate can be used")


def test_curves_have_a_line_for_each_rate_at_most_six() -> None:
    rungs = [Rung(10.0**-power, ((10, 3.0), (20, 2.0))) for power in range(1, 9)]
    root = ET.fromstring(curves_picture(rungs))
    assert len(list(root.iter(f"{SVG}polyline"))) == 6


@given(
    st.floats(1e-12, 1e12),
    st.floats(1.1, 1e6),
    st.booleans(),
)
def test_the_numbers_of_an_axis_have_one_form_and_none_is_said_twice(low: float, ratio: float, log: bool) -> None:
    ticks = scale_of([low, low * ratio], log=log, room=0.05).ticks()
    texts = [text for text in tick_texts(ticks, log=log) if text != "0"]
    assert len({"e" in text for text in texts}) == 1
    assert len({text[-1] for text in texts if text[-1] in "kMG"}) <= 1
    assert len(set(texts)) == len(texts)
