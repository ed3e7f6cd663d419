"""`whitespace`: line feeds for line ends, no space at line ends, no blank lines around the text.

Trailing space and carriage returns are invisible, cost tokens, and make equal texts differ. Indentation never
changes, that of the first line included: an answer may be code whose first line is indented. In code spans only the
line ends are normalised. Markdown's hard line break by two trailing spaces is the price.

A text of white space only is left as it is: rules give "only white space" and "empty" different reasons.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import ClassVar

from dataprep.clean.base import UNICODE_SPACE
from dataprep.clean.code_spans import Span, code_spans
from dataprep.clean.config import CleanConfig
from dataprep.clean.edits import Edit
from dataprep.kernels.textflags import ENDS, LINES, RETURN


class Whitespace:
    """Normalises white space at line ends and around the text.

    >>> from dataprep.clean.edits import apply
    >>> text = "\\n\\n  if x:\\t\\r\\n    y \\n"
    >>> apply(text, Whitespace(CleanConfig()).edits(text))
    '  if x:\\n    y'
    """

    name: ClassVar[str] = "whitespace"
    version: ClassVar[int] = 1
    wants: ClassVar[int] = LINES | RETURN | ENDS

    def __init__(self, config: CleanConfig) -> None:
        """No options: `config` is taken as every cleaner takes it."""
        del config

    def edits(self, text: str) -> list[Edit]:
        """Edits at line ends outside code, and at both ends of the text."""
        tail = len(text.rstrip(UNICODE_SPACE))
        if tail == 0:
            return []
        edits: list[Edit] = []
        lead = 0
        if text[0] in UNICODE_SPACE:
            indented = len(text) - len(text.lstrip(UNICODE_SPACE))
            lead = 1 + max(text.rfind("\n", 0, indented), text.rfind("\r", 0, indented))
            if lead:
                edits.append(Edit(0, lead, text[:lead], ""))
        spans = code_spans(text)
        if spans and spans[-1].end == len(text):
            tail = len(text)  # a fence that was never closed
        if "\r" in text or " \n" in text or "\t\n" in text:
            edits += _line_end_edits(text, lead, tail, spans)
        if tail < len(text):
            edits.append(Edit(tail, len(text), text[tail:], ""))
        return edits


def _line_end_edits(text: str, lead: int, tail: int, spans: list[Span]) -> list[Edit]:
    """Edits at line ends between the blank lines around the text.

    Splitting is five times as fast as a regular expression that looks for space before a line end.
    """
    edits: list[Edit] = []
    position = lead
    for line in text[lead:tail].split("\n"):
        for part in line.split("\r"):
            end = position + len(part)
            kept = len(part.rstrip(" \t"))
            if kept < len(part) and not (spans and _within(spans, position + kept)):
                edits.append(Edit(position + kept, end, part[kept:], ""))
            if end < tail and text[end] == "\r":
                edits.append(Edit(end, end + 1, "\r", "" if text.startswith("\n", end + 1) else "\n"))
            position = end + 1
    return edits


def _within(spans: list[Span], position: int) -> bool:
    """Whether a position is in one of the sorted spans."""
    index = bisect_right(spans, position, key=itemgetter(0)) - 1
    return index >= 0 and position < spans[index].end
