"""The queue of held records, of a version or of a stopped run, and how people answer it.

Answers go into a decisions file and change nothing by themselves: the next run reads them, if its pipeline file names
the file. So what is decided can be reviewed, undone, and repeated elsewhere.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import polars as pl

from dataprep.budgets.report import BudgetReport
from dataprep.budgets.stored import stored_report
from dataprep.decisions.entries import MAX_TEXT, AcceptedBudget, RecordDecision, SplitName, Verb
from dataprep.decisions.texts import run_texts
from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted
from dataprep.sqlfiles import read_sql
from dataprep.store import inventory
from dataprep.store.layout import Store
from dataprep.store.names import resolve
from dataprep.store.query import open_data, run_query, stopped_run

NEEDS_SPLIT: Final = ("no_given_split", "no_time")
"""Rules that hold a record because nothing says where it belongs: a release of it must."""

_MIN_PREFIX: Final = 4
"""Fewest characters that are taken for the start of an id."""
_HOLDERS: Final = "SELECT DISTINCT rule FROM records WHERE status = 'held' ORDER BY rule"
_BY_RULE: Final = (
    "SELECT record_id, status, step, rule, digest FROM records WHERE status = 'held' AND rule = $rule ORDER BY row"
)
_BY_ID: Final = (
    "SELECT record_id, status, step, rule, digest FROM records "
    "WHERE record_id = $asked OR ($prefix AND starts_with(record_id, $asked)) "
    "ORDER BY record_id <> $asked, record_id LIMIT 2"
)


@dataclass(frozen=True, slots=True)
class Why:
    """The reason that every decision has.

    Attributes:
        because: in words.
        who: the person.
        when: ISO 8601.

    Raises:
        InputError: one of them is empty, too long or no text.
    """

    because: str
    who: str
    when: str

    def __post_init__(self) -> None:
        for option, text in (("--because", self.because), ("--who", self.who)):
            if not text.strip() or len(text) > MAX_TEXT:
                raise InputError(f"expected some words, at most {MAX_TEXT:,} characters", key=option)
            if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
                raise InputError("some bytes of it are no UTF-8 text", key=option)


def held_records(store: Store, data: str, *, rule: str | None = None, each: int | None = None) -> pl.DataFrame:
    """The held records of a version or of a stopped run, with their text, rule by rule.

    Args:
        store: where to look.
        data: a version's name, such as `support@latest`, or a stopped run's id.
        rule: only what this rule holds.
        each: records of each rule, at most.

    Returns:
        record_id, step, rule, held_by_rule (how many this rule holds in all), value, threshold and detail of the
        verdict, label, source, path, line, digest, text (null where it is no longer there).

    Raises:
        InputError: `data` names nothing, or a run that stopped before anything was decided.
    """
    run = stopped_run(store, data)
    with open_data(store, data) as con:
        _check_decided(con, data)
        frame = run_query(con, read_sql("steps/held_records"), rule=rule, each=each)
    if run is None:
        return frame
    texts = run_texts(store, run, frame["digest"].to_list())
    return frame.with_columns(pl.Series("text", [texts.get(digest) for digest in frame["digest"]], pl.String))


def rule_reasons(store: Store, data: str) -> dict[str, str]:
    """Why the rules of a version or of a stopped run exist, by name, where the pipeline file says so."""
    run = stopped_run(store, data)
    described = run or inventory.manifest(store, resolve(store, data).version_id)
    rules = (described.get("pipeline") or {}).get("rules") or []
    return {rule["name"]: rule["because"] for rule in rules if rule.get("because")}


def decide_records(
    store: Store,
    data: str,
    asked: Sequence[str],
    verb: Verb,
    why: Why,
    *,
    to: SplitName | None = None,
    rule: str | None = None,
) -> list[RecordDecision]:
    """The decisions that somebody means by a few ids, or by a rule.

    Args:
        store, data: as for `held_records`.
        asked: ids of records, or at least four characters that one of them begins with.
        verb: release or drop.
        why: the reason.
        to: for a release, the split where the records belong.
        rule: all records that this rule holds, beside those asked for.

    Raises:
        InputError: nothing was asked for; a record is unknown or not in question; a release needs a split.
    """
    if not asked and rule is None:
        raise InputError(f"nothing to {verb}", hint="name records by their ids, or --all-of RULE")
    with open_data(store, data) as con:
        _check_decided(con, data)
        found = [_record(con, data, one) for one in asked]
        if rule is not None:
            found += _all_of(con, data, rule)
    for record in found:
        _check(record, verb, to)
    chosen = {record["record_id"]: record for record in found}
    return [
        RecordDecision(
            record=record["record_id"],
            digest=record["digest"],
            decision=verb,
            to=to,
            because=why.because,
            who=why.who,
            when=why.when,
        )
        for record in chosen.values()
    ]


def accept_exceeded(store: Store, run_id: str, name: str, why: Why) -> AcceptedBudget:
    """The decision to accept an exceeded budget of a stopped run, up to what had gone there.

    Args:
        store: where the run was.
        run_id: the run.
        name: the budget: `overall`, a rule's name, or a slice's values as the run showed them.
        why: the reason.

    Raises:
        InputError: no stopped run has this id, or no budget of it with this name is exceeded.
    """
    if stopped_run(store, run_id) is None:
        hint = "dataprep sql stopped_runs"
        raise InputError(f"no stopped run is called {quoted(run_id)}", hint=hint)
    report = stored_report(store, run_id) or BudgetReport()
    over = {line.name: line for line in report.over}
    if name not in over:
        near = difflib.get_close_matches(name[:100], over, n=1)
        meant = f"; did you mean {quoted(near[0], None)}?" if near else ""
        there = f"exceeded: {', '.join(over)}" if over else "none of its budgets is exceeded"
        raise InputError(f"no exceeded budget of this run is called {quoted(name)}{meant}", hint=there)
    return AcceptedBudget(
        accept_budget=name,
        up_to=_rounded_up(over[name].share),
        because=why.because,
        who=why.who,
        when=why.when,
    )


def _rounded_up(share: float) -> float:
    """A share that people can read and that still holds what was seen.

    >>> _rounded_up(2 / 3), _rounded_up(1 / 3), _rounded_up(0.25)
    (0.666667, 0.333334, 0.25)
    """
    rounded = round(share, 6)
    return rounded if rounded >= share else round(rounded + 1e-6, 6)


def _check_decided(con: duckdb.DuckDBPyConnection, data: str) -> None:
    if not run_query(con, "SELECT 1 AS one FROM funnel LIMIT 1").height:
        message = f"{quoted(data)} stopped before anything was decided; no record is held"
        raise InputError(message, hint='see what it rejected with `dataprep sql "from rejects"`')


def _record(con: duckdb.DuckDBPyConnection, data: str, asked: str) -> dict[str, Any]:
    rows = run_query(con, _BY_ID, asked=asked, prefix=len(asked) >= _MIN_PREFIX).to_dicts()
    if not rows:
        raise InputError(f"{quoted(data)} has no record {quoted(asked)}", hint=f"dataprep held {data}")
    if len(rows) > 1 and rows[0]["record_id"] != asked:
        listed = ", ".join(quoted(row["record_id"]) for row in rows)
        raise InputError(f"several ids begin with {quoted(asked)}: {listed}, …", hint="give more characters")
    return rows[0]


def _all_of(con: duckdb.DuckDBPyConnection, data: str, rule: str) -> list[dict[str, Any]]:
    rows = run_query(con, _BY_RULE, rule=rule).to_dicts()
    if not rows:
        rules = run_query(con, "SELECT DISTINCT rule FROM records WHERE status = 'held' ORDER BY rule")[
            "rule"
        ].to_list()
        there = f"rules that hold records: {', '.join(rules)}" if rules else "no record is held there"
        raise InputError(f"the rule {quoted(rule)} holds no record of {quoted(data)}", hint=there)
    return rows


def _check(record: dict[str, Any], verb: Verb, to: SplitName | None) -> None:
    record_id, status = record["record_id"], record["status"]
    by = f"by {record['step']}.{record['rule']}"
    if status == "dropped":
        hint = "a person's word undoes no drop; change the rule" if verb == "release" else None
        raise InputError(f"{quoted(record_id)} is dropped already, {by}", hint=hint)
    if verb == "release" and status != "held":
        raise InputError(f"{quoted(record_id)} is not held", hint="only held records can be released")
    if verb == "release" and to is None and record["rule"] in NEEDS_SPLIT:
        hint = "say where it belongs: --to train, validation or test"
        raise InputError(f"{quoted(record_id)} is held {by}: nothing says in which split it belongs", hint=hint)
