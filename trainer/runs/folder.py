"""The folder of a training run: the truth about it, whatever other services are told.

    run.json        what was trained on what, with what, and how it went: one document, replaced atomically
    metrics.jsonl   a line for each step, validation and alert, appended and flushed; numbers only, never text of data
    recipe.yaml     the recipe as it was given
    code.diff       what was changed in its repository and not committed, if anything was
    alive           held while the run's process lives, so that a killed run is known for one
    checkpoints/ best/

A process that is killed may tear the last line of the metrics. It is left out when they are read, and cut off before
anything is added.
"""

from __future__ import annotations

import fcntl
import math
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Literal, Self

import orjson

from dataprep.errors import InputError, MachineError
from dataprep.store import training
from dataprep.store.files import changing, make_folder, remove_folder, write_atomically, write_file
from dataprep.store.inventory import RUN_RECORD, read_json
from dataprep.store.layout import Store
from trainer.recipe import Recipe
from trainer.runs.facts import collect

FORMAT: Final = 1
RECIPE: Final = "recipe.yaml"
DIFF: Final = "code.diff"
Ending = Literal["finished", "stopped", "interrupted", "failed"]
Value = float | int | str | None

_NOT_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""JSON has no such numbers. These names for them are those of protobuf's JSON, and DuckDB reads them as doubles."""
_WORDS: Final = ("alert", "message")


