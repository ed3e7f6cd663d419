"""`dataprep verify --recompute`: does a version follow from its own text?"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from dataprep.errors import InputError
from dataprep.flow import RunResult
from dataprep.recompute import Recomputation, describe, parse_share, recompute
from dataprep.store.layout import Store
from tests.commands import Done, command
from tests.making import pair, pairs, run_yaml, write_jsonl

PIPELINE = """
name: tiny
sources: [{path: a.jsonl, name: s, label: kind}]
rules:
  thin: {when: "input_words < $threshold and meta_stars > 1", threshold: 6, value: input_words, action: flag}
  odd: {when: "label = 'odd' and source = 's'", value: label, action: hold}
  end_of_text_debris: {action: flag}
"""
DROPPED = pair("", "an answer", stars=3, kind="even")
HELD = pair("Which is the odd one?", "This is.", stars=1, kind="odd")
CLEANED = pair("White  space \u200b here, please?  ", "Yes <|endoftext|> and no.", stars=2.5, kind="even")
ROWS = [*({**row, "stars": 4, "kind": "even"} for row in pairs(30)), DROPPED, HELD, CLEANED]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("published")
    write_jsonl(folder / "a.jsonl", ROWS)
    return run_yaml(folder, PIPELINE)


@pytest.fixture
def store(published: RunResult, tmp_path: Path) -> Store:
    """A copy of the store, to be tampered with."""
    shutil.copytree(published.path.parent.parent, tmp_path / "store", symlinks=True)
    return Store(tmp_path / "store")


def checked(published: RunResult, share: float = 1.0, **options: Any) -> Recomputation:
    return recompute(Store(published.path.parent.parent), "tiny@1", share, **options)


def tamper(store: Store, version_id: str, table: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Change a table of a version, and its digest in the manifest with it."""
    folder = store.version(version_id)
    path = next((folder / table).glob("*.parquet"))
    schema = pq.read_schema(path)
    pq.write_table(change(pl.read_parquet(path)).to_arrow().cast(schema), path)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for entry in manifest["files"]:
        if entry["path"] == path.relative_to(folder).as_posix():
            data = path.read_bytes()
            entry.update(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
    (folder / "manifest.json").write_text(json.dumps(manifest))


def edit_manifest(store: Store, version_id: str, change: Callable[[dict[str, Any]], None]) -> None:
    path = store.version(version_id) / "manifest.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_text(json.dumps(manifest))


def where(record_id: str, name: str, value: Any) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Sets one column of one record."""
    new = pl.when(pl.col("record_id") == record_id).then(pl.lit(value)).otherwise(pl.col(name))
    return lambda frame: frame.with_columns(new.alias(name))


def record(published: RunResult, **conditions: Any) -> str:
    frame = pl.read_parquet(published.path / "records/*.parquet")
    return str(frame.filter(**conditions)["record_id"][0])


def test_a_fresh_version_follows_from_its_text(published: RunResult) -> None:
    result = checked(published)
    assert result.ok, list(describe(result))
    assert (result.records, result.population) == (len(ROWS), len(ROWS))
    assert {"thin", "odd", "end_of_text_debris", "too_short"} <= set(result.rules)
    assert len(result.signals) >= 20
    assert result.skipped == ()


def test_rules_fired_on_what_is_checked(published: RunResult) -> None:
    """Else the agreement above would say nothing of values, texts and fields."""
    ledger = pl.read_parquet(published.path / "ledger/*.parquet").filter(step="rules")
    assert {"thin", "odd", "end_of_text_debris", "empty"} <= set(ledger["rule"])


def test_a_sample_is_drawn_by_seed_and_grows_with_the_share(published: RunResult, store: Store) -> None:
    tamper(store, published.version_id, "signals", lambda signals: signals.with_columns(n_words=pl.lit(-1)))

    def sample(share: float, seed: int = 0) -> set[str | None]:
        return {problem.record_id for problem in recompute(store, "tiny@1", share, seed=seed).problems}

    least, tenth, half, whole = (sample(share) for share in (0.0001, 0.1, 0.5, 1))
    assert (len(least), len(tenth), len(whole)) == (1, 4, len(ROWS))
    assert tenth < half
    assert tenth == sample(0.1) != sample(0.1, seed=1)


def test_a_changed_signal_is_named_with_both_values(published: RunResult, store: Store) -> None:
    chosen = record(published, status="kept")
    tamper(store, published.version_id, "signals", where(chosen, "symbol_share", 0.5))
    (problem,) = recompute(store, "tiny@1", 1.0).problems
    assert (problem.record_id, problem.what, problem.name, problem.stored) == (chosen, "signal", "symbol_share", 0.5)
    assert problem.recomputed != 0.5


def test_a_float_that_differs_in_its_last_bit_differs(published: RunResult, store: Store) -> None:
    chosen = record(published, status="kept")
    signals = pl.read_parquet(published.path / "signals/*.parquet").filter(record_id=chosen)
    nearly = signals["symbol_share"][0] * (1 + 2**-52)
    tamper(store, published.version_id, "signals", where(chosen, "symbol_share", nearly))
    assert [problem.name for problem in recompute(store, "tiny@1", 1.0).problems] == ["symbol_share"]


def test_a_verdict_that_was_added_is_found_and_the_id_with_it(published: RunResult, store: Store) -> None:
    chosen = record(published, status="kept")

    def add(ledger: pl.DataFrame) -> pl.DataFrame:
        line = ledger.filter(rule="empty").with_columns(record_id=pl.lit(chosen))
        return pl.concat([ledger, line])

    tamper(store, published.version_id, "ledger", add)
    verdict, identity = recompute(store, "tiny@1", 1.0).problems
    assert (verdict.record_id, verdict.what, verdict.name) == (chosen, "verdict", "empty")
    assert (verdict.stored, verdict.recomputed) == ("drop 1.0", None)
    assert (identity.what, identity.stored) == ("version_id", published.version_id)


def test_a_verdict_that_is_gone_is_found(published: RunResult, store: Store) -> None:
    tamper(store, published.version_id, "ledger", lambda ledger: ledger.filter(pl.col("rule") != "odd"))
    verdict, _ = recompute(store, "tiny@1", 1.0).problems
    assert (verdict.name, verdict.stored, verdict.recomputed) == ("odd", None, "hold odd")


def test_a_changed_text_is_found_by_digest_and_signals(published: RunResult, store: Store) -> None:
    chosen = record(published, status="dropped")
    turns = [
        {"role": "user", "content": "Another?", "extra": None},
        {"role": "assistant", "content": "", "extra": None},
    ]

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(turns=pl.Series([turns] * frame.height, dtype=frame["turns"].dtype))

    tamper(store, published.version_id, "removed", change)
    problems = recompute(store, "tiny@1", 1.0).problems
    assert {problem.record_id for problem in problems} == {chosen}
    assert {"content_digest", "signal"} <= {problem.what for problem in problems}


def test_a_changed_split_is_found_by_the_id_alone(published: RunResult, store: Store) -> None:
    chosen = record(published, split="train")
    tamper(store, published.version_id, "records", where(chosen, "split", "test"))
    (problem,) = recompute(store, "tiny@1", 0.01).problems
    assert (problem.record_id, problem.what) == (None, "version_id")


def test_signals_of_another_version_are_not_compared_and_this_is_said(published: RunResult, store: Store) -> None:
    edit_manifest(store, published.version_id, lambda manifest: manifest["signals"]["versions"].update(size=99))
    chosen = record(published, status="kept")
    tamper(store, published.version_id, "signals", where(chosen, "n_words", 0))
    result = recompute(store, "tiny@1", 1.0)
    assert result.skipped == ("signals size: measured by version 99, this code has 1",)
    assert "n_words" not in result.signals
    assert [(problem.what, problem.name) for problem in result.problems] == [("verdict", "too_short")]


def test_a_rule_that_this_code_cannot_run_is_not_compared(published: RunResult, store: Store) -> None:
    def rename(manifest: dict[str, Any]) -> None:
        manifest["pipeline"]["rules"][0]["signal"] = "no_such_signal"
        manifest["pipeline"]["rules"][1]["colour"] = "red"

    edit_manifest(store, published.version_id, rename)
    result = recompute(store, "tiny@1", 1.0)
    assert [words.split(":")[0] for words in result.skipped] == ["rule missing", "rule null"]
    assert result.ok


def test_dropped_records_without_text_are_left_out(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", ROWS)
    run_yaml(tmp_path, PIPELINE + "output: {keep_removed: none}\n")
    result = recompute(Store(tmp_path / "store"), "tiny@1", 1.0)
    assert result.ok
    assert result.population == len(ROWS) - 1


@pytest.mark.parametrize("text", ["0", "-1%", "101%", "1.5", "x", "", "nan", "1%%", "1% of all"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no share"):
        parse_share(text)


def test_what_is_not_as_published_is_not_computed_from(published: RunResult, store: Store) -> None:
    next(store.version(published.version_id).glob("signals/*.parquet")).unlink()
    done = command("verify", "tiny@1", "--store", store.root, "--recompute", "1%")
    assert done.code == 1
    assert "not computed anew" in done.out


def test_the_command_exits_1_and_names_record_and_signal(published: RunResult, store: Store) -> None:
    def verify(*options: str) -> Done:
        return command("verify", "tiny@1", "--store", store.root, *options)

    chosen = record(published, status="kept")
    tamper(store, published.version_id, "signals", where(chosen, "n_words", 3))
    told = verify("--recompute", "100%")
    assert told.code == 1
    assert f"record {chosen}: signal n_words, stored 3, recomputed 1" in told.out
    answer = json.loads(verify("--recompute", "1", "--json").stdout)
    assert answer["problems"] == []
    assert not answer["ok"]
    assert answer["recomputed"]["problems"][0]["record_id"] == chosen
