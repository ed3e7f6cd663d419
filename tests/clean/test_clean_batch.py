from __future__ import annotations

import gzip
import itertools
from collections import Counter
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import ClassVar, get_args

import numpy as np
import orjson
import pyarrow as pa
import pytest
from ftfy.badness import MOJIBAKE_CATEGORIES, is_bad
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.clean import CLEANERS, CleanVerdicts, clean_batch
from dataprep.clean.base import Cleaner
from dataprep.clean.cleaner import clean_turns
from dataprep.clean.config import CleanConfig, CleanerName
from dataprep.clean.edits import Edit, apply, undo
from dataprep.clean.prefilter import flags
from dataprep.kernels.textflags import ALWAYS, MOJIBAKE
from dataprep.record import RECORD_SCHEMA, Record, Turn, Turns, build_batch
from tests.clean.texts import texts, unhurried

DEFAULT = CleanConfig()


def batch_of(*records: list[str | None]) -> pa.RecordBatch:
    return build_batch("s", [Record([Turn("user", text) for text in record], meta={}, line=1) for record in records])


def contents(batch: pa.RecordBatch) -> list[str | None]:
    found: list[str | None] = Turns(batch["turns"]).contents.to_pylist()
    return found


@dataclass
class Unfiltered:
    """A cleaner that is shown every text."""

    inner: Cleaner
    wants: int = ALWAYS

    @property
    def name(self) -> str:
        return self.inner.name

    def edits(self, text: str) -> list[Edit]:
        return self.inner.edits(text)


def entries(verdicts: CleanVerdicts) -> list[tuple[int, str, int, list[Edit]]]:
    """Row, cleaner, turn and edits, in the order of the table."""
    found = []
    for entry in verdicts.table().to_pylist():
        for turn, edits in itertools.groupby(entry["edits"] or (), itemgetter("turn")):
            made = [Edit(edit["start"], edit["end"], edit["original"], edit["replacement"]) for edit in edits]
            found.append((entry["row_in_part"], entry["cleaner"], turn, made))
    return found


def assert_same_without_kernels(batch: pa.RecordBatch, config: CleanConfig) -> CleanVerdicts:
    """Clean the batch, and compare with what the cleaners make of every single text."""
    turns = Turns(batch["turns"])
    column, expected = clean_turns(turns, [Unfiltered(CLEANERS[name](config)) for name in config.cleaners], config)
    cleaned, verdicts = clean_batch(batch, config)
    assert contents(cleaned) == (turns if column is None else Turns(column)).contents.to_pylist()
    assert verdicts.table().equals(expected.table())
    assert verdicts.counts() == expected.counts() == Counter(cleaner for _, cleaner, _, _ in entries(verdicts))
    verdicts.table().validate(full=True)
    cleaned.validate(full=True)
    return verdicts


orders = st.permutations(get_args(CleanerName)).flatmap(
    lambda names: st.integers(0, len(names)).map(lambda count: tuple(names[:count]))
)
records = st.lists(st.lists(st.none() | texts, min_size=1, max_size=3), min_size=1, max_size=4)


@given(records)
@settings(max_examples=150, deadline=None)
def test_kernels_change_what_the_cleaners_change(rows: list[list[str | None]]) -> None:
    assert_same_without_kernels(batch_of(*rows), DEFAULT)


@given(records, orders)
@settings(max_examples=100, deadline=None)
def test_kernels_change_what_the_cleaners_change_in_any_order(
    rows: list[list[str | None]], order: tuple[CleanerName, ...]
) -> None:
    assert assert_same_without_kernels(batch_of(*rows), CleanConfig(cleaners=order)).errors == []


CUT_TEXTS = st.lists(
    st.sampled_from(["word", "中é", "\n", " \n", "\t \n", " ", "\xa0", "\u3000\n", "</s>", "<eos>", "`", "~~~", "\r"]),
    max_size=12,
).map("".join)


@given(
    st.lists(st.lists(st.none() | CUT_TEXTS, min_size=1, max_size=3), min_size=1, max_size=6),
    orders,
    st.sampled_from([DEFAULT.end_of_text_markers, ("</s>", "word"), (" \n</s>", "<eos>"), ("`", "</s>"), ()]),
)
@settings(max_examples=120, deadline=None)
def test_kernels_cut_what_the_cleaners_cut(
    rows: list[list[str | None]], order: tuple[CleanerName, ...], markers: tuple[str, ...]
) -> None:
    config = CleanConfig(cleaners=order, end_of_text_markers=markers)
    batch = batch_of(*rows)
    assert_same_without_kernels(batch, config)
    cleaned, _ = clean_batch(batch, config)
    assert clean_batch(cleaned, config)[0] is cleaned