class RunFolder:
    """One run's folder, to write or to read. Made by `create`, `resume` or `open`.

    Attributes:
        path: the folder.
        record: what `run.json` says.

    >>> from tempfile import TemporaryDirectory
    >>> recipe = Recipe(name="support", data={"folder": "data"}, model={"path": "base"})
    >>> with TemporaryDirectory() as runs, RunFolder.create(Path(runs), recipe, {"digest": "ab12"}) as run:
    ...     run.log(step=1, loss=2.5)
    ...     run.log(step=1, validation_loss=float("nan"))
    ...     run.finish("finished", best_step=1)
    ...     run.record["state"], run.metrics()
    ('finished', [{'step': 1, 'loss': 2.5}, {'step': 1, 'validation_loss': nan}])
    """

    def __init__(self, path: Path, record: dict[str, Any]) -> None:
        self.path = path
        self.record = record
        self._lock: IO[bytes] | None = None
        self._metrics: IO[bytes] | None = None

    @classmethod
    def create(
        cls,
        runs: Path,
        recipe: Recipe,
        description: Mapping[str, Any],
        *,
        base: Path | None = None,
        recipe_text: str | None = None,
        model: Mapping[str, Any] | None = None,
    ) -> Self:
        """Begin a run: a new folder below `runs`, held by this process until `close`.

        Args:
            runs: folder of all runs; made where it is not there.
            recipe: of the run.
            description: of the data, JSON-able: `dataset`, `version` (its number) and `version_id`, or `folder`; and
                `digest` and counts.
            base: folder of the recipe, whose repository is the code; by default the current one.
            recipe_text: the recipe as it was given.
            model: description of the model, JSON-able.

        Raises:
            MachineError: the folder cannot be written.
        """
        facts = collect(base or Path())
        run = cls(_new_folder(runs, recipe.name), {})
        run._hold()
        if recipe_text is not None:
            write_file(run.path / RECIPE, recipe_text.encode("utf-8", errors="surrogateescape"))
        if facts.diff:
            write_file(run.path / DIFF, facts.diff)
        run.update(
            format=FORMAT,
            state="running",
            started=_now(),
            ended=None,
            recipe=recipe.model_dump(mode="json"),
            data=dict(description),
            model=dict(model or {}),
            code=facts.code,
            packages=facts.packages,
            hardware=facts.hardware,
            seeds={"seed": recipe.training.seed},
            resumed=[],
            results={},
        )
        return run

    @classmethod
    def open(cls, path: Path) -> Self:
        """A run to read, alive or not; nothing on the disk is touched.

        Raises:
            InputError: there is no run in this folder.
        """
        if not (path / RUN_RECORD).is_file():
            raise InputError("no training run is here", file=os.fspath(path), hint="list runs: trainer runs")
        return cls(path, read_json(path / RUN_RECORD))

    @classmethod
    def resume(cls, path: Path, step: int) -> Self:
        """Go on with a run from the checkpoint of a step: what was measured after that step is forgotten.

        Raises:
            InputError: there is no run in this folder.
            MachineError: its process still lives; or the folder cannot be written.
        """
        run = cls.open(path)
        run._hold()
        kept = [line for line in run._lines() if _step(line) <= step]
        write_atomically(run.path / training.METRICS, b"".join(kept))
        run.update(state="running", ended=None, resumed=[*run.record.get("resumed", []), {"step": step, "at": _now()}])
        return run

    @property
    def run_id(self) -> str:
        """The run's id: the folder's name."""
        return self.path.name

    @property
    def state(self) -> str:
        """As `run.json` says, but `killed` where it says `running` and the process is gone."""
        return str(training.read_run(self.path).get("state"))

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """Folder of the model with the lowest validation loss."""
        return self.path / "best"

    def log(self, **values: Value) -> None:
        """Append a line to the metrics; it is with the system, if not on the disk, when this returns.

        Raises:
            MachineError: the disk is full or broken.
        """
        path = self.path / training.METRICS
        line = orjson.dumps({name: _encoded(value) for name, value in values.items()}, option=orjson.OPT_APPEND_NEWLINE)
        with changing("write", path, len(line)):
            if self._metrics is None:
                self._metrics = _open_to_append(path)
            self._metrics.write(line)

    def update(self, **fields: Any) -> None:
        """Change fields of `run.json`; a mapping is merged into the one that is there.

        Raises:
            MachineError: it cannot be written.
        """
        for name, value in fields.items():
            known = self.record.get(name)
            self.record[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
        option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        data = orjson.dumps(_finite(self.record), default=os.fspath, option=option)
        write_atomically(self.path / RUN_RECORD, data)

    def finish(self, state: Ending, **results: Any) -> None:
        """Say how the run ended, let go of it, and have the store's catalog tell of it where it lies in a store.

        Raises:
            MachineError: it cannot be written.
        """
        self.update(state=state, ended=_now(), results=results)
        self.close()
        _tell_catalog(self.path)

    def discard(self) -> None:
        """Take back a run that never began: it was refused, and would be listed for ever."""
        self.close()
        remove_folder(self.path)

    def metrics(self) -> list[dict[str, Any]]:
        """All lines of the metrics, in order; a torn one is left out."""
        return [_decoded(line) for line in self._lines()]

    def close(self) -> None:
        """Let go of the run; one that was not finished reads as killed from here."""
        for handle in (self._metrics, self._lock):
            if handle is not None:
                handle.close()
        self._metrics = self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _hold(self) -> None:
        """Be the one process that writes here, until `close` or the end of the process, whichever way it ends."""
        path = self.path / training.ALIVE
        with changing("lock", path):
            handle = path.open("a+b")
        try:
            with changing("lock", path):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.close()
            message = "this training run is still going on, in another process"
            raise MachineError(message, file=os.fspath(self.path), hint="wait for it, or stop it") from error
        except BaseException:
            handle.close()
            raise
        self._lock = handle

    def _lines(self) -> list[bytes]:
        """Whole lines of the metrics, each with its line feed."""
        try:
            data = (self.path / training.METRICS).read_bytes()
        except FileNotFoundError:
            return []
        return [line for line in data.splitlines(keepends=True) if line.endswith(b"\n") and _parsed(line)]


def _tell_catalog(run: Path) -> None:
    """Build the catalog anew, for readers that open it by themselves; `dataprep sql` sees that it is behind anyway."""
    from dataprep.store import catalog

    store = Store(run.parent.parent)
    if run.parent == store.training and store.current_catalog.exists():
        with suppress(MachineError):  # the run is over and safe; the catalog is derived
            catalog.rebuild(store)


def _new_folder(runs: Path, name: str) -> Path:
    """A folder that no other run has: name, second and four hex digits."""
    make_folder(runs)
    while True:
        path = runs / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        with changing("make folder", path):
            try:
                path.mkdir()
            except FileExistsError:
                continue
        return path


def _open_to_append(path: Path) -> IO[bytes]:
    """The metrics, unbuffered, without a torn last line: what is added would be torn with it."""
    handle = path.open("a+b", buffering=0)
    size = handle.seek(0, os.SEEK_END)
    handle.seek(max(0, size - (1 << 16)))  # longer than any line
    tail = handle.read()
    handle.truncate(size - len(tail) + tail.rfind(b"\n") + 1)
    return handle


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return values if isinstance(values, dict) and isinstance(values.get("step"), int) else None


def _step(line: bytes) -> int:
    return int((_parsed(line) or {"step": 0})["step"])


def _decoded(line: bytes) -> dict[str, Any]:
    values = _parsed(line) or {}
    return {
        name: _NOT_FINITE.get(value, value) if isinstance(value, str) and name not in _WORDS else value
        for name, value in values.items()
    }


def _encoded(value: Value) -> Value:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _finite(value: Any) -> Any:
    """The record with such numbers under their names, at any depth."""
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return _encoded(value)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
