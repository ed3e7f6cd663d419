"""Decide: the set side of the flow. Rules, which copy stays, splits; every outcome with a verdict.

Works in a private DuckDB database on the gathered table, where keys are numbers. Text never enters. Each step adds
verdicts and then settles the records it decided; a record that is out takes no part in later steps, though rules are
evaluated on all records and pairs are found among all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from dataprep.contaminated import Contaminated, drop_contaminated
from dataprep.duplicates import remove_duplicates, stated_order
from dataprep.errors import InputError
from dataprep.gather import Gathered
from dataprep.kinds import cap_answers, check_conflicts, remove_prefixes, settle_conflicts
from dataprep.known import Known, drop_known
from dataprep.pairing import Paired
from dataprep.pairs.config import ConflictConfig, DedupConfig, NearConfig
from dataprep.parent import Parent
from dataprep.pipeline.models import Pipeline
from dataprep.record import SPLITS
from dataprep.rules.compile import CompiledRule, compile_rules, verdicts_sql
from dataprep.rules.config import RuleConfig
from dataprep.rules.tree import ColumnKind
from dataprep.signals import families, signal_columns
from dataprep.splits.alike import Alike, straddling
from dataprep.splits.assign import Division, bridging, leaking
from dataprep.splits.inherit import inherit, release
from dataprep.splits.members import (
    NONE,
    Flags,
    Ints,
    Keys,
    Members,
    Splits,
    group_members,
    load_keys,
    load_members,
)
from dataprep.sqlfiles import parquet_list, quote_identifier, read_sql
from dataprep.store.meta_columns import MetaColumn

SplitMode = Literal["group", "time", "source", "given"]

DECIDE_VERSION: Final = 5
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
_TEST_ITEM: Final = _AFTER_RULES - 2
_KNOWN: Final = _AFTER_RULES - 1
"""Test items, and what exists already, are out before it is decided which of several duplicates stays."""

_SPLITS: Final = _AFTER_RULES + 10
"""Positions of what splits decide."""

STATUSES: Final = ("kept", "held", "dropped")

_RECALL: Final = 0.99
"""Chance of a pair at the threshold to be nominated, below which a run says so."""
_DETAILS: Final = {"bridges_splits": "its group is in two splits"}

BUILT_IN: Final = (
    (_BY_HAND, "decisions", "dropped_by_hand", "drop"),
    (_BY_HAND, "decisions", "released_by_hand", "release"),
    (-1, "clean", "cleaner_failed", "hold"),
    (_TEST_ITEM, "dedup", "contains_test_item", None),
    (_KNOWN, "dedup", "known_before", None),
    (_AFTER_RULES, "dedup", "exact_duplicate", None),
    (_AFTER_RULES, "dedup", "near_duplicate", None),
    (_AFTER_RULES, "dedup", "leaks_into_test", "drop"),
    (_AFTER_RULES, "dedup", "leaks_into_validation", "drop"),
    (_AFTER_RULES + 1, "dedup", "prefix_of_longer", None),
    (_AFTER_RULES + 2, "dedup", "conflicting_answer", None),
    (_AFTER_RULES + 3, "dedup", "boilerplate_answer", None),
    (_SPLITS, "splits", "no_given_split", "hold"),
    (_SPLITS, "splits", "no_time", "hold"),
    (_SPLITS + 1, "splits", "bridges_splits", "hold"),
    (_SPLITS + 2, "splits", "leaks_into_test", "drop"),
    (_SPLITS + 2, "splits", "leaks_into_validation", "drop"),
)
"""Position, step, rule and action of what decides beside the pipeline's rules; None: as the pipeline says."""


@dataclass(slots=True)
class Decision:
    """What deciding found, beside the tables it left in the database (outcome, pairs, fate, verdicts, funnel)."""

    mode: SplitMode
    meta: list[MetaColumn]
    rules: list[CompiledRule]
    facts: dict[str, str]
    """For each rule the relation that it reads, as SQL."""
    outcome: pl.DataFrame = field(default_factory=pl.DataFrame)
    """The fate of every record, in order of rows: row, status, split, step, rule, partner, group_id."""
    notes: list[str] = field(default_factory=list)
    near: dict[str, Any] = field(default_factory=dict)
    """What was found of near duplicates: `Duplicates.describe`."""


