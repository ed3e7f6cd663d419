"""Every signal equals a plain-Python reference, on made-up records, slices, empty batches and real rows."""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dataprep.kernels.codepoint_table import UNICODE_VERSION
from dataprep.kernels.codepoints import BLANK, CLASSES, LETTER, MARK, NUMBER, SOLO, SYMBOL, UPPER, classify
from dataprep.record import MISSING_EXTRA, TURNS_TYPE, Turn, Turns
from dataprep.signals import families, measure, signal_columns

MARKERS = ("==", "</s>", "<s>", "<|end|>", "<|end|>\n", "[EOS]")
PLACEHOLDERS = {
    *("n/a", "na", "none", "null", "nan", "tbd", "todo", "-", "?", "...", "…", "lorem ipsum", "[deleted]", "[removed]")
}
Record = list[Turn]

# --- the reference ---


def kind(char: str) -> int:
    return classify(ord(char)) if unicodedata.unidata_version == UNICODE_VERSION else int(CLASSES[ord(char)])


def split_words(text: str) -> list[str]:
    words: list[str] = []
    state = "none"
    for char in text:
        what = kind(char)
        if what in (BLANK, SYMBOL):
            state = "none"
        elif state != "none" and (what == MARK or (state == "run" and what != SOLO)):
            words[-1] += char
        else:
            words.append(char)
            state = "solo" if what == SOLO else "run"
    return words


def ascii_lower(text: str) -> str:
    return re.sub("[A-Z]+", lambda match: match[0].lower(), text)


def strip(text: str) -> str:
    visible = [place for place, char in enumerate(text) if kind(char) != BLANK]
    return text[visible[0] : visible[-1] + 1] if visible else ""


def collapse(text: str) -> str:
    def lower(char: str) -> str:
        return char.lower() if kind(char) == UPPER and len(char.lower()) == 1 else char

    return re.sub(" +", " ", "".join(" " if kind(char) == BLANK else lower(char) for char in text)).strip(" ")


def ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def ngram_shares(words: list[str]) -> dict[str, float]:
    shares = {}
    total = sum(map(len, words))
    folded = [ascii_lower(word) for word in words]
    for size in range(2, 11):
        grams = [tuple(folded[place : place + size]) for place in range(len(words) - size + 1)]
        covered: set[int] = set()
        if size <= 4:
            counts = Counter(grams)
            # Counter keeps the order of first occurrence, and max takes the first of the greatest.
            top = max(counts, key=lambda gram: (counts[gram], sum(map(len, gram))), default=None)
            places = [place for place, gram in enumerate(grams) if gram == top and counts[gram] > 1]
            name = f"top_{size}gram_char_share"
        else:
            seen: set[tuple[str, ...]] = set()
            places = []
            for place, gram in enumerate(grams):
                if gram in seen:
                    places.append(place)
                seen.add(gram)
            name = f"duplicate_{size}gram_char_share"
        for place in places:
            covered.update(range(place, place + size))
        shares[name] = ratio(sum(len(words[place]) for place in covered), total)
    return shares


def part_kind(turn: Turn) -> str:
    if turn.content is None:
        return "missing_parts" if turn.extra == MISSING_EXTRA else "null_parts"
    if not turn.content:
        return "empty_parts"
    if not strip(turn.content):
        return "blank_parts"
    return "placeholder_parts" if ascii_lower(strip(turn.content)) in PLACEHOLDERS else "content"


def echoes(before: Record, answer: Turn | None) -> bool:
    wanted = collapse(answer.content or "") if answer else ""
    users = [turn for turn in before if turn.role == "user"]
    inputs = [
        collapse(" ".join(turn.content or "" for turn in before)),
        *(collapse(u.content or "") for u in users[-1:]),
    ]
    return bool(wanted) and wanted in inputs


def reference(record: Record) -> dict[str, Any]:
    contents = [turn.content or "" for turn in record]
    kinds = [kind(char) for content in contents for char in content]
    words_by_turn = [split_words(content) for content in contents]
    words = [word for turn_words in words_by_turn for word in turn_words]
    lines = [line for content in contents for line in content.removesuffix("\n").split("\n") if content]
    full = [line for line in lines if strip(line)]
    repeated = [line for place, line in enumerate(full) if strip(line) in map(strip, full[:place])]
    letters = sum(what in (LETTER, UPPER, SOLO) for what in kinds)
    answers = [place for place, turn in enumerate(record) if turn.role == "assistant"]
    answer = answers[-1] if answers else None
    parts = Counter(map(part_kind, record))
    marker = "|".join(re.escape(marker) for marker in sorted(MARKERS, key=len, reverse=True))
    return {
        "n_chars": len(kinds),
        "n_words": len(words),
        "n_lines": len(lines),
        "n_turns": len(record),
        "n_bytes": sum(len(content.encode()) for content in contents),
        "input_words": sum(map(len, words_by_turn[:answer])),
        "answer_words": None if answer is None else len(words_by_turn[answer]),
        "symbol_share": ratio(kinds.count(SYMBOL), len(kinds)),
        "digit_share": ratio(kinds.count(NUMBER), len(kinds)),
        "upper_share": ratio(kinds.count(UPPER), letters),
        "max_word_chars": max(map(len, words), default=0),
        "mean_word_chars": ratio(sum(map(len, words)), len(words)),
        "duplicate_line_share": ratio(len(repeated), len(full)),
        "duplicate_line_char_share": ratio(sum(map(len, repeated)), sum(map(len, full))),
        **ngram_shares(words),
        **{name: parts[name] for name in ("missing_parts", "null_parts", "empty_parts", "blank_parts")},
        "placeholder_parts": parts["placeholder_parts"],
        "end_of_text_markers": sum(len(re.findall(marker, content)) for content in contents),
        "answer_echoes_input": echoes(record[:answer], record[answer]) if answer is not None else False,
    }


