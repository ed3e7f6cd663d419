"""A run as OpenLineage events, for the catalogues that schedulers report to (Marquez, DataHub, OpenMetadata, …).

Made afterwards, from the run's record and the version's manifest, rather than sent while the run goes on: no client, no
network, nothing that can make a run fail, and a run of last year can still be told. The price is that nobody sees a run
start before it has ended; for that there are the run's own events (docs/events.md).

Source: OpenLineage 2-0-2 (https://openlineage.io/spec/2-0-2/OpenLineage.json) and its facets in the versions below.
Events hold names, counts and digests, never text of the dataset.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.errors import InputError
from dataprep.store import inventory
from dataprep.store.inventory import Json
from dataprep.store.layout import Store
from dataprep.store.names import resolve

NAMESPACE: Final = "dataprep"
"""Namespace of jobs where the caller names none."""
_SPEC: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_CORE_FACETS: Final = {
    "dataSource": "1-0-1/DatasourceDatasetFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "inputStatistics": "1-0-0/InputStatisticsInputDatasetFacet",
    "jobType": "2-0-3/JobTypeJobFacet",
    "lifecycleStateChange": "1-0-1/LifecycleStateChangeDatasetFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
    "parent": "1-0-1/ParentRunFacet",
    "processing_engine": "1-1-1/ProcessingEngineRunFacet",
    "schema": "1-1-1/SchemaDatasetFacet",
    "symlinks": "1-0-1/SymlinksDatasetFacet",
    "version": "1-0-1/DatasetVersionDatasetFacet",
}
_OWN_FACETS: Final = {
    "dataprep_dropped": "RunFacet",
    "dataprep_funnel": "RunFacet",
    "dataprep_read": "InputDatasetFacet",
    "dataprep_reuse": "RunFacet",
    "dataprep_run": "RunFacet",
    "dataprep_splits": "OutputDatasetFacet",
}
"""Facets of ours, each with the definition of the specification that it extends; docs/etl.md says what they hold."""
_ENDS: Final = {
    "published": "COMPLETE",
    "unchanged": "COMPLETE",
    "stopped": "FAIL",
    "failed": "FAIL",
    "interrupted": "ABORT",
    "killed": "ABORT",
}
"""How a run ended, in the specification's words. One that is still going on has no end."""
_BUG: Final = 70
_RUNS: Final = uuid5(NAMESPACE_URL, "urn:dataprep:runs")
_PARENT: Final = re.compile(r"(.+)/([^/]+)/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})", re.DOTALL)
_RUN_ID: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}")
_COLUMN_FIELDS: Final = ("id", "label", "group", "time", "split_column")


@dataclass(frozen=True, slots=True)
class ParentRun:
    """The scheduler's task that started a run."""

    namespace: str
    job: str
    run_id: str

    @classmethod
    def parse(cls, text: str) -> ParentRun:
        """Read what OpenLineage's integrations call a parent id: `namespace/job/run`, the run a UUID.

        Raises:
            InputError: it is something else.

        >>> ParentRun.parse("prod/nightly.prepare/3f5e83fa-3480-44ff-99c5-ff943904e5e8").job
        'nightly.prepare'
        """
        found = _PARENT.fullmatch(text)
        if found is None:
            hint = "give namespace/job/run, the run being a UUID; Airflow's macro lineage_parent_id makes one"
            raise InputError(f"{text!r} names no parent run", key="--parent", hint=hint)
        return cls(*found.groups())


def openlineage_run_id(run_id: str) -> str:
    """The UUID that stands for a run of ours: the same on every call, so that events sent twice are seen as one.

    >>> openlineage_run_id("20261122-183331-a827221f")
    'd59dde38-21d0-53ca-9ec2-1491ad0def99'
    """
    return str(uuid5(_RUNS, run_id))


