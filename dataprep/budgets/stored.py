"""The measured budgets of a run, kept beside its record, so that `held` and `accept-budget` know them later."""

from __future__ import annotations

from typing import Final

import orjson

from dataprep.budgets.report import BudgetReport
from dataprep.store.files import write_atomically
from dataprep.store.inventory import read_json
from dataprep.store.layout import Store

_FILE: Final = "budgets.json"


def save_report(store: Store, run_id: str, report: BudgetReport) -> None:
    """Write `runs/<run>/budgets.json`."""
    data = orjson.dumps(report.as_dict(), option=orjson.OPT_INDENT_2)
    write_atomically(store.run(run_id) / _FILE, data)


def stored_report(store: Store, run_id: str) -> BudgetReport | None:
    """What a run measured; None where it stopped before that.

    Raises:
        InputError: the file cannot be read.
    """
    path = store.run(run_id) / _FILE
    return BudgetReport.from_dict(read_json(path)) if path.is_file() else None
