"""What exists already and a run's records are compared with: earlier versions and data files.

A version carries the sketches of its kept records (`near/`), so that nothing of it is read but keys, and text where
keys are equal. Files are prepared through the cache as sources are, with the run's own settings, and become part of
nothing.

A version is an input as a source file is: what it is called is looked up once, at the start, and its id decides. The
exception is the dataset's own `latest`, which the run itself moves on: where nothing else has changed since the latest
version was made, that version's own answer is taken again, so that an unchanged run gives the version that is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from dataprep.errors import InputError
from dataprep.events import Reporter
from dataprep.file_job import PreparedFile
from dataprep.fingerprints import KEYS_VERSION, NEAR_VERSION
from dataprep.ingest.config import SourceConfig
from dataprep.pairs.config import DedupConfig, names_version
from dataprep.pairs.sketches import SCHEME, SEED
from dataprep.pipeline.models import Pipeline
from dataprep.prepare import look_up, prepare_files
from dataprep.sources import ResolvedSource, resolve_sources
from dataprep.store import inventory
from dataprep.store.layout import Store
from dataprep.store.names import resolve, short
from dataprep.store.publish import latest_number, read_ref

_MOVES: Final = ("@latest", "@candidate")
_SOURCE: Final = "against"
"""Name of the source that files are prepared under; the same for all, so that their order changes nothing."""


@dataclass(frozen=True, slots=True)
class OldVersion:
    """An earlier version.

    Attributes:
        entry: as the pipeline file names it.
        version_id: what it is; None for a dataset's own latest before there is any.
        own_latest: whether it is the latest version of the run's own dataset.
    """

    entry: str
    version_id: str | None
    own_latest: bool = False

    @property
    def name(self) -> str:
        """How the ledger names it: with its id where the name moves on."""
        moves = self.version_id is not None and self.entry.endswith(_MOVES)
        return f"{self.entry} ({short(str(self.version_id))})" if moves else self.entry

    @property
    def identity(self) -> list[Any]:
        """What of it decides."""
        return ["version", self.version_id]


@dataclass(frozen=True, slots=True)
class OldFiles:
    """Data files.

    Attributes:
        source: the files, and how their rows become records.
        place: which entry of `dedup.against` it is, from 1 on.
        prepared: their finished parts, when there are any.
    """

    source: ResolvedSource
    place: int
    prepared: tuple[PreparedFile, ...] = ()

    @property
    def name(self) -> str:
        """How the ledger names them; not by path, which would make the version's id depend on where files lie."""
        return f"against[{self.place}]"

    @property
    def identity(self) -> list[Any]:
        """What of them decides."""
        return ["files", [(item.prepare.name, item.keys.name, item.near and item.near.name) for item in self.prepared]]


@dataclass(frozen=True, slots=True)
class Against:
    """All that a run is compared with, in the order of the pipeline file."""

    places: tuple[OldVersion | OldFiles, ...] = ()

    @property
    def sources(self) -> list[ResolvedSource]:
        """The sources that must be prepared."""
        return [place.source for place in self.places if isinstance(place, OldFiles)]

    @property
    def files(self) -> list[PreparedFile]:
        """All prepared files."""
        return [item for place in self.places if isinstance(place, OldFiles) for item in place.prepared]

    @property
    def versions(self) -> list[str]:
        """Ids of the versions."""
        return [place.version_id for place in self.places if isinstance(place, OldVersion) and place.version_id]

    @property
    def inputs(self) -> list[Any]:
        """All that decides, but which version the dataset's own latest is; see `own_latest`."""
        return ["own latest" if _is_own(place) else place.identity for place in self.places]

    @property
    def own_latest(self) -> list[str | None]:
        """What the dataset's own latest is, for each place that names it."""
        return [place.version_id for place in self.places if isinstance(place, OldVersion) and place.own_latest]

    def with_files(self, prepared: Sequence[PreparedFile]) -> Against:
        """The same with the files of its sources prepared."""
        places = tuple(
            place
            if isinstance(place, OldVersion)
            else replace(place, prepared=tuple(item for item in prepared if item.source is place.source))
            for place in self.places
        )
        return Against(places)

    def as_latest_was_made(self, store: Store, dataset: str, inputs: str) -> Against:
        """The same, with what the dataset's latest version took for its own latest if it was made of the same inputs.

        Args:
            store: where versions are.
            dataset: the run's own.
            inputs: fingerprint of all that the decision depends on beside versions of the dataset itself.

        Raises:
            InputError: the latest version is damaged.
        """
        if not self.own_latest:
            return self
        number = latest_number(store, dataset)
        latest = inventory.manifest(store, read_ref(store, dataset, str(number))["version_id"]) if number else {}
        if latest.get("inputs") != inputs:
            return self
        places = zip(self.places, latest["against"], strict=True)
        return Against(
            tuple(replace(place, version_id=then["version_id"]) if _is_own(place) else place for place, then in places)
        )

    def stored(self, pipeline: Pipeline, store: Store, digests: Mapping[tuple[str, int, int], str]) -> Against | None:
        """The same with the files as the cache has them; None where anything of them would have to be computed."""
        found = look_up(self.sources, pipeline, store, digests)
        return None if found.missing else self.with_files(found.prepared)

    def warnings(self) -> list[str]:
        """What rows of the files are compared with nothing."""
        return [
            f"dedup.against: {item.summary.rejects:,} of {item.summary.rows:,} rows of {item.file.shown} cannot be "
            "read, so nothing is compared with them"
            for item in self.files
            if item.summary.rejects
        ]

    def describe(self) -> list[dict[str, Any]]:
        """For the manifest: of each entry its version's id, or its files."""
        return [
            {"entry": place.entry, "version_id": place.version_id}
            if isinstance(place, OldVersion)
            else {
                "entry": place.name,
                "mapping": place.source.mapping.to_dict(),
                "files": [
                    {"path": item.file.shown, "sha256": item.sha256, "records": item.summary.records}
                    for item in place.prepared
                ],
            }
            for place in self.places
        ]


