"""Line charts as SVG text: for the report of a run and the picture of a search for a learning rate.

Written here instead of drawn by a library: one chart is some 6 kB without script, against 1 to 5 MB for a library
that goes along. The same values give the same bytes. Nothing in an SVG has an id, so that many stand in one page; the
plot is a nested `<svg>`, which clips what lies outside without one. Colours follow the reader's light or dark scheme;
each series has a dash pattern and a shape too, for who cannot tell the colours apart.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from dataprep.console import one_line
from trainer.page.scales import Scale, fits, number_text, scale_of, tick_texts

Point = tuple[float, float]

_WIDTH: Final = 560
_LEFT, _RIGHT, _BOTTOM = 76, 14, 46
_LINE: Final = 18
"""Height of a line of text."""
_CHARACTER: Final = 7.0
"""Estimated width of a character: no font is at hand to measure, and labels only have to stay apart."""
_ONE_CHART: Final = 400
"""Buckets that a longer series is drawn in: each by its lowest and highest value, so that no spike is lost."""
_FAR_ABOVE: Final = 4.0
"""Values are cut off where the highest is this many times as far from the lowest as the 98th percentile is …"""
_ROOM_ABOVE: Final = 2.0
"""… and the axis then reaches this many times as far."""
_LABEL_ROWS: Final = 3
_LONGEST_NAME: Final = 40
"""Characters of a series' name in the legend."""
_DASHES: Final = ("", "6 4", "2 3", "10 3 2 3", "1 4", "12 4")
_STYLE: Final = (
    ".lc{--lc-ink:#1d2733;--lc-soft:#5a6673;--lc-grid:#dfe4ea;--lc-paper:#fff;--lc-bad:#b3261e;"
    "--lc-0:#1f5fae;--lc-1:#b4540a;--lc-2:#1d7a4c;--lc-3:#7b3fa6;--lc-4:#8a6d00;--lc-5:#a3265f;"
    "font:14px system-ui,sans-serif;max-width:100%;height:auto}"
    "@media (prefers-color-scheme:dark){.lc{--lc-ink:#e8ecf1;--lc-soft:#a7b1bc;--lc-grid:#343c46;--lc-paper:#15191e;"
    "--lc-bad:#ff8a80;--lc-0:#7fb2f0;--lc-1:#f2a35e;--lc-2:#6fcf97;--lc-3:#c79bea;--lc-4:#dcc04a;--lc-5:#f08ab8}}"
    "@media print{.lc{--lc-ink:#000;--lc-soft:#333;--lc-grid:#ccc;--lc-paper:#fff;--lc-bad:#b3261e;"
    "--lc-0:#1f5fae;--lc-1:#b4540a;--lc-2:#1d7a4c;--lc-3:#7b3fa6;--lc-4:#8a6d00;--lc-5:#a3265f}}"
    ".lc text{fill:var(--lc-soft);stroke:var(--lc-paper);stroke-width:3px;paint-order:stroke;stroke-linejoin:round}"
    ".lc .t{fill:var(--lc-ink);font-weight:600}.lc .bad-text{fill:var(--lc-bad)}"
    ".lc .paper{fill:var(--lc-paper)}.lc .grid{stroke:var(--lc-grid)}.lc .axis{stroke:var(--lc-soft)}"
    ".lc .note{stroke:var(--lc-soft);stroke-dasharray:3 3}.lc .bad{stroke:var(--lc-bad);stroke-dasharray:3 3}"
    ".lc .cross{stroke:var(--lc-bad);stroke-width:2.5}"
    + "".join(
        f".lc .s{index}{{stroke:var(--lc-{index});fill:none;stroke-width:2;stroke-linejoin:round;"
        f"stroke-dasharray:{dash.replace(' ', ',') or 'none'}}}.lc .d{index}{{fill:var(--lc-{index})}}"
        for index, dash in enumerate(_DASHES)
    )
)
SERIES_AT_MOST: Final = len(_DASHES)
"""More lines than this cannot be told apart."""


