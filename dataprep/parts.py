"""The batch side of the flow: one block of a source file becomes one numbered part of the cache.

Everything that reads text happens here, in one pass while the block is warm: parse, convert, clean, key, measure.
A part is four narrow Parquet files and one wide one:

    prepare/<fp>/records-00000.parquet   turns after cleaning, tools, meta     (the wide one)
    prepare/<fp>/rows-00000.parquet      everything else about each record
    prepare/<fp>/edits-00000.parquet     what cleaning changed, and which cleaner failed
    prepare/<fp>/rejects-00000.parquet   rows that did not become records
    keys/<fp>/keys-00000.parquet         duplicate keys
    measure/<fp>/<family>-00000.parquet  one file for each family of signals
    near/<fp>/near-00000.parquet         sketches for near duplicates

A part depends on its block and the configuration alone, so results cannot depend on how blocks are cut or on which
thread took them. Parts are Parquet rather than Arrow files because set steps read them with DuckDB, projected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from dataprep.clean import clean_batch
from dataprep.clean.config import CleanConfig
from dataprep.ingest.config import IngestLimits, SourceConfig
from dataprep.ingest.rows import Block, Reject, Rows, parse_block, reject_row
from dataprep.ingest.shapes import Converter, Mapping
from dataprep.pairs.config import DedupConfig
from dataprep.pairs.keys import all_keys
from dataprep.pairs.near_keys import KeyTexts, NearKeys, call_seeds
from dataprep.record import ROLES, RecordColumns, Turns, batch_of, content_digests
from dataprep.signals import families, measure
from dataprep.signals.block import TextBlock
from dataprep.store.files import write_table

REJECTS_SCHEMA: Final = pa.schema(
    [
        ("line", pa.int64()),
        ("byte_offset", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("raw", pa.binary()),
        ("length", pa.int64()),
        ("digest", pa.string()),
    ]
)
_LAYOUTS: Final = ("chat", "pair", "text")
ROW_COLUMNS: Final = ("digest", "user_id", "label", "group_key", "time", "given_split", "meta", "line")


@dataclass(frozen=True, slots=True)
class PartSettings:
    """What preparing one source's blocks depends on."""

    source_name: str
    source: SourceConfig
    mapping: Mapping
    limits: IngestLimits
    clean: CleanConfig
    dedup: DedupConfig
    given_split: str | None = None
    """The split of every row of this file, where the source or the file's name gives one."""


