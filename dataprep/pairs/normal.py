"""What text becomes in a duplicate key, by definition; `folding` does the same for many texts, compiled."""

from __future__ import annotations

import unicodedata


def normalize_text(text: str) -> str:
    """The text as duplicate keys see it. Normalising twice changes nothing.

    Method: Unicode Standard Annex 15 (NFKC) and section 3.13 (case folding), repeated until nothing changes: folding
    can undo a normal form and the other way round (U+0345, U+1E9E).

    >>> normalize_text("  Straße\\u00a0\\u2116 \\uff11\\n")
    'strasse no 1'
    """
    return " ".join(fold_stages(text)[-1].split())


def fold_stages(text: str) -> list[str]:
    """The text after each round of case folding and NFKC, the last one stable."""
    stages = [unicodedata.normalize("NFKC", text)]
    while True:
        stages.append(stages[-1].casefold())
        stages.append(unicodedata.normalize("NFKC", stages[-1]))
        if stages[-1] == stages[-3]:
            return stages