@dataclass(frozen=True)
class Series:
    """A named line. Points in rising x; one that is not finite (or not positive on a log axis) leaves a gap."""

    name: str
    points: Sequence[Point]
    dots: bool = False
    """Whether each point is marked beside the line: for few points, such as validations."""


@dataclass(frozen=True)
class Mark:
    """A place on the x axis with a few words: a vertical line, `bad` ones with a cross at the top."""

    x: float
    label: str
    tone: Literal["note", "bad"] = "note"


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    x_label: str,
    y_label: str,
    marks: Sequence[Mark] = (),
    description: str = "",
    x_log: bool = False,
    y_log: bool = False,
    height: int = 300,
) -> str:
    """One SVG element, complete with its own style: to stand in a page as it is, or in a file of its own.

    The size is 560 by `height` units and shrinks with its container. `description` is what a screen reader says, the
    conclusion at best; by default the range of each series. A few values far above all others (a spike) are cut off,
    and the chart says how many and how high. Names and labels may hold any text: it is escaped.

    Raises `ValueError` for more than `SERIES_AT_MOST` series.

    >>> svg = line_chart([Series("loss", [(1, 3.0), (2, 2.5)])], title="Loss", x_label="step", y_label="nats a token")
    >>> svg[:51], svg[-6:]
    ('<svg xmlns="http://www.w3.org/2000/svg" class="lc" ', '</svg>')
    """
    if len(series) > SERIES_AT_MOST:
        raise ValueError(f"{len(series)} series in one chart, at most {SERIES_AT_MOST}")
    drawn = [_Drawn(index, each, _runs(each.points, x_log, y_log)) for index, each in enumerate(series)]
    xs = [x for each in drawn for x, _ in each.points]
    ys = [y for each in drawn for _, y in each.points]
    shown = [mark for mark in marks if fits(mark.x, log=x_log)]
    said = description or _description(drawn, x_label)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lc" role="img" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}"><title>{_safe(title)}</title><desc>{_safe(said)}</desc>'
        f'<style>{_STYLE}</style><rect class="paper" width="{_WIDTH}" height="{height}"/>'
        f'<text class="t" x="{_LEFT}" y="{_LINE}">{_safe(title)}</text>'
    )
    legend, legend_rows = _legend(drawn)
    parts = [opening, legend]
    if not ys:
        parts.append(f'<text x="{_LEFT}" y="{height // 2}">No values.</text></svg>')
        return "".join(parts)
    x_scale = scale_of([*xs, *(mark.x for mark in shown)], log=x_log, room=0.03 if x_log else 0.0)
    labels = _label_rows(sorted(shown, key=lambda mark: mark.x), x_scale)
    rows = 1 + max((label.row for label in labels), default=-1)
    highest = _axis_end(ys, log=y_log)
    frame = _Frame(
        x_scale,
        scale_of([y for y in ys if y <= highest], log=y_log, room=0.05),
        _LINE * (1 + rows + legend_rows) + 10,
        height,
    )
    parts += [
        _axes(frame, x_label, y_label),
        *_marks(frame, labels),
        _lines(frame, drawn),
        _cut_off(frame, ys, highest),
    ]
    return "".join(parts) + "</svg>"


@dataclass(frozen=True)
class _Drawn:
    """A series as it is drawn: its runs of points without a gap."""

    index: int
    series: Series
    runs: list[list[Point]]

    @property
    def points(self) -> list[Point]:
        return [point for run in self.runs for point in run]


@dataclass(frozen=True)
class _Frame:
    """Where the plot stands in the picture."""

    x: Scale
    y: Scale
    top: int
    height: int

    @property
    def bottom(self) -> int:
        return self.height - _BOTTOM

    def right_of(self, value: float) -> float:
        return _across(self.x, value)

    def up_at(self, value: float) -> float:
        return self.bottom - self.y.place(value) * (self.bottom - self.top)


@dataclass(frozen=True)
class _Label:
    """A mark with the row above the plot where its words stand, 0 the lowest, and the side of the line."""

    mark: Mark
    row: int
    before: bool


