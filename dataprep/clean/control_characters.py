"""`control_characters`: removes characters that nobody sees and no reader means.

They come from terminals, PDFs and word processors, split words into rare tokens, make equal texts differ, and can
turn what is shown into something else than what is stored (bidirectional overrides, CVE-2021-42574). Removed, code
spans included:

- C0 controls except tab, line feed and carriage return; DEL; C1 controls. Those that separate (VT, FF, U+001C..001E,
  U+0085) become a line feed where they would glue two words together.
- ANSI escape sequences, whole.
- U+00AD soft hyphen, U+200B zero-width space, U+2060 word joiner, U+FEFF byte-order mark.
- U+202A..202E and U+2066..2069 bidirectional embeddings, overrides and isolates; U+206A..206F, deprecated in Unicode.

Kept, because they change what a reader sees: U+200C/200D joiners beside letters of a joining or conjunct-forming
script (Arabic, Indic and their kin; compare UAX 31, section 2.3) and U+200D between the parts of an emoji; U+200B
between letters of scripts written without spaces (Thai, Lao, Myanmar, Khmer), where it is the word boundary;
directional marks (U+200E, U+200F, U+061C); variation selectors; tag characters (flags). Kept, because it is data:
U+2028 and U+2029.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from dataprep.clean.base import UNICODE_SPACE
from dataprep.clean.config import CleanConfig
from dataprep.clean.edits import Edit
from dataprep.kernels.textflags import INVISIBLE

NEVER_KEPT: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u2060\ufeff\u202a-\u202e\u2066-\u2069\u206a-\u206f"
"""Removed wherever they stand; a regular expression's character ranges."""
KEPT_IN_CONTEXT: Final = "\u200b-\u200d"
"""Removed except beside the characters that need them."""

_ANSI: Final = (
    r"\x1b\[[0-?]*+[ -/]*+[@-~]"  # CSI: colours, cursor movement
    r"|\x1b\][^\x07\x1b\r\n]*+(?:\x07|\x1b\\)"  # OSC: window titles, links; never more than a line
    r"|\x1b[()][0-9A-Z]"  # choice of character set
)
"""ECMA-48 sequences. The possessive repeats share no character with what follows them, so a search stays linear."""
_RUN: Final = re.compile(f"(?:{_ANSI}|[{NEVER_KEPT}{KEPT_IN_CONTEXT}])++")
_REMOVABLE: Final = re.compile(f"[{NEVER_KEPT}{KEPT_IN_CONTEXT}]")
"""What every run begins with. Looking for it takes a quarter of the time that looking for `_RUN` takes."""
_SEPARATOR: Final = re.compile("[\x0b\x0c\x1c-\x1e\x85]")
_JOINERS: Final = re.compile("\u200c+|\u200d+")
_NO_JOINER: Final = re.compile("[^\u200c\u200d]+")

_JOINING_SCRIPT: Final = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\u1900-\u1cff\ua800-\ua82f\ua840-\ua8ff\ua930-\ua9df"
    "\uaa00-\uaa5f\uaae0-\uaaff\uabc0-\uabff\ufb50-\ufdff\ufe70-\ufefc\U00010a00-\U00010fff\U00011000-\U00011fff"
    "\U0001e900-\U0001e95f]"
)
"""Blocks of scripts whose letters join or form conjuncts: Arabic to Mandaic, Indic, Tibetan, Myanmar, Khmer,
Mongolian, and the historic ones of the supplementary planes."""
_UNSPACED_SCRIPT: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\uaa60-\uaadf]")
_EMOJI_BEFORE: Final = re.compile("[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]")
_EMOJI_AFTER: Final = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff]")


class ControlCharacters:
    """Removes control characters, escape sequences and invisible characters that change nothing a reader sees.

    >>> from dataprep.clean.edits import apply
    >>> text = "\\x1b[31mred\\x1b[0m z\\u200bero page\\x0ctwo"
    >>> apply(text, ControlCharacters(CleanConfig()).edits(text))
    'red zero page\\ntwo'
    """

    name: ClassVar[str] = "control_characters"
    version: ClassVar[int] = 1
    wants: ClassVar[int] = INVISIBLE

    def __init__(self, config: CleanConfig) -> None:
        """No options: `config` is taken as every cleaner takes it."""
        del config

    def edits(self, text: str) -> list[Edit]:
        """One edit for every run of removable characters; what replaces it is a joiner that stays, or a line feed."""
        edits: list[Edit] = []
        position = 0
        while (first := _REMOVABLE.search(text, position)) and (match := _RUN.match(text, first.start())):
            start, position = match.span()
            run = match.group()
            kept = _kept(run, text[start - 1 : start], text[position : position + 1])
            if kept != run:
                edits.append(Edit(start, position, run, kept))
        return edits


def _kept(run: str, before: str, after: str) -> str:
    """What stays of a run of removable characters between two others ("" at the ends of the text)."""
    if "\u200b" in run and _UNSPACED_SCRIPT.match(before) and _UNSPACED_SCRIPT.match(after):
        return "\u200b"
    if "\u200c" in run or "\u200d" in run:
        if _JOINING_SCRIPT.match(before) or _JOINING_SCRIPT.match(after):
            return "".join(joiners[0] for joiners in _JOINERS.findall(_NO_JOINER.sub("", run)))
        if "\u200d" in run and _EMOJI_BEFORE.match(before) and _EMOJI_AFTER.match(after):
            return "\u200d"
    glues = before and after and before not in UNICODE_SPACE and after not in UNICODE_SPACE
    return "\n" if glues and _SEPARATOR.search(run) else ""
