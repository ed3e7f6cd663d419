"""Short rows: the texts of banking77 with their intents, or made ones of the same length where they are not at hand."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.corpora import SHARED

BANKING77: Final = SHARED / "intents"
_WORDS: Final = tuple(
    """
    how do i reset my card open an account money transfer fee limit please thank you the of and to in is why was
    charged cash withdrawal abroad exchange rate top up by bank pending refund statement lost stolen pin code app
    """.split()  # noqa: SIM905 - a line for each word is no easier to read
)


@dataclass(frozen=True)
class Row:
    """What is asked, and what is to be answered."""

    prompt: str
    completion: str


def has_banking77() -> bool:
    """Whether both files are at hand."""
    return all((BANKING77 / f"banking77_{part}.csv").is_file() for part in ("train", "test"))


def banking77(part: str) -> list[Row]:
    """The rows of `train` or `test`; intents as words: `card_arrival` is "card arrival"."""
    with (BANKING77 / f"banking77_{part}.csv").open(encoding="utf-8", newline="") as handle:
        return [Row(row["text"], row["category"].replace("_", " ")) for row in csv.DictReader(handle)]


def short_rows(count: int) -> list[Row]:
    """So many rows, no two alike: a seeded draw of banking77, or of made ones; repeated with a number if too few."""
    draw = random.Random(0)
    if has_banking77():
        known = banking77("train")
        draw.shuffle(known)
    else:
        known = [made(draw) for _ in range(10_000)]
    rounds = -(-count // len(known))
    rows = [
        Row(row.prompt if turn == 0 else f"{row.prompt} ({turn})", row.completion)
        for turn in range(rounds)
        for row in known
    ]
    return rows[:count]


def made(draw: random.Random) -> Row:
    """A row as long as those of banking77: mostly 6 to 14 words, some of up to 60, and 2 to 5 words of an intent."""
    words = min(60, int(draw.lognormvariate(2.3, 0.55)) + 2)
    return Row(" ".join(draw.choices(_WORDS, k=words)), " ".join(draw.choices(_WORDS, k=draw.randint(2, 5))))


def write_rows(path: Path, rows: Sequence[Row]) -> Path:
    """JSON Lines with `prompt` and `completion`; returns the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as handle:
        handle.writelines(
            json.dumps({"prompt": row.prompt, "completion": row.completion}, ensure_ascii=False) + "\n" for row in rows
        )
    return path
