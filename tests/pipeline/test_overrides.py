"""Overrides: `key=value` over the pipeline file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataprep.errors import InputError
from dataprep.pipeline.load import load
from dataprep.pipeline.models import Pipeline
from dataprep.rules.defaults import DEFAULT_RULES

TEXT = """\
name: x
sources:
  - {name: t0, path: a.jsonl}
  - path: b.jsonl
  - {name: my.data, path: c.jsonl}
"""
RULE = next(name for name, rule in DEFAULT_RULES.items() if isinstance(rule.threshold, int))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.yaml"
    path.write_text(TEXT)
    return path


def with_overrides(file: Path, *overrides: str) -> Pipeline:
    return load(file, overrides).pipeline


def test_sources_are_named_by_position_or_name(file: Path) -> None:
    pipeline = with_overrides(file, "sources.0.path=0", "sources.source2.path=1", 'sources."my.data".path=2')
    assert [source.path for source in pipeline.sources] == ["0", "1", "2"]


def test_a_default_rule_that_the_file_does_not_mention_keeps_its_other_keys(file: Path) -> None:
    rule = with_overrides(file, f"rules.{RULE}.threshold=20").rules[RULE]
    assert rule == DEFAULT_RULES[RULE].model_copy(update={"threshold": 20})


def test_a_rule_that_was_switched_off_comes_back(file: Path) -> None:
    file.write_text(TEXT + f"rules: {{{RULE}: off}}\n")
    assert with_overrides(file, f"rules.{RULE}.action=hold").rules[RULE].action == "hold"
    assert with_overrides(file, f"rules.{RULE}=off").rules == {RULE: None}


def test_values_are_yaml_where_more_than_text_may_stand(file: Path) -> None:
    pipeline = with_overrides(file, "dedup.fields=[input, answer]", "splits={train: 1, validation: 0, test: 0}")
    assert pipeline.dedup.fields == ("input", "answer")
    assert pipeline.splits.train == 1


def test_text_needs_no_quotes_where_only_text_may_stand(file: Path) -> None:
    pipeline = with_overrides(file, "sources.0.label=no", "sources.0.template.prompt=Summarize: {body}", "name='a b'")
    assert pipeline.sources[0].label == "no"
    assert pipeline.sources[0].template is not None
    assert pipeline.sources[0].template.prompt == "Summarize: {body}"
    assert pipeline.name == "a b"


def test_the_last_of_two_overrides_stands(file: Path) -> None:
    assert with_overrides(file, "splits.seed=1", "splits.seed=2").splits.seed == 2


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("splits.seed", "is not of the form key=value"),
        ("=3", "is not of the form key=value"),
        ("splits..seed=3", "is not of the form key=value"),
        ("splits.seed=many", 'expected a whole number of at least 0, got "many"'),
        ("splits.sed=3", 'unknown key "sed"; did you mean "seed"?'),
        ("dedup.fields=[input", "the bracket opened"),
        ("sources.7.path=x", 'names "7"'),
        ("sources.t00.path=x", 'did you mean "t0"?'),
        ("name.first=x", "which has no keys"),
        ("sources.0.name=my.data", 'two sources are named "my.data"'),
    ],
)
def test_a_mistake_names_the_override_and_no_line(file: Path, override: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        with_overrides(file, override)
    assert words in str(caught.value)
    if "two sources" not in words:
        assert override in str(caught.value)
        assert caught.value.line is None