def lineage_events(
    store: Store, what: str, *, namespace: str = NAMESPACE, parent: ParentRun | None = None, base: Path | None = None
) -> list[Json]:
    """The START event of a run and, where it has ended, its COMPLETE, FAIL or ABORT.

    Args:
        store: where it ran.
        what: a run's id, or a version's name (`support@latest`), which stands for the run that published it.
        namespace: of the job; catalogues expect the scheduler's.
        parent: the task that started it.
        base: the folder that source files with relative names are in, usually the pipeline file's. Without it they
            keep their relative names, which say less to others.

    Raises:
        InputError: there is no such run or version, or its files are damaged.
    """
    run, manifest = _find(store, what)
    facets = {"processing_engine": _facet("processing_engine", name="dataprep", version=version("dataprep"))}
    if parent is not None:
        named = {"namespace": parent.namespace, "name": parent.job}
        facets["parent"] = _facet("parent", run={"runId": parent.run_id}, job=named)
    job_type = _facet("jobType", processingType="BATCH", integration="DATAPREP", jobType="JOB")
    frame = {
        "job": {"namespace": namespace, "name": run["dataset"], "facets": {"jobType": job_type}},
        "producer": _producer(),
        "schemaURL": f"{_SPEC}RunEvent",
    }
    identity = openlineage_run_id(run["run_id"])
    start = {"eventType": "START", "eventTime": run["started_at"], "run": {"runId": identity, "facets": facets}}
    events = [start | frame | {"inputs": [], "outputs": []}]
    if run["status"] in _ENDS:
        end = {
            "eventType": _ENDS[run["status"]],
            "eventTime": run.get("finished_at") or run["started_at"],
            "run": {"runId": identity, "facets": facets | _run_facets(store, run, manifest)},
        }
        inputs = [] if manifest is None else _inputs(manifest, base)
        outputs = [] if manifest is None else [_output(store, run, manifest)]
        events.append(end | frame | {"inputs": inputs, "outputs": outputs})
    return events


def _find(store: Store, what: str) -> tuple[Json, Json | None]:
    """A run's record, and the manifest of the version that it gave."""
    runs = {run["run_id"]: run for run in inventory.runs(store)}
    if what in runs:
        run = runs[what]
        gave = run.get("version_id") if run["status"] in inventory.PUBLISHING_STATUS else None
        return run, None if gave is None else inventory.manifest(store, gave)
    if _RUN_ID.fullmatch(what):
        raise InputError(f"no run has the id {what}", file=str(store.root), hint='dataprep sql "from runs"')
    reference = resolve(store, what)
    manifest = inventory.manifest(store, reference.version_id)
    run_id = reference.run_id or manifest["run_id"]
    return runs.get(run_id) or _from_manifest(run_id, reference, manifest), manifest


def _from_manifest(run_id: str, reference: inventory.Reference, manifest: Json) -> Json:
    """What is known of a run whose record was deleted: that it published this."""
    made = manifest["created_at"]
    return {
        "run_id": run_id,
        "dataset": reference.dataset,
        "status": "published",
        "started_at": made,
        "finished_at": reference.published_at or made,
        "version_id": reference.version_id,
        "number": reference.number,
        "exit_code": 0,
        "counts": manifest["counts"],
    }


def _producer() -> str:
    return f"urn:dataprep:{version('dataprep')}"


def _facet(name: str, /, **values: Any) -> Json:
    if name in _OWN_FACETS:
        schema = f"{_SPEC}{_OWN_FACETS[name]}"
    else:
        core = _CORE_FACETS[name]
        schema = f"https://openlineage.io/spec/facets/{core}.json#/$defs/{core.split('/')[1]}"
    return {"_producer": _producer(), "_schemaURL": schema, **values}


