"""`trainer check`: what is shown is what would be trained on, and what becomes of each record is a table in SQL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import dataprep
from dataprep.errors import InputError, RefusedError
from dataprep.store import query
from dataprep.store.gc import gc
from dataprep.store.layout import Store
from tests.commands import command
from tests.making import pair, pairs, run_yaml, write_jsonl
from tests.store.builder import Row, write_version
from tests.trainer.rows import chat, recipe, write_rows
from tests.trainer.tiny import tiny_model, tiny_tokenizer
from trainer.check.ledger import write_ledger
from trainer.check.rows import look_at_rows
from trainer.check.rows_text import _packing, render
from trainer.check.run import check
from trainer.cli import app
from trainer.data.pack import Packing
from trainer.data.prepare import prepare
from trainer.recipe_file import load

TOKENIZER = tiny_tokenizer()
FASTER = "--set data.packing=false is faster"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model"))


def write_recipe(place: Path, model: Path, **data: Any) -> Path:
    path = place / "recipe.yaml"
    path.write_text(json.dumps({"name": "test", "data": data, "model": {"path": str(model)}}), encoding="utf-8")
    return path


def test_the_report_adds_up_and_marks_what_is_trained_on(tmp_path: Path) -> None:
    hostile = "x\x1b[2J⟦fake⟧"
    write_rows(tmp_path, train=[chat("hi", f"fee {n}", hostile, "ok") for n in range(20)], validation=[chat("a", "b")])
    asked = recipe(folder=str(tmp_path))
    prepared = prepare(asked, tmp_path, TOKENIZER)
    report = look_at_rows(prepared, asked, TOKENIZER)
    assert sum(each.examples for each in report.outcomes) == len(prepared.outcomes) == 41
    assert report.records == {"train": 20, "validation": 1}
    for sample in report.samples:
        assert [piece.trained for piece in sample.pieces] == [False, True]
        assert sample.pieces[1].text.endswith("<|im_end|>")
    text = "\n".join(render(report, 400))
    assert "\x1b" not in text
    assert "⟦fake⟧" not in text
    assert text.count("⟦") == text.count("⟧") == len(report.samples) == 3
    assert "⟦ok<|im_end|>⟧" in text


def test_a_long_answer_is_shown_with_its_end(tmp_path: Path) -> None:
    write_rows(tmp_path, train=[chat("a" * 999, "b" * 999)], validation=[chat("a", "b")])
    asked = recipe(folder=str(tmp_path), max_length=3000)
    text = "\n".join(render(look_at_rows(prepare(asked, tmp_path, TOKENIZER), asked, TOKENIZER), 9999))
    assert "⟦bbb" in text
    assert "bbb<|im_end|>⟧" in text
    assert len(text) < 2000


def test_a_version_has_one_funnel_from_raw_rows_to_trained_tokens(tmp_path: Path, model: Path) -> None:
    words = [[f"{'abcde'[n]}{word:x}" for word in range(99)] for n in range(5)]
    long = [pair(f"Why is it {each[17]}?", " ".join(each)) for each in words]
    rows = [*pairs(60), *long, pair("again?", "")]
    write_jsonl(tmp_path / "a.jsonl", rows)
    run_yaml(tmp_path, "name: sums\nsources:\n  - path: a.jsonl\n")
    version = dataprep.open("sums@latest", store=tmp_path / "store")
    path = write_recipe(tmp_path, model, version="sums@latest", store="store", max_length=100, limits={"dropped": 0.2})
    checked = check(load(path))
    checked.refuse()
    done = command("sql", "from tokens", "--store", tmp_path / "store", "--json")
    found = json.loads(done.out)
    kept = version.splits["train"] + version.splits.get("validation", 0)
    assert len({row["record_id"] for row in found}) == kept
    assert {row["version"] for row in found} == {1}
    assert {row["settings"] for row in found} == {checked.prepared.description["outcomes_digest"]}
    text = query.named_queries()["trained_tokens"].text.rstrip(";\n")
    ended = f"select rule, sum(examples)::int from ({text}) where step = 'tokens' group by all"
    outcomes = dict(version.sql(ended).rows())
    left = dict(version.sql(f"select action || '.' || rule, remaining from ({text}) where step = 'tokens'").rows())
    assert None not in left.values()
    learnt = "select count(distinct record_id) from tokens where split = 'train' and outcome = 'trained'"
    assert left["train.trained"] == version.sql(learnt).item()
    assert left.pop("test.not_trained_on", None) == version.splits.get("test")
    outcomes.pop("not_trained_on", None)
    assert outcomes["dropped_too_long"] >= 1
    assert sum(outcomes.values()) == len(checked.prepared.outcomes)
    store = Store(tmp_path / "store")
    joined = "select count(*) from tokens join records using (version_id, record_id) where status = 'kept'"
    assert query.sql(store, joined).item() == len(found)
    check(load(path))
    check(load(path, ["data.max_length=64"]))
    assert query.sql(store, "select count(distinct settings), count(distinct max_length) from tokens").row(0) == (2, 2)
    with duckdb.connect(str(store.current_catalog.resolve()), read_only=True) as con:
        assert con.sql("select count(*) from tokens").fetchall() == [(2 * len(found),)]


def test_the_table_of_tokens_goes_with_its_version_and_forgets_with_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    said = [("user", "hi"), ("assistant", "yo")]
    version_id = write_version(store.root, [Row("a" * 32, said), Row("b" * 32, [("user", "ho"), ("assistant", "yo")])])
    asked = recipe(version="support@1", store=str(store.root), validation=0.5)
    cache = store.root / "training/cache"
    path = write_ledger(prepare(asked, tmp_path, TOKENIZER, cache=cache), asked, beside=tmp_path)
    assert path.is_relative_to(store.derived(version_id))
    assert not [item for item in gc(store).items if item.kind == "derived"]
    forgotten = command("forget", "a" * 32, "--because", "asked", "--store", store.root)
    assert forgotten.code == 0, forgotten.err
    assert query.sql(store, "select record_id from tokens").rows() == [("b" * 32,)]
    for kept in cache.rglob("*.parquet"):
        assert "a" * 32 not in pq.read_table(kept)["record_id"].to_pylist()
    with pytest.raises(InputError, match="nothing to hold out"):  # not from the cache: one row is left
        prepare(asked, tmp_path, TOKENIZER, cache=cache)


def test_what_became_of_a_plain_folders_rows_lies_beside_its_runs(tmp_path: Path) -> None:
    write_rows(tmp_path / "data", train=[chat("hi", "yo"), chat("no answer")], validation=[chat("a", "b")])
    asked = recipe(folder=str(tmp_path / "data"))
    path = write_ledger(prepare(asked, tmp_path, TOKENIZER), asked, beside=tmp_path / "runs")
    table = pq.read_table(path)
    assert path.parent == tmp_path / "runs"
    assert sorted(table["outcome"].to_pylist()) == ["dropped_no_answer", "trained", "trained"]


def test_the_command_ends_with_what_the_rows_deserve(tmp_path: Path, model: Path) -> None:
    write_rows(tmp_path / "data", train=[chat("hi", "yo"), chat("a", "b")], validation=[chat("HI", "oh")])
    path = write_recipe(tmp_path, model, folder="data")
    refused, allowed, wrong = (
        CliRunner().invoke(app, ["check", str(path), *options])
        for options in ([], ["--set", "data.limits.overlap=1", "--json"], ["--set", "data.folder=none"])
    )
    assert isinstance(refused.exception, RefusedError)
    assert "overlap: 1 example of validation" in refused.output
    assert allowed.exit_code == 0, allowed.output
    report = json.loads(allowed.output)
    assert report["ok"]
    assert report["overlap_listed"][0]["examples"] == 1
    assert isinstance(wrong.exception, InputError)


def test_every_held_out_split_is_named_and_a_row_of_an_overlap_can_be_found(tmp_path: Path, model: Path) -> None:
    train = [chat(f"question {n}", "yo") for n in range(9)]
    write_rows(tmp_path / "data", train=train, validation=[chat("a", "b")], test=[chat("c", "d"), train[4]])
    path = write_recipe(tmp_path, model, folder="data")
    done = CliRunner().invoke(app, ["check", str(path), "--no-probe"])
    assert isinstance(done.exception, RefusedError)
    assert "overlap: no example of validation asks what train asks" in done.output
    assert "overlap: 1 example of test asks what train or validation asks" in done.output
    assert "  test.jsonl row 2 asks what train.jsonl row 5 asks" in done.output


def test_packing_that_makes_more_to_compute_is_said_with_what_to_set() -> None:
    def said(gain: float, *, packs: bool = True) -> str:
        return _packing(Packing(4, 1, 0.04, 0.15, gain), packs=packs)

    assert said(0.9).endswith("4 examples in 1 sequence, 1.1 times more to compute with packing: " + FASTER)
    assert said(1.0).endswith("as much to compute")
    assert said(1.4).endswith("1.4 times less to compute")
    assert said(1.4, packs=False).endswith("with --set data.packing=true")


def test_data_past_a_limit_are_shown_and_then_refused(tmp_path: Path, model: Path) -> None:
    write_rows(tmp_path / "data", train=[chat("hi", "yo"), chat("a", "b")], validation=[chat("HI", "oh")])
    checked = check(load(write_recipe(tmp_path, model, folder="data")))
    assert any("past a limit" in line for line in render(checked.rows, 100))
    with pytest.raises(RefusedError, match="asks what train asks"):
        checked.refuse()
