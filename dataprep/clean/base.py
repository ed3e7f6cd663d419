"""What every cleaner is: a name, a version, and one function from a text to edits."""

from __future__ import annotations

from typing import ClassVar, Final, Protocol

from dataprep.clean.edits import Edit

UNICODE_SPACE: Final = (
    " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""The code points with the Unicode property White_Space: what is trimmed from the end of a text."""


class Cleaner(Protocol):
    """One kind of change to text. Pure: the edits depend on the text and the configuration alone.

    A cleaner that has made its edits finds nothing more in the result; that all of them together find nothing more
    is seen to by `clean_batch`.
    """

    name: ClassVar[str]
    """As in the pipeline file, the ledger and on screen."""
    version: ClassVar[int]
    """Kept by hand: raised whenever the same text may get other edits, so that cached results are not reused."""
    wants: ClassVar[int]
    """Bits of `dataprep.kernels.textflags`: a text that has none of them gets no edits, and is never shown to it."""

    def edits(self, text: str) -> list[Edit]:
        """What to change in the text: sorted, not overlapping, each of them a change."""
        ...


def space_start(text: str, end: int, space: str) -> int:
    """Where the run of `space` characters that ends at `end` begins. Takes no copy, unlike `rstrip` of a slice."""
    while end > 0 and text[end - 1] in space:
        end -= 1
    return end
