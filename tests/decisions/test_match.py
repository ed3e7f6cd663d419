"""Decisions about records, matched with the records of a run."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from dataprep.decisions.entries import Decisions, RecordDecision
from dataprep.decisions.match import MANUAL, load_decisions

WHY = {"because": "meant", "who": "ada", "when": "2026-11-22"}


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(
            "create table rows as select * from "
            "(values (0, 'a', '\\x01'::blob), (1, 'b', '\\x02'::blob), (2, '''; drop table rows; --', '\\x03'::blob)) "
            "as t(row, record_id, digest)"
        )
        yield con


def decision(record: str, **values: str | None) -> RecordDecision:
    return RecordDecision(**({"record": record, "decision": "release"} | WHY | values))


def test_decisions_meet_records_by_id_with_who_when_and_why(con: duckdb.DuckDBPyConnection) -> None:
    hostile = "'; drop table rows; --"
    found = load_decisions(con, Decisions.of([decision(hostile, to="test"), decision("a", decision="drop")]))
    assert found.manual.schema == MANUAL
    assert found.manual.to_pylist() == [
        {"row": 0, "decision": "drop", "split": None, "detail": "ada, 2026-11-22: meant"},
        {"row": 2, "decision": "release", "split": "test", "detail": "ada, 2026-11-22: meant"},
    ]
    assert found.notes == ()


def test_a_record_that_has_changed_is_not_decided_about_and_noted(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("update rows set digest = from_hex(repeat('ab', 16)) where record_id = 'a'")
    same, other = decision("a", digest="ab" * 16), decision("b", digest="ab" * 16)
    found = load_decisions(con, Decisions.of([same, other]))
    assert found.manual["row"].to_pylist() == [0]
    assert found.notes == ('1 decision not applied, because the records have changed since: "b"',)


def test_decisions_that_meet_no_record_are_noted(con: duckdb.DuckDBPyConnection) -> None:
    found = load_decisions(con, Decisions.of([decision(f"x{index}") for index in range(5)]))
    assert found.manual.num_rows == 0
    assert found.notes == ('5 decisions about records that are not in the data: "x0", "x1", "x2" and 2 more',)


def test_no_decisions_ask_nothing_of_the_database() -> None:
    with duckdb.connect() as con:
        assert load_decisions(con, Decisions()).manual.num_rows == 0
