"""docs/budgets.md: its examples run, and its page is the one that is printed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

import dataprep
from dataprep.budgets.config import BudgetConfig
from dataprep.budgets.page import BudgetError, page
from tests.docs.reading import ROOT, blocks, document, run_examples, section

TEXT = document("budgets.md")


def test_the_examples_run_as_shown(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    run_examples(TEXT, tmp_path)


def test_the_page_is_what_the_example_prints(newcomer: Path) -> None:
    budgets = ["budgets.rules={exact_duplicate: 0.1}", "budgets.slices=[{by: [source], share: 0.3}]"]
    with pytest.raises(BudgetError) as caught:
        dataprep.run(newcomer / "examples/assistant/pipeline.yaml", store=newcomer / "over-budget", overrides=budgets)
    assert page(caught.value.report) == [*blocks(section(TEXT, "## Over budget"), "text")[0].splitlines(), ""]


def test_the_pipeline_file_is_one(tmp_path: Path) -> None:
    (text,) = blocks(TEXT, "yaml")
    assert len(BudgetConfig.model_validate(yaml.safe_load(text)["budgets"]).slices) == 2
