"""Measuring budgets, against the same sums in polars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.budgets.check import check_rule_names, measure_budgets, slice_name
from dataprep.budgets.config import BudgetConfig, SliceBudget
from dataprep.budgets.report import BudgetReport
from dataprep.errors import InputError
from dataprep.store.meta_columns import MetaColumn

SCHEMA = {
    "record_id": pl.String,
    "source": pl.String,
    "label": pl.String,
    "group_key": pl.String,
    "given_split": pl.String,
    "layout": pl.String,
    "meta": pl.String,
    "status": pl.String,
    "rule": pl.String,
}

Rows = list[dict[str, Any]]


def records(
    count: int, *, gone: int = 0, rule: str = "too_short", start: int = 0, **fields: Any
) -> list[dict[str, Any]]:
    """Some records of which the first ones are gone."""
    base = {"source": "a", "layout": "pair", "meta": "{}"} | fields
    return [
        base
        | {
            "record_id": f"r{start + index:04}",
            "status": "dropped" if index < gone else "kept",
            "rule": rule if index < gone else None,
        }
        for index in range(count)
    ]


def measure(folder: Path, rows: Rows, accepted: dict[str, float] | None = None, **config: Any) -> BudgetReport:
    path = folder / "records.parquet"
    pl.DataFrame(rows, SCHEMA).write_parquet(path)
    meta = [MetaColumn("lang", "meta_lang", "VARCHAR"), MetaColumn('a"]\n{records}', 'meta_a"]\n{records}', "VARCHAR")]
    with duckdb.connect() as con:
        return measure_budgets(con, [path], BudgetConfig(**config), accepted or {}, meta)


@settings(max_examples=25)
@given(
    fates=st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from([None, "x", "y", "null", ""]),
            st.sampled_from([None, "short", "long"]),
        ),
        max_size=60,
    ),
    share=st.integers(0, 20).map(lambda part: part / 20),
    rules=st.sampled_from([(), ("short",)]),
    min_rows=st.integers(1, 5),
)
def test_every_share_is_what_polars_counts(
    tmp_path_factory: pytest.TempPathFactory,
    fates: list[tuple[str, str | None, str | None]],
    share: float,
    rules: tuple[str, ...],
    min_rows: int,
) -> None:
    rows = [
        {
            "record_id": str(index),
            "source": source,
            "label": label,
            "status": "kept" if rule is None else "held",
            "rule": rule,
            "meta": "{}",
        }
        for index, (source, label, rule) in enumerate(fates)
    ]
    budget = SliceBudget(by=("source", "label"), share=share, rules=rules, min_rows=min_rows)
    report = measure(tmp_path_factory.mktemp("m"), rows, overall=share, rules={"short": share}, slices=(budget,))
    counts = pl.Series([row["rule"] in rules if rules else row["rule"] is not None for row in rows], dtype=pl.Boolean)
    oracle = (
        pl.DataFrame(rows, SCHEMA)
        .with_columns(gone=counts)
        .group_by("source", "label")
        .agg(records=pl.len(), gone=pl.col("gone").sum())
        .filter(pl.col("records") >= min_rows)
        .with_columns(over=pl.col("gone") / pl.col("records") > share)
    )
    expected = {
        (row["source"], row["label"]): (row["records"], row["gone"])
        for row in oracle.filter(pl.col("over")).iter_rows(named=True)
    }
    sliced = [line for line in report.lines if line.scope == "slice"]
    over = {tuple(line.values.values()): (line.records, line.gone) for line in sliced if line.over}
    assert over == expected
    assert sum(not line.over for line in sliced) == min(1, oracle.height - len(expected))
    whole = {line.name: (line.records, line.gone) for line in report.lines if line.scope != "slice"}
    assert whole == {
        "overall": (len(rows), sum(row["rule"] is not None for row in rows)),
        "short": (len(rows), sum(row["rule"] == "short" for row in rows)),
    }
    assert report.measured == 2 + oracle.height
    assert report.exceeded == sum(line.over for line in report.lines)
    assert [line.allowed - line.share for line in report.lines] == sorted(
        line.allowed - line.share for line in report.lines
    )


def test_a_share_that_is_just_the_budget_is_not_over_it(tmp_path: Path) -> None:
    for gone in (1, 7, 28, 29, 57, 58, 99):  # 0.29 * 100 < 29, 0.07 * 100 > 7
        report = measure(tmp_path, records(100, gone=gone), overall=gone / 100)
        assert not report.over
        assert measure(tmp_path, records(100, gone=gone), overall=(gone - 1) / 100).over


def test_a_line_over_its_budget_says_who_took_what_from_where(tmp_path: Path) -> None:
    rows = [
        *records(60, gone=5, source="a", label="refund"),
        *records(40, gone=30, source="b", label="refund", rule="empty", start=60),
        *records(100, gone=1, label="card", start=100),
    ]
    budget = SliceBudget(by=("label",), share=0.1)
    (line,) = measure(tmp_path, rows, slices=(budget,)).over
    assert (line.name, line.key, line.records, line.gone) == ("label=refund", "budgets.slices.0", 100, 35)
    assert line.taken_by == (("empty", 30), ("too_short", 5))
    assert line.taken_from == (("b", 30), ("a", 5))
    assert line.examples == ("r0000", "r0001", "r0002")


def test_slices_below_fifty_records_are_not_judged(tmp_path: Path) -> None:
    rows = [*records(49, gone=49, label="x"), *records(50, gone=50, label="y", start=49)]
    report = measure(tmp_path, rows, slices=(SliceBudget(by=("label",), share=0.5),))
    assert [line.name for line in report.over] == ["label=y"]
    assert report.measured == 1


def test_columns_kept_in_meta_make_slices_too_whatever_they_are_called(tmp_path: Path) -> None:
    rows = [*records(60, gone=40, meta='{"lang": "th"}'), *records(60, meta='{"lang": "en"}', start=60)]
    assert [
        line.name for line in measure(tmp_path, rows, slices=(SliceBudget(by=("meta_lang",), share=0.2),)).over
    ] == ["meta_lang=th"]
    hostile = SliceBudget(by=('meta_a"]\n{records}',), share=0.2)
    rows = records(60, gone=40, meta='{"a\\"]\\n{records}": "1"}')
    (line,) = measure(tmp_path, rows, slices=(hostile,)).over
    assert line.values == {'meta_a"]\n{records}': "1"}
    assert "\n" not in line.name


def test_a_slice_by_a_column_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='did you mean "meta_lang"') as caught:
        measure(tmp_path, records(3), slices=(SliceBudget(by=("meta_lan",), share=0.2),))
    assert caught.value.key == "budgets.slices.0.by.0"


def test_a_budget_of_an_unknown_rule_is_a_mistake() -> None:
    config = BudgetConfig(slices=(SliceBudget(by=("source",), share=0.1, rules=("exact_duplikate",)),))
    with pytest.raises(InputError, match='did you mean "exact_duplicate"') as caught:
        check_rule_names(config, ["too_short", "exact_duplicate"])
    assert caught.value.key == "budgets.slices.0.rules"


def test_what_was_accepted_is_allowed_and_no_more(tmp_path: Path) -> None:
    accepted = {"too_short": 0.3}
    assert measure(tmp_path, records(100, gone=31), accepted, rules={"too_short": 0.1}).over
    report = measure(tmp_path, records(100, gone=30), accepted, rules={"too_short": 0.1})
    assert not report.over
    assert (report.lines[0].budget, report.lines[0].allowed) == (0.1, 0.3)
    assert not measure(tmp_path, records(100, gone=30), {"too_short": 0.1}, rules={"too_short": 0.3}).over


def test_an_accepted_budget_that_does_not_exist_is_noted(tmp_path: Path) -> None:
    assert measure(tmp_path, records(9), {"gone": 0.1}).notes == ('the accepted budget "gone" meets none of this run',)


def test_a_source_that_loses_over_half_is_warned_of_unless_a_budget_speaks_of_sources(tmp_path: Path) -> None:
    rows = [*records(10, gone=5, source="half"), *records(10, gone=6, source="more", start=10)]
    report = measure(tmp_path, rows)
    assert report.warnings == ('source "more" lost 6 of 10 records (60 %), too_short 6',)
    assert not report.over
    assert not measure(tmp_path, rows, slices=(SliceBudget(by=("source",), share=0.9),)).warnings


def test_a_thousand_slices_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    rows = [row for index in range(1_200) for row in records(2, gone=1, label=f"l{index:04}", start=2 * index)]
    report = measure(tmp_path, rows, slices=(SliceBudget(by=("label",), share=0.1, min_rows=1),))
    assert (report.exceeded, report.measured, len(report.over)) == (1_200, 1_200, 1_000)


def test_no_records_are_no_share(tmp_path: Path) -> None:
    report = measure(
        tmp_path, [], overall=0.0, rules={"too_short": 0.0}, slices=(SliceBudget(by=("source",), share=0),)
    )
    assert not report.over
    assert [line.share for line in report.lines] == [0.0, 0.0]


@given(
    st.lists(
        st.fixed_dictionaries({"label": st.none() | st.text(max_size=100), "source": st.text(max_size=100)}),
        min_size=2,
        max_size=2,
        unique_by=lambda values: (values["label"], values["source"]),
    )
)
def test_different_slices_have_different_names_of_one_visible_line(values: list[dict[str, str | None]]) -> None:
    first, second = map(slice_name, values)
    assert first != second
    assert len(first.splitlines()) == 1
    assert not any(ord(char) < 32 for char in first)


def test_a_long_value_is_told_apart_by_its_digest() -> None:
    one, other = (slice_name({"label": "x" * 10_000 + end}) for end in "ab")
    assert one != other
    assert len(one) < 80
