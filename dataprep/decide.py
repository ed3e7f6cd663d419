"""Decide: the set side of the flow. Rules, which copy stays, splits; every outcome with a verdict.

Works in a private DuckDB database on the gathered table, where keys are numbers. Text never enters. Each step adds
verdicts and then settles the records it decided; a record that is out takes no part in later steps, though rules are
evaluated on all records and pairs are found among all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import duckdb
import numpy as np
import pyarrow as pa

from dataprep.errors import InputError
from dataprep.gather import Gathered
from dataprep.parent import Parent
from dataprep.pipeline.models import Pipeline
from dataprep.record import SPLITS
from dataprep.rules.compile import CompiledRule, compile_rules, verdicts_sql
from dataprep.rules.config import RuleConfig
from dataprep.rules.tree import ColumnKind
from dataprep.signals import signal_columns
from dataprep.splits.assign import Division, bridging, leaking
from dataprep.splits.inherit import inherit
from dataprep.splits.members import NONE, Flags, Members, group_members, load_members
from dataprep.sqlfiles import parquet_list, quote_identifier, read_sql
from dataprep.store.meta_columns import MetaColumn

SplitMode = Literal["group", "time", "source", "given"]

DECIDE_VERSION: Final = 1
"""Raised by hand whenever the same gathered table and configuration are decided differently."""

FIELDS: Final[dict[str, ColumnKind]] = {
    "source": "text",
    "label": "text",
    "given_split": "text",
    "group_key": "text",
    "time": "text",
    "layout": "text",
}
"""Fields of a record that rules may use beside signals and `meta_*`."""

_KINDS: Final[dict[str, ColumnKind]] = {
    "VARCHAR": "text",
    "JSON": "text",
    "BIGINT": "number",
    "DOUBLE": "number",
    "BOOLEAN": "bool",
}

_BY_HAND: Final = -4
"""Position of what people decided: before everything."""
_AFTER_RULES: Final = 1_000
"""Positions of the built-in rules: behind any number of rules that a pipeline file can hold."""

_DETAILS: Final = {"bridges_splits": "its group is in two splits"}

BUILT_IN: Final = (
    (_BY_HAND, "decisions", "dropped_by_hand", "drop"),
    (_BY_HAND, "decisions", "released_by_hand", "release"),
    (-1, "clean", "cleaner_failed", "hold"),
    (_AFTER_RULES, "dedup", "exact_duplicate", None),
    (_AFTER_RULES, "dedup", "leaks_into_test", "drop"),
    (_AFTER_RULES, "dedup", "leaks_into_validation", "drop"),
    (_AFTER_RULES + 1, "splits", "no_given_split", "hold"),
    (_AFTER_RULES + 1, "splits", "no_time", "hold"),
    (_AFTER_RULES + 2, "splits", "bridges_splits", "hold"),
    (_AFTER_RULES + 3, "splits", "leaks_into_test", "drop"),
    (_AFTER_RULES + 3, "splits", "leaks_into_validation", "drop"),
)
"""Position, step, rule and action of what decides beside the pipeline's rules; None: as `dedup.action` says."""


@dataclass(slots=True)
class Decision:
    """What deciding found, beside the tables it left in the database (outcome, pairs, fate, verdicts, funnel)."""

    mode: SplitMode
    meta: list[MetaColumn]
    rules: list[CompiledRule]
    notes: list[str] = field(default_factory=list)


def rule_columns(meta: Sequence[MetaColumn]) -> dict[str, ColumnKind]:
    """Every column that a rule may name, with its kind."""
    columns: dict[str, ColumnKind] = dict(FIELDS)
    for name, column in signal_columns().items():
        columns[name] = "bool" if pa.types.is_boolean(column.dtype) else "number"
    columns.update({column.name: _KINDS[column.type] for column in meta})
    return columns


def check_rules(rules: Mapping[str, RuleConfig]) -> None:
    """Find mistakes in rules before hours of reading; what only the data can tell (`meta_*`) waits for `decide`.

    Raises:
        InputError: one rule has a mistake; ManyInputErrors: several have.
    """
    texts = {name: " ".join(filter(None, (rule.when, rule.signal, rule.value))) for name, rule in rules.items()}
    compile_rules({name: rule for name, rule in rules.items() if "meta_" not in texts[name]}, rule_columns([]))