def _across(scale: Scale, value: float) -> float:
    return _LEFT + scale.place(value) * (_WIDTH - _LEFT - _RIGHT)


def _runs(points: Sequence[Point], x_log: bool, y_log: bool) -> list[list[Point]]:
    """Points between gaps, thinned where there are more than can be seen."""
    runs: list[list[Point]] = [[]]
    for x, y in points:
        if fits(x, log=x_log) and fits(y, log=y_log):
            runs[-1].append((float(x), float(y)))
        elif runs[-1]:
            runs.append([])
    return [_thinned(run) for run in runs if run]


def _thinned(run: list[Point]) -> list[Point]:
    """At most 2 points for each of 400 buckets, the lowest and the highest, in their order; both ends stay."""
    if len(run) <= 2 * _ONE_CHART:
        return run
    kept = {0, len(run) - 1}
    for bucket in range(_ONE_CHART):
        inside = range(len(run) * bucket // _ONE_CHART, len(run) * (bucket + 1) // _ONE_CHART)
        kept |= {min(inside, key=lambda index: run[index][1]), max(inside, key=lambda index: run[index][1])}
    return [run[index] for index in sorted(kept)]


def _axis_end(ys: Sequence[float], *, log: bool) -> float:
    """The highest value that the axis reaches: the highest of all, unless a spike would leave the rest flat.

    A loss falls from its highest value within a few steps, which is no spike: hence the 98th percentile and room above.
    """
    ranked = sorted(ys)
    low, high = ranked[0], ranked[-1]
    usual = ranked[max(0, math.ceil(0.98 * len(ranked)) - 1)]
    if log or usual == low or high - low <= _FAR_ABOVE * (usual - low):
        return high
    return max(y for y in ranked if y - low <= _ROOM_ABOVE * (usual - low))


def _description(drawn: Sequence[_Drawn], x_label: str) -> str:
    """The range of each series in words."""
    said = []
    for each in drawn:
        if points := each.points:
            x, y = min(points, key=lambda point: point[1])
            said.append(
                f"{each.series.name}: from {number_text(points[0][1])} to {number_text(points[-1][1])}, "
                f"lowest {number_text(y)} at {x_label} {number_text(x)}"
            )
    return "; ".join(said) or "no values"


def _legend(drawn: Sequence[_Drawn]) -> tuple[str, int]:
    """Names beside a piece of their line, and the rows they take; none for a series alone, which the title names."""
    if len(drawn) < 2:
        return "", 0
    parts, x, row = [], float(_LEFT), 0
    for each in drawn:
        name = (
            each.series.name if len(each.series.name) <= _LONGEST_NAME else each.series.name[: _LONGEST_NAME - 1] + "…"
        )
        width = 48 + _CHARACTER * len(name)
        if x + width > _WIDTH and x > _LEFT:
            x, row = float(_LEFT), row + 1
        y = _LINE * (row + 2) - 1
        parts.append(
            f'<line class="s{each.index}" x1="{x:.1f}" y1="{y}" x2="{x + 26:.1f}" y2="{y}"/>'
            f'<text x="{x + 32:.1f}" y="{y + 5}">{_safe(name)}</text>'
        )
        x += width
    return "".join(parts), row + 1


def _axes(frame: _Frame, x_label: str, y_label: str) -> str:
    """Grid, numbers and what is measured."""
    parts = []
    right, bottom = _WIDTH - _RIGHT, frame.bottom
    ticks = frame.y.ticks(max(2, (bottom - frame.top) // 45))
    for value, said in zip(ticks, tick_texts(ticks, log=frame.y.log), strict=True):
        y = frame.up_at(value)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 7}" y="{y + 5:.1f}" text-anchor="end">{said}</text>'
        )
    ticks = frame.x.ticks(6)
    for value, said in zip(ticks, tick_texts(ticks, log=frame.x.log), strict=True):
        x = frame.right_of(value)
        # Text of a tick at the very end is kept inside the picture.
        place = min(x, _WIDTH - 3 - _CHARACTER * len(said) / 2)
        parts.append(
            f'<line class="axis" x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 4}"/>'
            f'<text x="{place:.1f}" y="{bottom + _LINE}" text-anchor="middle">{said}</text>'
        )
    middle = (frame.top + bottom) / 2
    return "".join(parts) + (
        f'<line class="axis" x1="{_LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}"/>'
        f'<text x="{(_LEFT + right) / 2}" y="{frame.height - 7}" text-anchor="middle">{_safe(x_label)}</text>'
        f'<text transform="translate(14 {middle:.1f}) rotate(-90)" text-anchor="middle">{_safe(y_label)}</text>'
    )


def _label_rows(marks: Sequence[Mark], scale: Scale) -> list[_Label]:
    """Each label in the lowest row where it has room, on the side of its line that has more; the last row takes all."""
    taken: list[list[tuple[float, float]]] = [[] for _ in range(_LABEL_ROWS)]
    found = []
    for mark in marks:
        x, width = _across(scale, mark.x), 8 + _CHARACTER * len(mark.label)
        before = x + width > _WIDTH
        start, end = (x - width, x) if before else (x, x + width)
        free = (row for row in range(_LABEL_ROWS) if all(end <= left or right <= start for left, right in taken[row]))
        row = next(free, _LABEL_ROWS - 1)
        taken[row].append((start, end))
        found.append(_Label(mark, row, before))
    return found


def _marks(frame: _Frame, labels: Sequence[_Label]) -> Iterator[str]:
    """Vertical lines that end in their words; all words after all lines, so that no line goes through them."""
    words = []
    for label in labels:
        tone, x, y = label.mark.tone, frame.right_of(label.mark.x), frame.top - 6 - _LINE * label.row
        yield f'<line class="{tone}" x1="{x:.1f}" y1="{y - 8}" x2="{x:.1f}" y2="{frame.bottom}"/>'
        if tone == "bad":
            left, right, over, under = x - 5, x + 5, frame.top + 3, frame.top + 13
            crossed = f"M{left:.1f} {over}L{right:.1f} {under}M{left:.1f} {under}L{right:.1f} {over}"
            yield f'<path class="cross" d="{crossed}"/>'
        aside, anchor = (-4, "end") if label.before else (4, "start")
        words.append(
            f'<text class="{tone}-text" x="{x + aside:.1f}" y="{y}" text-anchor="{anchor}">'
            f"{_safe(label.mark.label)}</text>"
        )
    yield from words


def _lines(frame: _Frame, drawn: Sequence[_Drawn]) -> str:
    """The plot itself, clipped at its borders by standing in an `<svg>` of its own; dots may reach over these."""
    parts, dots = [], []
    for each in drawn:
        for run in each.runs:
            places = [(frame.right_of(x), frame.up_at(y)) for x, y in run]
            if len(places) > 1:
                line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
                parts.append(f'<polyline class="s{each.index}" points="{line}"/>')
            if len(places) == 1 or each.series.dots:
                dots += [
                    f'<circle class="d{each.index}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
                    for x, y in places
                    if y >= frame.top
                ]
    width, height = _WIDTH - _LEFT - _RIGHT, frame.bottom - frame.top
    return (
        f'<svg x="{_LEFT}" y="{frame.top}" width="{width}" height="{height}" '
        f'viewBox="{_LEFT} {frame.top} {width} {height}">{"".join(parts)}</svg>{"".join(dots)}'
    )


def _cut_off(frame: _Frame, ys: Sequence[float], highest: float) -> str:
    """What is said where a spike is cut off."""
    above = [y for y in ys if y > highest]
    if not above:
        return ""
    said = f"{len(above)} higher, up to {number_text(max(above))}"
    return f'<text class="bad-text" x="{_WIDTH - _RIGHT - 4}" y="{frame.top + 14}" text-anchor="end">{said}</text>'


def _safe(text: str) -> str:
    """Any text as XML that shows it and does nothing else."""
    return html.escape(one_line(text))
