"""docs/near-duplicates.md: its examples run, its numbers are those of the program, and it has every option."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import typer.main

from dataprep.cli import app
from dataprep.pairs.config import NearConfig
from dataprep.pairs.near import MODERATE
from dataprep.pipeline.load import load
from tests.docs.reading import ROOT, blocks, document, run_examples, section

TEXT = document("near-duplicates.md")


def test_the_examples_run_as_shown(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    run_examples(TEXT, tmp_path)


def test_the_chances_to_find_a_pair_are_those_of_the_default_bands() -> None:
    head, chances = re.findall(r"^\| (.+) \|$", section(TEXT, "## How pairs are found"), re.MULTILINE)
    config = NearConfig()
    for similarity, chance in zip(head.split(" | ")[1:], chances.split(" | ")[1:], strict=True):
        digits = chance.removesuffix(" %")
        assert f"{100 * config.recall(float(similarity)):.{len(digits.partition('.')[2])}f}" == digits
    assert f"{config.bands} bands of {config.rows} values" in TEXT
    assert f"of up to {MODERATE} records all pairs" in TEXT


def test_the_classes_are_the_default_ones() -> None:
    config = NearConfig()
    table = section(TEXT, "## What is compared")
    assert f"| under {config.least_words} words" in table
    assert f"| {config.least_words} to {config.short_below - 1} words" in table
    assert f"runs of {config.short_ngram} words (`short_ngram`)" in table
    assert f"| {config.short_below} words and more | runs of {config.ngram} words" in table


def test_the_pipeline_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(blocks(TEXT, "yaml")[0], encoding="utf-8")
    near = load(tmp_path / "pipeline.yaml").pipeline.dedup.near
    assert (near.threshold, near.fields, len(near.strip)) == (0.85, ("input", "answer"), 1)


def test_every_option_of_the_command_is_documented() -> None:
    command = typer.main.get_command(app).commands["clusters"]  # type: ignore[attr-defined]
    options = {name for parameter in command.params for name in parameter.opts if name.startswith("-")}
    documented = set(re.findall(r"`(--?[a-z]+)`", section(TEXT, "## Looking at them")))
    assert options - {"--store", "--output"} == documented
