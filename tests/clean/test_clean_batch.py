from __future__ import annotations

import gzip
import itertools
from dataclasses import dataclass
from functools import cache
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


def without_prefilter(batch: pa.RecordBatch, config: CleanConfig) -> tuple[list[str | None], CleanVerdicts]:
    turns = Turns(batch["turns"])
    column, verdicts = clean_turns(turns, [Unfiltered(CLEANERS[name](config)) for name in config.cleaners], config)
    return (turns if column is None else Turns(column)).contents.to_pylist(), verdicts


orders = st.permutations(get_args(CleanerName)).flatmap(
    lambda names: st.integers(0, len(names)).map(lambda count: tuple(names[:count]))
)
records = st.lists(st.lists(st.none() | texts, min_size=1, max_size=3), min_size=1, max_size=4)


@given(records)
@settings(max_examples=150, deadline=None)
def test_the_prefilter_changes_nothing(rows: list[list[str | None]]) -> None:
    batch = batch_of(*rows)
    cleaned, verdicts = clean_batch(batch, DEFAULT)
    assert (contents(cleaned), verdicts) == without_prefilter(batch, DEFAULT)


@given(records, orders)
@settings(max_examples=100, deadline=None)
def test_the_prefilter_changes_nothing_in_any_order(
    rows: list[list[str | None]], order: tuple[CleanerName, ...]
) -> None:
    batch, config = batch_of(*rows), CleanConfig(cleaners=order)
    cleaned, verdicts = clean_batch(batch, config)
    assert (contents(cleaned), verdicts) == without_prefilter(batch, config)
    assert verdicts.errors == []


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
    entries = list(zip(verdicts.row, verdicts.turn, verdicts.edits, strict=True))
    replayed, undone = list(before), list(after)
    for row, turn, edits in entries:
        assert edits
        replayed[starts[row] + turn] = apply(replayed[starts[row] + turn] or "", edits)
    for row, turn, edits in reversed(entries):
        undone[starts[row] + turn] = undo(undone[starts[row] + turn] or "", edits)
    assert replayed == after
    assert undone == before
    assert verdicts.row == sorted(verdicts.row)


def test_a_cleaner_gets_another_turn_when_a_later_one_uncovers_damage() -> None:
    cleaned, verdicts = clean_batch(batch_of(["schÃ\u200b¶n"]), DEFAULT)
    assert contents(cleaned) == ["schön"]
    assert verdicts.cleaner == ["control_characters", "encoding"]


def test_a_clean_batch_is_returned_as_it_is() -> None:
    batch = batch_of(["nothing to do", "  x = 1"], [None], [""], ["   "])
    cleaned, verdicts = clean_batch(batch, DEFAULT)
    assert cleaned is batch
    assert verdicts == CleanVerdicts()


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
    assert (verdicts.row, verdicts.turn) == ([0, 1, 2], [0, 1, 1])


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
    assert (verdicts.row, verdicts.cleaner) == ([0, 1], ["end_of_text", "whitespace"])


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
def test_the_prefilter_changes_nothing_on_real_files(shared_data: Path, path: str, fields: tuple[str, ...]) -> None:
    with gzip.open(shared_data / path) as file:
        rows = [orjson.loads(line) for line in itertools.islice(file, 0, None, 20)]
    batch = batch_of(*[[row[field] for field in fields] for row in rows])
    cleaned, verdicts = clean_batch(batch, DEFAULT)
    assert (contents(cleaned), verdicts) == without_prefilter(batch, DEFAULT)
    assert verdicts.errors == []
    assert clean_batch(cleaned, DEFAULT)[0] is cleaned
