"""The answers of `dataprep why` as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from dataprep.clean.edits import DiffOp
from dataprep.console import cell, counted, one_line, table, wrap
from dataprep.why import MAX_MATCHES, Answer, Change, Matches, Partner, RejectedRow, Story, TurnText, Verdict

_CONTEXT: Final = 40
"""Characters of unchanged text that are shown beside a change."""
_OWN_ID: Final = 32
_SHORT_ID: Final = 12
_SHOWN_RAW: Final = 2_000
"""Bytes of a rejected row that are shown; `--json` has all that was kept."""


def render(answer: Answer, width: int) -> list[str]:
    """An answer in lines of at most `width` columns; whatever is invisible or drives a terminal is escaped."""
    if isinstance(answer, Story):
        return _story(answer, width)
    return _rejected(answer, width) if isinstance(answer, RejectedRow) else _matches(answer, width)


def word_difference(diff: Sequence[tuple[DiffOp, str]]) -> str:
    """A difference as one line: what was removed in `[-…-]`, what was added in `{+…+}`, the rest shortened.

    >>> word_difference([("equal", "It costs "), ("delete", "5"), ("insert", "6"), ("equal", " euro.")])
    'It costs [-5-]{+6+} euro.'
    """
    parts = []
    for index, (operation, text) in enumerate(diff):
        if operation == "equal":
            parts.append(_shortened(text, first=index == 0, last=index == len(diff) - 1))
        else:
            parts.append(f"[-{one_line(text)}-]" if operation == "delete" else f"{{+{one_line(text)}+}}")
    return "".join(parts)


def _shortened(text: str, *, first: bool, last: bool) -> str:
    head = "" if first else text[:_CONTEXT]
    tail = "" if last else text[-_CONTEXT:]
    if len(text) <= len(head) + len(tail) or (first and last):
        return one_line(text)
    return f"{one_line(head)} … {one_line(tail)}".strip(" ") if head and tail else one_line(head) + "…" + one_line(tail)


def _story(story: Story, width: int) -> list[str]:
    fate = {"kept": f"kept, in {story.split}", "held": "held", "dropped": "dropped"}.get(story.status, story.status)
    by = f" by {story.step}.{one_line(story.rule)}" if story.rule else ""
    label = f", label {one_line(story.label)}" if story.label is not None else ""
    lines = [f"record {one_line(story.record_id)} of {one_line(story.data)}"]
    lines += wrap(f"{fate}{by}{label}", width, "  ")
    lines += wrap(f"from {one_line(story.path)} line {story.line}, source {one_line(story.source)}", width, "  ")
    if story.forgotten is not None:
        lines += wrap(
            f"forgotten on {story.forgotten.when[:10]} by {one_line(story.forgotten.who)}: its text and its "
            f"other columns are erased; because {one_line(story.forgotten.because)}",
            width,
            "  ",
        )
    if story.group_records > 1:
        lines += wrap(f"one of {story.group_records:,} records of a group that stays in one split", width, "  ")
    lines += [] if story.forgotten else _section("text", _turns(story.turns, width))
    lines += _section("changed by cleaning", _changes(story.changes, width))
    lines += _section("verdicts", _verdicts(story.verdicts, width))
    if story.partner is not None:
        lines += _section("stands in for it", _partner(story.partner, width))
    lines += _section("stands in for", [f"  {one_line(record_id)}" for record_id in story.copies])
    lines += _section("signals", _signals(story.signals, width))
    meta = list(story.meta.items())
    return lines + _section("other columns", [f"  {one_line(name)}: {cell(value)}" for name, value in meta])


def _section(title: str, body: list[str]) -> list[str]:
    return ["", title, *body] if body else []


def _turns(turns: list[TurnText] | None, width: int) -> list[str]:
    if turns is None:
        return ["  (the text was not kept)"]
    lines: list[str] = []
    for turn in turns:
        lines.append(f"  [{turn.role}]")
        lines += wrap("(nothing)" if turn.content is None else turn.content, width, "    ")
        if turn.extra is not None:
            lines += wrap(f"extra: {one_line(turn.extra)}", width, "    ")
    return lines


def _changes(changes: list[Change], width: int) -> list[str]:
    lines: list[str] = []
    for change in changes:
        lines.append(f"  {one_line(change.cleaner)}, turn {change.turn + 1}, {counted(change.edits, 'edit')}")
        lines += wrap(word_difference(change.diff), width, "    ")
    return lines


def _verdicts(verdicts: list[Verdict], width: int) -> list[str]:
    lines: list[str] = []
    for verdict in verdicts:
        if verdict.action == "edit":
            continue
        decisive = ", decisive" if verdict.decisive else ""
        measured = [f"{verdict.step}.{one_line(verdict.rule)}: {verdict.action}{decisive}"]
        if verdict.value is not None:
            measured.append(f"measured {cell(verdict.value)}")
        if verdict.threshold is not None:
            measured.append(f"threshold {cell(verdict.threshold)}")
        if verdict.comparison is not None:
            measured.append(f"({one_line(verdict.comparison)})")
        if verdict.similarity is not None:
            measured.append(f"similarity {cell(verdict.similarity)}")
        if verdict.detail is not None:
            measured.append(one_line(verdict.detail))
        lines += wrap("  ".join(measured), width, "  ")
        if verdict.because:
            lines += wrap(f"because {one_line(verdict.because)}", width, "    ")
    return lines


def _partner(partner: Partner, width: int) -> list[str]:
    fate = partner.split or partner.status
    lines = wrap(f"{one_line(partner.record_id)}, {fate}, from {one_line(partner.place)}", width, "  ")
    return lines + _turns(partner.turns, width)


def _signals(signals: Mapping[str, Any], width: int) -> list[str]:
    """Two signals a line: thirty lines of numbers would push the story off the screen."""
    known = [(name, value) for name, value in signals.items() if value is not None]
    half = (len(known) + 1) // 2
    rows = [(*left, *right) for left, right in zip_longest(known[:half], known[half:], fillvalue=(None, None))]
    if not rows:
        return []
    return [f"  {line}" for line in table(["signal", "value"] * 2, rows, width=width - 2)]


def _rejected(row: RejectedRow, width: int) -> list[str]:
    place = f"{one_line(row.path)} line {row.line}" if row.line is not None else one_line(row.path)
    offset = f", byte {row.byte_offset:,}" if row.byte_offset is not None else ""
    lines = [f"rejected row of {one_line(row.data)}"]
    lines += wrap(f"from {place}{offset}, source {one_line(row.source)}, {row.length:,} bytes", width, "  ")
    lines += wrap(f"{one_line(row.reason)}: {one_line(row.detail or '')}", width, "  ")
    shown = row.raw[:_SHOWN_RAW].decode("utf-8", errors="backslashreplace")
    more = " …" if row.length > _SHOWN_RAW else ""
    return lines + _section("as it was", wrap(shown + more, width, "  "))


def _matches(matches: Matches, width: int) -> list[str]:
    count = f"{MAX_MATCHES} or more" if len(matches.found) >= MAX_MATCHES else str(len(matches.found))
    rows = [(_short_id(one.record_id), one.split or one.status, one.place, one.snippet) for one in matches.found]
    columns = ["record_id", "fate", "from", "text"]
    return [f"{count} records fit; name one:", "", *table(columns, rows, width=width)]


def _short_id(record_id: str) -> str:
    """The start of an id that we made, which is enough to name it; a user's own id stays whole."""
    return record_id[:_SHORT_ID] if len(record_id) == _OWN_ID else record_id
