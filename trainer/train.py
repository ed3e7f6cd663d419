"""`trainer train`: from a recipe to a finished run folder.

Everything that can be refused is refused before the model is loaded: the recipe, the rows under the tokenizer, the
limits. The run folder is the truth about a run; services are told on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dataprep.console import counted
from dataprep.errors import InputError, RefusedError
from trainer.models.save import save
from trainer.recipe_file import LoadedRecipe
from trainer.steps import plan_steps
from trainer.watch.verdict import Verdict

if TYPE_CHECKING:
    from trainer.data.prepare import Prepared
    from trainer.loop import Fitted
    from trainer.models.load import Loaded
    from trainer.monitors.base import Monitor
    from trainer.processes import Processes
    from trainer.runs.folder import Ending, RunFolder

_CONTINUED: Final = ("killed", "interrupted")
"""States of runs that the same command goes on with."""

OnValues = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Trained:
    """A run that is over, or was left to be continued.

    Attributes:
        run: its folder.
        fitted: what came of it.
    """

    run: Path
    fitted: Fitted

    @property
    def interrupted(self) -> bool:
        """Whether a signal ended it, so that the same command goes on with it."""
        return self.fitted.stopped_because == "signal"

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        fitted = self.fitted
        return {
            "run": str(self.run),
            "steps": fitted.steps,
            **fitted.verdict.as_dict(),
            "checkpoint": None if fitted.checkpoint is None else str(fitted.checkpoint),
            "stopped_because": fitted.stopped_because,
            "warnings": fitted.verdict.warnings(),
        }


def train(
    loaded: LoadedRecipe,
    *,
    allow_download: bool = False,
    fresh: bool = False,
    on_note: Callable[[str], None] | None = None,
    on_values: OnValues | None = None,
) -> Trained:
    """Train as a recipe says; go on with the newest interrupted run of the same recipe on the same data.

    Args:
        loaded: the recipe.
        allow_download: whether a model that is not on this machine may be fetched.
        fresh: begin anew even where a run could be continued.
        on_note: told in words what is decided.
        on_values: told of every step, validation and alert.

    Raises:
        InputError: the recipe, the model or the data cannot be used; or the base model is not the one that the run to
            go on with began with.
        RefusedError: more rows than the recipe allows are lost, or an alert stopped the run.
        MachineError: out of memory, or another process trains this run.
    """
    from trainer.check.ledger import write_ledger
    from trainer.data.prepare import check_limits
    from trainer.loop import fit
    from trainer.models.load import load
    from trainer.monitors.base import check_monitors
    from trainer.processes import Processes
    from trainer.ready import make_ready

    recipe, note = loaded.recipe, on_note or (lambda _: None)
    check_monitors(recipe.monitoring.to)
    processes = Processes()
    ready = make_ready(loaded, allow_download=allow_download, turn=processes.first_goes_first())
    prepared = ready.prepared
    check_limits(prepared, recipe)
    model = load(ready.folder, recipe.model, loaded.base, recipe.training.seed)
    steps = plan_steps(len(ready.train), recipe, processes.count, validation_rows=len(ready.validation))
    examples, rows = counted(len(prepared.train), "example"), counted(len(ready.train), "row")
    counts = f"{examples} in {rows} of at most {ready.length:,} tokens"
    for line in (*model.notes, *prepared.description["notes"], counts, steps.text()):
        note(line)
    with ExitStack() as held:
        run, checkpoint = _run_folder(loaded, prepared, model, processes, held, fresh=fresh)
        note(f"run {run.path}" + ("" if checkpoint is None else f" goes on after step {checkpoint.name[11:]}"))
        try:
            if processes.first:
                write_ledger(prepared, recipe, beside=run.path)
                run.update(results={"planned_steps": steps.total, **Verdict.of(run.metrics()).as_dict()})
            told = _listeners(run, loaded, processes, held, on_values)
            fitted = fit(
                model,
                recipe,
                steps,
                train=ready.train,
                validation=ready.validation,
                packed=recipe.data.packing,
                folder=run.path / "checkpoints",
                on_values=told,
                resume_from=checkpoint,
            )
        except BaseException as error:
            if processes.first:
                _end(run, error)
            raise
        state = _state(fitted)
        if processes.first:
            if state != "interrupted":
                save(model.model, model.tokenizer, run.path / "best")
            run.finish(state, **_results(fitted))
    if state == "stopped":
        hint = f"see `trainer report {run.path}`; `monitoring.on_alert: warn` lets a run go on"
        raise RefusedError(f"training was stopped by an {fitted.stopped_because}", file=str(run.path), hint=hint)
    return Trained(run.path, fitted)


def result_lines(done: Trained, again: str) -> list[str]:
    """What a person is told at the end; `again` is the command that goes on with an interrupted run."""
    fitted = done.fitted
    if done.interrupted:
        return [
            f"interrupted after step {fitted.steps:,}; all of it is saved in {done.run}",
            f"next: {again} goes on from there",
        ]
    loss = fitted.best_validation_loss
    best = (
        "no validation loss was a number; the last weights are kept"
        if loss is None
        else f"best validation loss {loss:.4f} nats a token at step {fitted.best_step:,}, whose weights are kept"
    )
    ended = "stopped early" if fitted.stopped_because == "early_stopping" else "done"
    return [
        f"{ended} after {counted(fitted.steps, 'step')}: {best}",
        *(f"warning: {line}" for line in fitted.verdict.warnings()),
        f"run     {done.run}",
        f"next: trainer report {done.run}",
    ]


def _run_folder(
    loaded: LoadedRecipe,
    prepared: Prepared,
    model: Loaded,
    processes: Processes,
    held: ExitStack,
    *,
    fresh: bool,
) -> tuple[RunFolder, Path | None]:
    """The folder of this run, and the checkpoint that it goes on from; the first process makes it and holds it."""
    from trainer.loop import last_checkpoint
    from trainer.models.fingerprint import fingerprint
    from trainer.runs.folder import RunFolder

    run: RunFolder | None = None
    checkpoint: Path | None = None
    if processes.first:
        left, base = None if fresh else _interrupted(loaded, prepared), fingerprint(model.folder)
        if left is None:
            data = prepared.description | {"digest": prepared.digest}
            described = _description(loaded, model, processes.count) | {"fingerprint": base}
            run = RunFolder.create(
                loaded.runs, loaded.recipe, data, base=loaded.base, recipe_text=loaded.text, model=described
            )
        else:
            _same_base(left, model.folder, base)
            checkpoint = last_checkpoint(left / "checkpoints")
            run = RunFolder.resume(left, 0 if checkpoint is None else int(checkpoint.name.rpartition("-")[2]))
        held.enter_context(run)
    path, checkpoint = processes.from_first((None if run is None else run.path, checkpoint))
    return run or RunFolder.open(path), checkpoint


def _interrupted(loaded: LoadedRecipe, prepared: Prepared) -> Path | None:
    """The newest run of the same recipe on the same data, if it ended before its time."""
    from trainer.runs.folder import RunFolder

    wanted = (loaded.recipe.model_dump(mode="json"), prepared.digest)
    for path in sorted(loaded.runs.glob(f"{loaded.recipe.name}-*/run.json"), reverse=True):
        run = RunFolder.open(path.parent)
        if (run.record.get("recipe"), run.record.get("data", {}).get("digest")) == wanted:
            return path.parent if run.state in _CONTINUED else None
    return None


def _same_base(run: Path, folder: Path, now: str) -> None:
    """Refuse to go on where the weights below are others: what came out would be trained from neither."""
    from trainer.runs.folder import RunFolder

    began = RunFolder.open(run).record["model"].get("fingerprint")
    if began not in (None, now):
        message = f"the base model is not the one that {run.name} began with: its weights or configuration changed"
        hint = "put them back to go on, or begin a new run: the same command with --fresh"
        raise InputError(message, file=str(folder), key="model.path", hint=hint)


def _description(loaded: LoadedRecipe, model: Loaded, processes: int) -> dict[str, Any]:
    """What a run says of its model."""
    weights = list(model.model.parameters())
    return {
        "path": loaded.recipe.model.path,
        "folder": str(model.folder.absolute()),
        "family": model.model.config.model_type,
        "parameters": sum(each.numel() for each in weights),
        "trained_parameters": sum(each.numel() for each in weights if each.requires_grad),
        "processes": processes,
        "notes": list(model.notes),
    }


def _listeners(
    run: RunFolder, loaded: LoadedRecipe, processes: Processes, held: ExitStack, on_values: OnValues | None
) -> OnValues:
    """One function that tells the run folder, the services, and the caller; in the first process alone."""
    from trainer.monitors.base import open_monitors

    if not processes.first:
        return lambda _: None
    monitoring = loaded.recipe.monitoring
    monitors = open_monitors(
        monitoring.to, project=monitoring.project or loaded.recipe.name, run_id=run.path.name, folder=run.path
    )
    for monitor in monitors:
        monitor.params(run.record["recipe"])
        held.callback(_close, monitor, run)

    verdict = Verdict.of(run.metrics())

    def tell(values: Mapping[str, Any]) -> None:
        nonlocal verdict
        run.log(**values)
        verdict = verdict.after(values)
        if "validation_loss" in values or "alert" in values:  # for who looks at a run that goes on
            run.update(results={"steps": values["step"], **verdict.as_dict()})
        for monitor in monitors:
            monitor.log(values["step"], values)
        if on_values is not None:
            on_values(values)

    return tell


def _end(run: RunFolder, error: BaseException) -> None:
    """Leave a run that an error ends; one that was refused before its first step was none, and goes."""
    from trainer.loop import CheckpointError

    if isinstance(error, InputError) and not run.metrics():
        run.discard()
        return
    # after a second Ctrl-C, a full disk or a service that refuses a resumed run, the same command goes on
    goes_on = isinstance(error, KeyboardInterrupt | CheckpointError | InputError)
    ending: Ending = "interrupted" if goes_on else "failed"
    run.finish(ending, error=type(error).__name__)


def _close(monitor: Monitor, run: RunFolder) -> None:
    monitor.close(str(run.record["state"]))


def _state(fitted: Fitted) -> Ending:
    because = fitted.stopped_because or ""
    return "interrupted" if because == "signal" else "stopped" if because.startswith("alert") else "finished"


def _results(fitted: Fitted) -> dict[str, Any]:
    return {
        "steps": fitted.steps,
        **fitted.verdict.as_dict(),
        "stopped_because": fitted.stopped_because,
        "checkpoint": None if fitted.checkpoint is None else fitted.checkpoint.name,
    }
