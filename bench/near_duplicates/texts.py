"""Real text for the corpora: this machine's own documentation, and the prompts of T0.

Documentation is Debian's: manual pages and what lies below `/usr/share/doc`. Licences and common flags stand in
hundreds of its files, so a paragraph counts once; what is left is prose. A machine without it, and without T0, uses
rows made from the words of the example data: figures on such text are comparable among themselves only.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final

from bench.corpora import t0_rows

DOCUMENTATION: Final = (Path("/usr/share/doc"), Path("/usr/share/man"))
_WRITTEN: Final = re.compile(
    r"(?:\.(?:txt|md|rst|Debian|\d\w*)|/(?:NEWS|README|HISTORY|changelog|copyright)[^/]*)(?:\.gz)?$"
)
_LARGEST_BYTES: Final = 5_000_000
"""Of a packed file; the few larger ones are logs."""
_REQUEST: Final = re.compile(r"^[.'].*$", re.MULTILINE)
"""A line that tells a manual page's formatter what to do."""
_FONT: Final = re.compile(r"\\(?:f.|&|\|)")
_PARAGRAPHS: Final = re.compile(r"\n\s*\n")
_SHORTEST_CHARACTERS: Final = 80


def documentation() -> Iterator[str]:
    """The files of this machine's documentation in order of their names, each without what an earlier one has."""
    seen: set[bytes] = set()
    for folder in DOCUMENTATION:
        for path in sorted(folder.rglob("*")):
            if not _WRITTEN.search(str(path)) or path.is_symlink() or not path.is_file():
                continue
            if path.stat().st_size <= _LARGEST_BYTES:
                fresh = {digest: text for text in _paragraphs(path) if (digest := _digest(text)) not in seen}
                seen.update(fresh)
                yield "\n\n".join(fresh.values())


def prompts() -> Iterator[str]:
    """The prompts of T0, or of what stands in for it."""
    for row in t0_rows():
        yield row["prompt"]


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()


def _paragraphs(path: Path) -> list[str]:
    packed = path.read_bytes()
    text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8", "replace")
    if "man" in path.parts:
        text = _FONT.sub("", _REQUEST.sub("\n", text)).replace("\\-", "-")
    return [paragraph for paragraph in _PARAGRAPHS.split(text) if len(paragraph) >= _SHORTEST_CHARACTERS]
