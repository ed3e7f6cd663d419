"""Where a text is code: fenced blocks and inline code, in Markdown's notation.

In code, a trailing space or an odd sequence of bytes may be the point of it, so cleaners that could harm it leave
these spans alone. Fences follow CommonMark 0.31 (section 4.5; one never closed runs to the end of the text), except
that any indentation is accepted, since fences in nested lists have it. Inline code (section 6.1) is a run of
backticks up to the next run of the same length *in the same line*: across lines, two stray backticks would protect
whatever stands between them.
Indented blocks without fences are not recognised; no cleaner touches indentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from dataprep.clean.base import space_start

_FENCE: Final = re.compile(r"([`~])\1{2,}")
_REST_OF_LINE: Final = re.compile(r"[^\r\n]*+")
_LINE_BREAK: Final = re.compile(r"[\r\n]")
_BACKTICKS: Final = re.compile(r"`++")


class Span(NamedTuple):
    """Code points start..end of a text, delimiters included."""

    start: int
    end: int


def code_spans(text: str) -> list[Span]:
    """The parts of a text that are code, sorted, not overlapping. Linear in the text.

    >>> code_spans("use `x  ` here")
    [Span(start=4, end=9)]
    >>> code_spans("a\\n```py\\nx = 1  \\n```\\nb")
    [Span(start=2, end=19)]
    """
    if "`" not in text and "~~~" not in text:
        return []
    spans: list[Span] = []
    position = 0
    for fence in _fences(text):
        spans += _inline(text, position, fence.start)
        spans.append(fence)
        position = fence.end
    spans += _inline(text, position, len(text))
    return spans


def outside(text: str, spans: list[Span]) -> Iterator[Span]:
    """The parts of a text between code spans, in order, none of them empty."""
    position = 0
    for start, end in spans:
        if position < start:
            yield Span(position, start)
        position = end
    if position < len(text):
        yield Span(position, len(text))


def _fences(text: str) -> Iterator[Span]:
    """Fenced blocks, from the opening delimiter to the end of the closing one."""
    if "```" not in text and "~~~" not in text:
        return
    opened_at = -1
    opener = ""
    for match in _FENCE.finditer(text):
        start, end = match.span()
        indent = space_start(text, start, " \t")
        if indent > 0 and text[indent - 1] not in "\r\n":
            continue
        delimiter = match.group()
        rest = _REST_OF_LINE.match(text, end)
        info = rest.group() if rest else ""
        if opened_at < 0:
            if delimiter[0] == "~" or "`" not in info:
                opened_at, opener = start, delimiter
        elif delimiter.startswith(opener) and not info.strip(" \t"):
            yield Span(opened_at, end)
            opened_at = -1
    if opened_at >= 0:
        yield Span(opened_at, len(text))


def _inline(text: str, start: int, end: int) -> Iterator[Span]:
    """Inline code between two positions, line by line."""
    position = text.find("`", start, end)
    while position >= 0:
        line_break = _LINE_BREAK.search(text, position, end)
        line_end = line_break.start() if line_break else end
        runs = [run.span() for run in _BACKTICKS.finditer(text, position, line_end)]
        closers = _next_of_same_length(runs)
        index = 0
        while index < len(runs):
            closer = closers[index]
            if closer > 0:
                yield Span(runs[index][0], runs[closer][1])
                index = closer
            index += 1
        position = text.find("`", line_end, end)


def _next_of_same_length(runs: list[tuple[int, int]]) -> list[int]:
    """For each run of backticks the index of the next one of its length, or 0. Filled from the end, so linear."""
    following = [0] * len(runs)
    latest: dict[int, int] = {}
    for index in range(len(runs) - 1, -1, -1):
        length = runs[index][1] - runs[index][0]
        following[index] = latest.get(length, 0)
        latest[length] = index
    return following
