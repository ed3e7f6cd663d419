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
    from dataprep.flow import RunResult
    from dataprep.pipeline.load import LoadedPipeline
    from dataprep.planning import Plan
    from dataprep.store.reading import Version

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
) -> RunResult:
    """Prepare a dataset and publish it as a version.

    Args:
        inputs: one pipeline file (`.yaml`), or data files and folders to run with the defaults.
        store: the folder that holds versions; default `$DATAPREP_STORE`, else the pipeline file's `store`, else
            `./store`.
        name: the dataset's name, in place of the pipeline file's (or of the first file's stem).
        overrides: changes to the pipeline such as `rules.too_short.threshold=20`.
        workers: threads; default the number of processors this process may use. Never changes the result.
        memory: DuckDB's memory limit, such as `4GB`. Never changes the result.
        on_event: called with every `dataprep.events.Event`; may be called from other threads.
        cancel: set it to stop the run at the next safe point.
        block_bytes: bytes of a source file that a worker handles at a time. Never changes the result.

    Raises:
        dataprep.errors.InputError: the pipeline or the data cannot be used.
        dataprep.errors.RefusedError: a budget said no; nothing was published.
        dataprep.errors.MachineError: the disk or the memory gave out; the same call can be made again.
        dataprep.errors.Cancelled: `cancel` was set.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data = pathlib.Path(folder, "tiny.jsonl")
    ...     _ = data.write_text('{"prompt": "What is two plus two?", "completion": "It is four."}\\n')
    ...     result = run(data, store=pathlib.Path(folder, "store"))
    ...     (result.dataset, result.number, result.counts["kept"])
    ('tiny', 1, 1)
    """
    from dataprep.flow import DEFAULT_BLOCK_BYTES, RunOptions, run_pipeline
    from dataprep.store.layout import Store

    loaded = load_inputs(inputs, name=name, overrides=overrides)
    options = RunOptions(workers or _processors(), memory, block_bytes or DEFAULT_BLOCK_BYTES)
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
