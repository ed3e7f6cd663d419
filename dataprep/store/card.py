"""The dataset card: a README.md with Hugging Face front matter that says what a version is and how it came about.

Names of datasets, sources, files and columns come from strangers: they are shown as inline code with every character
that Markdown, HTML or a terminal would act on made harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from dataprep.console import printable
from dataprep.store.tombstones import forgotten_counts, splits_left, tombstones


def code(text: object) -> str:
    """Text from outside as a harmless inline code span.

    >>> code("a`b|<script>")
    '`` a`b\\\\|&lt;script&gt; ``'
    """
    shown = printable(str(text)).replace("\n", " ").replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


def dataset_card(manifest: Mapping[str, Any]) -> str:
    """The card of a version, from its manifest."""
    splits = splits_left(manifest)
    lines = [
        "---",
        yaml.safe_dump(_front_matter(manifest), sort_keys=False, allow_unicode=False).rstrip(),
        "---",
        "",
        f"# {code(manifest['dataset'])}",
        "",
        _summary(manifest),
        "",
        "| split | records |",
        "|---|---:|",
        *(f"| {name} | {records:,} |" for name, records in splits.items()),
        "",
        "## How to load it",
        "",
        "```python",
        "from datasets import load_dataset",
        'dataset = load_dataset("path/to/this/folder")',
        "```",
        "",
        f"Columns are in the shape {code(manifest['shape'])}; columns of the sources carry the prefix `meta_`.",
        "",
        "## Where it comes from",
        "",
        "| source | file | rows | rejected | SHA-256 |",
        "|---|---|---:|---:|---|",
        *(
            f"| {code(source['name'])} | {code(file['path'])} | {file['rows']:,} | {file['rejects']:,} "
            f"| `{file['sha256'][:16]}…` |"
            for source in manifest["sources"]
            for file in source["files"]
        ),
        "",
        "## What was done",
        "",
        *(f"- {_plain(rule)}" for rule in manifest["rules"]),
        f"- splits by {code(manifest['split_mode'])}; records with the same input stand in the same split",
    ]
    if manifest["notes"] or manifest["warnings"]:
        lines += [
            "",
            "## Worth knowing",
            "",
            *(f"- {_plain(note)}" for note in (*manifest["notes"], *manifest["warnings"])),
        ]
    lines += _forgotten(manifest)
    lines += [
        "",
        "Why a single record was kept, changed or dropped is in `ledger/`; `dataprep why ID` tells its story.",
        "",
    ]
    return "\n".join(lines)


def _summary(manifest: Mapping[str, Any]) -> str:
    counts = manifest["counts"]
    return (
        f"Version {code(manifest['version_id'][:12])}, made on {manifest['created_at'][:10]} from "
        f"{counts['rows']:,} rows: {counts['kept']:,} kept, {counts['dropped']:,} dropped, {counts['held']:,} held, "
        f"{counts['rejects']:,} rejected."
    )


def _forgotten(manifest: Mapping[str, Any]) -> list[str]:
    """How many records were taken out since publishing; the manifest says which."""
    records = len(tombstones(manifest))
    if not records:
        return []
    were = "1 record was" if records == 1 else f"{records:,} records were"
    by = ", ".join(f"{count:,} of {fate}" for fate, count in sorted(forgotten_counts(manifest).items()))
    return [
        "",
        "## Forgotten since",
        "",
        f"{were} erased at somebody's request ({by}). What is counted above is what was published.",
        "`forgotten` in `manifest.json` names the records by id, never by text.",
    ]


def _plain(text: str) -> str:
    """A sentence of ours that may quote names from outside."""
    shown = printable(text).replace("\n", " ").replace("\\", "\\\\").replace("<", "&lt;").replace(">", "&gt;")
    for character in "`*_[]|":
        shown = shown.replace(character, f"\\{character}")
    return shown


def _front_matter(manifest: Mapping[str, Any]) -> dict[str, Any]:
    splits = splits_left(manifest)
    records = sum(splits.values())
    return {
        "pretty_name": printable(manifest["dataset"]),
        "size_categories": [_size(records)],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": f"data/{name}-*.parquet"} for name in splits],
            }
        ],
        "tags": ["dataprep"],
    }


def _size(records: int) -> str:
    """The hub's size class of a dataset."""
    names = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")
    for power, name in enumerate(names, 3):
        if records < 10**power:
            return name
    return "n>1B"
