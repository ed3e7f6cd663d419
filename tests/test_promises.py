"""The promises of the design, each as a test that can fail."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import polars as pl
import pytest

import dataprep
from dataprep.clean import CLEANERS
from dataprep.clean.edits import Edit, undo
from dataprep.errors import InputError
from tests.making import pair, pairs, run_yaml, split, table, write_jsonl

EXAMPLE = Path(__file__).parents[1] / "examples" / "assistant"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> dataprep.flow.RunResult:
    return dataprep.run(EXAMPLE / "pipeline.yaml", store=tmp_path_factory.mktemp("example"))


def test_rows_are_records_and_rejects_and_records_are_kept_held_and_dropped(example):
    counts = example.counts
    records = table(example, "records")
    assert counts["rows"] == counts["records"] + counts["rejects"]
    assert counts["records"] == counts["kept"] + counts["held"] + counts["dropped"] == records.height
    by_status = dict(records.group_by("status").len().iter_rows())
    assert by_status == {"kept": counts["kept"], "dropped": counts["dropped"]} | (
        {"held": counts["held"]} if counts["held"] else {}
    )
    assert sum(counts["splits"].values()) == counts["kept"]


def test_the_funnel_adds_up_line_by_line(example):
    funnel = example.funnel
    remaining = funnel["records"][0]
    for line in funnel.filter(pl.col("action").is_in(["reject", "drop", "hold", "flag"])).iter_rows(named=True):
        remaining -= line["records"]
        assert line["remaining"] == remaining
    assert funnel.filter(pl.col("action") == "keep")["records"].sum() == remaining


def test_every_record_that_left_has_one_decisive_verdict_that_names_its_rule(example):
    left = table(example, "records").filter(pl.col("status") != "kept")
    decisive = table(example, "ledger").filter("decisive")
    assert decisive.height == left.height
    joined = left.join(decisive, on="record_id", suffix="_ledger")
    assert joined.filter(
        (pl.col("rule") != pl.col("rule_ledger")) | (pl.col("step") != pl.col("step_ledger"))
    ).is_empty()


def test_undoing_the_edits_of_every_record_gives_the_source_rows_back(tmp_path):
    rows = [
        pair("voilÃ\xa0 le travail?  \r\nYes\u200b", "Oui.<|endoftext|>"),
        pair("plain question that needs nothing", "plain answer"),
        pair("\tbell \x07 rings", "trailing   \nspace <|endoftext|><|endoftext|>"),
    ]
    source = write_jsonl(tmp_path / "a.jsonl", rows)
    result = dataprep.run(source, store=tmp_path / "store")
    records = table(result, "records").sort("row")
    text = pl.concat([split(result, name) for name in result.counts["splits"]])
    edits = table(result, "ledger").filter(pl.col("action") == "edit")
    assert edits.height >= 4
    for row, record_id in zip(rows, records["record_id"], strict=True):
        cleaned = text.row(by_predicate=pl.col("record_id") == record_id, named=True)
        contents = [cleaned["prompt"], cleaned["completion"]]
        for verdict in reversed(edits.filter(pl.col("record_id") == record_id)["edits"].to_list()):
            for turn in range(2):
                changes = [
                    Edit(edit["start"], edit["end"], edit["original"], edit["replacement"])
                    for edit in verdict
                    if edit["turn"] == turn
                ]
                contents[turn] = undo(contents[turn], changes)
        assert contents == [row["prompt"], row["completion"]]


def test_a_cleaner_that_throws_on_one_record_holds_that_record_and_no_other(tmp_path, monkeypatch):
    original = CLEANERS["control_characters"].edits

    def throws_on_seven(self, text):
        if "number after 7," in text:
            raise ZeroDivisionError("seven")
        return original(self, text)

    monkeypatch.setattr(CLEANERS["control_characters"], "edits", throws_on_seven)
    rows = [pair(row["prompt"] + "\x07", row["completion"]) for row in pairs(20)]
    result = dataprep.run(write_jsonl(tmp_path / "a.jsonl", rows), store=tmp_path / "store")
    assert (result.counts["held"], result.counts["kept"]) == (1, 19)
    verdict = table(result, "ledger").row(by_predicate=pl.col("decisive"), named=True)
    assert (verdict["step"], verdict["rule"], verdict["action"]) == ("clean", "cleaner_failed", "hold")
    assert "seven" in verdict["detail"]


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten files of rows with copies, repeats within and across files, blanks and debris."""
    folder = tmp_path_factory.mktemp("messy")
    rows = (
        pairs(300)
        + pairs(60)
        + [pair("What is the number after 3, please?", "Four.")]
        + [pair("", "x"), pair("a b c", None)]
    )
    rows += [pair(row["prompt"].upper(), row["completion"] + "<|endoftext|>") for row in pairs(40, start=100)]
    random.Random(1).shuffle(rows)
    for index in range(10):
        write_jsonl(folder / f"part-{index}.jsonl", rows[index::10])
    return folder


