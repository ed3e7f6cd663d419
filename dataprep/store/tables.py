"""The tables of a version, as Arrow schemas with the descriptions that become column comments in the catalog.

| folder | one row per | notes |
|---|---|---|
| `data/` | kept record | what trainers read: `record_id`, the shape's columns, `label`, `tools`, `source`, `meta_*` |
| `held/`, `removed/` | held, dropped record | `record_id`, `source`, `label`, `turns`, `tools`, `meta_*` |
| `records/` | record, whatever became of it | no text: lineage, fate, digests and what `data/` cannot carry |
| `ledger/` | verdict | every firing, one of them decisive for a record that left |
| `signals/` | record | one column a signal |
| `pairs/` | duplicate pair | pairs from 0.1 below the threshold on, with the exact similarity |
| `rejects/` | row that could not become a record | |
| `funnel/` | step and rule | in the order of the flow; `remaining` after each |

Beside a version, in `derived/`: `TOKENS`, one row per example that a record gives in training.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

EDIT_TYPE: Final = pa.struct(
    [
        ("turn", pa.int32()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("original", pa.string()),
        ("replacement", pa.string()),
    ]
)


def _schema(columns: list[tuple[str, pa.DataType, str]]) -> pa.Schema:
    return pa.schema([pa.field(name, kind, metadata={"description": text}) for name, kind, text in columns])


RECORDS: Final = _schema(
    [
        ("row", pa.int64(), "run-local row number, in the order of sources, files and lines"),
        ("record_id", pa.string(), "stable identity of the record"),
        ("source", pa.string(), "name of the source"),
        ("path", pa.string(), "source file, as the user named it; for people, never for identity"),
        ("line", pa.int64(), "1-based line, or row for columnar files, in the source file"),
        ("status", pa.string(), "kept, held or dropped"),
        ("split", pa.string(), "train, validation or test; null unless kept"),
        ("step", pa.string(), "step of the decisive verdict; null if kept"),
        ("rule", pa.string(), "rule of the decisive verdict; null if kept"),
        ("partner_id", pa.string(), "for duplicates and leaks: the record that stays"),
        ("label", pa.string(), "class label, where there is one"),
        ("group_id", pa.string(), "records with equal group_id never stand in different splits"),
        ("given_split", pa.string(), "the split that the source gave, where it did"),
        ("time", pa.string(), "normalised time of the record, where there is one"),
        ("digest", pa.string(), "BLAKE2b-128 of source name and record before cleaning, hex"),
        ("content_digest", pa.string(), "BLAKE2b-128 of the turns, tools and label after cleaning, hex"),
        ("input_key", pa.string(), "equal for records that ask the same: digest of the normalised input side, hex"),
        ("layout", pa.string(), "pair, text or chat: the plainest shape that holds the record"),
        (
            "extras_json",
            pa.string(),
            "JSON list of each turn's extra data (tool calls, weights, a missing field); null where none",
        ),
        ("meta", pa.string(), "JSON of every column that the shape did not use"),
        ("user_id", pa.string(), "the value of the user's id column, where named"),
        ("group_key", pa.string(), "the value of the user's group column, where named"),
    ]
)

LEDGER: Final = _schema(
    [
        ("record_id", pa.string(), "the record"),
        ("step", pa.string(), "clean, decisions, rules, dedup, splits"),
        ("rule", pa.string(), "name of the cleaner or rule"),
        ("action", pa.string(), "edit, drop, hold, flag or release"),
        ("decisive", pa.bool_(), "whether this verdict decided the record's fate"),
        ("value", pa.float64(), "what was measured; number of edits for cleaners"),
        ("threshold", pa.float64(), "what it was compared with"),
        ("partner_id", pa.string(), "the record that stays, for duplicates and leaks"),
        ("similarity", pa.float64(), "exact Jaccard similarity with the partner, 0..1"),
        ("detail", pa.string(), "more in words: a text value, an error message"),
        ("edits", pa.list_(EDIT_TYPE), "for cleaners: what changed, in code points of the text the cleaner saw"),
    ]
)

PAIRS: Final = _schema(
    [
        ("a_id", pa.string(), "the one that comes first in the order that decides which stays"),
        ("b_id", pa.string(), "its duplicate"),
        (
            "kind",
            pa.string(),
            "exact, near, prefix (one begins with the other), conflict (same input) or answer (same)",
        ),
        ("similarity", pa.float64(), "exact Jaccard similarity, 0..1; null for kinds that are not about words"),
        ("cluster_id", pa.string(), "first record of the cluster; null for pairs below the threshold"),
    ]
)

REJECTS: Final = _schema(
    [
        ("source", pa.string(), "name of the source"),
        ("path", pa.string(), "source file, as the user named it"),
        ("line", pa.int64(), "1-based line, or row for columnar files"),
        ("byte_offset", pa.int64(), "offset of the row in the decompressed file, where known"),
        ("reason", pa.string(), "stable name of the reason"),
        ("detail", pa.string(), "the reason in words"),
        ("raw", pa.binary(), "the first 64 kB of the row as it was"),
        ("length", pa.int64(), "length of the row in bytes"),
        ("digest", pa.string(), "SHA-256 of the whole row, hex"),
    ]
)

FUNNEL: Final = _schema(
    [
        ("position", pa.int32(), "order of the line in the funnel"),
        ("step", pa.string(), "ingest, rules, dedup, splits or result"),
        ("rule", pa.string(), "rule, reason or split"),
        ("action", pa.string(), "read, reject, drop, hold, flag, release or keep"),
        ("records", pa.int64(), "records this line took (decisive verdicts), or holds for read and keep lines"),
        ("fired", pa.int64(), "all firings of the rule, decisive or not"),
        ("remaining", pa.int64(), "records left after this line; null where the line takes nothing"),
    ]
)

TOKENS: Final = _schema(
    [
        ("record_id", pa.string(), "the record"),
        ("answer", pa.int32(), "which answer of the record, from 0; each is one example"),
        ("split", pa.string(), "train or validation, as trained on: held out of train where the version has none"),
        ("outcome", pa.string(), "trained, dropped_no_answer, dropped_too_long, fully_masked, cut or cut_lost_end"),
        ("tokens", pa.int32(), "tokens of the whole example, before anything was cut"),
        ("trained_tokens", pa.int32(), "tokens that are trained on each time the example is seen"),
        ("model", pa.string(), "the model whose tokenizer it was, as the recipe names it"),
        ("max_length", pa.int32(), "tokens of an example at most"),
        ("settings", pa.string(), "digest of the tokenizer, template, lengths and validation share, hex"),
    ]
)

DERIVED_SCHEMAS: Final[dict[str, pa.Schema]] = {"tokens": TOKENS}
"""Tables that are computed about a version later; see `dataprep.store.derived`."""

SCHEMAS: Final[dict[str, pa.Schema]] = {
    "records": RECORDS,
    "ledger": LEDGER,
    "pairs": PAIRS,
    "rejects": REJECTS,
    "funnel": FUNNEL,
}
"""Tables whose columns are the same in every version; those of `data`, `held`, `removed`, `signals` vary."""
