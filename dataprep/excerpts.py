"""The beginning of records' texts, from the prepared parts: for messages that show some rows to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from dataprep.file_job import PreparedFile


def excerpts(prepared: Sequence[PreparedFile], rows: Sequence[int], characters: int) -> dict[int, str]:
    """The beginning of the text of some records, by row number.

    Args:
        prepared: all files, in order.
        rows: run-local row numbers.
        characters: of each at most.
    """
    texts: dict[int, str] = {}
    base = 0
    for item in prepared:
        for path, size in zip(item.part_files(item.prepare, "records"), item.summary.part_records, strict=True):
            wanted = [row - base for row in rows if base <= row < base + size]
            if wanted:
                turns = pl.read_parquet(path, columns=["turns"], glob=False)["turns"].gather(wanted)
                for row, said in zip(wanted, turns.to_list(), strict=True):
                    texts[base + row] = _beginning(said, characters)
            base += size
    return texts


def _beginning(turns: Sequence[Mapping[str, str | None]], characters: int) -> str:
    """
    >>> _beginning([{"role": "user", "content": "Why\\n not?"}, {"role": "assistant", "content": None}], 18)
    'user: Why not? | …'
    """
    said = [
        f"{turn['role']}: {'(null)' if turn['content'] is None else ' '.join(turn['content'].split())}"
        for turn in turns
    ]
    text = " | ".join(said)
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
