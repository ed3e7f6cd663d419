"""Text of unknown origin made safe and short for messages, comments and YAML.

File names, column names and values may hold control characters, line breaks or terminal escapes; a message that shows
one must not be driven by it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from dataprep.pipeline.base import KeyPath

_ESCAPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
"""Unicode categories that are not shown as they are: controls, zero-width and direction marks, odd spaces, the rest."""

_SHORT: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def shortened(text: str, limit: int = 60) -> str:
    """The text's first `limit` characters, and `…` where more follow.

    >>> shortened("a" * 70, 10)
    'aaaaaaaaaa…'
    """
    return text if len(text) <= limit else text[:limit] + "…"


def quoted(text: str, limit: int | None = 60) -> str:
    r"""A double-quoted string, as YAML reads it, with nothing in it that moves a cursor.

    Args:
        text: any text. Lone surrogates are shown, but YAML refuses them.
        limit: characters after which the text is cut; None to keep all of it, for what must read back.

    >>> print(quoted('a "b"\n\x1b[2J'))
    "a \"b\"\n\x1b[2J"
    """
    return f'"{escaped(text if limit is None else shortened(text, limit), quotes=True)}"'


def escaped(text: str, *, quotes: bool = False) -> str:
    r"""The text with escapes for whatever is not plainly visible; `quotes` also escapes `"` and the backslash.

    >>> print(escaped("naïve\u202e \x07"))
    naïve\u202e \x07
    """
    return "".join(_character(char, quotes) for char in text)


def _character(char: str, quotes: bool) -> str:
    if char == " " or (char not in _SHORT and unicodedata.category(char) not in _ESCAPED):
        return char
    if char in '"\\':
        return _SHORT[char] if quotes else char
    if char in _SHORT:
        return _SHORT[char]
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def dotted(path: KeyPath) -> str:
    """A path of keys as people write it; parts that are not plain words are quoted.

    >>> dotted(("sources", 0, "columns", "my text"))
    'sources.0.columns."my text"'
    """
    return ".".join(
        str(part) if isinstance(part, int) or re.fullmatch(r"[\w-]+", part, re.ASCII) else quoted(part) for part in path
    )
