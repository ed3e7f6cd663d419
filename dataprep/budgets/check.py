"""Measuring budgets: what share of the records went, overall, by rule and by slice.

Reads the narrow table of records that deciding left, no text: a run over budget has written nothing yet, and one whose
budget was raised decides nothing again.
Every share is one division of two counts, so that 29 of 100 records are exactly the 0.29 of the pipeline file; a
product (0.29 x 100 = 28.999…) would call them over.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import duckdb

from dataprep.budgets.config import OVERALL, SLICE_FIELDS, BudgetConfig, SliceBudget
from dataprep.budgets.report import BudgetLine, BudgetReport, Scope, percent
from dataprep.console import counted
from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted
from dataprep.sqlfiles import quote_identifier, read_sql
from dataprep.store.meta_columns import MetaColumn
from dataprep.store.views import parquet

WARN_SHARE: Final = 0.5
"""A source that loses more than this share is warned of where no budget speaks of sources."""
MAX_LINES: Final = 1_000
"""Slices over one budget that are listed; how many there are in all is counted beside."""
_DETAILED: Final = 20
"""Lines of one budget of which it is looked up who took what; a page shows no more."""
_EXAMPLES: Final = 3
_TAKERS: Final = 5

_PLAIN: Final = re.compile(r"[\w.@/+-]+")
_LONGEST_VALUE: Final = 60
"""Characters of a value in a slice's name; people type it."""


@dataclass(frozen=True, slots=True)
class _Measure:
    """One budget of the file: how its slices are told apart in SQL, and what of them counts."""

    scope: Scope
    key: str
    budget: float
    by: tuple[str, ...] = ()
    slice_sql: str = "[]"
    rules: tuple[str, ...] = ()
    min_rows: int = 1

    def rules_counted(self) -> list[str] | None:
        """The rules as a value for SQL; null for all."""
        return list(self.rules) or None


@dataclass(frozen=True, slots=True)
class _Table:
    """The table of records, asked in SQL."""

    con: duckdb.DuckDBPyConnection
    relation: str

    def takers(self) -> dict[str | None, int]:
        """Records that each rule took; under None those that stayed."""
        return dict(self._ask("budget_takers", "[]"))

    def slices(self, measure: _Measure) -> list[tuple[list[str | None], int, int]]:
        """For each slice its values, its records and how many of them are gone."""
        values = {"rules": measure.rules_counted(), "min_rows": measure.min_rows}
        return self._ask("budget_slices", measure.slice_sql, values)

    def losses(
        self, measure: _Measure, slices: Sequence[Sequence[str | None]]
    ) -> list[tuple[list[str | None], str, str, int]]:
        """For these slices: values, `rule`, `source` or `record`, its name, and how many records."""
        values = {"rules": measure.rules_counted(), "slices": slices, "examples": _EXAMPLES}
        return self._ask("budget_losses", measure.slice_sql, values)

    def _ask(self, query: str, slice_sql: str, values: dict[str, Any] | None = None) -> list[Any]:
        filled = {"{records}": self.relation, "{slice}": slice_sql}  # in one pass: a column may be called {records}
        text = re.sub(r"\{(records|slice)\}", lambda brace: filled[brace[0]], read_sql(f"steps/{query}"))
        return self.con.execute(text, values).fetchall()


def check_rule_names(config: BudgetConfig, known: Collection[str]) -> None:
    """Refuse budgets of rules that do not exist, which would never say no.

    Args:
        config: the budgets.
        known: names of all rules of the run, default and built-in ones included.

    Raises:
        InputError: a name is unknown.

    >>> check_rule_names(BudgetConfig(rules={"too_shrt": 0.1}), ["too_short"])
    Traceback (most recent call last):
    dataprep.errors.InputError: budgets.rules.too_shrt: there is no rule "too_shrt"; did you mean "too_short"?
      next: rules: too_short
    """
    named = [(f"budgets.rules.{name}", name) for name in config.rules]
    named += [
        (f"budgets.slices.{index}.rules", name) for index, budget in enumerate(config.slices) for name in budget.rules
    ]
    for key, name in named:
        if name not in known:
            message = f"there is no rule {quoted(name)}{_meant(name, known)}"
            raise InputError(message, key=key, hint=f"rules: {', '.join(known)}")


def measure_budgets(
    con: duckdb.DuckDBPyConnection,
    records: Sequence[Path],
    config: BudgetConfig,
    accepted: Mapping[str, float],
    meta: Sequence[MetaColumn] = (),
) -> BudgetReport:
    """Measure all budgets of a decided run.

    Args:
        con: any connection; nothing is left in it.
        records: the Parquet files of the run's table `records` (`dataprep.store.tables.RECORDS`).
        config: the budgets of the pipeline file.
        accepted: by name of a budget, the share up to which a person accepted it.
        meta: the user columns, for slices by `meta_*`.

    Raises:
        InputError: a slice by a column that the data does not have.
    """
    table = _Table(con, parquet(records))
    takers = table.takers()
    lines: list[BudgetLine] = []
    names: set[str] = set()
    measured = exceeded = 0
    for measure in _measures(config, meta):
        found = [_allow(line, accepted) for line in _lines(table, measure, takers)]
        names.update(line.name for line in found if line.name in accepted)
        over = sorted((line for line in found if line.over), key=_badness)
        measured += len(found)
        exceeded += len(over)
        lines += _with_losses(table, measure, over[:MAX_LINES])
        lines += sorted((line for line in found if not line.over), key=_badness)[:1]
    lines.sort(key=_badness)
    unmet = [name for name in sorted(accepted) if name not in names]
    return BudgetReport(
        lines=tuple(lines),
        measured=measured,
        exceeded=exceeded,
        warnings=tuple(_source_warnings(table, config)),
        notes=tuple(f"the accepted budget {quoted(name)} meets none of this run" for name in unmet),
    )