def test_a_cleaner_that_is_named_twice_finds_nothing_the_second_time() -> None:
    config = CleanConfig(cleaners=("whitespace", "whitespace", "end_of_text", "end_of_text"))
    verdicts = assert_same_without_kernels(batch_of(["a \n</s> \n</s> \n"]), config)
    assert verdicts.counts() == {"whitespace": 1, "end_of_text": 1}


@given(records, orders)
@settings(max_examples=100, deadline=None)
def test_cleaning_again_finds_nothing(rows: list[list[str | None]], order: tuple[CleanerName, ...]) -> None:
    config = CleanConfig(cleaners=order)
    cleaned, _ = clean_batch(batch_of(*rows), config)
    again, verdicts = clean_batch(cleaned, config)
    assert again is cleaned
    assert len(verdicts) == 0
    for text in contents(cleaned):
        assert all(CLEANERS[name](config).edits(text or "") == [] for name in order)


@given(records)
@unhurried
def test_verdicts_replay_and_undo_what_was_done(rows: list[list[str | None]]) -> None:
    batch = batch_of(*rows)
    cleaned, verdicts = clean_batch(batch, DEFAULT)
    before, after, starts = contents(batch), contents(cleaned), Turns(batch["turns"]).row_offsets
    replayed, undone = list(before), list(after)
    for row, _, turn, edits in entries(verdicts):
        assert edits
        replayed[starts[row] + turn] = apply(replayed[starts[row] + turn] or "", edits)
    for row, _, turn, edits in reversed(entries(verdicts)):
        undone[starts[row] + turn] = undo(undone[starts[row] + turn] or "", edits)
    assert replayed == after
    assert undone == before
    assert verdicts.rows.tolist() == sorted(verdicts.rows)


def test_a_cleaner_gets_another_turn_when_a_later_one_uncovers_damage() -> None:
    cleaned, verdicts = clean_batch(batch_of(["schÃ\u200b¶n"]), DEFAULT)
    assert contents(cleaned) == ["schön"]
    assert [cleaner for _, cleaner, _, _ in entries(verdicts)] == ["control_characters", "encoding"]


def test_a_clean_batch_is_returned_as_it_is() -> None:
    batch = batch_of(["nothing to do", "  x = 1"], [None], [""], ["   "])
    cleaned, verdicts = clean_batch(batch, DEFAULT)
    assert cleaned is batch
    assert (len(verdicts), verdicts.errors, verdicts.table().num_rows) == (0, [], 0)


def test_only_the_turns_change_and_the_schema_stays() -> None:
    batch = batch_of(["a</s>", None, "b"], ["c "])
    cleaned, _ = clean_batch(batch, DEFAULT)
    assert cleaned.schema == RECORD_SCHEMA
    assert contents(cleaned) == ["a", None, "b", "c"]
    assert cleaned.drop_columns("turns").equals(batch.drop_columns("turns"))
    assert Turns(cleaned["turns"]).extras.equals(Turns(batch["turns"]).extras)
    cleaned.validate(full=True)


def test_an_empty_batch_and_no_cleaners_are_fine() -> None:
    empty = batch_of()
    assert clean_batch(empty, DEFAULT)[0] is empty
    batch = batch_of(["a </s>"])
    assert clean_batch(batch, CleanConfig(cleaners=()))[0] is batch


def test_a_slice_is_cleaned_like_the_whole() -> None:
    batch = batch_of(["a </s>", None], ["b\r\nc"], ["d", "e\u200b"], [None, "f "])
    whole, _ = clean_batch(batch, DEFAULT)
    part, verdicts = clean_batch(batch.slice(1, 3), DEFAULT)
    assert contents(part) == contents(whole.slice(1, 3))
    assert [(row, turn) for row, _, turn, _ in entries(verdicts)] == [(0, 0), (1, 1), (2, 1)]


class Choking:
    """Refuses some texts."""

    name: ClassVar[str] = "choking"
    version: ClassVar[int] = 1
    wants: ClassVar[int] = ALWAYS

    def edits(self, text: str) -> list[Edit]:
        if "choke" in text:
            raise RuntimeError("cannot swallow this")
        return []


def test_a_cleaner_that_throws_costs_one_turn() -> None:
    cleaners: list[Cleaner] = [CLEANERS["whitespace"](DEFAULT), Choking(), CLEANERS["end_of_text"](DEFAULT)]
    turns = Turns(batch_of(["a </s>"], ["b", "choke \n</s> \n"])["turns"])
    column, verdicts = clean_turns(turns, cleaners, DEFAULT)
    assert Turns(column).contents.to_pylist() == ["a", "b", "choke\n</s>"]
    assert verdicts.errors == [(1, 1, "choking", "RuntimeError: cannot swallow this")]
    assert [(row, cleaner) for row, cleaner, _, _ in entries(verdicts)] == [(0, "end_of_text"), (1, "whitespace")]
    assert verdicts.table().to_pylist()[-1] == {
        "row_in_part": 1,
        "cleaner": "choking",
        "edits": None,
        "error": "turn 1: RuntimeError: cannot swallow this",
    }


