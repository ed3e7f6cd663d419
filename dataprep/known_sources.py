"""Sources of which the dataset's latest version says how their rows become records.

Detection reads the first rows of every source, and reading takes the compiled kernels, which take half a second to
load. A question about what is stored can spare both: the manifest has the mapping of each source beside the digests of
its files, and the same bytes under the same configuration have the same mapping. (Where an upgrade detects another one,
steps have other fingerprints, so nothing is found in the cache under the old mapping.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from dataprep.ingest.config import SourceConfig
from dataprep.ingest.discover import SourceFile
from dataprep.ingest.shapes import Mapping as ShapeMapping
from dataprep.pipeline.models import Pipeline
from dataprep.sources import ResolvedSource, resolve_sources
from dataprep.store import inventory
from dataprep.store.layout import Store
from dataprep.store.publish import latest_number, read_ref


def resolve_known_sources(
    pipeline: Pipeline, base: Path, store: Store, digests: Mapping[tuple[str, int, int], str]
) -> list[ResolvedSource]:
    """`resolve_sources`, but only sources that are new or configured otherwise are looked into.

    Args:
        pipeline, base: as for `resolve_sources`.
        store: where the latest version is.
        digests: SHA-256 of files that need not be read to know it; see `inventory.known_digests`.

    Raises:
        InputError: as `resolve_sources`; the latest version is damaged.
    """
    mappings = dict(_mappings(store, pipeline.name))
    limits = pipeline.limits.model_dump(mode="json")

    def known(config: SourceConfig, files: Sequence[SourceFile]) -> ShapeMapping | None:
        sha256 = [digests.get((file.shown, file.size, file.mtime_ns)) for file in files]
        return mappings.get(_key(config.model_dump(mode="json"), limits, sha256))

    return resolve_sources(pipeline, base, known)


def _mappings(store: Store, dataset: str) -> Iterator[tuple[bytes, ShapeMapping]]:
    """The mappings of the dataset's latest version, each with all that it depends on."""
    number = latest_number(store, dataset)
    if not number:
        return
    manifest = inventory.manifest(store, read_ref(store, dataset, str(number))["version_id"])
    pipeline = manifest["pipeline"]
    for config, source in zip(pipeline["sources"], manifest["sources"], strict=True):
        sha256 = [file["sha256"] for file in source["files"]]
        with suppress(ValueError):  # a shape that only a later dataprep knows
            yield _key(config, pipeline["limits"], sha256), ShapeMapping.from_dict(source["mapping"])


def _key(config: Mapping[str, Any], limits: Mapping[str, Any], sha256: Sequence[str | None]) -> bytes:
    """What a mapping depends on: not the source's name, nor where its files lie."""
    described = {key: value for key, value in config.items() if key not in ("name", "path")}
    return orjson.dumps([described, limits, sha256], option=orjson.OPT_SORT_KEYS)