def rule_columns(meta: Sequence[MetaColumn]) -> dict[str, ColumnKind]:
    """Every column that a rule may name, with its kind."""
    columns: dict[str, ColumnKind] = dict(FIELDS)
    for name, column in signal_columns().items():
        columns[name] = "bool" if pa.types.is_boolean(column.dtype) else "number"
    columns.update({column.name: _KINDS[column.type] for column in meta})
    return columns


def check_rules(rules: Mapping[str, RuleConfig], conflicts: ConflictConfig | None = None) -> None:
    """Find mistakes in rules before hours of reading; what only the data can tell (`meta_*`) waits for `decide`.

    Args:
        rules: all of them.
        conflicts: names a signal, as rules do.

    Raises:
        InputError: one rule has a mistake; ManyInputErrors: several have.
    """
    if conflicts is not None:
        check_conflicts(conflicts)
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
    paired: Paired | None = None,
    known: Known | None = None,
    contaminated: Contaminated | None = None,
) -> Decision:
    """Run rules, duplicates and splits; leaves the tables `verdicts`, `fate` and `pairs` and `outcome` in `con`.

    Args:
        con: a database with the views of `Gathered.attach`.
        pipeline, rules: the configuration; rules with defaults filled in.
        gathered: what the views show.
        parent: the version whose splits stay as they are.
        manual: what people decided: columns row, decision, split, detail.
        paired: the near duplicates among all records; None where none are looked for.
        known, contaminated: the records that exist already, or contain a benchmark item; None: none are looked for.

    Raises:
        InputError: a rule with a mistake, splits that cannot be made.
    """
    compiled = compile_rules(rules, rule_columns(gathered.meta))
    con.execute(read_sql("steps/verdicts"))
    if manual is not None:
        con.register("by_hand", manual)
        con.execute("insert into manual select row, decision, split, detail from by_hand")
        con.unregister("by_hand")
    facts = {rule.name: _facts(rule, gathered.meta) for rule in compiled}
    decision = Decision(mode=split_mode(con, pipeline), meta=gathered.meta, rules=compiled, facts=facts)
    with con.cursor() as reader, ThreadPoolExecutor(1) as beside:
        roll = beside.submit(_call_roll, reader, pipeline, decision.mode, gathered, parent)
        _apply_rules(con, decision)
    members, labels, input_keys = roll.result()
    release(members, con.sql("select row, split from manual where decision = 'release'").fetchall())
    given = members.given & members.held_out
    if contaminated is not None:
        drop_contaminated(con, contaminated, pipeline.benchmarks, pipeline.dedup.near, given, _TEST_ITEM)
        decision.notes += contaminated.notes()
    if known is not None:
        drop_known(con, known, pipeline.dedup, given, _KNOWN)
        con.execute(read_sql("steps/settle"))
        decision.notes += known.notes()
    preferred = {name: place for place, name in enumerate(pipeline.dedup.prefer)}
    preference = [preferred.get(name, len(preferred)) for name in pipeline.source_names]
    order = stated_order(con, members, preference, paired)
    found = remove_duplicates(con, pipeline.dedup, order, paired, gathered.records, _AFTER_RULES)
    decision.near = found.describe()
    decision.notes += _missed(pipeline.dedup.near)
    _settle(con, members)
    alike = found.alike.joined(_tell_kinds_apart(con, pipeline.dedup, members, preference))
    _hold_unplaced(con, decision.mode, members)
    _drop_alike(con, pipeline, members, alike, input_keys)
    group_members(members, input_keys, alike.among(members))
    if parent is not None and (bridges := bridging(members)).any():
        _hold(con, members, bridges, "bridges_splits", _SPLITS + 1)
        group_members(members, input_keys, alike.among(members))
    _drop_leaks(con, members)
    division = Division(members, labels, input_keys, pipeline.splits, decision.mode)
    decision.notes += division.notes
    decision.outcome = _outcome(con, gathered.records, members, division.split)
    con.register("outcome", decision.outcome)
    con.register("alike", pl.DataFrame(dict(zip("ab", members.row[alike.among(members)], strict=True))))
    return decision


