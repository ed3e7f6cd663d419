"""Sources that the latest version was made of are not looked into again; all others are."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import dataprep
from dataprep.errors import InputError
from dataprep.known_sources import resolve_known_sources
from dataprep.pipeline.load import load
from dataprep.sources import ResolvedSource, resolve_sources
from dataprep.store.inventory import known_digests
from dataprep.store.layout import Store
from tests.making import pairs, write_jsonl


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        write_jsonl(tmp_path / f"{name}.jsonl", pairs(5, start=len(name)))
    (tmp_path / "p.yaml").write_text("name: x\nsources: [{path: a.jsonl}, {path: b.jsonl}]\n", encoding="utf-8")
    dataprep.run(tmp_path / "p.yaml", store=tmp_path / "store")
    for name in ("a", "b"):
        spoil(tmp_path / f"{name}.jsonl")
    return tmp_path


def spoil(path: Path) -> None:
    """Make a file unreadable behind the back of whoever goes by its size and time."""
    status = path.stat()
    path.write_bytes(b"\0" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def resolved(folder: Path, *overrides: str) -> list[ResolvedSource]:
    loaded = load(folder / "p.yaml", overrides)
    store = Store(folder / "store")
    return resolve_known_sources(loaded.pipeline, loaded.base, store, known_digests(store, loaded.pipeline.name))


def test_a_known_source_is_not_read(folder: Path) -> None:
    manifest = dataprep.open("x@latest", store=folder / "store").manifest
    assert [source.mapping.to_dict() for source in resolved(folder)] == [
        source["mapping"] for source in manifest["sources"]
    ]
    loaded = load(folder / "p.yaml")
    with pytest.raises(InputError):
        resolve_sources(loaded.pipeline, loaded.base)


@pytest.mark.parametrize("change", ["sources.1.label=prompt", "limits.max_depth=7", "name=y"])
def test_another_configuration_or_dataset_is_looked_into(folder: Path, change: str) -> None:
    with pytest.raises(InputError):
        resolved(folder, change)


def test_a_changed_file_is_looked_into(folder: Path) -> None:
    rows = [json.dumps({"question": "What now?", "answer": f"Nothing, {n} times."}) for n in range(9)]
    (folder / "b.jsonl").write_text("\n".join(rows), encoding="utf-8")
    assert [source.mapping.shape for source in resolved(folder)] == ["prompt_completion", "question_answer"]
