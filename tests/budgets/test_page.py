"""The page that a run over budget leaves, for people and for programs."""

from __future__ import annotations

from pathlib import Path

import orjson

from dataprep.budgets.page import BudgetError, page
from dataprep.budgets.report import BudgetLine, BudgetReport
from dataprep.budgets.stored import save_report, stored_report
from dataprep.store.layout import Store


def line(name: str = "too_short", gone: int = 30) -> BudgetLine:
    return BudgetLine(
        name=name,
        scope="rule",
        key=f"budgets.rules.{name}",
        values={},
        rules=(name,),
        records=100,
        gone=gone,
        share=gone / 100,
        budget=0.1,
        allowed=0.1,
        over=gone > 10,
        taken_by=((name, gone),),
        taken_from=(("tickets", gone),),
        examples=("8f3a", "\x1b[2Jid\u202e"),
    )


REPORT = BudgetReport((line(), line("empty", 12), line("null", 0)), measured=3, exceeded=2)


def test_the_page_names_the_budgets_what_would_have_gone_and_where() -> None:
    assert page(REPORT) == [
        "budget     records  gone  share  allowed",
        "---------  -------  ----  -----  -------",
        "too_short      100    30  30 %   10 %",
        "empty          100    12  12 %   10 %",
        "",
        "too_short would lose 30 of 100 records",
        "  by        too_short 30",
        "  from      tickets 30",
        "  such as   8f3a, \\x1b[2Jid\\u202e",
        "",
        "empty would lose 12 of 100 records",
        "  by        empty 12",
        "  from      tickets 12",
        "  such as   8f3a, \\x1b[2Jid\\u202e",
        "",
    ]


def test_nothing_over_budget_is_an_empty_page() -> None:
    assert page(BudgetReport((line(gone=1),), measured=1)) == []


def test_a_long_page_is_cut_and_says_so() -> None:
    many = BudgetReport(tuple(line(f"rule{index}") for index in range(30)), measured=30, exceeded=30)
    text = page(many)
    assert "and 10 more" in text
    assert sum("would lose" in each for each in text) == 20


def test_the_error_has_the_page_the_worst_budgets_key_and_what_to_do() -> None:
    error = BudgetError(REPORT, "run-1")
    assert (error.exit_code, error.step, error.key) == (1, "budgets", "budgets.rules.too_short")
    lines = str(error).split("\n")
    assert lines[0] == "budgets.rules.too_short, budgets: 2 budgets are exceeded; nothing was published"
    assert lines[2:-2] == page(REPORT)[:-1]
    for expected in ("dataprep held run-1", "raise budgets.rules.too_short", "accept-budget run-1 too_short --because"):
        assert expected in lines[-1]


def test_the_name_of_a_slice_is_quoted_for_the_shell() -> None:
    named = line('label="$(reboot)"')
    error = BudgetError(BudgetReport((named,), 1, 1), "run-1")
    assert """accept-budget run-1 'label="$(reboot)"' --because""" in str(error)


def test_a_report_survives_json_and_the_store(tmp_path: Path) -> None:
    assert BudgetReport.from_dict(orjson.loads(orjson.dumps(REPORT.as_dict()))) == REPORT
    store = Store(tmp_path)
    store.run("run-1").mkdir(parents=True)
    assert stored_report(store, "run-1") is None
    save_report(store, "run-1", REPORT)
    assert stored_report(store, "run-1") == REPORT
