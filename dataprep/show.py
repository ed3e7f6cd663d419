"""`dataprep show`: the rows of a version, as a person reads them."""

from __future__ import annotations

from typing import Any, Final, Literal

import duckdb
import polars as pl

from dataprep.console import one_line, wrap
from dataprep.sqlfiles import quote_identifier, quote_literal
from dataprep.store.layout import Store
from dataprep.store.query import open_data, run_query
from dataprep.store.views import PLACE, column_types

Status = Literal["kept", "dropped", "held"]

_FIRST: Final = (
    "record_id",
    "split",
    "status",
    "step",
    "rule",
    "partner_id",
    "label",
    "source",
    "path",
    "line",
    "text",
)


def show(
    store: Store,
    data: str,
    *,
    status: Status = "kept",
    where: str | None = None,
    limit: int = 10,
    seed: int | None = None,
) -> pl.DataFrame:
    """Rows of a version: id, fate, origin, text and `meta_*` columns.

    Args:
        store: where the version lies.
        data: its name, such as `support@latest`, or a stopped run's id.
        status: which records.
        where: an SQL condition on the columns of the views `records` and `signals`.
        limit: rows at most.
        seed: draws rows at random, the same ones for the same seed; without it rows come in source order.

    Raises:
        InputError: the version or a column of the condition does not exist, or the condition is wrong.
    """
    with open_data(store, data) as con:
        relation = "records" if where is None else _with_signals(con)
        # A line comment at the end of the user's condition must not swallow what follows it.
        condition = "" if where is None else f" AND ({where}\n)"
        order = "row" if seed is None else f"md5(record_id || {quote_literal(str(seed))}), row"
        chosen = run_query(
            con,
            f"SELECT record_id FROM {relation} WHERE status = {quote_literal(status)}{condition} "
            f"ORDER BY {order} LIMIT {int(limit)}",
        )["record_id"].to_list()
        return _rows(con, chosen)


def render(rows: pl.DataFrame, width: int) -> list[str]:
    """The rows as text for a terminal of this width; whatever is invisible or drives a terminal is shown as escapes.

    >>> print(*render(pl.DataFrame({"record_id": ["a1"], "status": ["kept"], "split": ["train"], "text": ["hi"]}), 20),
    ...       sep="\\n")
    ──────────────────── a1
    kept → train
    <BLANKLINE>
    hi
    <BLANKLINE>
    """
    lines: list[str] = []
    for row in rows.iter_rows(named=True):
        lines.append(f"{'─' * min(width, 20)} {one_line(row['record_id'])}")
        lines += wrap(headline(row), width)
        lines.append("")
        text = row.get("text")
        lines += wrap("(the text was not kept)" if text is None else text, width)
        lines.append("")
    return lines


def headline(row: dict[str, Any]) -> str:
    """What became of a record, its label, origin and user columns, in one line."""
    fate = row["status"]
    if row.get("split"):
        fate += f" → {row['split']}"
    if row.get("rule"):
        fate += f" by {row.get('step')}.{one_line(row['rule'])}"
    if row.get("partner_id"):
        fate += f", see {one_line(row['partner_id'])}"
    parts = [fate]
    if row.get("label") is not None:
        parts.append(f"label {one_line(row['label'])}")
    if row.get("path") is not None:
        parts.append(f"{one_line(row['path'])}:{row['line']}")
    shown = (name for name in row if name.startswith("meta_") and row[name] not in (None, ""))
    parts += [f"{one_line(name.removeprefix('meta_'))}={one_line(str(row[name]))[:60]}" for name in shown]
    return " · ".join(parts)


def _with_signals(con: duckdb.DuckDBPyConnection) -> str:
    taken = {name.casefold() for name in column_types(con, "records")}
    signals = [name for name in column_types(con, "signals") if name.casefold() not in taken]
    if not signals:
        return "records"
    listed = ", ".join(quote_identifier(name) for name in signals)
    return f"records LEFT JOIN (SELECT record_id, {listed} FROM signals) AS signals USING (record_id)"


def _rows(con: duckdb.DuckDBPyConnection, record_ids: list[str]) -> pl.DataFrame:
    """The chosen records in the order chosen. Asked for by id, so that the texts of all the others stay unread."""
    columns = [*_FIRST, *(name for name in column_types(con, "records") if name.startswith("meta_"))]
    listed = ", ".join(quote_literal(record_id) for record_id in record_ids) or "NULL"
    names = ", ".join(quote_identifier(name) for name in columns if name not in PLACE)
    found = run_query(con, f"SELECT {names} FROM records WHERE record_id IN ({listed})")
    order = pl.DataFrame({"record_id": pl.Series(record_ids, dtype=pl.String)})
    return order.join(found, on="record_id", how="left", maintain_order="left")
