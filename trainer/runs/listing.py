"""Which training runs there are, what each came to, and how two differ."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from dataprep.errors import InputError
from dataprep.store import training
from dataprep.store.inventory import RUN_RECORD
from trainer.runs.folder import RunFolder
from trainer.watch.verdict import Verdict

PARTS: Final = ("recipe", "data", "model", "code", "packages", "hardware", "seeds")
"""Parts of a run's record in which two runs are compared, the most telling first."""
LATEST: Final = "latest"


@dataclass(frozen=True)
class Outcome:
    """What a run's metrics come to. Losses are in nats a token; what was never measured is None.

    Attributes:
        steps, tokens, seconds: how far it got; padding is not counted.
        loss: the last training loss.
        best_step, best_validation_loss: the lowest validation loss of a step that trained.
        base_validation_loss: before the first step.
        last_validation_loss: the last one.
        tokens_per_second: over all steps.
        alerts: how many were given.
        notes: what speaks against its weights, in a few words each.
    """

    steps: int
    tokens: int | None
    seconds: float | None
    loss: float | None
    best_step: int | None
    best_validation_loss: float | None
    base_validation_loss: float | None
    last_validation_loss: float | None
    tokens_per_second: float | None
    alerts: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class RunSummary:
    """One line of the list of runs. `data` is the version's name, such as support@3, or the folder."""

    run: str
    name: str
    state: str
    started: str
    data: str
    model: str
    outcome: Outcome
    path: Path


@dataclass(frozen=True)
class Difference:
    """A value that two runs do not share; None where one has none."""

    part: str
    key: str
    a: Any
    b: Any


@dataclass(frozen=True)
class Comparison:
    """Two runs beside each other.

    Attributes:
        a, b: what each is and came to.
        differences: in what they differ, recipe first.
        notes: what to mind before their losses are compared.
    """

    a: RunSummary
    b: RunSummary
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def outcome(metrics: Sequence[Mapping[str, Any]]) -> Outcome:
    """What the lines of a run's metrics come to.

    >>> lines = [{"step": 1, "loss": 2.0}, {"step": 1, "validation_loss": 1.9}, {"step": 2, "loss": 1.5}]
    >>> found = outcome(lines)
    >>> found.steps, found.loss, found.best_step, found.best_validation_loss
    (2, 1.5, 1, 1.9)
    """
    verdict = Verdict.of(metrics)
    tokens, seconds = _last(metrics, "tokens"), _last(metrics, "seconds")
    return Outcome(
        steps=max((line["step"] for line in metrics if "loss" in line), default=0),
        tokens=tokens,
        seconds=seconds,
        loss=_last(metrics, "loss"),
        best_step=verdict.best_step,
        best_validation_loss=verdict.best_validation_loss,
        base_validation_loss=verdict.base_validation_loss,
        last_validation_loss=_last(metrics, "validation_loss"),
        tokens_per_second=tokens / seconds if tokens and seconds else None,
        alerts=sum("alert" in line for line in metrics),
        notes=tuple(verdict.notes()),
    )


def summary(path: Path) -> RunSummary:
    """What one run is and came to.

    Raises:
        InputError: there is no run in this folder.
    """
    run = RunFolder.open(path)
    recipe, data = run.record.get("recipe", {}), run.record.get("data", {})
    return RunSummary(
        run=run.run_id,
        name=str(recipe.get("name", "")),
        state=run.state,
        started=str(run.record.get("started", "")),
        data=data_name(data),
        model=str(recipe.get("model", {}).get("path", "")),
        outcome=outcome(run.metrics()),
        path=path,
    )


def data_name(data: Mapping[str, Any]) -> str:
    """What a run trained on, as people name it.

    >>> data_name({"dataset": "support", "version": 3, "version_id": "ab" * 32}), data_name({"folder": "data"})
    ('support@3', 'data')
    """
    if data.get("dataset") is None:
        return str(data.get("folder", ""))
    version = data.get("version")
    return f"{data['dataset']}@{str(data.get('version_id'))[:12] if version is None else version}"


def list_runs(folders: Iterable[Path]) -> list[RunSummary]:
    """All runs in some folders of runs, newest first; folders that are not there have none."""
    found = [summary(Path(record["path"])) for folder in folders for record in training.runs(folder)]
    return sorted(found, key=lambda each: (each.started, each.run), reverse=True)


def find_run(name: str, folders: Sequence[Path]) -> Path:
    """The folder of a run that was named by its folder, its id, the start or end of its id, or `latest`.

    Raises:
        InputError: no run has this name, or several have.
    """
    if (Path(name) / RUN_RECORD).is_file():
        return Path(name)
    known = {str(record["run"]): (record, folder) for folder in folders for record in training.runs(folder)}
    if not known:
        searched = ", ".join(map(os.fspath, folders)) or "no folder"
        raise InputError(f"there are no training runs in {searched}", hint="name a folder of runs by --runs")
    if name == LATEST:
        matching = [max(known, key=lambda run: (str(known[run][0].get("started")), run))]
    else:
        exact = [run for run in known if run == name]
        matching = exact or [run for run in known if run.startswith(name) or run.endswith(name)]
    if len(matching) == 1:
        _, folder = known[matching[0]]
        return folder / matching[0]
    if not matching:
        raise InputError(f"no training run is called {name!r}", hint="list runs: trainer runs")
    raise InputError(f"{name!r} is the name of {len(matching)} training runs", hint=f"{', '.join(matching[-3:])}")


def compare(a: Path, b: Path) -> Comparison:
    """How two runs differ in what they were and in what they came to.

    Raises:
        InputError: one of the folders holds no run.
    """
    first, second = RunFolder.open(a), RunFolder.open(b)
    differences = [
        Difference(part, key, before.get(key), after.get(key))
        for part in PARTS
        for before, after in [(flatten(first.record.get(part) or {}), flatten(second.record.get(part) or {}))]
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]
    return Comparison(summary(a), summary(b), tuple(differences), tuple(_notes(first, second)))


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as dotted keys; lists stay whole.

    >>> flatten({"training": {"seed": 1, "early_stopping": {"on": True}}, "runs": None})
    {'training.seed': 1, 'training.early_stopping.on': True, 'runs': None}
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= flatten(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def as_json(value: RunSummary | Comparison) -> dict[str, Any]:
    """A summary or comparison for `--json`."""
    return asdict(value)


def _notes(a: RunFolder, b: RunFolder) -> list[str]:
    """What makes two losses incomparable."""
    found = []
    if a.record.get("data", {}).get("digest") != b.record.get("data", {}).get("digest"):
        found.append("the data differ, so the validation losses may be of different examples")
    models = [run.record.get("recipe", {}).get("model", {}).get("path") for run in (a, b)]
    if models[0] != models[1]:
        found.append("the models differ: with another tokenizer a loss a token means something else")
    tokens = [outcome(run.metrics()).tokens for run in (a, b)]
    if None not in tokens and tokens[0] != tokens[1]:
        found.append(f"they saw {tokens[0]:,} and {tokens[1]:,} tokens")
    return found


def _last(metrics: Sequence[Mapping[str, Any]], key: str) -> Any:
    """The last finite value of a key; None where there is none."""
    return next((line[key] for line in reversed(metrics) if _is_number(line.get(key))), None)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
