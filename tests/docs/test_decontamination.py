"""docs/decontamination.md: its example runs, and its pipeline keys are those that there are."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from dataprep.pairs.benchmarks import (
    COMMON_ITEMS,
    COMMON_PERCENT,
    LEAST_WORDS_OF_TURN,
)
from dataprep.pairs.config import CONTAINMENT_FLOOR, BenchmarkConfig, BenchmarkFile
from tests.docs.reading import blocks, document, run_examples

TEXT = document("decontamination.md")


def test_the_example_runs_as_shown(tmp_path: Path) -> None:
    run_examples(TEXT, tmp_path)


def test_the_pipeline_keys_are_all_there_and_show_the_defaults() -> None:
    given = yaml.safe_load(blocks(TEXT, "yaml")[0])["benchmarks"]
    assert given.keys() == BenchmarkConfig.model_fields.keys()
    files = given.pop("files")
    assert BenchmarkConfig.model_validate(given) == BenchmarkConfig()
    assert len(BenchmarkConfig.model_validate({"files": files}).files) == 3
    assert f"with the keys `{'`, `'.join(BenchmarkFile.model_fields)}`" in " ".join(TEXT.split())


def test_the_numbers_are_those_of_the_code() -> None:
    text = re.sub(r"\s+", " ", TEXT)
    assert f"more than {COMMON_ITEMS} items *and* more than {COMMON_PERCENT} % of all items" in text
    assert f"Shares from {CONTAINMENT_FLOOR} on are stored" in text
    assert LEAST_WORDS_OF_TURN == 5
    assert "fewer than five words" in text
