"""The beginning of records' texts, from the prepared parts: for messages that show some rows to a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from dataprep.file_job import PreparedFile

Turns = Sequence[Mapping[str, str | None]]
"""The turns of a record: role, content, extra."""


def excerpts(prepared: Sequence[PreparedFile], rows: Sequence[int], characters: int) -> dict[int, str]:
    """The beginning of the text of some records, by row number.

    Args:
        prepared: all files, in order.
        rows: run-local row numbers.
        characters: of each at most.
    """
    return _each(prepared, rows, lambda turns: _beginning(turns, characters))


def answers(prepared: Sequence[PreparedFile], rows: Sequence[int], characters: int) -> dict[int, str]:
    """The beginning of the last answer of some records, by row number; arguments as of `excerpts`."""
    return _each(prepared, rows, lambda turns: _answer(turns, characters))


def _each(prepared: Sequence[PreparedFile], rows: Sequence[int], show: Callable[[Turns], str]) -> dict[int, str]:
    """What `show` makes of the turns of some records, by row number."""
    texts: dict[int, str] = {}
    base = 0
    for item in prepared:
        for path, size in zip(item.part_files(item.prepare, "records"), item.summary.part_records, strict=True):
            wanted = [row - base for row in rows if base <= row < base + size]
            if wanted:
                turns = pl.read_parquet(path, columns=["turns"], glob=False)["turns"].gather(wanted)
                for row, said in zip(wanted, turns.to_list(), strict=True):
                    texts[base + row] = show(said)
            base += size
    return texts


def _beginning(turns: Turns, characters: int) -> str:
    """
    >>> _beginning([{"role": "user", "content": "Why\\n not?"}, {"role": "assistant", "content": None}], 18)
    'user: Why not? | …'
    """
    return _cut(" | ".join(f"{turn['role']}: {_content(turn)}" for turn in turns), characters)


def _answer(turns: Turns, characters: int) -> str:
    """
    >>> _answer([{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "I don't\\n know."}], 18)
    "I don't know."
    """
    return _cut(next((_content(turn) for turn in reversed(turns) if turn["role"] == "assistant"), ""), characters)


def _content(turn: Mapping[str, str | None]) -> str:
    return "(null)" if turn["content"] is None else " ".join(turn["content"].split())


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
