"""What is asked of a decision, by a run, a plan or a what-if alike, and how much of it budgets allow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from dataprep.against import Against
from dataprep.budgets.check import measure_budgets
from dataprep.budgets.report import BudgetReport
from dataprep.contaminated import Suite
from dataprep.decided import Question
from dataprep.decisions.entries import Decisions
from dataprep.decisions.file import read_decisions
from dataprep.file_job import PreparedFile
from dataprep.gather import Gathered
from dataprep.pairing import Paired
from dataprep.pipeline.load import LoadedPipeline
from dataprep.pipeline.resolve import effective_rules
from dataprep.sketched import near_parts
from dataprep.store.meta_columns import MetaColumn


def read_stated(loaded: LoadedPipeline) -> Decisions:
    """What people decided, from the file that the pipeline names.

    Raises:
        InputError: the file is absent or has a mistake.
    """
    named = loaded.pipeline.decisions
    return Decisions() if named is None else read_decisions(loaded.base / named)


def ask(
    loaded: LoadedPipeline,
    prepared: Sequence[PreparedFile],
    gathered: Gathered,
    paired: Paired | None,
    decisions: Decisions,
    against: Against,
    suite: Suite | None,
) -> Question:
    """What is to be decided about prepared files; neither the parent version nor what is known or found is."""
    return Question(
        pipeline=loaded.pipeline,
        rules=effective_rules(loaded.pipeline),
        gathered=gathered,
        paired=paired,
        rows=sum(item.summary.rows for item in prepared),
        rejects=[item.prepare.name for item in prepared],
        sketches=near_parts(prepared),
        decisions=decisions,
        against=against,
        suite=suite,
    )


def weigh(question: Question, records: Sequence[Path], meta: Sequence[MetaColumn]) -> BudgetReport:
    """Measure the budgets of what was decided.

    Raises:
        InputError: a slice by a column that the data does not have.
    """
    with duckdb.connect() as con:
        return measure_budgets(con, records, question.pipeline.budgets, question.decisions.accepted, meta)
