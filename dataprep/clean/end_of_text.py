"""`end_of_text`: removes tokenizer markers such as `<|endoftext|>` from the end of a text.

Data sets carry the end marker of the tokenizer they were made for: every answer of the T0 training sample ends in
`<|endoftext|>`. Another tokenizer splits it into ordinary tokens and the model learns to write it out. Only the end of
a text is touched; a marker anywhere else is a sign of broken data, which a rule reports.
"""

from __future__ import annotations

from typing import ClassVar, Final

from dataprep.clean.base import UNICODE_SPACE, space_start
from dataprep.clean.config import CleanConfig
from dataprep.clean.edits import Edit
from dataprep.kernels.textflags import MARKER


class EndOfText:
    """Removes end markers, however often repeated, with the white space before, between and after them.

    >>> EndOfText(CleanConfig()).edits("Yes. <|im_end|>\\n<|endoftext|>")
    [Edit(start=4, end=29, original=' <|im_end|>\\n<|endoftext|>', replacement='')]
    >>> EndOfText(CleanConfig()).edits("<|endoftext|> stays here")
    []
    """

    name: ClassVar[str] = "end_of_text"
    version: ClassVar[int] = 1
    wants: ClassVar[int] = MARKER

    def __init__(self, config: CleanConfig) -> None:
        self.markers: Final = config.end_of_text_markers

    def edits(self, text: str) -> list[Edit]:
        """One edit from the end of what is said to the end of the text, or none."""
        end = len(text.rstrip(UNICODE_SPACE))
        if not text.endswith(self.markers, 0, end):
            return []
        while length := self._marker_before(text, end):
            end = space_start(text, end - length, UNICODE_SPACE)
        return [Edit(end, len(text), text[end:], "")]

    def _marker_before(self, text: str, end: int) -> int:
        """The length of the marker that ends at a position, or 0."""
        for marker in self.markers:
            if text.endswith(marker, 0, end):
                return len(marker)
        return 0