def decide(
    con: duckdb.DuckDBPyConnection,
    pipeline: Pipeline,
    rules: Mapping[str, RuleConfig],
    gathered: Gathered,
    *,
    parent: Parent | None = None,
    manual: pa.Table | None = None,
) -> Decision:
    """Run rules, duplicates and splits; leaves the tables `outcome`, `verdicts`, `fate` and `pairs` in `con`.

    Args:
        con: a database with the views of `Gathered.attach`.
        pipeline, rules: the configuration; rules with defaults filled in.
        gathered: what the views show.
        parent: the version whose splits stay as they are.
        manual: what people decided: columns row, decision, split, detail.

    Raises:
        InputError: a rule with a mistake, splits that cannot be made.
    """
    compiled = compile_rules(rules, rule_columns(gathered.meta))
    con.execute(read_sql("steps/verdicts"))
    if manual is not None and manual.num_rows:
        con.register("by_hand", manual)
        con.execute("insert into manual select row, decision, split, detail from by_hand")
        con.unregister("by_hand")
    if parent is not None:
        same_rows = parent.gathered == gathered.fingerprint
        kept = read_sql("steps/parent_same_rows" if same_rows else "steps/parent_other_rows")
        inherit(con, con.sql(kept.replace("$records", parquet_list(parent.records))).to_arrow_table())
    _make_facts(con, gathered.meta, compiled)
    decision = Decision(mode=split_mode(con, pipeline), meta=gathered.meta, rules=compiled)
    _apply_rules(con, compiled)
    _make_core(con, pipeline, decision.mode)
    _remove_copies(con, pipeline)
    _split(con, pipeline, decision, sticky=parent is not None)
    con.execute(read_sql("steps/outcome"))
    return decision


def make_funnel(con: duckdb.DuckDBPyConnection, pipeline: Pipeline, decision: Decision, rows: int) -> None:
    """Make the table `funnel` from what was decided and the table `rejected`.

    Args:
        con: holds both.
        pipeline, decision: what was decided, and how.
        rows: rows read.
    """
    lines = [(position, step, rule, action or pipeline.dedup.action) for position, step, rule, action in BUILT_IN]
    lines += [(index, "rules", rule.name, rule.action) for index, rule in enumerate(decision.rules)]
    names = ("position", "step", "rule", "action")
    con.register("rule_order", pa.table(dict(zip(names, map(list, zip(*lines, strict=True)), strict=True))))
    con.execute(f"create table funnel as {read_sql('steps/funnel')}", {"rows": rows})
    con.unregister("rule_order")


def split_mode(con: duckdb.DuckDBPyConnection, pipeline: Pipeline) -> SplitMode:
    """The mode of this run; `auto` takes given splits where there are any, and divides by group what has none."""
    if pipeline.splits.by != "auto":
        return pipeline.splits.by
    given, records = con.sql("select count(given_split), count(*) from rows").fetchall()[0]
    return "given" if given and given == records else "group"


def _make_facts(con: duckdb.DuckDBPyConnection, meta: Sequence[MetaColumn], rules: Sequence[CompiledRule]) -> None:
    """Make the table `facts` that rules read, with only the columns that they name: a scan costs by column."""
    wanted = {name for rule in rules for name in rule.columns}
    columns = ["row", *(quote_identifier(name) for name in (*FIELDS, *signal_columns()) if name in wanted)]
    columns += [f"{column.sql} as {column.quoted}" for column in meta if column.name in wanted]
    fields = any(name in FIELDS for name in wanted) or any(column.name in wanted for column in meta)
    source = "rows join signals using (row)" if fields else "signals"
    con.execute(f"create table facts as select {', '.join(columns)} from {source}")


def _apply_rules(con: duckdb.DuckDBPyConnection, rules: Sequence[CompiledRule]) -> None:
    con.execute(read_sql("steps/manual"), {"position": _BY_HAND})
    con.execute(
        "insert into verdicts select row, 'ingest', 'duplicate_id', -2, 'flag', null, null, null, null, "
        "'id ' || user_id || ' is taken' from rows where id_was_taken; "
        "insert into verdicts select row, 'clean', 'cleaner_failed', -1, 'hold', null, null, null, null, "
        "cleaner || ': ' || error from edits where error is not null"
    )
    statement, parameters = verdicts_sql(rules, "facts")
    con.execute(
        "insert into verdicts select row, 'rules', rule, rule_index, action, value, threshold, null, null, value_text "
        f"from ({statement})",
        parameters,
    )
    con.execute(read_sql("steps/settle"))


