"""Writes small versions as publishing does, for tests of everything that reads them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from threading import get_ident
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.record import TURNS_TYPE
from dataprep.store.layout import Store
from dataprep.store.tables import FUNNEL, LEDGER, PAIRS, RECORDS, REJECTS


@dataclass
class Row:
    """One record of a synthetic version."""

    record_id: str
    turns: list[tuple[str, str | None]]
    split: str | None = "train"
    status: str = "kept"
    rule: str | None = None
    partner_id: str | None = None
    label: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    line: int = 1
    path: str = "data/support.jsonl"
    n_words: int = 2


META_TYPES = {str: ("VARCHAR", pa.string()), int: ("BIGINT", pa.int64()), float: ("DOUBLE", pa.float64())}


def write_version(
    root: Path,
    rows: list[Row],
    *,
    dataset: str = "support",
    number: int | None = 1,
    run_id: str = "run-1",
    shape: str = "prompt_completion",
    ledger: list[dict[str, Any]] | None = None,
    pairs: list[dict[str, Any]] | None = None,
    rejects: list[dict[str, Any]] | None = None,
    pipeline: dict[str, Any] | None = None,
) -> str:
    """Write one version with its reference and run record; returns its id."""
    store = Store(root)
    version_id = hashlib.sha256(repr((dataset, run_id, rows)).encode()).hexdigest()
    folder = store.version(version_id)
    meta = {f"meta_{key}": META_TYPES[type(value)] for row in rows for key, value in row.meta.items()}
    splits = [split for split in ("train", "validation", "test") if any(row.split == split for row in rows)]
    for split in splits:
        _write(folder / f"data/{split}-00000-of-00001.parquet", [r for r in rows if r.split == split], shape, meta)
    for status, name in (("held", "held"), ("dropped", "removed")):
        chosen = [row for row in rows if row.status == status]
        if chosen:
            _write(folder / f"{name}/{name}-00000-of-00001.parquet", chosen, "turns", meta)
    _write_rows(folder / "records/records-00000.parquet", [_record(i, row) for i, row in enumerate(rows)], RECORDS)
    _write_rows(folder / "ledger/ledger-00000.parquet", ledger or [], LEDGER)
    _write_rows(folder / "pairs/pairs-00000.parquet", pairs or [], PAIRS)
    _write_rows(folder / "rejects/rejects-00000.parquet", rejects or [], REJECTS)
    _write_rows(folder / "funnel/funnel-00000.parquet", _funnel(rows), FUNNEL)
    signals = pa.table({"record_id": [row.record_id for row in rows], "n_words": [row.n_words for row in rows]})
    (folder / "signals").mkdir()
    pq.write_table(signals, folder / "signals/signals-00000.parquet")
    counts = {name: sum(row.status == name for row in rows) for name in ("kept", "dropped", "held")}
    manifest = {
        "format": 1,
        "version_id": version_id,
        "dataset": dataset,
        "parent": None,
        "created_at": "2026-01-02T03:04:05+00:00",
        "run_id": run_id,
        "pipeline": pipeline or {"name": dataset},
        "sources": [],
        "shape": shape,
        "meta_columns": {n: {"type": kind, "key": n.removeprefix("meta_")} for n, (kind, _) in meta.items()},
        "signals": {"versions": {"size": 1}, "columns": {"n_words": "words of the record"}},
        "counts": {
            "rows": len(rows) + len(rejects or []),
            "records": len(rows),
            "rejects": len(rejects or []),
            **counts,
            "splits": {split: sum(row.split == split for row in rows) for split in splits},
        },
        "files": [_declared(folder, path) for path in sorted(folder.rglob("*.parquet"))],
    }
    _write_whole(folder / "manifest.json", json.dumps(manifest))
    write_run(root, run_id, dataset=dataset, status="published", version_id=version_id, number=number)
    if number is not None:
        write_reference(root, dataset, str(number), version_id, run_id)
    return version_id


def write_reference(root: Path, dataset: str, name: str, version_id: str, run_id: str = "run-1") -> None:
    """Write one reference of a dataset."""
    refs = Store(root).dataset_refs(dataset)
    refs.mkdir(parents=True, exist_ok=True)
    _write_whole(refs / "name", dataset)
    value = {"version_id": version_id, "run_id": run_id, "published_at": "2026-01-02T03:04:06+00:00"}
    _write_whole(refs / name, json.dumps(value))


def write_run(root: Path, run_id: str, **values: Any) -> Path:
    """Write one run's record; returns its folder."""
    folder = Store(root).run(run_id)
    folder.mkdir(parents=True, exist_ok=True)
    record = {"run_id": run_id, "started_at": "2026-01-02T03:04:00+00:00", "seconds": {"ingest": 0.5}, **values}
    _write_whole(folder / "run.json", json.dumps(record))
    return folder