@dataclass(slots=True)
class PartSummary:
    """Counts of one part, or summed over the parts of a file."""

    rows: int = 0
    records: int = 0
    rejects: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    edits: Counter[str] = field(default_factory=Counter)
    columns_found: set[str] = field(default_factory=set)
    """Required columns that at least one row has with a fitting value."""
    meta_kinds: dict[str, set[str]] = field(default_factory=dict)
    part_records: list[int] = field(default_factory=list)
    parsed: int = 0
    """Rows that could be read, whether or not they became records; known of fresh parts only."""

    def add(self, other: PartSummary) -> None:
        """Add another part's counts, in order."""
        self.rows += other.rows
        self.records += other.records
        self.rejects += other.rejects
        self.parsed += other.parsed
        for name in ("reasons", "notes", "edits"):
            getattr(self, name).update(getattr(other, name))
        for key, kinds in other.meta_kinds.items():
            self.meta_kinds.setdefault(key, set()).update(kinds)
        self.columns_found |= other.columns_found
        self.part_records.extend(other.part_records)

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values, for the cache's completion marker."""
        return {
            "rows": self.rows,
            "records": self.records,
            "rejects": self.rejects,
            "reasons": dict(sorted(self.reasons.items())),
            "notes": dict(sorted(self.notes.items())),
            "edits": dict(sorted(self.edits.items())),
            "columns_found": sorted(self.columns_found),
            "meta_kinds": {key: sorted(kinds) for key, kinds in sorted(self.meta_kinds.items())},
            "part_records": self.part_records,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PartSummary:
        """The inverse of `to_json`."""
        return cls(
            rows=values["rows"],
            records=values["records"],
            rejects=values["rejects"],
            reasons=Counter(values["reasons"]),
            notes=Counter(values["notes"]),
            edits=Counter(values["edits"]),
            columns_found=set(values["columns_found"]),
            meta_kinds={key: set(kinds) for key, kinds in values["meta_kinds"].items()},
            part_records=list(values["part_records"]),
        )


def part_file(folder: Path, table: str, index: int) -> Path:
    """The file of one table of one part."""
    return folder / f"{table}-{index:05d}.parquet"


def write_part(table: pa.Table | pa.RecordBatch, path: Path) -> None:
    """Write a part's table, uncompressed: it is read again within minutes, and lz4 costs a tenth of the whole step."""
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    write_table(path, table, compression="none", write_statistics=False, use_dictionary=False)


def prepare_block(block: Block, settings: PartSettings, folder: Path, index: int) -> tuple[pa.RecordBatch, PartSummary]:
    """Parse, convert and clean one block, write its part, and return the cleaned batch with its counts."""
    converter = Converter(settings.mapping, settings.source, settings.limits)
    rows = parse_block(block, converter.text_keys)
    n_parsed = len(rows.rows)
    summary = PartSummary(rows=n_parsed + len(rows.rejects), notes=Counter(rows.notes), parsed=n_parsed)
    columns, rejects = _convert(rows, converter, summary)
    if settings.given_split is not None:
        columns.fields["given_split"] = [settings.given_split] * len(columns)
    batch = batch_of(settings.source_name, columns)
    batch, verdicts = clean_batch(batch, settings.clean)
    summary.records = len(columns)
    summary.rejects = len(rejects)
    summary.reasons.update(reject.reason for reject in rejects)
    summary.edits.update(verdicts.counts())
    summary.part_records.append(len(columns))
    summary.meta_kinds = _meta_kinds(columns.meta)
    write_part(batch.select(["turns", "tools", "label", "meta"]), part_file(folder, "records", index))
    write_part(_row_table(batch), part_file(folder, "rows", index))
    write_part(verdicts.table(), part_file(folder, "edits", index))
    write_rejects(rejects, folder, index)
    return batch, summary


def write_rejects(rejects: Sequence[Reject], folder: Path, index: int) -> None:
    """Write the rejects of a part."""
    columns = {name: [getattr(reject, name) for reject in rejects] for name in REJECTS_SCHEMA.names}
    write_part(pa.table(columns, schema=REJECTS_SCHEMA), part_file(folder, "rejects", index))


def key_part(batch: pa.RecordBatch, dedup: DedupConfig, folder: Path, index: int) -> None:
    """Compute and write the duplicate keys of a cleaned batch."""
    keys, kinds = all_keys(batch, dedup)
    columns = {
        "record_key": keys.record,
        "input_key": keys.input,
        "answer_key": kinds.answer,
        "label_key": kinds.label,
        "tools_key": kinds.tools,
        "chain_key": kinds.chain,
        "prefix_keys": kinds.prefixes,
    }
    write_part(pa.table(columns), part_file(folder, "keys", index))


def measure_part(
    batch: pa.RecordBatch,
    clean: CleanConfig,
    folders: dict[str, Path],
    near: tuple[NearKeys, Path] | None,
    index: int,
) -> None:
    """Measure a cleaned batch and write a table for each family in `folders`, and its sketches, from one scan."""
    sketches: list[pa.RecordBatch] = []
    turns = Turns(batch["turns"])
    calls = call_seeds(turns)

    def sketch(block: TextBlock) -> None:
        if near is not None:
            texts = KeyTexts(block.offsets, block.data, block.row_offsets, block.roles, block.input_ends, block.scanned)
            done = sum(part.num_rows for part in sketches)
            here = slice(done, done + block.n_rows)
            sketches.append(near[0].table(texts, batch["label"].slice(done, block.n_rows), calls[here]))

    chosen = [family for family in families() if family.name in folders]
    markers = clean.end_of_text_markers
    tables = measure(turns, end_of_text_markers=markers, only=chosen, beside=sketch)
    for family, folder in folders.items():
        write_part(tables[family], part_file(folder, family, index))
    if near is not None:
        write_part(pa.Table.from_batches(sketches), part_file(near[1], "near", index))


def _convert(rows: Rows, converter: Converter, summary: PartSummary) -> tuple[RecordColumns, list[Reject]]:
    columns, refused = converter.convert_block(rows)
    rejects = list(rows.rejects)
    for index, error in refused:
        offset, raw = rows.raw(index)
        rejects.append(reject_row(rows.lines[index], offset, error.reason, error.detail, raw))
    for part in converter.mapped_parts:
        is_text = rows.texts is not None and rows.texts.has(part.column)
        if part.required and (is_text or any(part.state(row) == "ok" for row in rows.rows)):
            summary.columns_found.add(part.column)
    return columns, rejects


def _meta_kinds(meta: Sequence[dict[str, Any]]) -> dict[str, set[str]]:
    """The types that each column kept in meta has in some rows, by Python's names.

    >>> kinds = _meta_kinds([{"a": 1}, {"a": None, "b": "x"}])
    >>> sorted(kinds["a"]), sorted(kinds["b"])
    (['NoneType', 'int'], ['str'])
    """
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for values in meta:
        alike.setdefault(tuple(values), []).append(values)
    kinds: dict[str, set[str]] = {}
    for keys, group in alike.items():
        for key in keys:
            types = set(map(type, map(itemgetter(key), group)))
            kinds.setdefault(key, set()).update(kind.__name__ for kind in types)
    return kinds


def _row_table(batch: pa.RecordBatch) -> pa.Table:
    turns = Turns(batch["turns"])
    layout, extras_json = _layouts(turns)
    columns = {name: batch[name] for name in ROW_COLUMNS}
    columns["content_digest"] = content_digests(batch)
    columns["layout"] = layout
    columns["extras_json"] = extras_json
    columns["has_tools"] = pc.is_valid(batch["tools"])
    return pa.table(columns)


def _layouts(turns: Turns) -> tuple[pa.Array, pa.Array]:
    """For each record the plainest shape that holds it, and its turns' extras as JSON (null where none has any)."""
    user, assistant, text = (ROLES.index(role) for role in ("user", "assistant", "text"))
    roles = np.append(turns.roles, [255, 255])
    first = turns.row_offsets[:-1]
    sizes = np.diff(turns.row_offsets)
    layout = np.full(turns.n_rows, _LAYOUTS.index("chat"))
    layout[(sizes == 2) & (roles[first] == user) & (roles[first + 1] == assistant)] = _LAYOUTS.index("pair")
    layout[(sizes == 1) & (roles[first] == text)] = _LAYOUTS.index("text")
    extras_json: list[str | None] = [None] * turns.n_rows
    has_extra = turns.extras.is_valid().to_numpy(zero_copy_only=False)
    if has_extra.any():
        extras = turns.extras.to_pylist()
        for row in np.unique(turns.rows[has_extra]).tolist():
            start, end = turns.row_offsets[row : row + 2].tolist()
            extras_json[row] = orjson.dumps(extras[start:end]).decode()
    return pa.array(_LAYOUTS).take(pa.array(layout)), pa.array(extras_json, pa.string())
