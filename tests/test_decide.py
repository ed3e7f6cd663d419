"""What rules read: any signals and fields of a record, whichever file they lie in."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.making import run_yaml, table, write_jsonl

PIPELINE = """
name: x
sources: [{path: a.jsonl}, {path: b.jsonl, label: kind}]
default_rules: false
rules:
  size: {signal: n_words, op: ">=", threshold: 9, action: flag}
  families: {when: "n_words >= 9 and digit_share > 0 and n_turns = 2", value: digit_share, action: flag}
  field: {when: "label = 'odd'", action: flag}
  meta: {when: "meta_rank % 7 = 0", action: flag}
  all: {when: "n_words >= 9 and digit_share > 0 and label = 'odd' and meta_rank % 7 = 0", action: flag}
  nothing: {when: "1 = 1", action: flag}
"""


def test_a_rule_may_read_several_families_and_fields(tmp_path: Path) -> None:
    rows = [
        {
            "prompt": "What " + "is " * (n % 5) + "this?",
            "completion": f"It is {n if n % 2 else 'nothing'} " + "or so " * (n % 3),
            "rank": n,
            "kind": "odd" if n % 3 else "even",
        }
        for n in range(200)
    ]
    write_jsonl(tmp_path / "a.jsonl", rows[:80])
    write_jsonl(tmp_path / "b.jsonl", rows[80:])
    result = run_yaml(tmp_path, PIPELINE, block_bytes=2_000)
    fired = table(result, "ledger").filter(pl.col("step") == "rules")
    rank = dict(table(result, "records").select("record_id", "row").iter_rows())

    def met(rule: str) -> list[int]:
        return sorted(rank[each] for each in fired.filter(pl.col("rule") == rule)["record_id"])

    def expected(condition: pl.Expr) -> list[int]:
        facts = pl.DataFrame(rows).with_columns(
            words=pl.concat_str("prompt", pl.lit(" "), "completion").str.strip_chars().str.split(" ").list.len(),
            digits=pl.col("completion").str.contains(r"\d"),
            label=pl.when(pl.int_range(pl.len()) >= 80).then("kind"),
        )
        return facts.with_row_index().filter(condition)["index"].to_list()

    size, digits = pl.col("words") >= 9, pl.col("digits")
    field, meta = pl.col("label") == "odd", pl.col("rank") % 7 == 0
    assert met("size") == expected(size)
    assert met("families") == expected(size & digits)
    assert met("field") == expected(field)
    assert met("meta") == expected(meta)
    assert met("all") == expected(size & digits & field & meta) != []
    assert met("nothing") == list(range(200))