def slice_name(values: Mapping[str, str | None], rules: Sequence[str] = ()) -> str:
    """What people call a slice: short, on one line, and different for different slices.

    Args:
        values: its columns and their values.
        rules: the rules that its budget counts; empty for all.

    >>> slice_name({"source": "tickets", "label": None}, ["too_short"])
    'source=tickets label=null (too_short)'
    >>> slice_name({"label": "null"}), slice_name({"label": "give a refund"})
    ('label="null"', 'label="give a refund"')
    """
    named = " ".join(
        f"{_shown(column)}={'null' if value is None else _shown(value)}" for column, value in values.items()
    )
    return f"{named} ({', '.join(rules)})" if rules else named


def _shown(text: str) -> str:
    if len(text) > _LONGEST_VALUE:
        return quoted(f"{text[: _LONGEST_VALUE // 2]}… {sha256(text.encode()).hexdigest()[:12]}", None)
    return text if _PLAIN.fullmatch(text) and text != "null" else quoted(text, None)


def _measures(config: BudgetConfig, meta: Sequence[MetaColumn]) -> list[_Measure]:
    measures = [] if config.overall is None else [_Measure("overall", "budgets.overall", config.overall)]
    measures += [
        _Measure("rule", f"budgets.rules.{name}", budget, rules=(name,)) for name, budget in config.rules.items()
    ]
    return measures + [_slice_measure(budget, index, meta) for index, budget in enumerate(config.slices)]


def _slice_measure(budget: SliceBudget, index: int, meta: Sequence[MetaColumn]) -> _Measure:
    known = {name: quote_identifier(name) for name in SLICE_FIELDS}
    known |= {column.name: column.sql for column in meta}
    for place, name in enumerate(budget.by):
        if name not in known:
            message = f"the data has no column {quoted(name)}{_meant(name, known)}"
            key = f"budgets.slices.{index}.by.{place}"
            raise InputError(message, key=key, hint=f"columns: {', '.join(map(quoted, known))}")
    values = ", ".join(f"({known[name]})::varchar" for name in budget.by)
    key = f"budgets.slices.{index}"
    return _Measure("slice", key, budget.share, budget.by, f"[{values}]", budget.rules, budget.min_rows)


def _lines(table: _Table, measure: _Measure, takers: Mapping[str | None, int]) -> Iterator[BudgetLine]:
    """A budget's lines before anything was accepted: one, or one for each slice that is large enough."""
    if measure.scope == "slice":
        for values, records, gone in table.slices(measure):
            slice_values = dict(zip(measure.by, values, strict=True))
            yield _line(measure, slice_name(slice_values, measure.rules), slice_values, records, gone)
        return
    gone = sum(count for rule, count in takers.items() if rule is not None and rule in (measure.rules or (rule,)))
    name = measure.rules[0] if measure.rules else OVERALL
    yield _line(measure, name, {}, sum(takers.values()), gone)


def _line(measure: _Measure, name: str, values: dict[str, str | None], records: int, gone: int) -> BudgetLine:
    return BudgetLine(
        name=name,
        scope=measure.scope,
        key=measure.key,
        values=values,
        rules=measure.rules,
        records=records,
        gone=gone,
        share=gone / records if records else 0.0,
        budget=measure.budget,
        allowed=measure.budget,
        over=False,
    )


def _allow(line: BudgetLine, accepted: Mapping[str, float]) -> BudgetLine:
    allowed = max(line.budget, accepted.get(line.name, 0.0))
    return replace(line, allowed=allowed, over=line.share > allowed)


def _badness(line: BudgetLine) -> tuple[float, int, str, str]:
    return (line.allowed - line.share, -line.gone, line.key, line.name)


def _with_losses(table: _Table, measure: _Measure, lines: Sequence[BudgetLine]) -> list[BudgetLine]:
    """The lines, the worst of them with who took the records, from where, and a few of these."""
    if not lines:
        return []
    losses: dict[tuple[str | None, ...], dict[str, list[tuple[str, int]]]] = {}
    for values, kind, name, count in table.losses(measure, [list(line.values.values()) for line in lines[:_DETAILED]]):
        losses.setdefault(tuple(values), {}).setdefault(kind, []).append((name, count))
    detailed = []
    for line in lines:
        loss = losses.get(tuple(line.values.values()), {})
        detailed.append(
            replace(
                line,
                taken_by=tuple(loss.get("rule", [])[:_TAKERS]),
                taken_from=tuple(loss.get("source", [])[:_TAKERS]),
                examples=tuple(name for name, _ in loss.get("record", [])),
            )
        )
    return detailed


def _source_warnings(table: _Table, config: BudgetConfig) -> Iterator[str]:
    if any(budget.by == ("source",) for budget in config.slices):
        return
    measure = _slice_measure(SliceBudget(by=("source",), share=WARN_SHARE, min_rows=1), 0, ())
    lines = [line for each in _lines(table, measure, {}) if (line := _allow(each, {})).over]
    for line in _with_losses(table, measure, sorted(lines, key=_badness)):
        took = "".join(f", {rule} {count:,}" for rule, count in line.taken_by)
        lost = f"lost {line.gone:,} of {counted(line.records, 'record')} ({percent(line.share)}){took}"
        yield f"source {quoted(line.values['source'] or '')} {lost}"


def _meant(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:100], list(known), n=1)
    return f"; did you mean {quoted(near[0])}?" if near else ""
