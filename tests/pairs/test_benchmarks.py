"""What a record contains of a benchmark, against plain Python sets and on real data."""

from __future__ import annotations

import gzip
import json
import random
import unicodedata
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from dataprep.pairs.benchmarks import (
    COMMON_ITEMS,
    COMMON_PERCENT,
    FOUND_SCHEMA,
    LEAST_WORDS_OF_TURN,
    BenchmarkIndex,
    Items,
)
from dataprep.pairs.config import CONTAINMENT_FLOOR, BenchmarkConfig
from dataprep.pairs.folding import normalize_text
from dataprep.pairs.near_keys import KeyTexts
from dataprep.pairs.words import words_of
from dataprep.record import Record, Role, Turn, Turns, build_batch
from dataprep.signals.block import TextBlock

Conversation = list[tuple[Role, str]]


def batch_of(conversations: Sequence[Conversation]) -> pa.RecordBatch:
    return build_batch("s", [Record([Turn(*turn) for turn in turns], meta={}, line=1) for turns in conversations])


def items_of(conversations: Sequence[Conversation]) -> Items:
    return Items(tuple(f"b.jsonl:{line}" for line in range(1, len(conversations) + 1)), batch_of(conversations))


def texts_of(conversations: Sequence[Conversation]) -> KeyTexts:
    return KeyTexts.of(Turns(batch_of(conversations)["turns"]))


def found(index: BenchmarkIndex, *conversations: Conversation) -> list[tuple[int, int, str, float]]:
    table = index.found_in(texts_of(conversations))
    assert table.schema == FOUND_SCHEMA
    return [tuple(row.values()) for row in table.to_pylist()]


def asked(question: str, answer: str = "42") -> Conversation:
    return [("user", question), ("assistant", answer)]


def numbered(count: int, start: int = 0) -> str:
    """A text of so many words that no other of these has."""
    return " ".join(f"w{number}" for number in range(start, start + count))


# -- against plain sets --


def input_end(turns: Conversation) -> int:
    answers = [place for place, (role, _) in enumerate(turns) if role == "assistant"]
    return answers[-1] if answers else len(turns)


def spoken(turns: Conversation) -> list[str]:
    return [normalize_text(text) for role, text in turns if role != "system"]


def joined(turns: Conversation) -> str:
    return normalize_text(" ".join(spoken(turns)))


def split(text: str) -> list[str]:
    return text.replace("?", " ").split()


def ngrams(texts: Sequence[str], size: int) -> set[tuple[str, ...]]:
    words = [split(text) for text in texts]
    return {tuple(some[at : at + size]) for some in words for at in range(len(some) - size + 1)}


