"""Compiled rules: what fires, what is recorded, and that nothing of the user's becomes SQL."""

from __future__ import annotations

from typing import Literal

import duckdb
import pytest

from dataprep.errors import InputError, ManyInputErrors
from dataprep.rules.compile import CompiledRule, compile_rule, compile_rules, verdicts_sql
from dataprep.rules.config import RuleConfig
from dataprep.rules.tree import ColumnKind

ODD = 'meta_a"; drop table s; --'
KINDS: dict[str, ColumnKind] = {"n_words": "number", "label": "text", "echo": "bool", ODD: "text"}


def table() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    columns = '"row" bigint, n_words int, label text, echo bool, "meta_a""; drop table s; --" text'
    connection.execute(f"create table s({columns})")
    connection.execute("insert into s values (0, 1, 'a', true, null), (1, 5, 'b', false, 'x')")
    connection.execute("insert into s values (2, null, null, null, null)")
    return connection


def firings(connection: duckdb.DuckDBPyConnection, rules: list[CompiledRule]) -> list[tuple[object, ...]]:
    sql, parameters = verdicts_sql(rules, "s")
    return connection.execute(f"select * from ({sql}) order by rule_index, row", parameters).fetchall()


def test_every_rule_fires_on_every_record_it_meets_with_its_value() -> None:
    rules = compile_rules(
        {
            "short": RuleConfig(signal="n_words", op="<", threshold=3),
            "labelled": RuleConfig(when="label in ('a', 'b')", value="label", action="flag"),
            "echo": RuleConfig(signal="echo", op="=", threshold=True, action="hold"),
            "long": RuleConfig(when="n_words > $threshold", threshold=4),
        },
        KINDS,
    )
    assert firings(table(), rules) == [
        (0, "short", 0, "drop", 1.0, None, 3.0),
        (0, "labelled", 1, "flag", None, "a", None),
        (1, "labelled", 1, "flag", None, "b", None),
        (0, "echo", 2, "hold", 1.0, None, 1.0),
        (1, "long", 3, "drop", None, None, 4.0),
    ]


def test_an_unknown_value_meets_no_rule_even_when_negated() -> None:
    rules = compile_rules(
        {"a": RuleConfig(when="not (n_words < 3)"), "b": RuleConfig(signal="n_words", op="!=", threshold=1)}, KINDS
    )
    assert {row[0] for row in firings(table(), rules)} == {1}


def test_no_rules_give_no_rows_of_the_same_columns() -> None:
    connection = table()
    sql, parameters = verdicts_sql([], "s")
    described = connection.execute(f"describe {sql}", parameters).fetchall()
    some, some_parameters = verdicts_sql(compile_rules({"a": RuleConfig(when="echo")}, KINDS), "s")
    assert [row[:2] for row in described] == [
        row[:2] for row in connection.execute(f"describe {some}", some_parameters).fetchall()
    ]
    assert firings(connection, []) == []


def test_a_hostile_column_name_and_constant_stay_a_name_and_a_constant() -> None:
    connection = table()
    rules = compile_rules(
        {
            "odd": RuleConfig(signal=ODD, op="=", threshold="x"),
            "text": RuleConfig(when="label != ''' or 1=1; drop table s; --'", value="'{}'"),
        },
        KINDS,
    )
    assert [row[:2] for row in firings(connection, rules)] == [(1, "odd"), (0, "text"), (1, "text")]
    assert all("drop table" not in rule.condition_sql for rule in rules[1:])


@pytest.mark.parametrize(
    ("rule", "possible"),
    [
        (RuleConfig(signal="n_words", op="<", threshold=3), True),
        (RuleConfig(signal="n_words", op="=", threshold=3), False),
        (RuleConfig(signal="label", op="<", threshold="b"), False),
        (RuleConfig(signal="echo", op="=", threshold=True), False),
        (RuleConfig(when="n_words < $threshold", threshold=3), False),
        (RuleConfig(when="n_words < $threshold", threshold=3, value="n_words"), True),
        (RuleConfig(when="label = $threshold", threshold="a", value="label"), False),
        (RuleConfig(when="n_words < 3", value="n_words"), False),
    ],
)
def test_near_misses_need_a_numeric_value_and_threshold(rule: RuleConfig, possible: bool) -> None:
    assert compile_rule("rule", rule, KINDS).near_miss_possible is possible


@pytest.mark.parametrize(
    ("threshold", "op", "near"),
    [(10, "<", [10, 11]), (10, ">", [9, 10]), (-10, "<", [-10, -9]), (0, "<", None)],
)
def test_a_near_miss_is_not_met_and_close(threshold: int, op: Literal["<", ">"], near: list[int] | None) -> None:
    rule = compile_rule("rule", RuleConfig(signal="n_words", op=op, threshold=threshold), KINDS)
    found = rule.near_miss_sql(0.1)
    if near is None or found is None:
        assert (near, found) == (None, None)
        return
    condition, parameters = found
    statement = f"select n_words from (select range - 20 as n_words from range(41)) as t where {condition} order by 1"
    with duckdb.connect() as con:
        assert [row[0] for row in con.execute(statement, parameters).fetchall()] == near


@pytest.mark.parametrize(
    ("rule", "key", "message"),
    [
        (RuleConfig(signal="n_word", op="<", threshold=3), "rules.r.signal", "did you mean n_words?"),
        (RuleConfig(signal="xyz", op="<", threshold=3), "rules.r.signal", "there are: "),
        (RuleConfig(signal="n_words", op="<", threshold="3"), "rules.r.threshold", "is a number"),
        (RuleConfig(signal="n_words", op="<", threshold=float("nan")), "rules.r.threshold", "finite"),
        (RuleConfig(signal="n_words", op="<", threshold=2**70), "rules.r.threshold", "64 bits"),
        (RuleConfig(when="n_words < 3", threshold=3), "rules.r.threshold", "would have no effect"),
        (RuleConfig(when="n_words < 3", value="n_chars"), "rules.r.value", "unknown column"),
        (RuleConfig(when="n_words < 3", value="null"), "rules.r.value", "always null"),
    ],
)
def test_a_mistake_names_its_key(rule: RuleConfig, key: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        compile_rule("r", rule, KINDS)
    assert caught.value.key == key
    assert message in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    rules = {"a": RuleConfig(when="x = 1"), "b": RuleConfig(when="echo"), "c": RuleConfig(when="n_words")}
    with pytest.raises(ManyInputErrors) as caught:
        compile_rules(rules, KINDS)
    assert [error.key for error in caught.value.errors] == ["rules.a.when", "rules.c.when"]


def test_rules_say_in_words_what_they_do() -> None:
    rule = compile_rule("r", RuleConfig(when="n_words < $threshold and label = 'x'", threshold=5, action="hold"), KINDS)
    assert rule.describe() == "r holds records where n_words < 5 and label = 'x'"


def test_changing_a_threshold_leaves_the_sql_alone() -> None:
    """`whatif` relies on it: the same statement with another parameter."""
    five, nine = (compile_rule("r", RuleConfig(signal="n_words", op="<", threshold=t), KINDS) for t in (5, 9))
    assert (five.condition_sql, five.parameters) == (nine.condition_sql, {"r0_0": 5})
    assert nine.parameters == {"r0_0": 9}
