"""`encoding`: repairs text that was decoded with the wrong encoding ("schÃ¶n" for "schön").

Training on such text teaches the model to write it. The repair is ftfy's (Speer 2019, 10.5281/zenodo.2591652), with
everything switched off that is taste rather than damage: HTML entities, quotation marks, ligatures, character width,
line breaks and Unicode normalisation stay as they are. What remains is text that was UTF-8 and became characters of
one of ten single-byte encodings, and C1 control characters that were meant as Windows-1252 (U+0085 for "…").

ftfy takes the text line by line, since lines of one text can be damaged in different ways; inside a line, code spans
are left out. Most lines never reach it: `ftfy.badness` finds the character sequences without which it changes
nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Final

from dataprep.clean.code_spans import code_spans, outside
from dataprep.clean.config import CleanConfig
from dataprep.clean.edits import Edit
from dataprep.kernels.textflags import MOJIBAKE

if TYPE_CHECKING:
    from ftfy import TextFixerConfig

_MAX_SEGMENT: Final = 20_000
"""Code points that ftfy gets at once. A longer line is cut, at a space where there is one, to bound its work."""
_CONTEXT: Final = 16
"""ASCII characters on either side of others that are looked at with them."""
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]++(?:[\x00-\x7f]{0,32}+[^\x00-\x7f]++)*+")
"""Characters that are not ASCII, in groups that are further apart than two contexts."""
_JOINT: Final = "x"
"""Between pieces of a text; an anchor, so that no difference spans two pieces."""
_ANCHOR: Final = re.compile(r"[0-9A-Za-z]+")


class Encoding:
    """Repairs encoding damage outside code spans.

    >>> Encoding(CleanConfig()).edits("naÃ¯ve `Ã¯` &amp; schÃ¶n")
    [Edit(start=2, end=4, original='Ã¯', replacement='ï'), Edit(start=21, end=23, original='Ã¶', replacement='ö')]
    """

    name: ClassVar[str] = "encoding"
    version: ClassVar[int] = 1
    wants: ClassVar[int] = MOJIBAKE

    def __init__(self, config: CleanConfig) -> None:
        """No options: `config` is taken as every cleaner takes it."""
        del config

    def edits(self, text: str) -> list[Edit]:
        """The repairs, each as small as the letters and digits around it allow."""
        if text.isascii():
            return []
        edits: list[Edit] = []
        for span in outside(text, code_spans(text)):
            for start, end in _segments(text, span.start, span.end):
                if not text[start:end].isascii():
                    edits += _repairs(text, start, end)
        return edits


@cache
def repair_only() -> TextFixerConfig:
    """ftfy's options: the encoding and nothing else. ftfy is loaded with the first text that needs it: it takes 0.05 s.

    `fix_surrogates` stays on; it guards against a repair whose result could not be stored as UTF-8.
    """
    from ftfy import TextFixerConfig

    return TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        remove_control_chars=False,
        normalization=None,
        explain=False,
    )


def _repairs(text: str, start: int, end: int) -> Iterator[Edit]:
    """Edits of one segment. ftfy sees what is not ASCII, with its surroundings.

    Leaving out the ASCII further away cannot change what it does: its patterns span at most seven characters, one of
    them not ASCII, and ASCII is in all of its encodings. On T0's damaged texts this is 5 times as fast.
    """
    places: list[int] = []  # where each piece begins in the text ...
    joints: list[int] = []  # ... and in what ftfy gets
    pieces: list[str] = []
    length = 0
    for match in _NOT_ASCII.finditer(text, start, end):
        place = max(start, match.start() - _CONTEXT)
        piece = text[place : min(end, match.end() + _CONTEXT)]
        places.append(place)
        joints.append(length)
        pieces.append(piece)
        length += len(piece) + len(_JOINT)
    from ftfy import fix_text_segment

    damaged = _JOINT.join(pieces)
    repaired = fix_text_segment(damaged, repair_only())
    if repaired != damaged:
        for edit in _difference(damaged, repaired):
            piece_index = bisect_right(joints, edit.start) - 1
            shift = places[piece_index] - joints[piece_index]
            yield Edit(edit.start + shift, edit.end + shift, edit.original, edit.replacement)


def _segments(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Lines with their line feeds, cut where they are too long."""
    while start < end:
        line_end = text.find("\n", start, min(end, start + _MAX_SEGMENT)) + 1
        if line_end == 0:
            line_end = end
        if line_end - start > _MAX_SEGMENT:
            space = text.rfind(" ", start + 1, start + _MAX_SEGMENT)
            line_end = space if space > 0 else start + _MAX_SEGMENT
        yield start, line_end
        start = line_end


def _difference(before: str, after: str) -> list[Edit]:
    """Edits from a damaged to a repaired text, in one pass.

    ASCII letters and digits mean themselves in every encoding concerned, so they are in both texts in the same order;
    what stands between two of them is the smallest piece that can have changed.
    """
    old, new = _pieces(before), _pieces(after)
    if [anchor for _, _, anchor in old] != [anchor for _, _, anchor in new]:
        return [_trimmed(before, after, 0)]
    edits: list[Edit] = []
    for (start, end, _), (new_start, new_end, _) in zip(old, new, strict=True):
        gap, repaired = before[start:end], after[new_start:new_end]
        if gap != repaired:
            edits.append(_trimmed(gap, repaired, start))
    return edits


def _pieces(text: str) -> list[tuple[int, int, str]]:
    """The stretches between anchors, as start, end, and the anchor that follows ("" at the end of the text)."""
    pieces: list[tuple[int, int, str]] = []
    position = 0
    for match in _ANCHOR.finditer(text):
        pieces.append((position, match.start(), match.group()))
        position = match.end()
    pieces.append((position, len(text), ""))
    return pieces


def _trimmed(before: str, after: str, offset: int) -> Edit:
    """One edit from one text to another that differs, without their common start and end."""
    shorter = min(len(before), len(after))
    head = 0
    while head < shorter and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < shorter - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    old_end = len(before) - tail
    return Edit(offset + head, offset + old_end, before[head:old_end], after[head : len(after) - tail])