def write_stopped_run(root: Path, run_id: str, rejects: list[dict[str, Any]], dataset: str = "support") -> None:
    """Write a run that stopped before publishing, with its rejects."""
    folder = write_run(root, run_id, dataset=dataset, status="stopped", exit_code=1, message="too many rejects")
    _write_rows(folder / "tables/rejects/rejects-00000.parquet", rejects, REJECTS)


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that who reads meanwhile sees all of it or what was there before, as publishing does."""
    partial = path.with_name(f".{path.name}.{get_ident()}")
    partial.write_text(text, encoding="utf-8")
    partial.rename(path)


def _record(index: int, row: Row) -> dict[str, Any]:
    roles = tuple(role for role, _ in row.turns)
    layout = {("user", "assistant"): "pair", ("text",): "text"}.get(roles, "chat")
    return {
        "row": index,
        "record_id": row.record_id,
        "source": "source1",
        "path": row.path,
        "line": row.line,
        "status": row.status,
        "split": row.split,
        "step": None if row.rule is None else "rules",
        "rule": row.rule,
        "partner_id": row.partner_id,
        "label": row.label,
        "group_id": row.record_id,
        "digest": hashlib.md5(repr(row).encode()).hexdigest(),
        "content_digest": hashlib.md5(repr(row.turns).encode()).hexdigest(),
        "layout": layout,
        "meta": json.dumps(row.meta),
    }


def _write(path: Path, rows: list[Row], shape: str, meta: dict[str, Any]) -> None:
    columns: dict[str, Any] = {"record_id": [row.record_id for row in rows]}
    if shape == "turns":
        turns = [[{"role": role, "content": text, "extra": None} for role, text in row.turns] for row in rows]
        columns["turns"] = pa.array(turns, TURNS_TYPE)
    elif shape == "messages":
        kind = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
        columns["messages"] = pa.array([[{"role": r, "content": c} for r, c in row.turns] for row in rows], kind)
    elif shape == "text":
        columns["text"] = pa.array([row.turns[0][1] for row in rows], pa.string())
    else:
        columns["prompt"] = pa.array([row.turns[0][1] for row in rows], pa.string())
        columns["completion"] = pa.array([row.turns[1][1] for row in rows], pa.string())
    if any(row.label for row in rows):
        columns["label"] = pa.array([row.label for row in rows], pa.string())
    columns["source"] = ["source1"] * len(rows)
    for name, (_, kind) in meta.items():
        columns[name] = pa.array([row.meta.get(name.removeprefix("meta_")) for row in rows], kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def _write_rows(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def _funnel(rows: list[Row]) -> list[dict[str, Any]]:
    kept = sum(row.status == "kept" for row in rows)
    read = {"step": "ingest", "rule": "source1", "action": "read", "records": len(rows), "remaining": len(rows)}
    left = len(rows) - kept
    drop = {"step": "rules", "rule": "too_short", "action": "drop", "records": left, "fired": left, "remaining": kept}
    return [{"position": 0, **read}, {"position": 1, **drop}]


def _declared(folder: Path, path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    name = path.relative_to(folder).as_posix()
    rows = pq.read_metadata(path).num_rows
    return {"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "rows": rows}
