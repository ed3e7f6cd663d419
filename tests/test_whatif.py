"""What-if gives exactly what a run would give, and says where it cannot know."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dataprep
from dataprep.budgets.page import BudgetError
from dataprep.errors import InputError

WORDS = [
    "refund",
    "card",
    "order",
    "late",
    "open",
    "close",
    "broken",
    "please",
    "where",
    "when",
    "the",
    "a",
    "my",
    "is",
]
LABELS = ("billing", "delivery", "other", None)


def write_rows(path: Path, *, rows: int, seed: int = 0) -> Path:
    """Short tickets with repeated questions and answers, labels and customers."""
    drawn = random.Random(seed)
    lines = []
    for _ in range(rows):
        question = " ".join(drawn.choices(WORDS, k=drawn.randint(1, 6)))
        answer = " ".join(drawn.choices(WORDS, k=drawn.randint(1, 12)))
        lines.append(
            {
                "question": question,
                "answer": answer,
                "label": drawn.choice(LABELS),
                "customer": str(drawn.randint(0, rows // 3)),
                "day": f"2026-01-{drawn.randint(1, 28):02d}",
            }
        )
    lines += drawn.choices(lines, k=rows // 10)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def write_pipeline(folder: Path) -> Path:
    write_rows(folder / "tickets.jsonl", rows=150, seed=1)
    write_rows(folder / "more.jsonl", rows=60, seed=2)
    pipeline = folder / "pipeline.yaml"
    pipeline.write_text(
        """
name: tickets
sources:
  - {name: tickets, path: tickets.jsonl, label: label, group: customer, time: day}
  - {name: more, path: more.jsonl, label: label, time: day}
rules:
  short_answer: {signal: n_words, op: "<", threshold: 3, action: drop}
  long_answer: {signal: n_words, op: ">", threshold: 14, action: hold}