def make_funnel(con: duckdb.DuckDBPyConnection, pipeline: Pipeline, decision: Decision, rows: int) -> None:
    """Make the table `funnel` from what was decided and the table `rejected`.

    Args:
        con: holds both.
        pipeline, decision: what was decided, and how.
        rows: rows read.
    """
    dedup = pipeline.dedup
    configured = {
        "contains_test_item": pipeline.benchmarks.action,
        "known_before": dedup.against_action,
        "exact_duplicate": dedup.action,
        "near_duplicate": dedup.near.action,
        "prefix_of_longer": dedup.prefixes,
        "conflicting_answer": "drop" if dedup.conflicts.action == "keep_best" else dedup.conflicts.action,
        "boilerplate_answer": dedup.answers.action,
    }
    lines = [(position, step, rule, action or configured[rule]) for position, step, rule, action in BUILT_IN]
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


def _facts(rule: CompiledRule, meta: Sequence[MetaColumn]) -> str:
    """What a rule reads as a relation: only its columns, straight from Parquet, whose statistics spare most of it.

    A table of all columns that rules name takes twice the time, and 8 bytes a record and column.
    """
    fields = [quote_identifier(name) for name in FIELDS if name in rule.columns]
    fields += [f"{column.sql} as {column.quoted}" for column in meta if column.name in rule.columns]
    read = [
        (quote_identifier(f"signals_{family.name}"), columns)
        for family in families()
        if (columns := [quote_identifier(each.name) for each in family.columns if each.name in rule.columns])
    ]
    if not read:
        return f"(select {', '.join(['row', *fields])} from rows)"
    (first, columns), *others = read
    # The files of all families stand side by side: parts are numbered in order, and rows within them.
    beside = "".join(f" positional join (select {', '.join(names)} from {view})" for view, names in others)
    joined = f" join (select {', '.join(['row', *fields])} from rows) using (row)" if fields else ""
    return f"(select * from (select {', '.join(['row', *columns])} from {first}){beside}{joined})"


def _apply_rules(con: duckdb.DuckDBPyConnection, decision: Decision) -> None:
    con.execute(read_sql("steps/manual"), {"position": _BY_HAND})
    con.execute(
        "insert into verdicts select row, 'ingest', 'duplicate_id', -2, 'flag', null, null, null, null, "
        "'id ' || user_id || ' is taken' from rows where id_was_taken; "
        "insert into verdicts select row, 'clean', 'cleaner_failed', -1, 'hold', null, null, null, null, "
        "cleaner || ': ' || error from edits where error is not null"
    )
    statement, parameters = verdicts_sql(decision.rules, "rows", instead=decision.facts)
    con.execute(
        "insert into verdicts select row, 'rules', rule, rule_index, action, value, threshold, null, null, value_text "
        f"from ({statement})",
        parameters,
    )
    con.execute(read_sql("steps/settle"))


def _call_roll(
    con: duckdb.DuckDBPyConnection, pipeline: Pipeline, mode: SplitMode, gathered: Gathered, parent: Parent | None
) -> tuple[Members, list[str], Keys]:
    """All records, pinned where the data, the pipeline file or the parent say so, their labels and input keys."""
    config = pipeline.splits
    sources = [config.sources.get(name, "") for name in pipeline.source_names]
    if mode == "source" and "" in sources:
        absent = pipeline.source_names[sources.index("")]
        raise InputError(
            f"splits.sources does not say where source {absent!r} belongs",
            key="splits.sources",
            hint=f"add `{absent}: train` (or validation, test)",
        )
    members, labels = load_members(con, by=config.by, sources=sources, labels=config.stratify, times=mode == "time")
    if parent is not None:
        same_rows = parent.gathered == gathered.fingerprint
        kept = read_sql("steps/parent_same_rows" if same_rows else "steps/parent_other_rows")
        inherit(members, con.sql(kept.replace("$records", parquet_list(parent.records))).pl())
    return members, labels, load_keys(con)


def _hold_unplaced(con: duckdb.DuckDBPyConnection, mode: SplitMode, members: Members) -> None:
    """Hold records that lack what they are divided by."""
    if mode == "given":
        _hold(con, members, members.pin == NONE, "no_given_split", _SPLITS)
    elif mode == "time":
        _hold(con, members, (members.pin == NONE) & (members.time == NONE), "no_time", _SPLITS)


def _hold(con: duckdb.DuckDBPyConnection, members: Members, chosen: Flags, rule: str, position: int) -> None:
    """Hold some records, unless a person released them."""
    if not chosen.any():
        return
    con.register("chosen", pl.DataFrame({"row": members.row[chosen]}))
    con.execute(
        "insert into verdicts "
        "select row, 'splits', $rule, $position, 'hold', null, null, null, null, $detail from chosen",
        {"rule": rule, "position": position, "detail": _DETAILS.get(rule)},
    )
    con.unregister("chosen")
    _settle(con, members)


