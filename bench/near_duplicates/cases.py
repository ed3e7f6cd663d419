"""The fixed sets that quality is judged on: real files, where they are at hand, and corpora with planted edits."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from bench.corpora import SHARED, t0_rows
from bench.near_duplicates.corpora import corpus

SEED: Final = 20_262
PLANTED_ROWS: Final = {"prose": 20_000, "short": 60_000}
VARIANTS: Final = 5
"""Of each conversation with a function call, with the arguments of other calls."""

Conversation = list[dict[str, str]]


def t0() -> list[str]:
    return [f"{row['prompt']}\n{row['completion']}" for row in t0_rows()]


def banking77() -> list[str]:
    return _column("text", "intents/banking77_train.csv", "intents/banking77_test.csv")


def bitext() -> list[str]:
    return _column("utterance", *(f"intents/bitext_{part}.csv" for part in ("train", "dev", "test")))


def tweets() -> list[str]:
    return _column("text", "region/airline_tweets_2015.csv.gz")


def planted(name: str, work: Path) -> list[str]:
    """A corpus of `bench.near_duplicates.corpora`, of which every tenth row is an edited copy of another."""
    path = corpus(name, work / "near", PLANTED_ROWS[name])
    return list(pq.read_table(path, columns=["text"])["text"].to_pylist())


def cases(work: Path) -> dict[str, Callable[[], list[str]]]:
    """The sets that recall and precision are counted on, those whose files are at hand."""
    found: dict[str, Callable[[], list[str]]] = {"t0": t0}
    if SHARED.is_dir():
        found |= {"banking77": banking77, "bitext": bitext, "tweets": tweets}
    return found | {f"planted {name}": lambda name=name: planted(name, work) for name in PLANTED_ROWS}


def articles() -> tuple[list[str], set[tuple[int, int]]]:
    """1,000 news articles with the rows of those ten pairs that are known to be near duplicates."""
    folder = SHARED / "near_duplicates"
    lines = (folder / "articles_1000.train").read_text(encoding="utf-8").splitlines()
    ids, texts = zip(*(line.split(" ", 1) for line in lines), strict=True)
    truth = [line.split() for line in (folder / "articles_1000.truth").read_text(encoding="utf-8").splitlines()]
    return list(texts), {(min(pair), max(pair)) for pair in ([ids.index(each) for each in two] for two in truth)}


def function_calls() -> list[Conversation]:
    """Conversations of glaive, and again those with a function call, with the arguments of other calls of that name.

    What differs between such twins is a word here and there, inside much that they share: the case in which unverified
    bands have reduced whole sources to a handful of rows.
    """
    packed = (SHARED / "chat" / "glaive_toolcall_en_demo_sharegpt.json.gz").read_bytes()
    originals: list[Conversation] = [row["conversations"] for row in json.loads(gzip.decompress(packed))]
    draw = random.Random(SEED)
    calls = [call for turns in originals if (call := _first_call(turns))]
    rows = list(originals)
    seen = {key_of(turns) for turns in originals}
    for turns in originals:
        call = _first_call(turns)
        alike = [other for other in calls if call and other["name"] == call["name"] and other != call]
        for other in draw.sample(alike, min(VARIANTS, len(alike))):
            twin = _with_arguments(turns, call or {}, other)
            if key_of(twin) not in seen:
                seen.add(key_of(twin))
                rows.append(twin)
    return rows


def key_of(turns: Conversation) -> str:
    """The text that near duplicates are compared by: all turns but system prompts."""
    return "\n".join(turn["value"] for turn in turns if turn["from"] != "system")


def _first_call(turns: Conversation) -> dict[str, Any] | None:
    for turn in turns:
        if turn["from"] == "function_call":
            call: dict[str, Any] = json.loads(turn["value"])
            return call
    return None


def _with_arguments(turns: Conversation, call: dict[str, Any], other: dict[str, Any]) -> Conversation:
    """The conversation with the arguments of another call wherever those of its own were spoken of."""
    exchanged = []
    for name, value in call["arguments"].items():
        old, new = _spoken(value), _spoken(other["arguments"].get(name))
        exchanged += [(one, two) for one, two in zip(old, new, strict=False) if one != two]
    changed = []
    for turn in turns:
        value = turn["value"]
        for one, two in exchanged:
            value = value.replace(one, two)
        changed.append({**turn, "value": value})
    return changed


def _spoken(argument: object) -> list[str]:
    """An argument's values as a conversation has them."""
    if isinstance(argument, dict):
        return [value for each in argument.values() for value in _spoken(each)]
    if isinstance(argument, list):
        return [value for each in argument for value in _spoken(each)]
    return [] if argument is None or argument == "" else [str(argument)]


def _column(name: str, *paths: str) -> list[str]:
    texts = []
    for path in paths:
        packed = (SHARED / path).read_bytes()
        text = (gzip.decompress(packed) if path.endswith(".gz") else packed).decode("utf-8-sig")
        texts += [row[name] for row in csv.DictReader(io.StringIO(text, newline=""))]
    return texts
