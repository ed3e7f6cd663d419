"""Budgets in the pipeline file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataprep.errors import InputError
from dataprep.pipeline.load import load
from dataprep.pipeline.models import Pipeline

HEAD = "name: support\nsources: [{path: a.jsonl}]\n"


def read(folder: Path, text: str) -> Pipeline:
    file = folder / "p.yaml"
    file.write_text(HEAD + text)
    return load(file).pipeline


def test_none_is_set_by_default(tmp_path: Path) -> None:
    budgets = read(tmp_path, "budgets:\n  # overall: 0.5\n").budgets
    assert (budgets.overall, budgets.rules, budgets.slices) == (None, {}, ())


def test_all_kinds_are_read(tmp_path: Path) -> None:
    pipeline = read(
        tmp_path,
        "decisions: decided.yaml\n"
        "budgets:\n  overall: 0.4\n  rules: {too_short: 0.05}\n"
        "  slices:\n    - {by: [source, meta_lang], share: 0.3, rules: [too_short]}\n",
    )
    assert pipeline.decisions == "decided.yaml"
    assert pipeline.budgets.rules == {"too_short": 0.05}
    assert pipeline.budgets.slices[0].min_rows == 50


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("budgets: {overall: 30}", 3, "a number from 0 to 1"),
        ("budgets: {overall: 30%}", 3, "a number from 0 to 1"),
        ("budgets:\n  rules: {overall: 0.3}", 4, "beside `rules`"),
        ("budgets:\n  slices:\n    - {by: [lable], share: 0.3}", 5, "meta_<name>"),
        ("budgets:\n  slices:\n    - {by: [label, label], share: 0.3}", 5, "already"),
        ("budgets:\n  slices:\n    - {by: [], share: 0.3}", 5, "list"),
        ("budgets: {sources: 0.3}", 3, "slices"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert caught.value.line == line
    assert message in str(caught.value)
