"""The functions that commands, notebooks, schedulers and services call.

Every function is re-entrant: no global state, nothing kept between calls but what is in the store.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dataprep.events import Listener, Reporter, ignore

if TYPE_CHECKING:
    import polars as pl

    from dataprep.compare import Diff
    from dataprep.decisions.entries import SplitName, Verb
    from dataprep.decisions.place import Written
    from dataprep.decisions.queue import Why
    from dataprep.flow import RunResult
    from dataprep.pipeline.load import LoadedPipeline
    from dataprep.planning import Plan
    from dataprep.store.forgotten import Forgotten
    from dataprep.store.gc import GcReport
    from dataprep.store.reading import Version
    from dataprep.what_if import WhatIf

PathLike = str | os.PathLike[str]

_PIPELINE_SUFFIXES = (".yaml", ".yml")


def run(
    *inputs: PathLike,
    store: PathLike | None = None,
    name: str | None = None,
    overrides: Sequence[str] = (),
    workers: int | None = None,
    memory: str | None = None,
    on_event: Listener = ignore,
    cancel: threading.Event | None = None,
    block_bytes: int | None = None,
    wait: float = 0.0,
) -> RunResult:
    """Prepare a dataset and publish it as a version.

    Args:
        inputs: one pipeline file (`.yaml`), or data files and folders to run with the defaults.
        store: the folder that holds versions; default `$DATAPREP_STORE`, else the pipeline file's `store`, else
            `./store`.
        name: the dataset's name, in place of the pipeline file's (or of the first file's stem).
        overrides: changes to the pipeline such as `rules.too_short.threshold=20`.
        workers: threads; default the number of processors this process may use. Never changes the result.
        memory: DuckDB's memory limit, such as `4GB`, at least `64MB`. Never changes the result.
        on_event: called with every `dataprep.events.Event`; may be called from other threads.
        cancel: set it to stop the run at the next safe point.
        block_bytes: bytes of a source file that a worker handles at a time. Never changes the result.
        wait: seconds to wait while another run prepares the same dataset.

    Raises:
        dataprep.errors.InputError: the pipeline or the data cannot be used.
        dataprep.errors.RefusedError: a budget said no; nothing was published.
        dataprep.errors.MachineError: the disk or the memory gave out, or another run prepares the same dataset; the
            same call can be made again.
        dataprep.errors.Cancelled: `cancel` was set.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data = pathlib.Path(folder, "tiny.jsonl")
    ...     _ = data.write_text('{"prompt": "What is two plus two?", "completion": "It is four."}\\n')
    ...     result = run(data, store=pathlib.Path(folder, "store"))
    ...     (result.dataset, result.number, result.counts["kept"])
    ('tiny', 1, 1)
    """
    from dataprep.flow import RunOptions, run_pipeline
    from dataprep.memory import memory_limit
    from dataprep.prepare import DEFAULT_BLOCK_BYTES
    from dataprep.store.layout import Store

    loaded = load_inputs(inputs, name=name, overrides=overrides)
    threads = workers or _processors()
    if memory is not None:
        memory = f"{memory_limit(memory, threads)}B"
    options = RunOptions(threads, memory, block_bytes or DEFAULT_BLOCK_BYTES, wait)
    with loaded.locating():
        return run_pipeline(loaded, Store(store_root(store, loaded)), options, Reporter(on_event, cancel))


def plan(
    *inputs: PathLike,
    store: PathLike | None = None,
    name: str | None = None,
    overrides: Sequence[str] = (),
    sample_rows: int = 1_000,
) -> Plan:
    """Check everything about a run, try it on a sample, and say what it would do; writes nothing.

    Args:
        inputs, store, name, overrides: as for `run`.
        sample_rows: rows of each source to try.

    Raises:
        dataprep.errors.InputError: as `run` would.
    """
    from dataprep.planning import make_plan
    from dataprep.store.layout import Store

    loaded = load_inputs(inputs, name=name, overrides=overrides)
    with loaded.locating():
        return make_plan(loaded, Store(store_root(store, loaded)), sample_rows=sample_rows)


def whatif(
    *inputs: PathLike,
    overrides: Sequence[str],
    store: PathLike | None = None,
    name: str | None = None,
    examples: int = 5,
) -> WhatIf:
    """Say what a changed pipeline would give, from what the last run stored; writes nothing.

    Args:
        inputs, store, name: as for the `run` that was made.
        overrides: the changes, such as `rules.too_short.threshold=20`.
        examples: records that change sides, with text, at most.

    Raises:
        dataprep.errors.InputError: the pipeline was not run yet, or the change is a mistake.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data, store = pathlib.Path(folder, "tiny.jsonl"), pathlib.Path(folder, "store")
    ...     _ = data.write_text('{"prompt": "What is two plus two?", "completion": "It is four."}\\n' * 2)
    ...     _ = run(data, store=store)
    ...     whatif(data, store=store, overrides=["dedup.exact=false", "dedup.near.action=none"]).moves.rows()
    [('dropped', 'train', 1), ('train', 'train', 1)]
    """
    from dataprep.store.layout import Store
    from dataprep.what_if import what_if

    base = load_inputs(inputs, name=name)
    changed = load_inputs(inputs, name=name, overrides=overrides)
    with changed.locating():
        return what_if(base, changed, Store(store_root(store, base)), examples=examples)


def init(*data: PathLike, name: str | None = None) -> str:
    """Look at data files and give the text of a commented pipeline file that runs as it is."""
    from dataprep.pipeline.init import write

    return write([Path(item) for item in data], name=name)


def open(reference: str, *, store: PathLike | None = None) -> Version:  # noqa: A001 - `dataprep.open` is the name users know
    """Open a published version: `support@latest`, `support@3`, `support@candidate` or a prefix of an id.

    Raises:
        dataprep.errors.InputError: there is no such version.
    """
    from dataprep.store.layout import Store
    from dataprep.store.reading import Version, resolve

    found = Store(store_root(store))
    return Version(found, resolve(found, reference))


def diff(a: str, b: str, *, store: PathLike | None = None) -> Diff:
    """What differs between two versions: records added, removed, changed and moved, each with its cause.

    Args:
        a, b: their names, such as `support@1`, or the start of an id; in any order, also of different datasets.
        store: the folder that holds them.

    Raises:
        dataprep.errors.InputError: there is no such version, or a file of it is gone.
    """
    from dataprep.compare import diff as compare
    from dataprep.store.layout import Store

    return compare(Store(store_root(store)), a, b)


def held(
    data: str, *, store: PathLike | None = None, rule: str | None = None, limit: int | None = None
) -> pl.DataFrame:
    """The queue of records that wait for a person, of a version or of a stopped run.

    Args:
        data: a version's name, such as `support@latest`, or a stopped run's id.
        store: the folder where it lies.
        rule: only what this rule holds.
        limit: records of each rule, at most.

    Returns:
        One row a record: its id, what holds it (step, rule, value, threshold, detail), held_by_rule (how many the rule
        holds in all), label, source, path, line, digest, and the text, null where a stopped run's is no longer cached.

    Raises:
        dataprep.errors.InputError: `data` names nothing, or a run that stopped before anything was decided.
    """
    from dataprep.decisions.queue import held_records
    from dataprep.store.layout import Store

    return held_records(Store(store_root(store)), data, rule=rule, each=limit)


def release(
    data: str,
    *records: str,
    because: str,
    to: SplitName | None = None,
    rule: str | None = None,
    decisions: PathLike | None = None,
    pipeline: PathLike | None = None,
    who: str | None = None,
    store: PathLike | None = None,
) -> Written:
    """Write down that held records may go into a split; the next run whose pipeline names the file lets them.

    Args:
        data: where they are held: a version's name or a stopped run's id.
        records: their ids, or at least four characters that one begins with.
        because: why, for the ledger.
        to: the split where they belong; needed where a record is held because nothing says so.
        rule: all records that this rule holds, beside `records`.
        decisions: the file to write; default the one that the pipeline file names, else `decisions.yaml` beside it.
        pipeline: the pipeline file; default `pipeline.yaml` in the current folder, where there is one.
        who: the person; default the user who runs the program.
        store: the folder that holds versions; default as for `run`.

    Raises:
        dataprep.errors.InputError: a record is unknown or not held, or a file cannot be read.
        dataprep.errors.MachineError: the file cannot be written.
    """
    return _decide_records(
        "release", data, records, because, to=to, rule=rule, files=(decisions, pipeline), who=who, store=store
    )


def drop(
    data: str,
    *records: str,
    because: str,
    rule: str | None = None,
    decisions: PathLike | None = None,
    pipeline: PathLike | None = None,
    who: str | None = None,
    store: PathLike | None = None,
) -> Written:
    """Write down that records go, held or kept ones; the next run whose pipeline names the file drops them.

    Args:
        data, records, because, rule, decisions, pipeline, who, store: as for `release`.

    Raises:
        dataprep.errors.InputError: a record is unknown or dropped already, or a file cannot be read.
        dataprep.errors.MachineError: the file cannot be written.
    """
    return _decide_records(
        "drop", data, records, because, to=None, rule=rule, files=(decisions, pipeline), who=who, store=store
    )


def accept_budget(
    run: str,
    budget: str,
    *,
    because: str,
    decisions: PathLike | None = None,
    pipeline: PathLike | None = None,
    who: str | None = None,
    store: PathLike | None = None,
) -> Written:
    """Write down that an exceeded budget is accepted, up to the share that had gone in a stopped run.

    Args:
        run: the id of the run that stopped.
        budget: its name there: `overall`, a rule's name, or a slice's values, such as `label=refund`.
        because, decisions, pipeline, who, store: as for `release`.

    Raises:
        dataprep.errors.InputError: no such run stopped, or no such budget of it is exceeded.
        dataprep.errors.MachineError: the file cannot be written.
    """
    from dataprep.decisions.place import find_place, write_down
    from dataprep.decisions.queue import accept_exceeded
    from dataprep.store.layout import Store

    place = find_place(_path(decisions), _path(pipeline))
    found = Store(store_root(store, place.pipeline))
    return write_down(place, [accept_exceeded(found, run, budget, _why(because, who))])


def _decide_records(
    verb: Verb,
    data: str,
    records: Sequence[str],
    because: str,
    *,
    to: SplitName | None,
    rule: str | None,
    files: tuple[PathLike | None, PathLike | None],
    who: str | None,
    store: PathLike | None,
) -> Written:
    from dataprep.decisions.place import find_place, write_down
    from dataprep.decisions.queue import decide_records
    from dataprep.store.layout import Store

    place = find_place(*map(_path, files))
    found = Store(store_root(store, place.pipeline))
    return write_down(place, decide_records(found, data, records, verb, _why(because, who), to=to, rule=rule))


def _why(because: str, who: str | None) -> Why:
    from dataprep.decisions.place import person
    from dataprep.decisions.queue import Why
    from dataprep.store.publish import now

    return Why(because, who or person(), now())


def _path(named: PathLike | None) -> Path | None:
    return None if named is None else Path(named)


def gc(*, store: PathLike | None = None, delete: bool = False) -> GcReport:
    """Find what nothing in a store refers to (leftovers, unused cache steps, versions without a name), and delete it.

    Runs that are going on, or start meanwhile, are not disturbed.

    Args:
        store: the folder that holds versions; default as for `run`.
        delete: delete it; otherwise nothing is changed.

    Raises:
        dataprep.errors.InputError: there is no store.
        dataprep.errors.MachineError: something cannot be deleted.
    """
    from dataprep.store.gc import gc as collect
    from dataprep.store.layout import Store

    return collect(Store(store_root(store)), delete=delete)


def forget(
    *record_ids: str,
    because: str,
    rejects: Sequence[str] = (),
    dataset: str | None = None,
    only_this_id: bool = False,
    dry_run: bool = False,
    who: str | None = None,
    store: PathLike | None = None,
) -> Forgotten:
    """Erase records' text from every version, run, cached step and training run of a store; it cannot be undone.

    Versions keep their ids, numbers, digests and counts, and pass `dataprep verify`; a tombstone says what was taken
    out, when, by whom and why. Source files, exports and trained models are not touched: the result names them.

    Args:
        record_ids: ids of records, or the start of one that no other has. Records of other ids with the same text go
            as well.
        because: why; it is kept.
        rejects: rows that could not become records, as `file:line` or by the SHA-256 of the row.
        dataset: the ids are those of this dataset's records, where datasets gave one id to different records.
        only_this_id: keep records of other ids, whatever their text.
        dry_run: change nothing, only say what would go.
        who: the person who asks; default the user who runs the program.
        store: the folder that holds versions; default as for `run`.

    Raises:
        dataprep.errors.InputError: an id or reject is not there or not clear, or a file of a version is damaged.
        dataprep.errors.MachineError: a run is going on, or the disk gave out; the same call can be made again.
    """
    from dataprep.store.forget import forget as erase
    from dataprep.store.layout import Store

    return erase(
        Store(store_root(store)),
        record_ids,
        because=because,
        rejects=rejects,
        dataset=dataset,
        only_this_id=only_this_id,
        who=who,
        dry_run=dry_run,
    )


def load_inputs(
    inputs: Sequence[PathLike], *, name: str | None = None, overrides: Sequence[str] = ()
) -> LoadedPipeline:
    """The pipeline of a pipeline file, or the default one for data files.

    Raises:
        dataprep.errors.InputError: nothing was named, or a pipeline file beside other inputs.
    """
    from dataprep.errors import InputError
    from dataprep.pipeline.files import from_files
    from dataprep.pipeline.load import load

    paths = [Path(item) for item in inputs]
    if not paths:
        raise InputError("nothing to run", hint="name data files or a pipeline file")
    if not any(path.suffix in _PIPELINE_SUFFIXES for path in paths):
        return from_files(paths, name=name, overrides=overrides)
    if len(paths) > 1:
        raise InputError(
            "a pipeline file stands alone", file=str(paths[0]), hint="name data files under `sources` in it"
        )
    return load(paths[0], [*overrides, *([] if name is None else [f"name={quote_scalar(name)}"])])


def quote_scalar(text: str) -> str:
    """A YAML scalar that is exactly this text."""
    import json

    return json.dumps(text)


def store_root(store: PathLike | None, loaded: LoadedPipeline | None = None) -> Path:
    """Where versions live: the argument, `$DATAPREP_STORE`, the pipeline file's `store`, or `./store`.

    Raises:
        dataprep.errors.InputError: no folder can be there.
    """
    from dataprep.store.layout import check_root

    named = loaded.store if loaded is not None else None
    root = Path(store or os.environ.get("DATAPREP_STORE") or named or "store")
    check_root(root)
    return root


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
