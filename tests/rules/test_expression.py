"""Rule expressions: what is accepted, what it means, and how mistakes are told."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.errors import InputError
from dataprep.rules.compile import compile_rule
from dataprep.rules.config import RuleConfig
from dataprep.rules.expression import MAX_DEPTH, parse
from dataprep.rules.tokens import MAX_LENGTH
from dataprep.rules.tree import ColumnKind

KINDS: dict[str, ColumnKind] = {
    "n_words": "number",
    "share": "number",
    "label": "text",
    "echo": "bool",
    "meta_odd; name": "text",
    "meta_n": "number",
}


@pytest.fixture(scope="module")
def row() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        """create table t as select 3::bigint as n_words, 0.5::double as share, 'Refund' as label, true as echo,
        'x' as "meta_odd; name", null::double as meta_n"""
    )
    return connection


def evaluate(connection: duckdb.DuckDBPyConnection, when: str, threshold: Any = None) -> Any:
    rule = compile_rule("rule", RuleConfig(when=when, threshold=threshold), KINDS)
    found = connection.execute(f"select {rule.condition_sql} from t", rule.parameters).fetchone()
    assert found is not None
    return found[0]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("n_words < 5 and label = 'Refund'", True),
        ("n_words < 5 AND NOT label = 'Refund'", False),
        ("n_words = 1 or n_words = 3 and share = 0.5", True),
        ("(n_words = 1 or n_words = 3) and share = 0.7", False),
        ("not n_words = 3 or true", True),
        ("not not echo", True),
        ("n_words <> 3", False),
        ("n_words != 4", True),
        ("n_words >= 3 and n_words <= 3", True),
        ("n_words in (1, 2, 3)", True),
        ("label not in ('Refund')", False),
        ("n_words between 1 and 3 and echo", True),
        ("n_words not between 4 and 5", True),
        ("label like 'Ref%'", True),
        ("label ilike 'ref%'", True),
        ("label not like 'ref%'", True),
        ("label not ilike 'ref%'", False),
        ("meta_n is null", True),
        ("label is not null", True),
        ("2 + 3 * 4 = 14", True),
        ("(2 + 3) * 4 = 20", True),
        ("7 - 2 - 1 = 4", True),
        ("-n_words = - 3", True),
        ("- -n_words = +3", True),
        ("7 % 4 = 3", True),
        ("label || '!' = 'Refund!'", True),
        ("\"meta_odd; name\" = 'x'", True),
        ("length(label) = 6", True),
        ("lower(label) = 'refund' and upper(label) = 'REFUND'", True),
        ("abs(0 - n_words) = 3", True),
        ("least(n_words, 1) = 1 and greatest(n_words, 9) = 9", True),
        ("coalesce(meta_n, 4) = 4", True),
        ("contains(label, 'fun') and starts_with(label, 'Re') and ends_with(label, 'nd')", True),
        ("regexp_matches(label, '^R.*d$')", True),
        ("round(share * 0.5, 1) = 0.3 and round(share) = 1", True),
        ("label = 'it''s' or echo = true", True),
        ("1e2 = 100 and .5 = share", True),
    ],
)
def test_an_expression_means_what_it_says(row: duckdb.DuckDBPyConnection, when: str, expected: object) -> None:
    assert evaluate(row, when) is expected


@pytest.mark.parametrize("when", ["n_words / 0 > 1", "n_words % 0 = 1", "n_words / (share - 0.5) > 0", "meta_n < 3"])
def test_division_by_zero_and_unknown_values_meet_no_condition(row: duckdb.DuckDBPyConnection, when: str) -> None:
    assert evaluate(row, when) is None


def test_arithmetic_beyond_64_bits_does_not_raise(row: duckdb.DuckDBPyConnection) -> None:
    assert evaluate(row, "9223372036854775807 * n_words + abs(-9223372036854775807 - 1) > 0") is True


def test_the_threshold_is_bound(row: duckdb.DuckDBPyConnection) -> None:
    assert evaluate(row, "n_words < $threshold", 4) is True
    assert evaluate(row, "label = $threshold", "x' or 'a'='a") is False


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("n_word < 3", 'unknown column "n_word"; did you mean "n_words"?'),
        ("N_WORDS < 3", 'unknown column "N_WORDS"; did you mean "n_words"?'),
        ("lenght(label) < 3", 'unknown function "lenght"; did you mean "length"?'),
        ("read_text('/etc/passwd') = 'x'", 'unknown function "read_text"'),
        ("label > 3", "`>` between a text and a number"),
        ("label = null", "`=` with null never holds"),
        ("n_words in (1, null)", "`in` with null never holds"),
        ("echo = 1", "`=` between a condition and a number"),
        ("not n_words", "`not` takes a condition, and this is a number"),
        ("n_words and echo", "`and` joins conditions, and this is a number"),
        ("n_words < 3 || label = 'x'", "`||` takes texts, and this is a number"),
        ("label + 1 > 2", "`+` takes numbers, and this is a text"),
        ("n_words like '3%'", "`like` compares texts, and this is a number"),
        ("1 < n_words < 3", "comparisons do not chain"),
        ("n_words == 3", "unexpected `=`"),
        ("n_words", "this is no condition"),
        ("n_words <", "the expression ends too early"),
        ("(n_words < 3", "expected `)` to close the bracket"),
        ("n_words < 3)", "unexpected `)`"),
        ("n_words not 3", "expected `in`, `between`, `like` or `ilike` after `not`"),
        ("n_words is 3", "expected `null` after `is`"),
        ("n_words in 3", "expected `(` after `in`"),
        ("n_words between 1 or 2", "expected `and`"),
        ("n_words < $limit", "unknown parameter `$limit`"),
        ("n_words < $threshold", "the rule has no `threshold`"),
        ("label = 'x", "unexpected `'`"),
        ("n_words < 3; drop table t", "unexpected `;`"),
        ("n_words < 3 -- all", 'unknown column "all"'),
        ("t.n_words < 3", "unexpected `.`"),
        ("(select 1) = 1", 'unknown column "select"'),
        ("length(label, 2) = 1", "length takes 1 argument, not 2"),
        ("least(n_words) = 1", "least takes 2 to 100 arguments, not 1"),
        ("coalesce(label, 0) = 'x'", "coalesce takes values of one kind"),
        ("greatest(echo, true)", "greatest takes numbers or texts"),
        ("length(n_words) = 1", "length takes a text here, and this is a number"),
        ("regexp_matches(label, '(')", "not a pattern that RE2 accepts (missing ): ()"),
        ("regexp_matches(label, label)", "regexp_matches takes a constant here"),
        ("round(share, 99) = 1", "round takes a whole number of digits from 0 to 15"),
        ("n_words < 99999999999999999999", "a whole number beyond 64 bits"),
        ("share < 1e999", "a number too large to represent"),
        ("", "the expression is empty"),
        (" \n", "the expression is empty"),
        ("\x1b[31m", "unexpected `\\x1b`"),
    ],
)
def test_a_mistake_is_named(when: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        compile_rule("short", RuleConfig(when=when), KINDS)
    assert message in str(caught.value)
    assert (caught.value.key or "").startswith("rules.short.when")


def test_a_mistake_is_pointed_at() -> None:
    with pytest.raises(InputError) as caught:
        parse("echo and\n n_word < 3", KINDS)
    lines = str(caught.value).splitlines()
    assert lines[1:3] == ["    echo and  n_word < 3", "              ^"]


def test_a_mistake_far_out_is_shown_in_a_window() -> None:
    with pytest.raises(InputError) as caught:
        parse("echo or " * 100 + "n_word < 3" + " or echo" * 100, KINDS)
    _, line, caret, _ = str(caught.value).splitlines()
    assert len(line) < 140
    assert line[caret.index("^") :].startswith("n_word < 3")


def test_what_a_message_shows_cannot_drive_a_terminal() -> None:
    with pytest.raises(InputError) as caught:
        parse("'\x1b]0;owned\x07' = n_words", KINDS)
    assert "\x1b" not in str(caught.value)
    with pytest.raises(InputError) as caught:
        parse('"\x1b]0;owned\x07" = n_words', KINDS)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * (MAX_DEPTH + 1) + "echo" + ")" * (MAX_DEPTH + 1),
        "lower(" * (MAX_DEPTH + 1) + "label" + ")" * (MAX_DEPTH + 1) + " = 'x'",
        "1" + " + 1" * (MAX_DEPTH + 1) + " > 0",
        "echo or " * MAX_LENGTH + "echo",
    ],
)
def test_size_is_bounded(text: str) -> None:
    with pytest.raises(InputError, match=r"nested deeper|operators in a row|characters"):
        parse(text, KINDS)


def test_long_chains_of_conditions_are_fine(row: duckdb.DuckDBPyConnection) -> None:
    assert evaluate(row, " or ".join(f"n_words = {number}" for number in range(500))) is True
    assert evaluate(row, "not " * 1001 + "echo") is False


def test_nested_to_the_limit_still_runs(row: duckdb.DuckDBPyConnection) -> None:
    depth = MAX_DEPTH - 1
    assert evaluate(row, "lower(" * depth + "label" + ")" * depth + " = 'refund'") is True


def test_the_description_shows_the_threshold_and_one_line() -> None:
    expression = parse("n_words<$threshold\n   and label = 'a b'", KINDS, threshold=2.5)
    assert expression.describe(2.5) == "n_words<2.5 and label = 'a b'"
    assert expression.columns == ("label", "n_words")


_TOKENS = st.sampled_from(
    ["n_words", "label", "echo", "meta_n", "3", "0", "0.5", "'x'", "null", "true", "and", "or", "not", "=", "<", ">=",
     "in", "(", ")", ",", "between", "like", "is", "+", "-", "*", "/", "%", "||", "length(", "coalesce(", "round(",
     "$threshold", "greatest("]
)  # fmt: skip


@given(st.lists(_TOKENS, max_size=12))
def test_whatever_parses_also_runs(row: duckdb.DuckDBPyConnection, words: list[str]) -> None:
    text = " ".join(words)
    threshold = 2 if "$threshold" in words else None
    try:
        rule = compile_rule("rule", RuleConfig(when=text, threshold=threshold), KINDS)
    except InputError:
        return
    row.execute(f"select {rule.condition_sql} from t", rule.parameters).fetchall()


@given(st.text(max_size=40))
def test_any_text_gives_an_expression_or_an_input_error(text: str) -> None:
    with suppress(InputError):
        parse(text, KINDS)


_NUMBERS = st.recursive(
    st.integers(0, 9).map(lambda value: (str(value), float(value))),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/%"), inner).map(
        lambda parts: (f"({parts[0][0]} {parts[1]} {parts[2][0]})", _apply(parts[1], parts[0][1], parts[2][1]))
    ),
    max_leaves=6,
)


def _apply(op: str, left: float | None, right: float | None) -> float | None:
    if left is None or right is None or (op in "/%" and right == 0):
        return None
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "%": lambda: math.fmod(left, right),
    }[op]()


@given(_NUMBERS)
def test_arithmetic_agrees_with_python(row: duckdb.DuckDBPyConnection, case: tuple[str, float | None]) -> None:
    text, expected = case
    rule = compile_rule("rule", RuleConfig(when="echo", value=text), KINDS)
    found = row.execute(f"select {rule.value_sql} from t", rule.parameters).fetchone()
    assert found is not None
    assert found[0] == (None if expected is None else pytest.approx(expected))
