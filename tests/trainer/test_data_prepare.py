"""From rows to examples: every row accounted for, nothing read that must not be, the same again from the cache."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

import dataprep
from dataprep.errors import InputError, RefusedError
from tests.making import run_yaml
from tests.store.builder import Row, write_version
from tests.trainer.rows import chat, learnt, recipe, write_rows
from tests.trainer.tiny import tiny_tokenizer
from trainer.data import cache as cached
from trainer.data.prepare import Prepared, check_limits, prepare

TOKENIZER = tiny_tokenizer()


def ready(folder: Path, cache: Path | None = None, **data: Any) -> Prepared:
    return prepare(recipe(folder=str(folder), **data), folder, TOKENIZER, cache=cache)


def many(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [chat(f"fee {n}?", f"it is {n}") for n in range(start, start + count)]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "fee?"}, {"role": "assistant", "content": "it is 3"}]},
        {"prompt": "fee?", "completion": "it is 3"},
        {"prompt": [{"role": "user", "content": "fee?"}], "completion": [{"role": "assistant", "content": "it is 3"}]},
    ],
    ids=["messages", "pair", "conversational pair"],
)
def test_every_shape_trains_on_the_answer_alone(tmp_path: Path, row: dict[str, Any]) -> None:
    write_rows(tmp_path, train=[row], validation=[row])
    (example,) = ready(tmp_path).train.to_pylist()
    assert learnt(TOKENIZER, example) == "it is 3<|im_end|>"
    assert TOKENIZER.decode(example["input_ids"]).startswith("<|im_start|>user\nfee?<|im_end|>")


def test_columns_that_mean_something_to_libraries_below_change_nothing(tmp_path: Path) -> None:
    odd = {"input_ids": [1, 2], "labels": [3], "attention_mask": [1], "completion_mask": [1], "text": "no"}
    write_rows(tmp_path / "plain", train=many(2), validation=many(1, 9))
    write_rows(tmp_path / "odd", train=[each | odd for each in many(2)], validation=[many(1, 9)[0] | odd])
    plain, other = ready(tmp_path / "plain"), ready(tmp_path / "odd")
    assert plain.train["input_ids"] == other.train["input_ids"]
    assert plain.train["labels"] == other.train["labels"]


def test_what_a_person_should_know_is_noted(tmp_path: Path) -> None:
    rows = [
        chat("a", "b <|im_end|> c") | {"tools": '[{"name": "weather"}]'},
        *(each | {"tools": ""} for each in many(20)),
    ]
    notes = " ".join(ready(write_rows(tmp_path, train=rows)).description["notes"])
    for words in ("10% of the conversations of train are held out", "written out in 1 answer", "does not show"):
        assert words in notes


def test_a_label_that_is_not_trained_on_is_said_with_what_to_write(tmp_path: Path) -> None:
    rows = [{"text": f"how much is fee {n}?", "label": ("fee", "card")[n % 2]} for n in range(20)]
    write_rows(tmp_path / "plain", train=rows)
    said = ready(tmp_path / "plain").description["notes"][0]
    assert said.startswith("20 records have a label (2 different), which is not trained on, only the text")
    assert "name the columns `prompt` and `completion`" in said
    other = [{"text": row["text"], "category": row["label"]} for row in rows]
    write_rows(tmp_path / "other", train=other)
    assert 'only `text` is trained on, "category" not' in ready(tmp_path / "other").description["notes"][0]


def test_the_lines_that_make_a_version_train_on_its_label_do(tmp_path: Path) -> None:
    words = "abcdefghij"
    rows = [{"text": f"{words[n % 10] * 5} {words[n // 10] * 4} is {n}?", "intent": f"i{n % 2}"} for n in range(40)]
    write_rows(tmp_path, rows=rows)
    source = "name: bank\nsources:\n  - name: a\n    path: rows.jsonl\n    label: intent\n"
    run_yaml(tmp_path, source)
    asked = recipe(version="bank@latest", store=str(tmp_path / "store"))
    said = prepare(asked, tmp_path, TOKENIZER).description["notes"][0]
    lines = re.findall(r"`([^`]*)`", said)
    assert lines == ["shape: prompt_completion", 'columns: {prompt: "text", completion: "intent"}']
    run_yaml(tmp_path, source + "".join(f"    {line}\n" for line in lines))
    prepared = prepare(asked, tmp_path, TOKENIZER)
    assert not any("label" in note for note in prepared.description["notes"])
    assert learnt(TOKENIZER, prepared.train.to_pylist()[0]).startswith("i")


def test_a_conversation_is_one_example_for_each_answer(tmp_path: Path) -> None:
    write_rows(tmp_path, train=[chat("a", "b", "c", "d", "e")], validation=many(1))
    prepared = ready(tmp_path)
    assert [learnt(TOKENIZER, each) for each in prepared.train.to_pylist()] == ["b<|im_end|>", "d<|im_end|>"]
    assert len(set(prepared.train["record_id"].to_pylist())) == 1


def test_outcomes_add_up(tmp_path: Path) -> None:
    rows = [*many(20), chat("no answer"), chat("empty", ""), chat("long", "0123456789" * 30), *many(1, 50)]
    write_rows(tmp_path, train=rows, validation=many(3, 100))
    prepared = ready(tmp_path, max_length=100)
    found = Counter(prepared.outcomes["outcome"].to_pylist())
    assert found == {"trained": 24, "dropped_no_answer": 2, "dropped_too_long": 1}
    assert sum(sum(of.values()) for of in prepared.description["outcomes"].values()) == len(prepared.outcomes)
    assert len(prepared.train) + len(prepared.validation) == found["trained"]
    labels = pc.list_flatten(prepared.train["labels"]).to_numpy()
    of_train = prepared.outcomes.filter(pc.equal(prepared.outcomes["split"], "train"))
    assert (labels != -100).sum() == pc.sum(of_train["trained_tokens"]).as_py()


def test_held_out_conversations_are_whole_and_share_no_opening_with_train(tmp_path: Path) -> None:
    rows = [chat(f"question {n % 40}", f"answer {n}", "and", "so on") for n in range(200)]
    write_rows(tmp_path / "a", train=rows)
    write_rows(tmp_path / "b", train=[*reversed(rows), *many(50)])
    one, other = ready(tmp_path / "a", validation=0.3), ready(tmp_path / "b", validation=0.3)
    sides = [{of: set(getattr(p, of)["record_id"].to_pylist()) for of in ("train", "validation")} for p in (one, other)]
    assert not sides[0]["train"] & sides[0]["validation"]
    assert one.description["overlap"] == {}
    assert len(one.validation) % 10 == 0, "five conversations of two answers begin with the same"
    assert sides[0]["validation"] <= sides[1]["validation"], "more rows move none to the other side"


def test_a_question_of_validation_that_stands_in_train_is_found_however_it_is_written(tmp_path: Path) -> None:
    write_rows(tmp_path, train=[chat("ﬁve FEES ", "x"), *many(9)], validation=[chat("Five  fees", "y"), *many(1, 99)])
    prepared = ready(tmp_path)
    (found,) = prepared.overlap.to_pylist()
    assert found["record_id"] in prepared.validation["record_id"].to_pylist()
    assert found["other_record_id"] in prepared.train["record_id"].to_pylist()
    with pytest.raises(RefusedError, match=r"1 example \(50\.0%\) of validation asks what train asks; 0\.0% may"):
        check_limits(prepared, recipe(folder="."))
    check_limits(prepared, recipe(folder=".", limits={"overlap": 0.5}))


@pytest.mark.parametrize("name", ["test", "testing", "eval"])
def test_a_test_split_is_compared_with_train_and_with_validation(tmp_path: Path, name: str) -> None:
    asked = many(12)
    rows = {name: [asked[3], asked[11], chat("new", "x")]}
    write_rows(tmp_path, train=asked[:10], validation=asked[10:], **rows)
    prepared = ready(tmp_path)
    assert prepared.description["overlap"] == {"test": 2}
    assert prepared.description["files"]["test"] == [f"{name}.jsonl"]
    pairs = [(each["row"], each["other_split"], each["other_row"]) for each in prepared.overlap.to_pylist()]
    assert pairs == [(1, "train", 4), (2, "validation", 2)]
    assert len(prepared.outcomes) == 12, "nothing of it is trained on"
    with pytest.raises(RefusedError, match=r"2 examples \(66\.7%\) of test ask what train or validation asks"):
        check_limits(prepared, recipe(folder="."))


def test_a_test_split_is_compared_where_validation_is_held_out(tmp_path: Path) -> None:
    write_rows(tmp_path, train=many(20), test=many(20))
    found = ready(tmp_path)
    assert found.description["overlap"] == {"test": 20}
    assert {each["other_split"] for each in found.overlap.to_pylist()} == {"train", "validation"}
    assert found.description["files"]["validation"] == ["train.jsonl"]


def test_a_limit_that_is_passed_says_the_numbers_and_what_would_do(tmp_path: Path) -> None:
    rows = [*many(8), chat("long", "0123456789" * 30), chat("longer", "0123456789" * 31)]
    write_rows(tmp_path, train=rows, validation=many(10, 20))
    asked = recipe(folder=str(tmp_path), max_length=100, limits={"dropped": 0.05})
    with pytest.raises(
        RefusedError, match=r"2 examples \(10\.0%\) cannot be trained on: 2 dropped_too_long"
    ) as refusal:
        check_limits(prepare(asked, tmp_path, TOKENIZER), asked)
    needed = int(str(refusal.value.hint).split("max_length=")[1].split(";")[0])
    enough = recipe(folder=str(tmp_path), max_length=needed, limits={"dropped": 0.05})
    check_limits(prepare(enough, tmp_path, TOKENIZER), enough)


def test_cut_answers_are_counted_and_refused(tmp_path: Path) -> None:
    write_rows(tmp_path, train=[*many(8), chat("long", "0123456789" * 30)], validation=many(1, 20))
    prepared = ready(tmp_path, max_length=100, too_long="cut")
    assert len(prepared.train) == 9
    assert prepared.description["outcomes"]["train"] == {"trained": 8, "cut_lost_end": 1}
    with pytest.raises(RefusedError, match=r"1 example \(10\.0%\) lose their end"):
        check_limits(prepared, recipe(folder="."))


def test_a_mixture_repeats_and_thins_records_alike_every_time(tmp_path: Path) -> None:
    rows = [chat(f"{n}", "x", "y", "z") | {"source": "ab"[n % 2]} for n in range(200)]
    write_rows(tmp_path, train=rows, validation=many(1))
    whole = ready(tmp_path)
    mixed = ready(tmp_path, mixture={"weights": {"a": 2.5, "b": 0.25}})
    times = Counter(mixed.train["record_id"].to_pylist())
    of_group = {"a": 0, "b": 0}
    for record, group in dict(
        zip(whole.train["record_id"].to_pylist(), whole.train["group"].to_pylist(), strict=True)
    ).items():
        assert times[record] in ({"a": (4, 6), "b": (0, 2)}[group]), "both answers of a conversation alike"
        of_group[group] += times[record]
    assert 2.3 < of_group["a"] / 200 < 2.7
    assert 0.15 < of_group["b"] / 200 < 0.35
    assert mixed.train == ready(tmp_path, mixture={"weights": {"a": 2.5, "b": 0.25}}).train
    assert mixed.description["outcomes_digest"] == whole.description["outcomes_digest"]
    with pytest.raises(InputError, match='the source "bb"; did you mean "b"'):
        ready(tmp_path, mixture={"weights": {"bb": 2}})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"train": [{"question": "a", "answer": "b"}]}, 'found: "answer", "question"'),
        ({"train": [{"messages": [{"from": "human", "value": "a"}]}]}, "no `role` and `content`"),
        ({"train": [{"prompt": "a", "completion": ["b"]}]}, "`prompt` is no list of messages"),
        ({"train": many(1), "validation": [{"text": "a"}]}, "do not have the same columns"),
        ({"train": [chat("a", "b")]}, "every row asks the same"),
        ({"train": [chat("a")], "validation": [chat("a", "b")]}, "no example of train is left: 1 dropped_no_answer"),
        ({"train": many(3), "validation": []}, '"validation" has no rows'),
        ({"test": many(3)}, "no rows to train on"),
        ({"train": [chat("a", "b") | {"record_id": "1"}] * 2}, 'another row has its `record_id` "1"'),
        ({"train": [chat("a", "b") | {"tools": "{"}]}, "`tools` is no JSON list"),
    ],
)
def test_rows_that_cannot_be_trained_on_are_the_users_to_mend(
    tmp_path: Path, rows: dict[str, list[Any]], message: str
) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        ready(write_rows(tmp_path / "data", **rows))


def test_no_such_folder_version_or_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "rows.xyz").write_text("a")
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\n{"te')
    for name, message in (("none", "no such folder"), ("rows.xyz", "unknown kind"), ("rows.jsonl", "cannot load it")):
        with pytest.raises(InputError, match=message):
            ready(tmp_path / name)
    with pytest.raises(InputError, match="no store here"):
        prepare(recipe(version="support@latest"), tmp_path, TOKENIZER)


@pytest.mark.parametrize("name", ["rows[1].jsonl", "rows.json", "rows.csv", "rows.parquet"])
def test_a_single_file_is_train(tmp_path: Path, name: str) -> None:
    import polars as pl

    frame = pl.DataFrame({"prompt": ["a", "b", "c"], "completion": ["d", "e", "f"]})
    path = tmp_path / name
    if name.endswith(".parquet"):
        frame.write_parquet(path)
    elif name.endswith(".csv"):
        frame.write_csv(path)
    elif name.endswith(".json"):
        path.write_text(json.dumps(frame.to_dicts()))
    else:
        frame.write_ndjson(path)
    prepared = ready(path, validation=0.4)
    assert len(prepared.train) + len(prepared.validation) == 3


def test_the_second_start_takes_all_from_the_cache_and_another_setting_does_not(tmp_path: Path) -> None:
    write_rows(tmp_path / "data", train=many(50))
    first = ready(tmp_path / "data", tmp_path / "cache")
    again = ready(tmp_path / "data", tmp_path / "cache")
    assert cached.load(tmp_path / "cache", first.digest) is not None
    for name in ("train", "validation", "outcomes", "overlap"):
        assert getattr(first, name) == getattr(again, name)
    assert first.description == again.description
    digests = {first.digest, ready(tmp_path / "data", max_length=64).digest}
    write_rows(tmp_path / "data", train=many(51))
    digests.add(ready(tmp_path / "data").digest)
    TOKENIZER.chat_template, before = TOKENIZER.chat_template + " ", TOKENIZER.chat_template
    digests.add(ready(tmp_path / "data").digest)
    TOKENIZER.chat_template = before
    assert len(digests) == 4


def test_a_damaged_entry_is_made_anew_and_old_ones_go(tmp_path: Path) -> None:
    write_rows(tmp_path / "data", train=many(50))
    first = ready(tmp_path / "data", tmp_path / "cache")
    (tmp_path / "cache" / first.digest / "train.parquet").write_bytes(b"PAR1")
    assert ready(tmp_path / "data", tmp_path / "cache").train == first.train
    assert cached.load(tmp_path / "cache", first.digest) is not None
    for number in range(cached.KEPT):
        cached.save(tmp_path / "cache", replace(first, digest=str(number)), {})
    assert len(list((tmp_path / "cache").iterdir())) == cached.KEPT


def test_two_at_once_end_with_one_entry(tmp_path: Path) -> None:
    prepared = ready(write_rows(tmp_path / "data", train=many(50)))
    writers = [threading.Thread(target=cached.save, args=(tmp_path / "cache", prepared, {"n": 1})) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [prepared.digest]
    assert cached.load(tmp_path / "cache", prepared.digest) is not None


def test_a_version_without_rows_to_train_on_says_what_it_has(tmp_path: Path) -> None:
    said = [("user", "hi"), ("assistant", "yo")]
    write_version(tmp_path / "store", [Row("a" * 32, said, split="validation")])
    with pytest.raises(InputError, match="support@1 has no rows in train: validation has 1"):
        prepare(recipe(version="support@latest"), tmp_path, TOKENIZER)
    with pytest.raises(InputError, match="has no version '7'"):
        prepare(recipe(version="support@7"), tmp_path, TOKENIZER)


def test_a_version_of_real_rows_is_trained_on_with_the_ids_of_its_records(tmp_path: Path, shared_data: Path) -> None:
    lines = (shared_data / "intents/banking77_train.csv").read_text(encoding="utf-8").splitlines()[:400]
    (tmp_path / "bank.csv").write_text("\n".join(lines), encoding="utf-8")
    text = "name: bank\nsources:\n  - path: bank.csv\n    template: {prompt: '{text}', completion: '{category}'}\n"
    result = run_yaml(tmp_path, text)
    version = dataprep.open("bank@latest", store=tmp_path / "store")
    prepared = prepare(recipe(version="bank@latest"), tmp_path, TOKENIZER)
    assert result.version_id == prepared.description["version_id"]
    for split in ("train", "validation"):
        rows = version.split(split)
        examples = getattr(prepared, split).to_pylist()
        assert [each["record_id"] for each in examples] == rows["record_id"].to_list()
        assert [learnt(TOKENIZER, each) for each in examples] == [f"{c}<|im_end|>" for c in rows["completion"]]
    assert set(prepared.outcomes["split"].to_pylist()) == {"train", "validation"}, "test is never read"
    assert prepared.description["overlap"] == {}