def _is_own(place: OldVersion | OldFiles) -> bool:
    return isinstance(place, OldVersion) and place.own_latest


def resolve_against(pipeline: Pipeline, base: Path, store: Store) -> Against:
    """Look up what `dedup.against` names, before anything is prepared.

    Args:
        pipeline: names it.
        base: the folder that paths are relative to.
        store: where versions are.

    Raises:
        InputError: an entry names nothing, or a version whose sketches cannot be compared with those of this run.
    """
    places: list[OldVersion | OldFiles] = []
    for index, entry in enumerate(pipeline.dedup.against):
        try:
            if names_version(entry):
                places.append(_version(entry, pipeline, store))
            else:
                places.append(OldFiles(_source(entry, pipeline, base, index), index + 1))
        except InputError as error:
            error.key = "dedup.against"
            raise
    return Against(tuple(places))


def prepare_against(
    against: Against,
    pipeline: Pipeline,
    store: Store,
    *,
    workers: int,
    reporter: Reporter,
    block_bytes: int,
    sample_rows: int | None = None,
    owner: str | None = None,
) -> Against:
    """Bring the files of `against` into the cache; arguments and errors as of `dataprep.prepare.prepare_files`."""
    if not against.sources:
        return against
    return against.with_files(
        prepare_files(
            against.sources,
            pipeline,
            store,
            workers=workers,
            reporter=reporter,
            block_bytes=block_bytes,
            sample_rows=sample_rows,
            owner=owner,
        )
    )


def sketch_settings(dedup: DedupConfig) -> dict[str, Any]:
    """What the keys and sketches of a run depend on, for the manifest: versions with the same can be compared."""
    near = {"version": NEAR_VERSION, "scheme": SCHEME, "seed": SEED, **dedup.near.sketched} if dedup.near.on else None
    keys = {"version": KEYS_VERSION, "fields": list(dedup.fields), "normalize": dedup.normalize}
    return {"keys": keys, "near": near}


@dataclass(frozen=True, slots=True)
class _Difference:
    key: str
    there: Any
    here: Any

    def __str__(self) -> str:
        return f"{self.key} is {self.there} there and {self.here} here"


def _version(entry: str, pipeline: Pipeline, store: Store) -> OldVersion:
    own_latest = entry == f"{pipeline.name}@latest"
    if own_latest and not latest_number(store, pipeline.name):
        return OldVersion(entry, None, own_latest)
    version_id = resolve(store, entry).version_id
    check_comparable(entry, inventory.manifest(store, version_id), pipeline.dedup)
    return OldVersion(entry, version_id, own_latest)


def check_comparable(entry: str, manifest: Mapping[str, Any], dedup: DedupConfig) -> None:
    """Refuse a version whose stored keys mean something else than those of this run.

    Args:
        entry: what the pipeline file calls it.
        manifest: the version's.
        dedup: the run's configuration.

    Raises:
        InputError: with what differs.
    """
    hint = f"`dataprep export {entry} old --to messages`, and name the folder `old` here: files are sketched anew"
    there, here = manifest.get("sketches"), sketch_settings(dedup)
    if there is None:
        raise InputError(f"{entry} carries no sketches: an earlier dataprep made it", hint=hint)
    if dedup.near.on and there["near"] is None:
        raise InputError(f"{entry} was made without looking for near duplicates, so it carries no sketches", hint=hint)
    compared = [("keys", dedup.exact), ("near", dedup.near.on)]
    different = [
        _Difference(f"dedup.{name}" if part == "keys" else f"dedup.near.{name}", there[part].get(name), value)
        for part, wanted in compared
        if wanted
        for name, value in here[part].items()
        if there[part].get(name) != value
    ]
    if different:
        said = "; ".join(map(str, different))
        raise InputError(f"the sketches of {entry} cannot be compared with those of this run: {said}", hint=hint)


def _source(entry: str, pipeline: Pipeline, base: Path, index: int) -> ResolvedSource:
    alone = pipeline.model_copy(update={"sources": (SourceConfig(name=_SOURCE, path=entry),)})
    return replace(resolve_sources(alone, base)[0], index=index)