splits: {by: group, train: 0.8, validation: 0.1, test: 0.1}
""",
        encoding="utf-8",
    )
    return pipeline


CHANGES = st.lists(
    st.one_of(
        st.integers(0, 12).map(lambda n: f"rules.short_answer.threshold={n}"),
        st.sampled_from(["drop", "hold", "flag"]).map(lambda action: f"rules.long_answer.action={action}"),
        st.booleans().map(lambda on: f"dedup.exact={json.dumps(on)}"),
        st.sampled_from(["drop", "hold", "flag"]).map(lambda action: f"dedup.action={action}"),
        st.just("dedup.prefer=[more]"),
        st.integers(0, 3).map(lambda seed: f"splits.seed={seed}"),
        st.booleans().map(lambda on: f"splits.sticky={json.dumps(on)}"),
        st.booleans().map(lambda on: f"splits.stratify={json.dumps(on)}"),
        st.sampled_from(["group", "time"]).map(lambda by: f"splits.by={by}"),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda change: change.partition("=")[0],
)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whatif")
    dataprep.run(write_pipeline(folder), store=folder / "store")
    return folder


@given(changes=CHANGES)
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_answer_is_what_a_run_gives(
    ran: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[str]
) -> None:
    check_answer(ran, tmp_path_factory, changes)


@pytest.mark.slow
@given(changes=CHANGES)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_answers_to_a_hundred_changes_are_what_runs_give(
    ran: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[str]
) -> None:
    check_answer(ran, tmp_path_factory, changes)


def check_answer(ran: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[str]) -> None:
    pipeline, store = ran / "pipeline.yaml", ran / "store"
    found = dataprep.whatif(pipeline, store=store, overrides=changes)

    copy = tmp_path_factory.mktemp("copy") / "store"
    shutil.copytree(store, copy, symlinks=True)
    now = dataprep.open("tickets@latest", store=copy).lineage()
    then = dataprep.run(pipeline, store=copy, overrides=changes)
    moved = (
        side(now)
        .join(side(dataprep.open(then.version_id, store=copy).lineage()), on="record_id", suffix="_then")
        .filter(pl.col("side") != pl.col("side_then"))
    )
    expected = {row[0]: row[1:] for row in moved.select("record_id", "side", "side_then").iter_rows()}
    answered = {row[0]: row[1:] for row in found.changes.select("record_id", "before", "after").iter_rows()}
    assert answered == expected
    assert found.kept("after") == then.counts["splits"]
    assert found.moves["records"].sum() == now.height
    assert found.undetermined == 0
    assert list(found.notes) == list(then.notes)


def side(records: pl.DataFrame) -> pl.DataFrame:
    return records.select("record_id", pl.coalesce("split", "status").alias("side"))


def test_a_copy_comes_back_when_the_record_that_stood_in_for_it_goes(tmp_path: Path) -> None:
    rows = [
        {"question": "Where is my card?", "answer": "On its way to you.", "rank": 1},
        {"question": "Where is my card?", "answer": "On its way to you.", "rank": 2},
    ]
    data = tmp_path / "a.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    dataprep.run(data, store=tmp_path / "store")
    rule = "rules.first={when: 'meta_rank = 1', action: drop}"
    for change, gone in ((rule, 1), (rule.replace("1'", "2'"), 2)):
        found = dataprep.whatif(data, store=tmp_path / "store", overrides=[change])
        assert sum(found.kept("after").values()) == 1, gone
        assert found.by_rule.filter(pl.col("rule") == "exact_duplicate")["after"].sum() == 0


def test_what_is_stored_is_asked_without_the_compiler(ran: Path) -> None:
    """numba, and pandas behind pyarrow's back, take longer to load than a million records to decide about."""
    program = (
        "import sys, dataprep\n"
        "found = dataprep.whatif(sys.argv[1], store=sys.argv[2], overrides=['rules.short_answer.threshold=6'])\n"
        "heavy = {'numba', 'pandas', 'scipy', 'ftfy', 'pyarrow.dataset'} & set(sys.modules)\n"
        "print(found.changes.height > 0, sorted(heavy))"
    )
    command = [sys.executable, "-c", program, str(ran / "pipeline.yaml"), str(ran / "store")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "True []"


def test_budgets_are_those_of_the_changed_run(ran: Path) -> None:
    change = ["rules.short_answer.threshold=8", "budgets.rules={short_answer: 0.2}"]
    found = dataprep.whatif(ran / "pipeline.yaml", store=ran / "store", overrides=change)
    assert found.budgets is not None
    (line,) = found.budgets.over
    with pytest.raises(BudgetError) as refused:
        dataprep.run(ran / "pipeline.yaml", store=ran / "store", overrides=change)
    assert refused.value.report.over == (line,)


def test_examples_show_records_that_change_sides(ran: Path) -> None:
    found = dataprep.whatif(
        ran / "pipeline.yaml", store=ran / "store", overrides=["rules.short_answer.threshold=6"], examples=3
    )
    assert len(found.examples) == 3
    for example in found.examples:
        assert example.before != example.after
        assert example.text.startswith("user: ")


def test_other_cleaning_is_undetermined_not_guessed(ran: Path) -> None:
    found = dataprep.whatif(ran / "pipeline.yaml", store=ran / "store", overrides=["clean.cleaners=[whitespace]"])
    assert set(found.missing) == {"tickets.jsonl", "more.jsonl"}
    assert found.undetermined == found.moves["records"].sum()
    assert found.kept("after") == {}


def test_of_files_that_are_stored_only_what_a_record_s_own_rules_decide_is_known(ran: Path) -> None:
    found = dataprep.whatif(
        ran / "pipeline.yaml",
        store=ran / "store",
        overrides=["sources.1.label=customer", "rules.short_answer.threshold=5"],
    )
    assert found.missing == ("more.jsonl",)
    known = found.moves.filter(pl.col("after") != "undetermined")
    assert set(known["after"]) <= {"dropped", "held"}
    assert 0 < known["records"].sum() < found.moves["records"].sum()


def test_what_was_never_run_has_no_answer(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "a.jsonl", rows=10)
    with pytest.raises(InputError, match="nothing is stored yet"):
        dataprep.whatif(data, store=tmp_path / "store", overrides=["dedup.exact=false"])
    assert not (tmp_path / "store").exists()
