"""The model card of a run: what it was made from and how, what it reached, what nobody looked at.

Everything stands in the run's record and metrics; names that come from outside are code spans, so that none is markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

import yaml

from dataprep.console import counted, one_line
from trainer.watch.verdict import Verdict

_CACHED: Final = re.compile(r"models--([\w.-]+?)--([\w.-]+)")
_LIMITS: Final = (
    "Judged by its validation loss alone: what else it says, how it does on other inputs, and whether it says harmful "
    "things was not measured here."
)
_PACKAGES: Final = ("dataprep", "torch", "transformers", "trl", "peft")


def card(told: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]]) -> str:
    """The card as Markdown.

    Args:
        told: the run's record.
        metrics: of its steps and validations.
    """
    return "\n".join(_card(told, metrics)) + "\n"


def base_model(told: Mapping[str, Any]) -> str | None:
    """The name on the Hub of the model that a run began with, where it came from there; None for a folder.

    >>> base_model({"model": {"folder": "/cache/models--org--base-1b/snapshots/8f3a"}})
    'org/base-1b'
    """
    for part in PurePath(told["model"]["folder"]).parts:
        if found := _CACHED.fullmatch(part):
            return f"{found[1]}/{found[2]}"
    return None


def _card(told: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    recipe, model = told["recipe"], told["model"]
    yield from ("---", "library_name: transformers", "pipeline_tag: text-generation")
    if (name := base_model(told)) is not None:
        yield from (f"base_model: {name}", "base_model_relation: finetune")
    method = (
        "all of them trained"
        if recipe["model"]["method"] == "full"
        else f"LoRA adapters of {model['trained_parameters']:,} weights merged into them"
    )
    yield from ("---", "", f"# {_code(recipe['name'])}", "")
    verdict = Verdict.of(metrics)
    parts = f"family {_code(model['family'])}, {model['parameters']:,} parameters, {method}"
    yield from (f"Fine-tuned from {_code(recipe['model']['path'])}: {parts}.", "")
    for warning in verdict.warnings():
        yield from (f"> **Warning:** {one_line(warning)}", "")
    yield from ("## Data", "", *_data(told["data"]), "", "## Results", "", *_results(told, metrics, verdict), "")
    yield from ("## Recipe", "", "```yaml", *_recipe(recipe), "```", "")
    packages = told.get("packages") or {}
    used = ", ".join(f"{name} {packages[name]}" for name in _PACKAGES if name in packages)
    commit = (told.get("code") or {}).get("commit")
    yield from (f"Made with {used or 'unknown packages'}{f', at commit {_code(commit)}' if commit else ''}.", "")
    yield from ("## Limits", "", _LIMITS)


def _data(data: Mapping[str, Any]) -> Iterator[str]:
    """Where the rows come from, and how many of them were trained on."""
    if data.get("kind") == "version":
        named = f"{data['dataset']}@{data['version'] or data['version_id'][:12]}"
        yield f"Dataset version {_code(named)}, id {_code(data['version_id'])}."
    else:
        yield f"Folder {_code(data.get('folder'))}, digest of its content {_code(data.get('digest'))}."
    counts = [data.get(name) or {} for name in ("records", "examples", "tokens", "trained_tokens")]
    yield from ("", "| split | rows | examples | tokens | trained on |", "|---|---:|---:|---:|---:|")
    for split in ("train", "validation"):
        numbers = (f"{count[split]:,}" if split in count else "" for count in counts)
        yield f"| {split} | {' | '.join(numbers)} |"
    left = sum(
        count
        for found in (data.get("outcomes") or {}).values()
        for outcome, count in found.items()
        if outcome in ("dropped_no_answer", "dropped_too_long", "fully_masked")
    )
    yield from ("", f"Validated on {_judged(data)}. {counted(left, 'example')} could not be trained on.")


def _judged(data: Mapping[str, Any]) -> str:
    share = data.get("held_out")
    return "the validation split" if share is None else f"{share:.0%} of the rows, held out of train"


def _results(told: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]], verdict: Verdict) -> Iterator[str]:
    """The losses that matter, and when."""
    results = told.get("results") or {}
    judged = {each["step"] for each in metrics if "validation_loss" in each}
    best, loss = verdict.best_step, verdict.best_validation_loss
    yield from ("| | step | loss |", "|---|---:|---:|")
    if verdict.base_validation_loss is not None:
        yield f"| validation, the base model before training | 0 | {verdict.base_validation_loss:.4f} |"
    if best is not None and loss is not None:
        yield f"| validation, these weights | {best:,} | {loss:.4f} |"
        before = max((step for step in judged if step < best), default=0)
        losses = [each["loss"] for each in metrics if "loss" in each and before < each["step"] <= best]
        if losses:
            yield f"| training, mean of the steps since {before:,} | {best:,} | {sum(losses) / len(losses):.4f} |"
    ended = {None: "after all its steps", "early_stopping": "by early stopping"}
    because = results.get("stopped_because")
    how = ended.get(because, f"by an {one_line(str(because))}")
    yield from ("", f"Nats a token of the answers, on {_judged(told['data'])}.")
    yield f"The run ended {how}, {results.get('steps', 0):,} of {results.get('planned_steps', 0):,}."


def _recipe(recipe: Mapping[str, Any]) -> list[str]:
    """What was set, as the file has it: null and adapters that were not used left out."""
    kept = {section: dict(recipe[section]) for section in ("model", "data", "training")}
    if kept["model"]["method"] == "full":
        del kept["model"]["lora"]
    return str(yaml.safe_dump(_set(kept), sort_keys=False, allow_unicode=True, width=1000)).splitlines()


def _set(value: Any) -> Any:
    """Without nulls, plain lists in place of tuples."""
    if isinstance(value, Mapping):
        return {key: _set(each) for key, each in value.items() if each is not None}
    return [_set(each) for each in value] if isinstance(value, list | tuple) else value


def _code(value: object) -> str:
    """A value as a code span on one line.

    >>> _code("a`b|c")
    "`a'b¦c`"
    """
    return f"`{one_line(str(value)).replace('`', chr(39)).replace('|', '¦')}`"
