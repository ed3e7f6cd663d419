"""How two versions were made otherwise: keys of the pipeline file, rules, source files. From manifests alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson
import polars as pl
import pyarrow as pa

from dataprep.store.inventory import Json

_SPLIT_KEYS: Final = {"by": "by", "seed": "seed", "sources": "sources", "stratify": "stratify"}
"""Keys under `splits` by which a record moves, the most telling first; any other one changes the shares."""


def key_changes(a: Json, b: Json) -> pl.DataFrame:
    """Keys of the resolved pipelines that differ, and families of signals that were measured by another version.

    Sources and rules go by their names; one that only one version has is a single line.

    Args:
        a, b: manifests.

    Returns:
        Columns key, a, b; values as JSON, null where the key is absent.

    >>> key_changes({"pipeline": {"splits": {"seed": 0}}}, {"pipeline": {"splits": {"seed": 1}}}).rows()
    [('splits.seed', '0', '1')]
    """
    changes = [*_differences(_pipeline(a), _pipeline(b), ""), *_differences(_families(a), _families(b), "signals")]
    rows = [(key, _json(one), _json(other)) for key, one, other in changes]
    return pl.DataFrame(rows, {"key": pl.String, "a": pl.String, "b": pl.String}, orient="row")


def file_changes(a: Json, b: Json) -> pl.DataFrame:
    """Source files that differ, by their digests: added, removed, changed (same name, other bytes) or renamed.

    Returns:
        Columns change, source, path_a, path_b, rows_a, rows_b.
    """
    old, new = _by_name(a), _by_name(b)
    rows: list[tuple[str, str, str | None, str | None, int | None, int | None]] = []
    gone = {place: entry for place, entry in old.items() if place not in new}
    fresh = {place: entry for place, entry in new.items() if place not in old}
    for place, entry in old.items():
        other = new.get(place)
        if other is not None and other["sha256"] != entry["sha256"]:
            rows.append(("changed", place[0], place[1], place[1], entry["rows"], other["rows"]))
    for place, entry in fresh.items():
        twin = next((old_place for old_place, other in gone.items() if other["sha256"] == entry["sha256"]), None)
        if twin is None:
            rows.append(("added", place[0], None, place[1], None, entry["rows"]))
        else:
            rows.append(("renamed", place[0], twin[1], place[1], gone.pop(twin)["rows"], entry["rows"]))
    rows += [("removed", source, path, None, entry["rows"], None) for (source, path), entry in gone.items()]
    texts = dict.fromkeys(("change", "source", "path_a", "path_b"), pl.String)
    frame = pl.DataFrame(rows, {**texts, "rows_a": pl.Int64, "rows_b": pl.Int64}, orient="row")
    return frame.sort("change", "source", "path_b", "path_a")


def file_table(a: Json, b: Json) -> pa.Table:
    """All source files of both versions: side, source, path, sha256."""
    rows = [
        {"side": side, "source": source, "path": path, "sha256": entry["sha256"]}
        for side, manifest in (("a", a), ("b", b))
        for (source, path), entry in _by_name(manifest).items()
    ]
    return pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in ("side", "source", "path", "sha256")]))


def rule_table(a: Json, b: Json) -> pa.Table:
    """All rules of both versions: rule, whether it is the same in both, both thresholds, what differs in words."""
    old, new = _pipeline(a).get("rules", {}), _pipeline(b).get("rules", {})
    schema = pa.schema(
        [
            ("rule", pa.string()),
            ("same", pa.bool_()),
            ("threshold_a", pa.float64()),
            ("threshold_b", pa.float64()),
            ("detail", pa.string()),
        ]
    )
    rows = []
    for name in {**old, **new}:
        one, other = old.get(name), new.get(name)
        keys = [key for key, _, _ in _differences(one or {}, other or {}, "") if key != "because"]
        detail: str | None
        if one is None or other is None:
            detail = "the rule is new" if one is None else "the rule is gone"
        else:
            detail = f"the rule changed: {', '.join(keys)}" if keys else None
        thresholds = [_number((rule or {}).get("threshold")) for rule in (one, other)]
        rows.append(dict(zip(schema.names, (name, not keys, *thresholds, detail), strict=True)))
    return pa.Table.from_pylist(rows, schema)


def source_table(a: Json, b: Json, keys: pl.DataFrame) -> pa.Table:
    """Of each source of each version, the differing keys by which its rows are read otherwise, in words.

    Args:
        a, b: manifests.
        keys: from `key_changes`.
    """
    changed = keys["key"].to_list()
    limits = [key for key in changed if key.startswith("limits.")]
    rows = []
    for side, manifest in (("a", a), ("b", b)):
        for source in manifest.get("sources", []):
            own = f"sources.{source['name']}"
            found = [key for key in changed if key == own or key.startswith(f"{own}.")] + limits
            detail = f"the other version reads this row otherwise: {', '.join(found)}" if found else None
            rows.append({"side": side, "source": source["name"], "detail": detail})
    return pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in ("side", "source", "detail")]))


def split_reason(a: Json, b: Json, keys: pl.DataFrame) -> str | None:
    """The key that divides records otherwise: one under `splits`, or `parent` where neither version is the other's.

    >>> split_reason({}, {}, pl.DataFrame({"key": ["splits.test", "splits.seed"]}))
    'seed'
    """
    changed = [key.split(".")[1] for key in keys["key"] if key.startswith("splits.")]
    if changed:
        return next((name for key, name in _SPLIT_KEYS.items() if key in changed), "share")
    if a.get("split_mode") != b.get("split_mode"):
        return "by"
    parents = a.get("parent"), b.get("parent")
    related = parents[0] == b.get("version_id") or parents[1] == a.get("version_id")
    return "parent" if parents[0] != parents[1] and not related else None


def signal_changes(keys: pl.DataFrame) -> str | None:
    """Families of signals that were measured otherwise, in words."""
    families = [key.split(".", 1)[1] for key in keys["key"] if key.startswith("signals.")]
    return f"signals are measured otherwise: {', '.join(families)}" if families else None


def _differences(a: Any, b: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in {**a, **b}:
            yield from _differences(a.get(key), b.get(key), f"{path}.{key}" if path else str(key))
    elif a != b or isinstance(a, bool) != isinstance(b, bool):
        yield path, a, b


def _pipeline(manifest: Json) -> Json:
    """The resolved pipeline with sources and rules by name, and the order of rules beside them."""
    pipeline: Json = dict(manifest.get("pipeline", {}))
    for name in ("sources", "rules"):
        if isinstance(pipeline.get(name), list):
            pipeline[name] = {
                entry["name"]: {key: value for key, value in entry.items() if key != "name"} for entry in pipeline[name]
            }
    return pipeline


def _families(manifest: Json) -> Json:
    versions: Json = manifest.get("signals", {}).get("versions", {})
    return versions


def _by_name(manifest: Json) -> dict[tuple[str, str], Json]:
    return {(source["name"], file["path"]): file for source in manifest.get("sources", []) for file in source["files"]}


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