# --- made-up records ---

CHARS = "aAbB zZ09 .,-\n\n\t\u00a0\u200b\u0301éÉßİǅ²漢字かไทยำ🙂<|s>/?"
PHRASES = [
    *("the", "cat", "The", "sat on", "the mat", "\n", ".", ", ", "the cat sat on the mat", "a b c d e f g h i j k"),
    *(
        "</s>",
        "<s>",
        "<|end|>",
        "<|end|>\n",
        "[EOS]",
        "N/A",
        "none",
        "Lorem  ipsum",
        "é",
        "É",
        "漢字",
        "internationalisation",
    ),
]
texts = st.one_of(
    st.text(st.one_of(st.sampled_from(CHARS), st.characters(exclude_categories=["Cs"])), max_size=30),
    st.lists(st.sampled_from(PHRASES), max_size=40).map(" ".join),
    st.lists(st.sampled_from(PHRASES), max_size=6).map("\n".join),
    st.sampled_from([*PLACEHOLDERS, " N/A\u00a0", "\u200b", "", " \n", "NA.", "[Deleted]", "Nan", "\u2026 "]),
)
roles = st.sampled_from(["system", "user", "assistant", "tool", "text"])
turns = st.one_of(
    st.builds(Turn, roles, texts),
    st.builds(Turn, roles, st.none(), st.sampled_from([None, MISSING_EXTRA, '{"weight":0}'])),
)
records = st.lists(turns, max_size=4)
echoing = st.builds(
    lambda text, shout: [
        Turn("system", ""),
        Turn("user", text),
        Turn("assistant", text.upper() if shout else f" {text}\n"),
    ],
    texts,
    st.booleans(),
)


def column(rows: Iterable[Record]) -> pa.Array:
    return pa.array(
        [[{"role": turn.role, "content": turn.content, "extra": turn.extra} for turn in row] for row in rows],
        TURNS_TYPE,
    )


def measured(array: pa.Array) -> list[dict[str, Any]]:
    batches = measure(Turns(array), end_of_text_markers=MARKERS)
    assert all(batch.num_rows == len(array) for batch in batches.values())
    names = [name for batch in batches.values() for name in batch.schema.names]
    columns = [values.to_pylist() for batch in batches.values() for values in batch.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(records, echoing), max_size=6), st.integers(0, 3), st.integers(0, 6))
@example([[], [Turn("text", "x")], []], 0, 3)
@example([[Turn("text", "aa aa aa bb cc bb cc")], [Turn("text", "bb cc bb cc aa aa aa")]], 0, 2)
@example([[Turn("user", "a b"), Turn("assistant", "ab")], [Turn("user", "ab"), Turn("assistant", "a b")]], 0, 2)
@example([[Turn("text", "=== == = ====")], [Turn("text", "<<|end|><|end|>\n</s")]], 0, 2)
@example([[Turn("assistant", "alone")], [Turn("user", "a\n"), Turn("user", "b"), Turn("assistant", "A B")]], 0, 2)
def test_signals_are_those_of_the_reference(rows: list[Record], start: int, length: int) -> None:
    array = column(rows).slice(min(start, len(rows)), length)
    chosen = rows[start : start + length]
    assert measured(array) == [reference(row) for row in chosen]


@settings(deadline=None, max_examples=40)
@given(st.lists(records, min_size=1, max_size=6))
def test_a_records_signals_do_not_depend_on_its_neighbours(rows: list[Record]) -> None:
    together = measured(column(rows))
    assert together == [measured(column([row]))[0] for row in rows]
    assert together[::-1] == measured(column(rows[::-1]))


def test_empty_batches_have_all_columns() -> None:
    for array in (column([]), column([[Turn("text", "a")]]).slice(1)):
        batches = measure(Turns(array))
        assert [batch.num_rows for batch in batches.values()] == [0] * len(families())
        assert {name for batch in batches.values() for name in batch.schema.names} == set(signal_columns())


def read_rows(path: Path, count: int) -> list[Record]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line, _ in zip(file, range(count), strict=False)]
    return [
        [Turn("user", row["prompt"]), Turn("assistant", row["completion"])]
        if "prompt" in row
        else [Turn("text", row["text"])]
        for row in rows
    ]


@pytest.mark.parametrize(
    ("name", "count"),
    [("instructions/t0_train_50k.jsonl.gz", 150), ("multilingual/tatoeba_113_languages.jsonl.gz", 1500)],
)
def test_signals_of_real_rows_are_those_of_the_reference(shared_data: Path, name: str, count: int) -> None:
    rows = read_rows(shared_data / name, count)
    assert measured(column(rows)) == [reference(row) for row in rows]
