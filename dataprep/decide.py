"""Decide: the set side of the flow. Rules, which copy stays, splits; every outcome with a verdict.

Works in a private DuckDB database over narrow tables: row numbers, keys, signals, fields. Text never enters. Each step
adds verdicts and then settles the records it decided; a record that is out takes no part in later steps, though rules
are evaluated on all records and pairs are found among all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import duckdb
import pyarrow as pa

from dataprep.errors import InputError
from dataprep.file_job import PreparedFile
from dataprep.pipeline.models import Pipeline
from dataprep.rules.compile import CompiledRule, compile_rules, verdicts_sql
from dataprep.rules.config import RuleConfig
from dataprep.rules.tree import ColumnKind
from dataprep.signals import signal_columns
from dataprep.splits.assign import assign_splits, group_records
from dataprep.sqlfiles import quote_identifier, read_sql
from dataprep.store.meta_columns import MetaColumn, meta_columns

SplitMode = Literal["group", "time", "source", "given"]

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

_AFTER_RULES: Final = 1_000
"""Positions of the built-in rules: behind any number of rules that a pipeline file can hold."""

_BUILT_IN: Final = (
    (_AFTER_RULES, "dedup", "exact_duplicate"),
    (_AFTER_RULES, "dedup", "leaks_into_test"),
    (_AFTER_RULES, "dedup", "leaks_into_validation"),
    (_AFTER_RULES + 1, "splits", "no_given_split"),
    (_AFTER_RULES + 1, "splits", "no_time"),
    (_AFTER_RULES + 2, "splits", "leaks_into_test"),
    (_AFTER_RULES + 2, "splits", "leaks_into_validation"),
)


@dataclass(slots=True)
class Decision:
    """What deciding found, beside the tables it left in the database (outcome, ledger, pairs, fate, verdicts)."""

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


def load_tables(con: duckdb.DuckDBPyConnection, prepared: Sequence[PreparedFile]) -> list[MetaColumn]:
    """Gather all parts into narrow tables: rows, keys and ids; signals stay in their files, as a view."""
    parts: dict[str, list[str | int]] = {
        name: [] for name in ("row_file", "key_file", "edit_file", "source_index", "source", "path", "base_row")
    }
    signal_files: dict[str, list[str]] = {}
    kinds: dict[str, set[str]] = {}
    base_row = 0
    for item in prepared:
        for name, files in (
            ("row_file", item.part_files(item.prepare, "rows")),
            ("key_file", item.part_files(item.keys, "keys")),
            ("edit_file", item.part_files(item.prepare, "edits")),
        ):
            parts[name].extend(map(str, files))
        for family, folder in item.measures.items():
            signal_files.setdefault(family, []).extend(map(str, item.part_files(folder, family)))
        for records in item.summary.part_records:
            parts["source_index"].append(item.source.index)
            parts["source"].append(item.source.name)
            parts["path"].append(item.file.shown)
            parts["base_row"].append(base_row)
            base_row += records
        for key, found in item.summary.meta_kinds.items():
            kinds.setdefault(key, set()).update(found)
    con.register("parts", pa.table(parts))
    con.execute(
        _with_files(read_sql("steps/rows"), row_files=parts["row_file"], key_files=parts["key_file"],
                    edit_files=parts["edit_file"])
    )  # fmt: skip
    # Parts are numbered in order, and rows within them, so the files of all families stand side by side as they are.
    families = [f"read_parquet({_file_list(files)})" for files in signal_files.values()]
    con.execute(
        f"create view signals as select * from range({base_row}) as numbers(row) positional join "
        f"{' positional join '.join(families)}"
    )
    return meta_columns(kinds)


def _make_facts(con: duckdb.DuckDBPyConnection, meta: Sequence[MetaColumn], rules: Sequence[CompiledRule]) -> None:
    """Make the table `facts` that rules read, with only the columns that they name: a scan costs by column."""
    wanted = {name for rule in rules for name in rule.columns}
    columns = ["row", *(quote_identifier(name) for name in (*FIELDS, *signal_columns()) if name in wanted)]
    columns += [f"{column.sql} as {column.quoted}" for column in meta if column.name in wanted]
    fields = any(name in FIELDS for name in wanted) or any(column.name in wanted for column in meta)
    source = "rows join signals using (row)" if fields else "signals"
    con.execute(f"create table facts as select {', '.join(columns)} from {source}")


def decide(
    con: duckdb.DuckDBPyConnection,
    pipeline: Pipeline,
    rules: Mapping[str, RuleConfig],
    prepared: Sequence[PreparedFile],
) -> Decision:
    """Run rules, duplicates and splits; leaves the tables `outcome`, `ledger` and `pairs` in `con`.

    Raises:
        InputError: a rule with a mistake, repeated user ids, splits that cannot be made.
    """
    meta = load_tables(con, prepared)
    compiled = compile_rules(rules, rule_columns(meta))
    _make_facts(con, meta, compiled)
    decision = Decision(mode=split_mode(con, pipeline), meta=meta, rules=compiled)
    _settle_ids(con, pipeline)
    _apply_rules(con, compiled)
    _pin(con, pipeline, decision.mode)
    _remove_copies(con, pipeline)
    _split(con, pipeline, decision)
    con.execute(read_sql("steps/outcome"))
    con.register(
        "rule_order",
        pa.table(
            {
                "position": [-1, *range(len(compiled)), *(line[0] for line in _BUILT_IN)],
                "step": ["clean", *("rules" for _ in compiled), *(line[1] for line in _BUILT_IN)],
                "rule": ["cleaner_failed", *(rule.name for rule in compiled), *(line[2] for line in _BUILT_IN)],
                "action": [
                    "hold",
                    *(rule.action for rule in compiled),
                    *(_built_in_action(pipeline, line[2]) for line in _BUILT_IN),
                ],
            }
        ),
    )
    return decision


def _built_in_action(pipeline: Pipeline, rule: str) -> str:
    if rule == "exact_duplicate":
        return pipeline.dedup.action
    return "hold" if rule in ("no_given_split", "no_time") else "drop"


def split_mode(con: duckdb.DuckDBPyConnection, pipeline: Pipeline) -> SplitMode:
    """The mode of this run; `auto` takes given splits where there are any, and divides by group what has none."""
    if pipeline.splits.by != "auto":
        return pipeline.splits.by
    given, records = con.sql("select count(given_split), count(*) from rows").fetchall()[0]
    return "given" if given and given == records else "group"


def _settle_ids(con: duckdb.DuckDBPyConnection, pipeline: Pipeline) -> None:
    if not any(source.id for source in pipeline.sources):
        return
    con.execute(f"create table repeated_ids as {read_sql('steps/repeated_ids')}")
    repeated = con.sql("select * from repeated_ids order by record_id, place limit 2").fetchall()
    if not repeated:
        return
    if any(source.id and source.on_duplicate_id == "fail" for source in pipeline.sources):
        (_, record_id, path, line, *_), (_, _, path_2, line_2, *_) = repeated
        raise InputError(
            f"two rows have the id {record_id!r}: {path} line {line} and {path_2} line {line_2}",
            key="sources.id",
            hint="name a column that is unique, or set `on_duplicate_id: suffix`",
        )
    con.execute(
        """
        update ids set record_id = repeated_ids.record_id || '~' || suffix
        from repeated_ids where repeated_ids.row = ids.row and place > 1;
        insert into verdicts select row, 'ingest', 'duplicate_id', -2, 'flag', null, null, null, null,
            'id ' || record_id || ' is taken' from repeated_ids where place > 1
        """
    )
    taken = con.sql("select record_id from ids group by record_id having count(*) > 1 order by record_id").fetchall()
    if taken:
        raise InputError(
            f"the id {taken[0][0]!r}, made by a suffix, is the id of another row",
            key="sources.id",
            hint="name a column that is unique",
        )


def _apply_rules(con: duckdb.DuckDBPyConnection, rules: Sequence[CompiledRule]) -> None:
    con.execute(
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


def _pin(con: duckdb.DuckDBPyConnection, pipeline: Pipeline, mode: SplitMode) -> None:
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
                "source_index": pa.array(range(len(names)), pa.int64()),
                "preference": pa.array([preferred.get(name, len(preferred)) for name in names], pa.int64()),
                "split": pa.array([pipeline.splits.sources.get(name) for name in names], pa.string()),
            }
        ),
    )
    con.execute(read_sql("steps/pins"), {"mode": mode if pipeline.splits.by != "auto" else "given"})


def _remove_copies(con: duckdb.DuckDBPyConnection, pipeline: Pipeline) -> None:
    con.execute(read_sql("steps/duplicates"))
    con.execute(
        read_sql("steps/copies"),
        {"action": pipeline.dedup.action if pipeline.dedup.exact else "none", "position": _AFTER_RULES},
    )
    con.execute(read_sql("steps/settle"))


def _split(con: duckdb.DuckDBPyConnection, pipeline: Pipeline, decision: Decision) -> None:
    lacking = {"given": ("no_given_split", "pin is null"), "time": ("no_time", "time is null")}.get(decision.mode)
    con.execute(read_sql("steps/nodes"))
    if lacking:
        rule, condition = lacking
        con.execute(
            "insert into verdicts select row, 'splits', $rule, $position, 'hold', null, null, null, null, null "
            f"from nodes where {condition}",
            {"rule": rule, "position": _AFTER_RULES + 1},
        )
        _settle_nodes(con)
    group_records(con)
    con.execute(read_sql("steps/leaks"), {"position": _AFTER_RULES + 2})
    _settle_nodes(con)
    decision.notes += assign_splits(con, pipeline.splits, decision.mode)


def _settle_nodes(con: duckdb.DuckDBPyConnection) -> None:
    """Settle the verdicts given while splitting; records that went are no longer in any group."""
    con.execute(read_sql("steps/settle"))
    con.execute("delete from nodes where row in (select row from fate)")


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


def _file_list(files: Sequence[str | Path]) -> str:
    return "[" + ", ".join("'" + str(file).replace("'", "''") + "'" for file in files) + "]"


def _with_files(sql: str, **files: Sequence[str | int]) -> str:
    for name, paths in files.items():
        sql = sql.replace(f"${name}", _file_list([str(path) for path in paths]))
    return sql
