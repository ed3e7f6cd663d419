"""`dataprep show`."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataprep.errors import InputError
from dataprep.show import render, show
from dataprep.store.layout import Store
from tests.store.builder import Row, write_version


@pytest.fixture
def store(tmp_path: Path) -> Store:
    rows = [Row(f"id{i}", [("user", f"q{i}"), ("assistant", "yo")], n_words=i, meta={"n": i}, line=i) for i in range(9)]
    rows.append(Row("gone", [("user", "\x1b[2J\u202eevil"), ("assistant", "")], None, "dropped", rule="empty"))
    write_version(tmp_path, rows)
    return Store(tmp_path)


def test_rows_come_in_source_order_and_no_more_than_asked(store: Store) -> None:
    assert show(store, "support", limit=3)["record_id"].to_list() == ["id0", "id1", "id2"]


def test_a_condition_may_use_columns_signals_and_user_columns(store: Store) -> None:
    found = show(store, "support", where="n_words > 6 and meta_n < 8 -- and a comment")
    assert found["record_id"].to_list() == ["id7"]


def test_a_draw_is_repeatable_and_differs_by_seed(store: Store) -> None:
    draws = [show(store, "support", limit=5, seed=seed)["record_id"].to_list() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_dropped_rows_are_shown_with_their_rule_and_cannot_drive_the_terminal(store: Store) -> None:
    text = "\n".join(render(show(store, "support", status="dropped"), 80))
    assert "dropped by rules.empty" in text
    assert "\\x1b[2J\\u202eevil" in text
    assert "\x1b" not in text


def test_a_wrong_condition_is_the_users_mistake(store: Store) -> None:
    with pytest.raises(InputError, match="nosuch"):
        show(store, "support", where="nosuch = 1")


def test_empty_user_columns_take_no_room(tmp_path: Path) -> None:
    write_version(tmp_path, [Row("a", [("text", "hi")], meta={"filled": "x", "empty": ""})], shape="text")
    text = "\n".join(render(show(Store(tmp_path), "support"), 80))
    assert "filled=x" in text
    assert "empty" not in text