class Oracle:
    """What the index should find, from sets of strings."""

    def __init__(self, items: Sequence[Conversation], size: int) -> None:
        self.size = size
        sides = [(joined(turns[: input_end(turns)]), joined(turns)) for turns in items]
        self.distinct = [number for number, side in enumerate(sides) if split(side[1]) and side not in sides[:number]]
        limit = max(COMMON_ITEMS, COMMON_PERCENT * len(self.distinct) // 100)
        times = Counter(text for number in self.distinct for text in {*sides[number]})
        self.sides = {
            number: {text for text in sides[number] if times[text] <= limit and split(text)} for number in self.distinct
        }
        grams = {
            number: [ngrams(spoken(turns[: input_end(turns)]), size), ngrams(spoken(turns), size)]
            for number, turns in enumerate(items)
        }
        gram_times = Counter(gram for number in self.distinct for gram in grams[number][1])
        self.grams = {
            number: [{gram for gram in side if gram_times[gram] <= limit} for side in grams[number]]
            for number in self.distinct
        }

    def best(self, row: int, turns: Conversation) -> list[tuple[int, int, str, float]]:
        texts = {joined(turns[: input_end(turns)]), joined(turns)}
        for _, text in turns:
            if len(split(normalize_text(text))) >= LEAST_WORDS_OF_TURN:
                texts.add(normalize_text(text))
        for number in self.distinct:
            if self.sides[number] & texts:
                return [(row, number, "exact", 1.0)]
        own = ngrams([normalize_text(text) for _, text in turns], self.size)
        shares = {
            number: max(len(side & own) / len(side) if side else 0.0 for side in self.grams[number])
            for number in self.distinct
        }
        best = max(shares.values(), default=0.0)
        if best < CONTAINMENT_FLOOR:
            return []
        return [(row, next(number for number in self.distinct if shares[number] == best), "contains", best)]


words = st.lists(st.sampled_from(["a", "B", "a", "c?", "?"]), max_size=9).map(" ".join)
roles = st.sampled_from(["user", "user", "assistant", "system", "text", "tool"])
conversations = st.lists(st.tuples(roles, words), min_size=1, max_size=4)
many_of_few = st.lists(conversations, max_size=30)


@example([[("system", "c? a")], [("user", "c? a")]], [[("user", "c? a")]], 2)  # an item that has only a system prompt
@example([[("system", "a"), ("assistant", "B")], [("system", "B"), ("assistant", "B")]], [], 2)
@given(many_of_few, st.lists(conversations, max_size=5), st.integers(2, 4))
def test_what_is_found_is_what_plain_sets_find(
    items: list[Conversation], records: list[Conversation], size: int
) -> None:
    oracle = Oracle(items, size)
    index = BenchmarkIndex(items_of(items), size)
    expected = [row for number, turns in enumerate(records) for row in oracle.best(number, turns)]
    assert found(index, *records) == expected
    empty = sum(not split(joined(turns)) for turns in items)
    assert (index.counts.items, index.counts.empty) == (len(items), empty)
    assert index.counts.copies == len(items) - empty - len(oracle.distinct)
    assert index.counts.exact_only == sum(not oracle.grams[number][1] for number in oracle.distinct)


# -- what an item is found by --


def test_the_question_is_enough_and_so_is_half_of_question_and_answer() -> None:
    index = BenchmarkIndex(items_of([asked(numbered(30), numbered(60, 100))]), 13)
    assert found(index, asked(f"Please: {numbered(30)} Thanks!", "another answer")) == [(0, 0, "contains", 1.0)]
    only_answer = found(index, asked("another question", numbered(60, 100)))
    assert only_answer == [(0, 0, "contains", 48 / 66)]
    assert found(index, asked(numbered(21), "no")) == [(0, 0, "contains", 0.5)]  # 9 of 18


def test_case_punctuation_and_white_space_make_no_difference_to_ngrams() -> None:
    question = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May."
    index = BenchmarkIndex(items_of([asked(question)]), 13)
    shouted = question.upper().replace(",", " --").replace(" ", "\n")
    assert found(index, asked(f"Q: {shouted}")) == [(0, 0, "contains", 1.0)]


def test_ngrams_do_not_run_from_one_turn_into_the_next() -> None:
    index = BenchmarkIndex(items_of([asked(numbered(16))]), 13)
    halves: Conversation = [("user", numbered(8)), ("user", numbered(8, 8)), ("assistant", "42")]
    assert found(index, halves) == [(0, 0, "exact", 1.0)]  # but it is the same text
    assert found(index, [("user", "So: " + numbered(8)), *halves[1:]]) == []


def test_short_items_are_found_as_a_whole_turn_or_input_only() -> None:
    index = BenchmarkIndex(items_of([asked("What is the capital of France?", "Paris")]), 13)
    assert index.counts.exact_only == 1
    same = "what is  the capital of france?"
    assert found(index, asked(same, "Lyon")) == [(0, 0, "exact", 1.0)]
    chat: Conversation = [("user", "Hi!"), ("assistant", "Hello."), *asked(same)]
    assert found(index, [("system", "Be brief."), *chat]) == [(0, 0, "exact", 1.0)]
    assert found(index, asked("Tell me. What is the capital of France?")) == []
    assert found(index, asked("What is the capital of France")) == []  # the same words, another text


def test_symbols_tell_short_items_apart() -> None:
    index = BenchmarkIndex(items_of([asked("3 + 4 = x; find x"), asked("3 * 4 = x; find x")]), 13)
    rows = found(index, asked("3 * 4 = x; find x"), asked("3 - 4 = x; find x"))
    assert rows == [(0, 1, "exact", 1.0)]


def test_a_few_words_are_no_leak_as_one_turn_of_several() -> None:
    index = BenchmarkIndex(items_of([[("text", "Thank you!")]]), 13)
    assert found(index, asked("How are you?", "Thank you!")) == []
    assert found(index, asked("Thank you!", "Welcome.")) == [(0, 0, "exact", 1.0)]
    assert found(index, [("text", "thank you!")]) == [(0, 0, "exact", 1.0)]


def test_a_document_is_question_and_answer_in_one() -> None:
    index = BenchmarkIndex(items_of([asked("Who wrote Emma?", "Jane Austen did.")]), 13)
    assert found(index, [("text", "Who wrote Emma? Jane Austen did.")]) == [(0, 0, "exact", 1.0)]


def test_system_prompts_are_no_part_of_items_but_of_records() -> None:
    prompt = ("system", "You are a careful assistant that answers every question in one short sentence of English.")
    index = BenchmarkIndex(items_of([[prompt, *asked(numbered(20))]]), 13)
    assert found(index, [prompt, *asked("Why?")]) == []
    assert found(index, asked(numbered(20))) == [(0, 0, "exact", 1.0)]
    examples = ("system", f"Answer like this. {numbered(20)} 42")
    assert found(index, [examples, *asked("Why?")]) == [(0, 0, "contains", 1.0)]


def test_an_exact_copy_goes_before_a_share_of_another_item() -> None:
    items = items_of([asked(numbered(20)), asked("How many apples are left?")])
    record = [("user", numbered(20) + " and so on"), *asked("How many apples are left?")]
    assert found(BenchmarkIndex(items, 13), record) == [(0, 1, "exact", 1.0)]


def test_small_shares_are_noted_from_a_tenth_on() -> None:
    index = BenchmarkIndex(items_of([asked(numbered(42))]), 13)  # 30 n-grams
    assert found(index, asked(numbered(14) + " end"), asked(numbered(15) + " end")) == [(1, 0, "contains", 0.1)]


# -- what is left out --


def test_what_many_items_have_in_common_finds_none_of_them() -> None:
    preamble = "Solve the following problem step by step and give the final answer after four hash marks please."
    items = [asked(f"{preamble} {numbered(20, 100 * place)}") for place in range(COMMON_ITEMS + 1)]
    index = BenchmarkIndex(items_of(items), 13)
    assert index.counts.common_ngrams == 5
    assert found(index, asked(f"{preamble} What is love?")) == []
    assert found(index, asked(numbered(20, 300))) == [(0, 3, "contains", 8 / 20)]  # 12 n-grams have both in them
    few = BenchmarkIndex(items_of(items[:-1]), 13)
    assert few.counts.common_ngrams == 0
    assert found(few, asked(f"{preamble} What is love?")) == [(0, 0, "contains", 0.2)]


def test_a_question_that_many_items_ask_is_no_item_in_particular() -> None:
    def items(count: int) -> Items:
        return items_of([asked("What is the main idea?", f"answer {place}") for place in range(count)])

    index = BenchmarkIndex(items(COMMON_ITEMS + 1), 13)
    assert index.counts.common_texts == 1
    assert found(index, asked("What is the main idea?")) == []
    assert found(index, asked("What is the main idea?", "answer 3")) == [(0, 3, "exact", 1.0)]
    assert found(BenchmarkIndex(items(COMMON_ITEMS), 13), asked("What is the main idea?")) == [(0, 0, "exact", 1.0)]


def test_copies_of_an_item_count_as_one() -> None:
    index = BenchmarkIndex(items_of([asked(numbered(20))] * 30), 13)
    assert (index.counts.copies, index.counts.common_ngrams) == (29, 0)
    assert found(index, asked("x " + numbered(20))) == [(0, 0, "contains", 1.0)]


def test_an_item_without_words_finds_nothing() -> None:
    items: list[Conversation] = [asked("", ""), asked("?!", "…"), [("system", "Be brief.")], asked("Why not?")]
    index = BenchmarkIndex(items_of(items), 13)
    assert (index.counts.empty, index.counts.exact_only) == (3, 1)
    assert found(index, asked("", ""), asked("?!"), asked("", "Be brief."), [("system", "Be brief.")]) == []


def test_no_items_and_no_records() -> None:
    assert found(BenchmarkIndex(items_of([]), 13), asked("Why?")) == []
    assert found(BenchmarkIndex(items_of([asked("Why?")]), 13)) == []


# -- the index --


def test_the_digest_is_of_what_is_found_and_of_nothing_else() -> None:
    three = [asked(numbered(20, start)) for start in (0, 50, 100)]
    items = items_of(three)
    digest = BenchmarkIndex(items, 13).digest
    assert BenchmarkIndex(Items(("other.csv:1", "other.csv:2", "other.csv:3"), items.batch), 13).digest == digest
    others = [
        BenchmarkIndex(items, 12),
        BenchmarkIndex(items_of(three[:2]), 13),
        BenchmarkIndex(items_of(three[::-1]), 13),
        BenchmarkIndex(items_of([*three[:2], asked(numbered(20, 101))]), 13),
        BenchmarkIndex(items_of([*three[:2], asked(numbered(20, 100), "43")]), 13),
        BenchmarkIndex(items_of([*three[:2], asked(numbered(20, 100) + "!")]), 13),
    ]
    assert len({digest, *(index.digest for index in others)}) == 7


def test_blocks_of_a_batch_give_what_the_batch_gives() -> None:
    index = BenchmarkIndex(items_of([asked(numbered(20)), asked("Who was Émile Zola?")]), 13)
    records = [asked("no"), asked("who was e\u0301mile zola?"), asked("so " + numbered(20)), asked("no")] * 3
    turns = Turns(batch_of(records)["turns"])
    whole = index.found_in(KeyTexts.of(turns))
    assert whole["row"].to_pylist() == [1, 2, 5, 6, 9, 10]
    parts = []
    for first in range(0, len(records), 5):
        block = TextBlock(turns, (), (first, min(first + 5, len(records))))
        texts = KeyTexts(block.offsets, block.data, block.row_offsets, block.roles, block.input_ends, block.scanned)
        words = words_of(texts.offsets, texts.data, texts.scanned)
        parts.append(index.found_in(texts, words, first_row=first))
    assert pa.Table.from_batches(parts) == pa.Table.from_batches([whole])


def test_threads_may_share_an_index() -> None:
    index = BenchmarkIndex(items_of([asked(numbered(30, 100 * place)) for place in range(50)]), 13)
    texts = texts_of([asked(f"please {numbered(24, 100 * (row % 60))}") for row in range(300)])
    expected = index.found_in(texts)
    with ThreadPoolExecutor(4) as pool:
        assert all(table == expected for table in pool.map(lambda _: index.found_in(texts), range(20)))


@pytest.mark.parametrize(
    "wrong",
    [{"paths": ["a"]}, {"containment": 0.05}, {"ngram": 4}, {"action": "none"}, {"files": [{"columns": {}}]}],
)
def test_a_configuration_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BenchmarkConfig.model_validate(wrong)


def test_without_files_nothing_is_looked_for() -> None:
    assert not BenchmarkConfig().on
    assert BenchmarkConfig(files=("a.jsonl",)).on


# -- real data --


def gsm8k(folder: Path, split_name: str) -> list[Conversation]:
    with gzip.open(folder / f"qa/gsm8k_{split_name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [asked(row["question"], row["answer"]) for row in rows]


@pytest.fixture(scope="module")
def questions(shared_data: Path) -> list[Conversation]:
    return gsm8k(shared_data, "test")


@pytest.fixture(scope="module")
def gsm8k_index(questions: list[Conversation]) -> BenchmarkIndex:
    return BenchmarkIndex(items_of(questions), 13)


def test_gsm8k_finds_itself_and_little_of_its_own_training_set(
    shared_data: Path, questions: list[Conversation], gsm8k_index: BenchmarkIndex
) -> None:
    assert gsm8k_index.counts.common_ngrams == gsm8k_index.counts.exact_only == gsm8k_index.counts.copies == 0
    assert found(gsm8k_index, *questions) == [(row, row, "exact", 1.0) for row in range(len(questions))]
    train = gsm8k(shared_data, "train")
    rows = found(gsm8k_index, *train)
    assert len(rows) == 5
    above = [(train[row][0][1][:32], questions[item][0][1][:33]) for row, item, _, share in rows if share >= 0.5]
    # Two training questions with other numbers and another vehicle: what a person would drop as well.
    assert {item for _, item in above} == {"A plane travels 1200 miles in 3 h"}
    assert {record for record, _ in above} == {
        "A train travels 270 miles in 3 h",
        "A train travels 360 miles in 3 h",
    }


def test_other_instruction_data_holds_nothing_of_gsm8k(shared_data: Path, gsm8k_index: BenchmarkIndex) -> None:
    with gzip.open(shared_data / "instructions/codegen_instruct.json.gz", "rt", encoding="utf-8") as file:
        rows = json.load(file)
    assert found(gsm8k_index, *(asked(f"{row['instruction']}\n{row['input']}", row["response"]) for row in rows)) == []
    with gzip.open(shared_data / "instructions/t0_train_50k.jsonl.gz", "rt", encoding="utf-8") as lines:
        t0 = [json.loads(line) for _, line in zip(range(10_000), lines, strict=False)]
    assert found(gsm8k_index, *(asked(row["prompt"], row["completion"]) for row in t0)) == []


def test_planted_questions_are_found_in_long_records(
    shared_data: Path, questions: list[Conversation], gsm8k_index: BenchmarkIndex
) -> None:
    chooser = random.Random(0)
    train = gsm8k(shared_data, "train")
    records, expected = [], []
    for row, item in enumerate(chooser.sample(range(len(questions)), 100)):
        filler = "\n\n".join(text for turns in chooser.sample(train, 20) for _, text in turns)
        cut = chooser.randrange(len(filler))
        question = questions[item][0][1]
        place = row % 3
        if place == 0:
            records.append(asked(f"{filler[:cut]}\n\n{question.upper()}\n\n{filler[cut:]}"))
        elif place == 1:
            records.append([*asked("A story, please.", f"{filler[:cut]} {question} {filler[cut:]}"), *asked("More!")])
        else:
            records.append([("system", f"{filler[:cut]}\n{question}\n{filler[cut:]}"), *asked("Why?")])
        expected.append((row, item, "contains", 1.0))
    assert found(gsm8k_index, *records) == expected


def test_questions_with_an_edited_word_are_found_mostly(
    questions: list[Conversation], gsm8k_index: BenchmarkIndex
) -> None:
    chooser = random.Random(0)
    edited = []
    for (_, question), _ in questions:
        some = question.split()
        some[chooser.randrange(len(some))] = "something"
        edited.append(asked(" ".join(some), "else"))
    rows = found(gsm8k_index, *edited)
    assert sum(row == item and share >= BenchmarkConfig().containment for row, item, _, share in rows) > 1100


def test_sentences_of_forty_languages_are_found_in_longer_text(shared_data: Path) -> None:
    sentences: dict[str, list[str]] = {}
    with gzip.open(shared_data / "multilingual/tatoeba_113_languages.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            sentences.setdefault(row["lang"], []).append(row["text"])
    languages = sorted(sentences, key=lambda name: (-len(sentences[name]), name))[:40]
    items = [asked(" ".join(sentences[name][:6])) for name in languages]
    others = [" ".join(sentences[name][6:12]) for name in languages]
    index = BenchmarkIndex(items_of(items), 13)
    records = [asked(f"{other}\n{item[0][1]}\n{other}") for item, other in zip(items, others, strict=True)]
    assert found(index, *records) == [(row, row, "contains", 1.0) for row in range(40)]
    assert found(index, *map(asked, others)) == []
    decomposed = [asked(unicodedata.normalize("NFD", turns[0][1])) for turns in items]
    assert found(index, *decomposed) == [(row, row, "exact", 1.0) for row in range(40)]