def _make_core(con: duckdb.DuckDBPyConnection, pipeline: Pipeline, mode: SplitMode) -> None:
    names = pipeline.source_names
    preferred = {name: place for place, name in enumerate(pipeline.dedup.prefer)}
    if mode == "source":
        absent = [name for name in names if name not in pipeline.splits.sources]
        if absent:
            raise InputError(
                f"splits.sources does not say where source {absent[0]!r} belongs",
                key="splits.sources",
                hint=f"add `{absent[0]}: train` (or validation, test)",
            )
    con.register(
        "source_order",
        pa.table(
            {
                "source_index": pa.array(range(len(names)), pa.int32()),
                "preference": pa.array([preferred.get(name, len(preferred)) for name in names], pa.int32()),
                "split": pa.array([pipeline.splits.sources.get(name) for name in names], pa.string()),
            }
        ),
    )
    con.execute(read_sql("steps/core"), {"mode": pipeline.splits.by})
    con.unregister("source_order")


def _remove_copies(con: duckdb.DuckDBPyConnection, pipeline: Pipeline) -> None:
    con.execute(read_sql("steps/duplicates"))
    con.execute(
        read_sql("steps/copies"),
        {"action": pipeline.dedup.action if pipeline.dedup.exact else "none", "position": _AFTER_RULES},
    )
    con.execute(read_sql("steps/settle"))


def _split(con: duckdb.DuckDBPyConnection, pipeline: Pipeline, decision: Decision, *, sticky: bool) -> None:
    roll = load_members(con, labels=pipeline.splits.stratify, times=decision.mode == "time")
    members = roll.members
    lacking = {"given": "no_given_split", "time": "no_time"}.get(decision.mode)
    if lacking:
        absent = members.pin == NONE
        if decision.mode == "time":
            absent &= members.time == NONE
        members = _hold(con, members, absent, lacking, _AFTER_RULES + 1)
    group_members(members, roll)
    if sticky and (bridges := bridging(members)).any():
        members = _hold(con, members, bridges, "bridges_splits", _AFTER_RULES + 2)
        group_members(members, roll)
    members = _drop_leaks(con, members)
    division = Division(roll, members, pipeline.splits, decision.mode)
    decision.notes += division.notes
    splits = pa.DictionaryArray.from_arrays(pa.array(division.split), pa.array(SPLITS))
    con.register("placed", pa.table({"row": members.row, "split": splits.cast(pa.string()), "group_id": members.group}))


def _hold(con: duckdb.DuckDBPyConnection, members: Members, chosen: Flags, rule: str, position: int) -> Members:
    """Hold some records, unless a person released them; returns those still in."""
    if not chosen.any():
        return members
    con.register("chosen", pa.table({"row": members.row[chosen]}))
    con.execute(
        "insert into verdicts "
        "select row, 'splits', $rule, $position, 'hold', null, null, null, null, $detail from chosen",
        {"rule": rule, "position": position, "detail": _DETAILS.get(rule)},
    )
    con.unregister("chosen")
    return _still_in(con, members)


def _drop_leaks(con: duckdb.DuckDBPyConnection, members: Members) -> Members:
    leaks = leaking(members)
    if not leaks.any():
        return members
    torn = np.zeros(int(members.group.max()) + 1, np.bool_)
    torn[members.group[leaks]] = True
    affected = torn[members.group]
    side = np.where(members.held_out, len(SPLITS) - 1 - members.pin, 2)[affected]
    con.register(
        "affected",
        pa.table(
            {
                "row": members.row[affected],
                "node": members.node[affected],
                "group_id": members.group[affected],
                "side": side.astype(np.int64),
                "leaks": leaks[affected],
            }
        ),
    )
    con.execute(read_sql("steps/leaks"), {"position": _AFTER_RULES + 3})
    con.unregister("affected")
    return _still_in(con, members)


def _still_in(con: duckdb.DuckDBPyConnection, members: Members) -> Members:
    """Settle the verdicts given while splitting; what went is in no group any more."""
    con.execute(read_sql("steps/settle"))
    gone = con.sql("select row from fate where step = 'splits'").to_arrow_table()["row"].to_numpy()
    return members.where(~np.isin(members.row, gone))


def check_promises(con: duckdb.DuckDBPyConnection, rows: int, rejects: int) -> None:
    """Refuse to go on when the run does not add up or a split leaks: either is a bug of ours, never the user's.

    Raises:
        AssertionError: with the numbers that disagree.
    """
    records, kept, held, dropped = con.sql(
        """
        select count(*), count(*) filter (where status = 'kept' and split is not null),
            count(*) filter (where status = 'held'), count(*) filter (where status = 'dropped')
        from outcome
        """
    ).fetchall()[0]
    if rows != records + rejects or records != kept + held + dropped:
        raise AssertionError(
            f"rows {rows} = records {records} + rejects {rejects}; records = kept {kept} + held {held} + "
            f"dropped {dropped}: the run does not add up"
        )
    leaks = con.sql(read_sql("steps/leak_check")).fetchall()[0][0]
    if leaks:
        raise AssertionError(f"{leaks} records in train share an input with a held-out record")
