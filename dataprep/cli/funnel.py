"""The funnel for the terminal: each line says what it took and what was left."""

from __future__ import annotations

import polars as pl

_VERBS = {
    "read": "rows read",
    "reject": "rejected",
    "drop": "dropped",
    "hold": "held",
    "flag": "flagged",
    "release": "released",
    "keep": "kept",
}


def funnel_lines(funnel: pl.DataFrame) -> list[str]:
    """Aligned lines; the last ones, the splits, add up to what remained.

    >>> table = pl.DataFrame({"step": ["ingest", "result"], "rule": ["rows", "train"], "action": ["read", "keep"],
    ...     "records": [2, 2], "fired": [2, 2], "remaining": [2, None]})
    >>> print("\\n".join(funnel_lines(table)))
    step    rule   records            remaining
    ingest  rows         2 rows read          2
    result  train        2 kept
    """
    rows = [
        (
            row["step"],
            row["rule"],
            f"{row['fired'] if row['action'] in ('flag', 'release') else row['records']:,}",
            _VERBS[row["action"]],
            "" if row["remaining"] is None else f"{row['remaining']:,}",
        )
        for row in funnel.iter_rows(named=True)
    ]
    header = ("step", "rule", "records", "", "remaining")
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(5)]
    return [
        (
            f"{step:<{widths[0]}}  {rule:<{widths[1]}}  {count:>{widths[2]}} {verb:<{widths[3]}}  {left:>{widths[4]}}"
        ).rstrip()
        for step, rule, count, verb, left in [header, *rows]
    ]