@pytest.fixture(scope="module")
def messy_text(messy: Path) -> str:
    """A pipeline file for these files."""
    return f"name: messy\nsources: [{{name: s, path: '{messy}/*.jsonl'}}]\n"


@pytest.fixture(scope="module")
def first(messy_text: str, tmp_path_factory: pytest.TempPathFactory) -> dataprep.flow.RunResult:
    """Their first version, which every other way of making it must give."""
    return run_yaml(tmp_path_factory.mktemp("first"), messy_text)


@pytest.mark.parametrize(("workers", "block_bytes"), [(1, 8_000_000), (2, 700), (4, 2_000), (2, 50_000)])
def test_workers_and_block_sizes_do_not_change_the_version(first, messy_text, tmp_path, workers, block_bytes):
    other = run_yaml(tmp_path, messy_text, workers=workers, block_bytes=block_bytes)
    assert other.version_id == first.version_id


def test_renamed_reordered_and_recut_files_give_the_same_version(first, messy, tmp_path):
    lines = [line for file in sorted(messy.glob("*.jsonl")) for line in file.read_bytes().splitlines(keepends=True)]
    random.Random(2).shuffle(lines)
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "z.jsonl").write_bytes(b"".join(lines[:50]))
    (other / "a.jsonl").write_bytes(b"".join(lines[50:]))
    second = run_yaml(tmp_path, f"name: messy\nsources: [{{name: s, path: '{other}'}}]\n")
    assert second.version_id == first.version_id


def test_the_hash_seed_of_the_process_does_not_change_the_version(first, messy_text, tmp_path):
    path = tmp_path / "pipeline.yaml"
    path.write_text(messy_text)
    program = "import sys, dataprep; print(dataprep.run(sys.argv[1], store=sys.argv[2]).version_id, hash('seed'))"
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-c", program, path, tmp_path / "store"],
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    version_id, hashed = done.stdout.split()
    assert int(hashed) != hash("seed")
    assert version_id == first.version_id


def test_an_unchanged_run_gives_the_existing_version_and_a_changed_rule_a_new_number(first, messy_text, tmp_path):
    shutil.copytree(first.path.parent.parent, tmp_path / "store", symlinks=True)
    again = run_yaml(tmp_path, messy_text)
    changed = run_yaml(tmp_path, messy_text, overrides=["rules.too_short.threshold=8"])
    assert (first.number, first.unchanged) == (1, False)
    assert (again.number, again.unchanged, again.version_id) == (1, True, first.version_id)
    assert (changed.number, changed.unchanged) == (2, False)
    assert changed.version_id != first.version_id


def normal(text: str) -> str:
    return " ".join(text.casefold().split())


def test_no_train_record_shares_its_input_with_a_held_out_one(messy, tmp_path):
    result = run_yaml(
        tmp_path,
        f"name: messy\nsources: [{{path: '{messy}/*.jsonl'}}]\nsplits: {{train: 0.5, validation: 0.25, test: 0.25}}\n",
    )
    inputs = {name: {normal(text) for text in split(result, name)["prompt"]} for name in result.counts["splits"]}
    assert inputs.keys() == {"train", "validation", "test"}
    assert not inputs["train"] & (inputs["validation"] | inputs["test"])
    assert not inputs["validation"] & inputs["test"]


def test_exact_duplicates_are_those_that_brute_force_finds(first):
    text = pl.concat([split(first, name).select("prompt", "completion") for name in first.counts["splits"]])
    kept = [(normal(prompt), normal(completion)) for prompt, completion in text.iter_rows()]
    assert len(kept) == len(set(kept))
    wanted = {(normal(row["prompt"]), normal(row["completion"])) for row in pairs(300)}
    assert set(kept) == wanted | {("what is the number after 3, please?", "four.")}


def test_a_dropped_copy_names_the_copy_that_stays(first):
    records = table(first, "records")
    copies = records.filter(pl.col("rule") == "exact_duplicate")
    assert copies.height == 100
    kept = set(records.filter(pl.col("status") == "kept")["record_id"])
    assert set(copies["partner_id"]) <= kept


