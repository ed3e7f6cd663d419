"""A difference between versions as text for a terminal."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from dataprep.clean.edits import word_diff
from dataprep.compare.diff import KINDS, Diff
from dataprep.console import cell, counted, one_line, table, wrap
from dataprep.why_text import word_difference

_MAX_LINES: Final = 20
"""Lines of a table that are shown; `--json` has all."""
_MAX_TEXT: Final = 600
"""Characters of an example that are shown."""
_SMALL_SHIFT: Final = 0.001
"""Total variation distance of label distributions below which nobody need look at labels."""
_MEASURES: Final = ("value", "threshold_a", "threshold_b", "similarity")


def render(difference: Diff, width: int, examples: int) -> list[str]:
    """A difference in lines of at most `width` columns; whatever is invisible or drives a terminal is escaped.

    Args:
        difference: what to show.
        width: columns.
        examples: of each kind, at most.
    """
    before, after = (one_line(name) for name in difference.names)
    counts = difference.counts
    lines = wrap(f"{before} → {after}", width)
    sum_up = f"{counted(counts['records_a'], 'record')} + {counts['added']:,} added - {counts['removed']:,} removed"
    lines += wrap(f"{sum_up} = {counted(counts['records_b'], 'record')}", width, "  ")
    lines += wrap(
        f"in both: {counts['changed']:,} changed, {counts['moved']:,} moved, {counts['unchanged']:,} unchanged",
        width,
        "  ",
    )
    lines += _table("differences", difference.summary, width)
    lines += _table("pipeline", difference.keys, width)
    lines += _table("source files", difference.files, width)
    lines += _labels(difference, width)
    for note in difference.notes:
        lines += ["", *wrap(f"note: {one_line(note)}", width)]
    if examples:
        lines += _examples(difference, width, examples)
    return lines


def _table(title: str, frame: pl.DataFrame, width: int) -> list[str]:
    if not frame.height:
        return []
    shown = frame.head(_MAX_LINES)
    lines = ["", title, *(f"  {line}" for line in table(shown.columns, shown.rows(), width=width - 2))]
    return lines + ([f"  … and {frame.height - _MAX_LINES:,} more"] if frame.height > _MAX_LINES else [])


def _labels(difference: Diff, width: int) -> list[str]:
    shift = difference.label_shift
    if shift is None or shift < _SMALL_SHIFT:
        return []
    return _table(f"labels: the distributions are {shift:.1%} apart", difference.labels, width)


def _examples(difference: Diff, width: int, n: int) -> list[str]:
    lines: list[str] = []
    shown = difference.examples(n)
    for kind in KINDS:
        for row in shown.filter(pl.col("kind") == kind).iter_rows(named=True):
            lines += ["", *_example(row, width)]
    return lines


def _example(row: dict[str, Any], width: int) -> list[str]:
    rule = f" {one_line(row['rule'])}" if row["rule"] else ""
    where = " → ".join(dict.fromkeys(row[name] for name in ("split_a", "split_b") if row[name]))
    lines = wrap(f"{row['kind']} by {row['cause']}{rule}: {_id(row)} in {where}", width)
    lines += wrap(f"from {_place(row)}", width, "  ")
    measured = [f"{name.replace('_', ' ')} {cell(row[name])}" for name in _MEASURES if row[name] is not None]
    for words in (", ".join(measured), one_line(row["detail"] or "")):
        lines += wrap(words, width, "  ") if words else []
    if row["partner_id"] is not None:
        lines += wrap(f"stands in for it: {one_line(row['partner_id'])}", width, "  ")
    return lines + wrap(_text(row), width, "    ")


def _id(row: dict[str, Any]) -> str:
    ids = dict.fromkeys(row[name] for name in ("record_id_a", "record_id_b") if row[name] is not None)
    return " → ".join(map(one_line, ids))


def _place(row: dict[str, Any]) -> str:
    places = [(row[f"path_{side}"], row[f"line_{side}"]) for side in ("a", "b") if row[f"record_id_{side}"] is not None]
    shown = " → ".join(f"{one_line(path)} line {line:,}" for path, line in dict.fromkeys(places))
    return f"{shown}, source {one_line(row['source'])}"


def _text(row: dict[str, Any]) -> str:
    before, after = row["text_a"], row["text_b"]
    if row["kind"] == "changed" and None not in (before, after) and before != after:
        return word_difference(word_diff(before, after))
    text: str = next((text for text in (after, before) if text is not None), "(the text was not kept)")
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + " …"