def _run_facets(store: Store, run: Json, manifest: Json | None) -> Json:
    facets = {
        "dataprep_run": _facet(
            "dataprep_run",
            runId=run["run_id"],
            status=run["status"],
            exitCode=run.get("exit_code"),
            counts=run.get("counts", {}),
            seconds=run.get("seconds", {}),
        ),
        "dataprep_reuse": _facet("dataprep_reuse", reused=run.get("reused", {})),
    }
    if manifest is None:
        tables = inventory.run_files(store, run["run_id"])
        message = run.get("message") or run["status"]
        if run.get("exit_code") == _BUG:  # a bug's own words may quote what it tripped over
            message = message.split(":")[0]
        facets["errorMessage"] = _facet("errorMessage", message=message, programmingLanguage="Python")
    else:
        tables = inventory.version_files(store.version(manifest["version_id"]), manifest)
    if "funnel" in tables:
        columns = ["step", "rule", "action", "records", "fired", "remaining"]
        lines = [line for path in tables["funnel"] for line in pq.read_table(path, columns=columns).to_pylist()]
        dropped = {f"{line['step']}.{line['rule']}": line["records"] for line in lines if line["action"] == "drop"}
        facets["dataprep_funnel"] = _facet("dataprep_funnel", lines=lines)
        facets["dataprep_dropped"] = _facet("dataprep_dropped", records=dropped)
    return facets


def _inputs(manifest: Json, base: Path | None) -> list[Json]:
    """Every source file as a dataset: what a file is, its digest says, whatever it is called."""
    return [
        {
            "namespace": "file",
            "name": str(file["path"] if base is None else base.absolute() / file["path"]),
            "facets": {
                "version": _facet("version", datasetVersion=file["sha256"]),
                "dataSource": _facet("dataSource", name=source["name"]),
                "schema": _facet("schema", fields=_mapped_columns(source["mapping"])),
            },
            "inputFacets": {
                "inputStatistics": _facet(
                    "inputStatistics", rowCount=file["rows"], size=file["bytes"], fileCount=1
                ),
                "dataprep_read": _facet(
                    "dataprep_read", records=file["records"], rejects=file["rejects"], notes=file["notes"]
                ),
            },
        }
        for source in manifest["sources"]
        for file in source["files"]
    ]  # fmt: skip


def _mapped_columns(mapping: Json) -> list[Json]:
    """The columns that records were made from; others that a file has went into their meta and are not listed."""
    columns = dict(mapping.get("columns", {}))
    columns |= {name: mapping[name] for name in _COLUMN_FIELDS if mapping.get(name) is not None}
    return [{"name": column, "description": f"read as {part}"} for part, column in columns.items()]


def _output(store: Store, run: Json, manifest: Json) -> Json:
    root = store.root.absolute()
    data = [entry for entry in manifest["files"] if entry["path"].startswith("data/")]
    counts = manifest["counts"]
    folder = store.version(manifest["version_id"]).absolute()
    place = {"namespace": "file", "name": str(folder / "data"), "type": "DIRECTORY"}
    facets = {
        "version": _facet("version", datasetVersion=manifest["version_id"]),
        "dataSource": _facet("dataSource", name=str(root), uri=root.as_uri()),
        "symlinks": _facet("symlinks", identifiers=[place]),
    }
    if data:
        schema = pq.read_schema(folder / data[0]["path"])
        facets["schema"] = _facet("schema", fields=[_field(field) for field in schema])
    if run["status"] == "published":
        change = "CREATE" if run.get("number") == 1 else "OVERWRITE"
        facets["lifecycleStateChange"] = _facet("lifecycleStateChange", lifecycleStateChange=change)
    return {
        "namespace": f"dataprep{root.as_uri().removeprefix('file')}",
        "name": run["dataset"],
        "facets": facets,
        "outputFacets": {
            "outputStatistics": _facet(
                "outputStatistics",
                rowCount=counts["kept"],
                size=sum(entry["bytes"] for entry in data),
                fileCount=len(data),
            ),
            "dataprep_splits": _facet("dataprep_splits", number=run.get("number"), splits=counts["splits"]),
        },
    }


def _field(field: pa.Field) -> Json:
    """One column, with the columns inside it where it is a struct or a list of them."""
    inner = field.type
    while pa.types.is_list(inner) or pa.types.is_large_list(inner):
        inner = inner.value_type
    described: Json = {"name": field.name, "type": str(field.type)}
    if pa.types.is_struct(inner):
        described["fields"] = [_field(part) for part in inner]
    return described