def test_the_given_held_out_side_stays_whole_and_the_train_member_leaks(tmp_path):
    write_jsonl(tmp_path / "train.jsonl", [*pairs(10), pair("Same question here?", "Train answer.")])
    write_jsonl(
        tmp_path / "test.jsonl",
        [*pairs(3), *pairs(1), pair("same  question HERE?", "Test answer."), *pairs(5, start=50)],
    )
    result = run_yaml(
        tmp_path,
        f"""
name: given
sources:
  - {{name: train, path: '{tmp_path}/train.jsonl', split: train}}
  - {{name: test, path: '{tmp_path}/test.jsonl', split: test}}
""",
    )
    assert result.counts["splits"] == {"train": 7, "test": 10}
    left = table(result, "records").filter(pl.col("status") == "dropped")
    assert dict(left.group_by("rule").len().iter_rows()) == {"leaks_into_test": 4}
    reasons = table(result, "ledger").filter(pl.col("rule") == "leaks_into_test")["detail"].value_counts()
    assert dict(reasons.iter_rows()) == {"same record": 3, "same input": 1}
    flagged = table(result, "ledger").filter((pl.col("rule") == "exact_duplicate") & (pl.col("action") == "flag"))
    assert flagged.height == 1


def test_groups_that_the_user_names_stay_in_one_split_even_when_questions_link_them(tmp_path):
    rows = [pair(f"Question number {n} about billing?", f"Answer {n}.", customer=f"c{n // 3}") for n in range(150)]
    rows += [
        pair(f"Question number {n} about billing?", "Another answer.", customer=f"c{(n + 60) // 3}") for n in range(6)
    ]
    source = write_jsonl(tmp_path / "a.jsonl", rows)
    result = run_yaml(
        tmp_path,
        f"name: g\nsources: [{{path: '{source}', group: customer}}]\n"
        "splits: {train: 0.6, validation: 0.2, test: 0.2}\n",
    )
    records = table(result, "records")
    assert result.counts["kept"] == 156
    assert records.group_by("group_key").agg(pl.col("split").n_unique())["split"].max() == 1
    linked = records.filter(pl.col("group_key").is_in(["c0", "c20"]))
    assert linked["group_id"].n_unique() == 1


def test_a_published_version_stays_readable_when_the_cache_and_the_catalog_are_gone(example, tmp_path):
    store = tmp_path / "copy"
    shutil.copytree(example.path.parent.parent, store)
    shutil.rmtree(store / "cache")
    shutil.rmtree(store / "catalog")
    assert dataprep.open("assistant@latest", store=store).split("train").height == example.counts["splits"]["train"]


def test_a_mistake_in_a_rule_is_found_before_anything_is_read(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", pairs(3))
    steps = []
    with pytest.raises(InputError, match="did you mean"):
        run_yaml(
            tmp_path,
            f"name: r\nsources: [{{path: '{source}'}}]\nrules: {{x: {{signal: n_word, op: '<', threshold: 3}}}}\n",
            on_event=lambda event: steps.append(event.step),
        )
    assert "prepare" not in steps


def test_readers_of_the_catalog_never_see_an_error_while_runs_publish(messy_text, tmp_path):
    run_yaml(tmp_path, messy_text)
    seen, errors, done = [], [], threading.Event()

    def read():
        while not done.wait(0.005):
            try:
                with duckdb.connect(tmp_path / "store" / "catalog" / "current.duckdb", read_only=True) as con:
                    seen.append(con.sql("select count(distinct version), count(text) from records").fetchall()[0])
            except duckdb.Error as error:
                errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for threshold in (6, 7, 8, 9):
        run_yaml(tmp_path, messy_text, overrides=[f"rules.too_short.threshold={threshold}"])
    done.set()
    reader.join()
    assert errors == []
    assert [versions for versions, _ in seen] == sorted(versions for versions, _ in seen)
    assert seen[0][0] >= 1
    assert all(texts > 0 for _, texts in seen)


def test_whole_sources_go_where_splits_by_source_say(tmp_path):
    for name, start in (("old", 0), ("new", 5), ("held", 8)):
        write_jsonl(tmp_path / f"{name}.jsonl", pairs(5, start=start))
    sources = ", ".join(f"{{name: {name}, path: '{tmp_path}/{name}.jsonl'}}" for name in ("old", "new", "held"))
    result = run_yaml(
        tmp_path,
        f"name: s\nsources: [{sources}]\n"
        "splits: {by: source, sources: {old: train, new: validation, held: test}}\n",
    )
    assert result.counts["splits"] == {"train": 5, "validation": 5, "test": 5}
    assert table(result, "records").group_by("source").agg(pl.col("split").n_unique())["split"].max() == 1
    assert any("validation and in test" in note for note in result.notes)


def test_a_split_column_gives_each_row_its_split_and_rows_without_one_are_held(tmp_path):
    rows = [
        row | {"fold": fold} for row, fold in zip(pairs(6), ["train", "dev", "test", "training", "", None], strict=True)
    ]
    source = write_jsonl(tmp_path / "a.jsonl", rows)
    result = run_yaml(
        tmp_path, f"name: c\nsources: [{{path: '{source}', split_column: fold}}]\nsplits: {{by: given}}\n"
    )
    assert result.counts["splits"] == {"train": 2, "validation": 1, "test": 1}
    held = table(result, "records").filter(pl.col("status") == "held")
    assert set(held["rule"]) == {"no_given_split"}