class Peeling:
    """Takes one character at a time."""

    name: ClassVar[str] = "peeling"
    version: ClassVar[int] = 1
    wants: ClassVar[int] = ALWAYS

    def edits(self, text: str) -> list[Edit]:
        return [Edit(0, 1, "x", "")] if text.startswith("x") else []


def test_what_a_cleaner_does_in_two_rounds_is_undone_round_by_round() -> None:
    turns = Turns(batch_of(["xxa", "xb"], ["xc"])["turns"])
    _, verdicts = clean_turns(turns, [Peeling()], DEFAULT)
    made = [Edit(0, 1, "x", "")]
    table = verdicts.table()
    assert table["row_in_part"].to_pylist() == [0, 0, 1]
    assert entries(verdicts) == [
        (0, "peeling", 0, made),
        (0, "peeling", 1, made),
        (0, "peeling", 0, made),
        (1, "peeling", 0, made),
    ]
    assert verdicts.counts() == {"peeling": 4}


class Swapping:
    """Never content."""

    name: ClassVar[str] = "swapping"
    version: ClassVar[int] = 1
    wants: ClassVar[int] = ALWAYS

    def edits(self, text: str) -> list[Edit]:
        return [Edit(0, 1, text[0], "b" if text[0] == "a" else "a")]


def test_a_text_that_never_settles_is_an_error_not_a_hang() -> None:
    turns = Turns(batch_of(["a"])["turns"])
    _, verdicts = clean_turns(turns, [Swapping()], DEFAULT)
    assert [error[:3] for error in verdicts.errors] == [(0, 0, "swapping")]
    assert "still changing" in verdicts.errors[0][3]


@cache
def mojibake_alphabet() -> str:
    """Every character of the basic plane that occurs in mojibake, and one of each kind that does not."""
    import re

    plane = "".join(map(chr, (*range(0x80, 0xD800), *range(0xE000, 0x10000))))
    special = re.findall(f"[{''.join(MOJIBAKE_CATEGORIES.values())}ŒœπâóàäêîïìòôúùûøÂÃÎÐØÙ]", plane)
    return "".join(dict.fromkeys([*special, *"aZ5 .中\n"]))


def test_no_pair_that_ftfy_finds_bad_is_skipped() -> None:
    alphabet = mojibake_alphabet()
    pairs = ["".join(pair) for pair in itertools.product(alphabet, repeat=2)]
    surrounded = [text for pair in pairs for text in (pair, f"x{pair}y", f" {pair} ")]
    turns = Turns(batch_of(surrounded)["turns"])
    shown = flags(turns, np.arange(turns.n_turns), ()) & MOJIBAKE != 0
    hidden = [text for text, seen in zip(surrounded, shown.tolist(), strict=True) if not seen]
    assert [text for text in hidden if is_bad(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "“Naïve” café — it’s 5 €, … Él dijo: ¿qué?",
        "Η γλώσσα είναι καλή· Привет, мир! ЁЛКА",
        "Köln, weiß, Œuvre, cœur, NÃO, Ångström, Łódź, İstanbul",
        "你好，世界。 नमस्ते שלום مرحبا 😀👩\u200d💻",
    ],
)
def test_ordinary_text_is_not_shown_to_ftfy(text: str) -> None:
    turns = Turns(batch_of([text])["turns"])
    assert not flags(turns, np.arange(1), ())[0] & MOJIBAKE


@given(st.lists(st.text(st.sampled_from(mojibake_alphabet()), max_size=7), min_size=1))
@unhurried
def test_no_sequence_that_ftfy_finds_bad_is_skipped(sequences: list[str]) -> None:
    turns = Turns(batch_of(list(sequences))["turns"])
    shown = flags(turns, np.arange(turns.n_turns), ()) & MOJIBAKE != 0
    assert all(seen or not is_bad(text) for text, seen in zip(sequences, shown.tolist(), strict=True))


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("instructions/t0_train_50k.jsonl.gz", ("prompt", "completion")),
        ("multilingual/tatoeba_113_languages.jsonl.gz", ("text",)),
        ("qa/gsm8k_test.jsonl.gz", ("question", "answer")),
    ],
)
def test_kernels_change_the_same_in_real_files(shared_data: Path, path: str, fields: tuple[str, ...]) -> None:
    with gzip.open(shared_data / path) as file:
        rows = [orjson.loads(line) for line in itertools.islice(file, 0, None, 20)]
    batch = batch_of(*[[row[field] for field in fields] for row in rows])
    assert assert_same_without_kernels(batch, DEFAULT).errors == []
    cleaned, _ = clean_batch(batch, DEFAULT)
    assert clean_batch(cleaned, DEFAULT)[0] is cleaned
