"""The pipeline with nothing left unsaid: defaults filled in, default rules merged, in a form that JSON holds.

What is written here goes into the manifest and into the fingerprints of steps, so it holds what decides the result and
nothing else: no comments, no formatting, and no places. Where files and store lie is left out; which bytes were read is
recorded by their digests.
"""

from __future__ import annotations

from typing import Any, Final

from dataprep.errors import InputError
from dataprep.pairs.config import names_version
from dataprep.pipeline.load import LoadedPipeline
from dataprep.pipeline.models import Pipeline
from dataprep.pipeline.shorthand import no_such_default
from dataprep.rules.config import RuleConfig
from dataprep.rules.defaults import DEFAULT_RULES

_PLACES: Final[dict[str, Any]] = {
    "store": True,
    "sources": {"__all__": {"path"}},
    "benchmarks": {"files"},
    "default_rules": True,
    "rules": True,
}


def effective_rules(pipeline: Pipeline) -> dict[str, RuleConfig]:
    """The rules that apply, by name, in the order in which they decide.

    Default rules come first and in their own order; one that the pipeline changes keeps its place; one that it switches
    off is left out; the pipeline's own rules follow in the file's order.

    Raises:
        InputError: the pipeline switches off a rule that is not a default one.

    >>> from dataprep.ingest.config import SourceConfig
    >>> rule = RuleConfig(signal="n_words", op=">", threshold=9)
    >>> plain = Pipeline(name="x", sources=(SourceConfig(path="a.jsonl"),), default_rules=False, rules={"long": rule})
    >>> list(effective_rules(plain))
    ['long']
    """
    rules: dict[str, RuleConfig | None] = dict(DEFAULT_RULES) if pipeline.default_rules else {}
    for name, rule in pipeline.rules.items():
        if rule is None and name not in DEFAULT_RULES:
            message, hint = no_such_default(name)
            raise InputError(message, key=f"rules.{name}", hint=hint)
        rules[name] = rule
    return {name: rule for name, rule in rules.items() if rule is not None}


def resolve(loaded: LoadedPipeline) -> dict[str, Any]:
    """The resolved pipeline as JSON values, in the models' order; equal for files that mean the same.

    Sources carry their names; rules are a list, because their order decides and sorted keys must not hide it. What is
    found out from the data (`auto`) stays `auto`: the manifest records the findings beside it.
    """
    pipeline = loaded.pipeline
    resolved = pipeline.model_dump(mode="json", exclude=_PLACES)
    for name, source in zip(pipeline.source_names, resolved["sources"], strict=True):
        source["name"] = name
        source["columns"] = dict(sorted(source["columns"].items()))
    resolved["rules"] = [
        {"name": name, **rule.model_dump(mode="json")} for name, rule in effective_rules(pipeline).items()
    ]
    resolved["dedup"]["against"] = [entry for entry in pipeline.dedup.against if names_version(entry)]
    resolved["splits"]["sources"] = dict(sorted(pipeline.splits.sources.items()))
    return resolved
