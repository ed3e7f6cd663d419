"""Which texts a cleaner could change at all: one compiled look at the UTF-8 bytes of a batch.

Nearly all text needs nothing, and finding that out in Python costs more than all other steps of a batch together. The
flags are necessary conditions, never sufficient: a text without a flag gets no edits from the cleaners that want it.
ASCII goes through loops that compilers turn into vector instructions; a text with other bytes is decoded once, and its
code points and pairs of neighbours looked up in a table of classes that the caller makes (`dataprep.clean.prefilter`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.kernels import kernel

MOJIBAKE: Final = 1
"""Neighbours that occur in text decoded with the wrong encoding, or a C1 control character."""
INVISIBLE: Final = 2
"""A control, zero-width or formatting character."""
LINES: Final = 4
"""A space or tab before a line feed."""
ENDS: Final = 8
"""White space at the end, or a line feed in the white space at the start."""
MARKER: Final = 16
"""The last byte but white space may be that of an end marker."""
CODE: Final = 32
"""Two runs of backticks, or a run of three backticks or tildes: without them there is no code span."""
RETURN: Final = 64
"""A carriage return."""
ALWAYS: Final = 128
"""Set for every text that is not null; for cleaners that no flag fits."""

C1: Final = 1
"""Class of code points that are mojibake on their own."""
DAMAGED: Final = 2
"""Class of code points that are mojibake beside another one of this class or of LETTER."""
LETTER: Final = 4
"""Class of accented, Greek and Cyrillic letters: mojibake only beside DAMAGED."""
LEADER: Final = 8
"""Class of code points that are mojibake before anything but an ASCII letter."""
AFTER_LETTER: Final = 16
"""Class of letters that are mojibake after LETTER."""
HIDDEN: Final = 32
"""Class of code points that INVISIBLE stands for."""
SPACE: Final = 64
"""Class of white space."""

# Bytes as bytes: compared with Python's integers they are widened to 64 bits, and the loops run at 1 GB/s instead of 5.
_TAB: Final = np.uint8(9)
_LF: Final = np.uint8(10)
_CR: Final = np.uint8(13)
_BLANK: Final = np.uint8(32)
_DEL: Final = np.uint8(127)
_BACKTICK: Final = np.uint8(96)
_TILDE: Final = np.uint8(126)


@kernel
def text_flags(
    offsets: npt.NDArray[np.int32],
    data: npt.NDArray[np.uint8],
    indices: npt.NDArray[np.int64],
    classes: npt.NDArray[np.uint8],
    last_bytes: npt.NDArray[np.bool_],
) -> npt.NDArray[np.uint8]:
    """Flags of k of m texts.

    Args:
        offsets: byte offsets into `data`, shape (m + 1,).
        data: UTF-8, valid.
        indices: the texts to look at, shape (k,).
        classes: class bits of each code point of the basic plane, shape (65536,); other planes have none.
        last_bytes: whether a byte may end a marker, shape (256,).

    Returns:
        One byte of flags (all but ALWAYS) per text looked at, shape (k,).
    """
    flags = np.zeros(len(indices), np.uint8)
    for place in range(len(indices)):
        text = data[offsets[indices[place]] : offsets[indices[place] + 1]]
        if len(text) == 0:
            continue
        flag = 0
        every, odd, code = np.uint8(0), np.uint8(0), np.uint8(0)
        for byte in text:
            every |= byte
            odd |= np.uint8((byte < _BLANK) & (byte != _TAB) & (byte != _LF)) | np.uint8(byte == _DEL)
            code |= np.uint8((byte == _BACKTICK) | (byte == _TILDE))
        trailing = np.uint8(0)
        following = text[1:]  # indexed by i: `text[i + 1]`, which might be negative, takes three times as long
        for i in range(len(following)):
            trailing |= np.uint8(following[i] == _LF) & np.uint8((text[i] == _BLANK) | (text[i] == _TAB))
        if trailing:
            flag |= LINES
        if code and _has_code(text):
            flag |= CODE
        if odd:
            for byte in text:
                if byte == _CR:
                    flag |= RETURN
                elif (byte < _BLANK and byte != _TAB and byte != _LF) or byte == _DEL:
                    flag |= INVISIBLE
        end = space_start(text, len(text), classes)
        if end < len(text) or line_start(text, classes) > 0:
            flag |= ENDS
        if end > 0 and last_bytes[text[end - 1]]:
            flag |= MARKER
        if every >= 128:
            flag |= _unicode_flags(text, classes)
        flags[place] = flag
    return flags


@kernel
def _has_code(text: npt.NDArray[np.uint8]) -> bool:
    """Whether the flag CODE fits."""
    runs, length, before = 0, 0, np.uint8(0)
    for byte in text:
        length = length + 1 if byte == before else 1
        before = byte
        if byte in (_BACKTICK, _TILDE):
            runs += byte == _BACKTICK and length == 1
            if length == 3 or runs == 2:
                return True
    return False


@kernel
def space_start(text: npt.NDArray[np.uint8], end: int, classes: npt.NDArray[np.uint8]) -> int:
    """Where the white space that ends at byte `end` begins."""
    while end > 0:
        start = end - 1
        while start > 0 and text[start] & 0xC0 == 0x80:
            start -= 1
        if not classes[_code_point(text, start)] & SPACE:
            break
        end = start
    return end


@kernel
def line_start(text: npt.NDArray[np.uint8], classes: npt.NDArray[np.uint8]) -> int:
    """Where the first line begins that is not blank: a byte after a line feed, or 0. (Other line ends are ignored.)"""
    start, line = 0, 0
    while start < len(text) and classes[_code_point(text, start)] & SPACE:
        if text[start] == _LF:
            line = start + 1
        start += 1 if text[start] < 0x80 else 2 if text[start] < 0xE0 else 3
    return line


@kernel
def _code_point(text: npt.NDArray[np.uint8], start: int) -> int:
    """The code point of the basic plane that begins at a byte; 0 for one of another plane."""
    byte = int(text[start])
    if byte < 0x80:
        return byte
    if byte < 0xE0:
        return ((byte & 0x1F) << 6) | (int(text[start + 1]) & 0x3F)
    if byte < 0xF0:
        return ((byte & 0x0F) << 12) | ((int(text[start + 1]) & 0x3F) << 6) | (int(text[start + 2]) & 0x3F)
    return 0


@kernel
def _unicode_flags(text: npt.NDArray[np.uint8], classes: npt.NDArray[np.uint8]) -> int:
    """Flags that need code points."""
    flag = 0
    before = 0
    i = 0
    while i < len(text):
        byte = text[i]
        if byte < 128:
            if before & LEADER and not (65 <= (byte & 0xDF) <= 90):
                flag |= MOJIBAKE
            before = 0
            i += 1
            continue
        now = int(classes[_code_point(text, i)])
        i += 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        if (
            now & C1
            or before & LEADER
            or ((before | now) & DAMAGED and before & (DAMAGED | LETTER) and now & (DAMAGED | LETTER))
            or (before & LETTER and now & AFTER_LETTER)
        ):
            flag |= MOJIBAKE
        if now & HIDDEN:
            flag |= INVISIBLE
        before = now
    return flag
