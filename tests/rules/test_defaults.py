"""The default rules: what they catch, what they leave alone, and that the documentation says the same."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from dataprep.record import MISSING_EXTRA, Record, Role, Turn, Turns, build_batch
from dataprep.rules.compile import compile_rules, verdicts_sql
from dataprep.rules.defaults import DEFAULT_RULES, describe
from dataprep.rules.functions import FUNCTIONS
from dataprep.signals import measure, signal_columns

DOCS = Path(__file__).parents[2] / "docs" / "rules.md"


def pair(question: str | None, answer: str | None) -> list[Turn]:
    return [Turn("user", question), Turn("assistant", answer)]


def text(content: str, role: Role = "text") -> list[Turn]:
    return [Turn(role, content)]


def firings(records: Iterable[list[Turn]]) -> list[tuple[int, str]]:
    """(record, rule) for every default rule that a record meets, in the rules' order."""
    batch = build_batch("s", [Record(turns=turns, meta={}, line=1) for turns in records])
    signals = pl.concat([pl.from_arrow(part) for part in measure(Turns(batch["turns"])).values()], how="horizontal")  # type: ignore[type-var]
    kinds = {
        name: "bool" if pa.types.is_boolean(column.dtype) else "number" for name, column in signal_columns().items()
    }
    sql, parameters = verdicts_sql(compile_rules(DEFAULT_RULES, kinds), "signals")  # type: ignore[arg-type]
    with duckdb.connect() as connection:
        connection.register("signals", signals.with_row_index("row").to_arrow())
        return connection.execute(f"select row, rule from ({sql}) order by row, rule_index", parameters).fetchall()


LOOP = "and then the model said it again and again because nothing ever stopped it from doing so. "

BROKEN = {
    "missing": [Turn("user", "What is this?"), Turn("assistant", None, MISSING_EXTRA)],
    "null": pair("What is this?", None),
    "empty": pair("What is this?", ""),
    "white_space": pair("What is this?", " \u200b\n"),
    "placeholder": pair("What is this?", "N/A"),
    "too_short": text("!?!"),
    "answer_echoes_input": pair("Say why.", "say  why."),
    "end_of_text_debris": pair("Say why.", "Because.<|endoftext|>Say how."),
    "mostly_symbols": text("=-=-=-=-=-=-=-= menu =-=-=-=-=-=-="),
    "repeated_lines": text("\n".join(["Home and away", "Log in now"] * 8)),
    "repeated_phrases": text(LOOP * 8),
    "endless_word": text("The key is " + "QUJD" * 300 + " and no more."),
}


@pytest.mark.parametrize("rule", DEFAULT_RULES)
def test_each_rule_catches_what_it_is_for(rule: str) -> None:
    assert firings([BROKEN[rule]])[0] == (0, rule)


GOOD = {
    "one word as an intent": text("register"),
    "one word as an answer": pair("Is water wet?", "Yes"),
    "a number as an answer": pair("How many legs has a spider?", "8"),
    "short Chinese": text("好。"),
    "Chinese with much punctuation": text("「侬垃海想啥？」 「呒没啥......」"),
    "an emotional tweet": text("@USAirways YOU ARE THE BEST AIRWAYS! Follow me please!!!!!🙏🙏🙏🙏🙏🙏🙏🙏🙏🙏🙏🙏🙏"),
    "a regular expression": pair("Match a hex colour.", "^#(?:[0-9a-fA-F]{3}){1,2}$"),
    "code that is quoted once and closes many braces": pair(
        "Fix this.\nint main() {\n  if (a) {\n    for (;;) {\n      f(a);\n    }\n  }\n  return a;\n}",
        "int main() {\n  if (a) {\n    for (;;) {\n      f(b);\n    }\n  }\n  return a;\n}",
    ),
    "a conversation that returns to one text": [
        Turn(
            "user" if place % 2 == 0 else "assistant", f"Version {place}:\n" + "\n".join(f"line {n}" for n in range(12))
        )
        for place in range(8)
    ],
}


@pytest.mark.parametrize("case", GOOD)
def test_what_may_be_meant_is_left_alone(case: str) -> None:
    assert firings([GOOD[case]]) == []


def rows(path: Path) -> list[dict[str, str]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if ".jsonl" in path.name:
        return [json.loads(line) for line in content.split(b"\n") if line]
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize(
    ("file", "columns", "expected"),
    [
        ("intents/banking77_train.csv", ("text",), {}),
        ("intents/bitext_train.csv", ("utterance",), {}),
        ("qa/gsm8k_train.jsonl.gz", ("question", "answer"), {}),
        ("region/airline_tweets_2015.csv.gz", ("text",), {}),
        ("instructions/t0_train_50k.jsonl.gz", ("prompt", "completion"), {"empty": 1400}),
    ],
)
def test_real_data_loses_only_what_is_broken(
    shared_data: Path, file: str, columns: tuple[str, ...], expected: dict[str, int]
) -> None:
    def turns(row: dict[str, str]) -> list[Turn]:
        cleaned = [row[column].removesuffix("<|endoftext|>").strip() for column in columns]
        return text(*cleaned) if len(cleaned) == 1 else pair(*cleaned)

    assert Counter(rule for _, rule in firings(map(turns, rows(shared_data / file)))) == expected


def test_every_rule_gives_its_reason_and_its_source() -> None:
    assert [rule.name for rule in describe()] == list(DEFAULT_RULES)
    assert all(rule.why and rule.source and "$" not in rule.condition for rule in describe())


def test_the_documentation_shows_the_rules_as_they_are() -> None:
    lines = [
        f"| `{rule.name}` | {rule.action} | `{rule.condition}` | {rule.why} | {rule.source} |" for rule in describe()
    ]
    assert "\n".join(["| rule | action | meets records where | why | from |", "|---|---|---|---|---|", *lines]) in (
        DOCS.read_text("utf-8")
    )


def test_the_documentation_names_every_function_and_column() -> None:
    documented = DOCS.read_text("utf-8")
    lines = [f"| `{name}` | {signature.arity} | {signature.purpose} |" for name, signature in sorted(FUNCTIONS.items())]
    assert "\n".join(lines) in documented
    lines = [f"| `{name}` | {column.description} |" for name, column in signal_columns().items()]
    assert "\n".join(lines) in documented


def test_the_documentation_names_every_field() -> None:
    from dataprep.decide import FIELDS

    assert [name for name in FIELDS if f"`{name}`" not in DOCS.read_text("utf-8")] == []
