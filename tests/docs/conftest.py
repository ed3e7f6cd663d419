"""A folder as a newcomer has it: the examples and a store with what the README's commands publish from them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import dataprep
from dataprep.flow import RunResult
from tests.docs.reading import ROOT


@pytest.fixture(scope="session")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of `examples/` and nothing else."""
    folder = tmp_path_factory.mktemp("newcomer")
    shutil.copytree(ROOT / "examples", folder / "examples")
    return folder


@pytest.fixture(scope="session")
def published(newcomer: Path) -> RunResult:
    """The example pipeline, published into `newcomer/store`."""
    return dataprep.run(newcomer / "examples/assistant/pipeline.yaml", store=newcomer / "store")
