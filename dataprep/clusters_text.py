"""The answer of `dataprep clusters` as text for a terminal: two records, one below the other, and their difference."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from dataprep.clean.edits import DiffOp
from dataprep.clusters import DUPLICATES, Cluster, ClusterReport, Comparison, Entry
from dataprep.console import counted, one_line, wrap
from dataprep.record import SPLITS
from dataprep.why_text import word_difference

_OWN_ID: Final = 32
_SHORT_ID: Final = 12
_CHANGE: Final = 200
"""Characters of one deletion or insertion that are shown."""
_CHANGES: Final = 16
"""Deletions and insertions that are shown of one difference."""
_BEGINNING: Final = 240
"""Characters that are shown of a text that another one is equal to."""
_RULE: Final = 20
_PLAIN: Final = ("exact_duplicate", "near_duplicate")


def render(report: ClusterReport, width: int) -> list[str]:
    """A report in lines of at most `width` columns; whatever is invisible or drives a terminal is escaped."""
    data = report.data
    sizes = f"{counted(report.clusters, 'cluster')} of duplicates, {counted(report.records, 'record')} in them"
    removed = f"{counted(report.removed, 'record')} went as nearly the same as one that stays"
    lines = wrap(f"{one_line(data)}: {sizes}; {removed}", width)
    for cluster in report.largest:
        lines += ["", *_cluster(cluster, data, width)]
    thresholds = ", ".join(sorted({f"{one.threshold:g}" for one in report.doubtful if one.threshold is not None}))
    for title, comparisons in (
        (f"the most doubtful removals, the least similar first (threshold {thresholds})", report.doubtful),
        ("pairs below the threshold, the most similar first", report.below),
    ):
        if comparisons:
            lines += ["", title]
        for one in comparisons:
            lines += ["", *_comparison(one, data, width)]
    shown = [*report.doubtful, *report.below, *(one for cluster in report.largest for one in cluster.members)]
    if report.record is not None and not report.largest and not report.below:
        lines += ["", *wrap(f"{_id(report.record)} is in no cluster, and no pair of it is stored", width)]
    if shown:
        lines += ["", "[-only in the one that stays-]  {+only in the other one+}"]
    return lines


def _cluster(cluster: Cluster, data: str, width: int) -> list[str]:
    fates = ", ".join(f"{count:,} {'in ' if name in SPLITS else ''}{name}" for name, count in _in_order(cluster.fates))
    about = f"{counted(cluster.records, 'record')}: {fates}"
    if cluster.kind == "near":
        about += f" · least similar pair {cluster.least_similarity:.3f}"
    lines = [f"{'─' * min(width, _RULE)} {cluster.kind} cluster {_id(cluster.cluster_id)}", *wrap(about, width)]
    lines += wrap(f"first  {_place(cluster.first)}", width, "  ")
    previous = None
    unmeasured = "no pair" if cluster.kind in DUPLICATES else one_line(cluster.kind)
    for one in cluster.members:
        lines += ["", *_comparison(one, data, width, cluster.first, previous, unmeasured)]
        previous = one
    more = cluster.records - 1 - len([one for one in cluster.members if one.record != cluster.first])
    if more:
        named = f"{_command(data, cluster.cluster_id)} -n {cluster.records}"
        lines += ["", *wrap(f"and {more:,} more: {named}", width, "  ")]
    return lines


def _comparison(
    one: Comparison,
    data: str,
    width: int,
    first: Entry | None = None,
    previous: Comparison | None = None,
    unmeasured: str = "no pair",
) -> list[str]:
    similar = unmeasured if one.similarity is None else f"{one.similarity:.3f}"
    # What the rules for duplicates mean by one is known; a leak may be one by the input alone.
    what = "" if one.detail is None or one.record.rule in _PLAIN else f", {one_line(one.detail)}"
    lines = wrap(f"{similar:9}{_place(one.record)}{what}", width, "  ")
    if one.partner is not None and one.partner != first:
        lines += wrap(f"{'stays' if one.went else 'beside':9}{_place(one.partner)}", width, "  ")
    if previous is not None and (one.record.text, one.partner) == (previous.record.text, previous.partner):
        lines.append("    the same as the one above")
    else:
        lines += _difference(one, width)
    if one.others and one.partner is not None:
        named = _command(data, one.partner.record_id)
        lines += wrap(f"{counted(one.others, 'more record')} went for the same one: {named}", width, "    ")
    return lines


def _difference(one: Comparison, width: int) -> list[str]:
    missing = dict.fromkeys(entry.missing for entry in (one.record, one.partner) if entry and entry.missing)
    diff = one.diff
    if one.partner is None:
        return wrap(
            one_line(_clipped(one.record.text or f"(the text is {'; '.join(missing)})", _BEGINNING)), width, "    "
        )
    if diff is None:
        return wrap(f"(the text is {one_line('; '.join(missing))})", width, "    ")
    if all(operation == "equal" for operation, _ in diff):
        return wrap(f"the same text: {one_line(_clipped(one.record.text or '', _BEGINNING))}", width, "    ")
    changes = [place for place, (operation, _) in enumerate(diff) if operation != "equal"]
    shown = diff if len(changes) <= _CHANGES else diff[: changes[_CHANGES]]
    lines = wrap(word_difference([*_shortened(shown)]), width, "    ")
    if len(changes) > _CHANGES:
        lines.append(f"    … and {counted(len(changes) - _CHANGES, 'change')} more; --json has all")
    return lines


def _shortened(diff: Sequence[tuple[DiffOp, str]]) -> Iterator[tuple[DiffOp, str]]:
    for operation, text in diff:
        yield operation, text if operation == "equal" else _clipped(text, _CHANGE)


def _clipped(text: str, most: int) -> str:
    """
    >>> _clipped("a" * 50 + "b" * 50, 20)
    'aaaaaaaaaa … 80 characters … bbbbbbbbbb'
    """
    half = most // 2
    return text if len(text) <= most + 30 else f"{text[:half]} … {len(text) - 2 * half:,} characters … {text[-half:]}"


def _place(entry: Entry) -> str:
    fate = entry.split or entry.status
    by = f" by {entry.step}.{one_line(entry.rule)}" if entry.rule else ""
    label = f", label {one_line(entry.label)}" if entry.label is not None else ""
    return f"{_id(entry.record_id)}  {one_line(entry.path)}:{entry.line}, {fate}{by}{label}"


def _command(data: str, record_id: str) -> str:
    """What shows the cluster of a record, for a shell."""
    return one_line(f"dataprep clusters {shlex.quote(data)} --id {shlex.quote(_id(record_id))}")


def _in_order(fates: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    order = (*SPLITS, "held", "dropped")
    return sorted(fates.items(), key=lambda item: order.index(item[0]))


def _id(record_id: str) -> str:
    """The start of an id that we made, which is enough to name it; a user's own id stays whole."""
    return one_line(record_id[:_SHORT_ID] if len(record_id) == _OWN_ID else record_id)
