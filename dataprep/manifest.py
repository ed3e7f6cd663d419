"""What a version says about itself: the manifest, from what was asked, read and decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dataprep.against import sketch_settings
from dataprep.decided import Decided, Question
from dataprep.file_job import PreparedFile
from dataprep.signals import families, signal_columns
from dataprep.sources import ResolvedSource
from dataprep.store.layout import FORMAT_VERSION
from dataprep.store.publish import now, packages
from dataprep.store.runs import RunRecord


def describe_version(
    question: Question,
    decided: Decided,
    sources: Sequence[ResolvedSource],
    prepared: Sequence[PreparedFile],
    record: RunRecord,
    warnings: Sequence[str],
) -> dict[str, Any]:
    """The version's manifest as JSON-able values, but for its files, which are described when all are written."""
    contents = decided.contents
    return {
        "format": FORMAT_VERSION,
        "version_id": decided.identity,
        "dataset": record.dataset,
        "parent": question.parent and question.parent.version_id,
        "inputs": question.inputs,
        "gathered": question.gathered.fingerprint,
        "against": question.against.describe(),
        "benchmarks": question.suite.describe() if question.suite else [],
        "sketches": sketch_settings(question.pipeline.dedup),
        "created_at": now(),
        "run_id": record.run_id,
        "pipeline": record.pipeline,
        "sources": [_source_entry(source, prepared) for source in sources],
        "counts": record.counts,
        "shape": contents.shape,
        "split_mode": decided.mode,
        "meta_columns": {column.name: {"type": column.type, "key": column.key} for column in contents.meta},
        "rules": list(decided.rules),
        "signals": {
            "versions": {family.name: family.version for family in families()},
            "columns": {name: column.description for name, column in signal_columns().items()},
        },
        "packages": packages(),
        "notes": list(decided.notes),
        "warnings": list(warnings),
    }


def _source_entry(source: ResolvedSource, prepared: Sequence[PreparedFile]) -> dict[str, Any]:
    return {
        "name": source.name,
        "mapping": source.mapping.to_dict(),
        "files": [
            {
                "path": item.file.shown,
                "sha256": item.sha256,
                "bytes": item.file.size,
                "rows": item.summary.rows,
                "records": item.summary.records,
                "rejects": item.summary.rejects,
                "notes": dict(sorted(item.summary.notes.items())),
            }
            for item in prepared
            if item.source is source
        ],
    }