def _tell_kinds_apart(
    con: duckdb.DuckDBPyConnection, dedup: DedupConfig, members: Members, preference: Sequence[int]
) -> Alike:
    """Settle the duplicates that are no copies, kind by kind; returns pairs that belong on one side of the splits."""
    alike, gone = remove_prefixes(con, members, preference, dedup.prefixes, _AFTER_RULES + 1)
    if gone:
        _settle(con, members)
    if settle_conflicts(con, dedup.conflicts, members, preference, _AFTER_RULES + 2):
        _settle(con, members)
    if cap_answers(con, dedup.answers, members, preference, _AFTER_RULES + 3):
        _settle(con, members)
    return alike


def _missed(near: NearConfig) -> list[str]:
    """What the bands were not made for."""
    recall = near.recall(near.threshold)
    if not near.on or recall >= _RECALL:
        return []
    bands = f"{near.bands} bands of {near.rows} rows"
    return [f"of pairs at similarity {near.threshold:g}, {bands} find {recall:.1%}; more or shorter bands find more"]


def _drop_alike(
    con: duckdb.DuckDBPyConnection, pipeline: Pipeline, members: Members, alike: Alike, input_keys: Keys
) -> None:
    """Drop records of the train side that are near duplicates of a held-out one, each because of the nearest."""
    leaks = straddling(members, alike, input_keys)
    if not len(leaks.a):
        return
    columns = {
        "row": leaks.a,
        "partner": leaks.b,
        "test": members.side[np.searchsorted(members.row, leaks.b)] == 0,
        "similarity": leaks.similarity,
        "whole": leaks.whole,
    }
    con.register("chosen", pl.DataFrame(columns))
    parameters = {"threshold": pipeline.dedup.near.threshold, "position": _SPLITS + 2}
    con.execute(read_sql("steps/alike_leaks"), parameters)
    con.unregister("chosen")
    _settle(con, members)


def _drop_leaks(con: duckdb.DuckDBPyConnection, members: Members) -> None:
    leaks = leaking(members)
    if not leaks.any():
        return
    torn = np.zeros(int(members.group.max()) + 1, np.bool_)
    torn[members.group[leaks]] = True
    affected = torn[members.group]
    columns = {
        "row": members.row[affected],
        "node": members.node[affected],
        "group_id": members.group[affected],
        "side": members.side[affected],
        "leaks": leaks[affected],
    }
    con.register("affected", pl.DataFrame(columns))
    con.execute(read_sql("steps/leaks"), {"position": _SPLITS + 2})
    con.unregister("affected")
    _settle(con, members)


def _settle(con: duckdb.DuckDBPyConnection, members: Members) -> None:
    """Let the verdicts so far decide; what went is in no group any more."""
    con.execute(read_sql("steps/settle"))
    gone = con.sql("select row::integer as row from fate").pl()["row"].to_numpy()
    members.take(~np.isin(members.row, gone))


def _outcome(con: duckdb.DuckDBPyConnection, records: int, members: Members, split: Splits) -> pl.DataFrame:
    """The fate of every record, in order of rows; texts are codes of the few names that there are."""

    def spread(rows: Ints, columns: pl.DataFrame) -> pl.DataFrame:
        """Lines at the places of their rows, nulls elsewhere."""
        place = np.full(records, NONE, np.int32)
        place[rows] = np.arange(len(rows))
        found = pl.Series(place)
        return columns.select(pl.all().gather(found.set(found == NONE, None)))

    fate = con.sql("select row::integer as row, status, step, rule, partner::integer as partner from fate").pl()
    names = {name: pl.Enum(fate[name].unique().sort()) for name in ("step", "rule")}
    gone = spread(fate["row"].to_numpy(), fate.drop("row").cast({"status": pl.Enum(STATUSES), **names}))
    placed = {"split": pl.Series(split.astype(np.uint8)).cat.to(pl.Enum(SPLITS)), "group_id": members.group}
    there = spread(members.row, pl.DataFrame(placed))
    row = pl.Series("row", np.arange(records, dtype=np.int32))
    return pl.DataFrame([row, gone["status"].fill_null("kept"), *gone.drop("status"), *there])


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
