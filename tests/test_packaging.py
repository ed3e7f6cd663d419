"""The package: what it declares, and the wheel in an environment of its own, away from the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
OURS = ("dataprep", "sql", "audit", "reports", "trainer")
NOT_SHIPPED = ("tests", "bench", "docs", "examples")


def package(requirement: str) -> str:
    name = requirement
    for mark in "[<>=!~; ":
        name = name.split(mark)[0]
    return name.lower().replace("_", "-")


def test_the_declared_packages_are_those_on_disk() -> None:
    on_disk = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for name in OURS
        for path in (ROOT / name).rglob("*.py")
        if "__pycache__" not in path.parts
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == on_disk


def test_all_is_the_sum_of_the_extras() -> None:
    """`dev` is for working on the checkout, not for users."""
    everything = set(EXTRAS["all"])
    for name, requirements in EXTRAS.items():
        if name not in ("all", "dev"):
            assert set(requirements) <= everything or f"dataprep[{name}]" in everything, name


def test_the_data_side_needs_nothing_that_trains() -> None:
    heavy = {"torch", "transformers", "trl", "accelerate", "peft", "datasets"}
    assert not heavy & {package(requirement) for requirement in PROJECT["project"]["dependencies"]}


def test_the_constraints_pin_every_dependency() -> None:
    pinned = {package(line) for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    asked = [*PROJECT["project"]["dependencies"], *EXTRAS["dev"], *EXTRAS["trainer"]]
    assert {package(requirement) for requirement in asked} - {"dataprep"} <= pinned  # dev asks for its own extra


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what belongs to it, so that no left-over of the checkout can get in or stay."""
    place = tmp_path_factory.mktemp("wheel")
    copy = place / "project"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    for name in (*OURS, *NOT_SHIPPED):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    _run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(place), str(copy)], place)
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `dataprep` command of a fresh environment that has the wheel and the tested versions of what it needs."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=True)
    pip = [str(place / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "-c", str(ROOT / "constraints.txt"), str(wheel)], place)
    return place / "bin/dataprep"


@pytest.mark.slow
def test_the_wheel_has_all_sql_and_nothing_that_is_for_the_checkout(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "sql").rglob("*.sql")} <= names
    assert "dataprep/py.typed" in names
    assert not [name for name in names if name.split("/")[0] in NOT_SHIPPED]
    assert {name.split("/")[0] for name in names} <= {*OURS, wheel.name.split("-py3")[0] + ".dist-info"}


@pytest.mark.slow
def test_the_wheel_prepares_the_example_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    printed = _run([str(installed), "run", "examples/assistant/pipeline.yaml"], tmp_path)
    assert "assistant@1 published" in printed
    assert "all as published" in _run([str(installed), "verify", "assistant"], tmp_path)
    assert "funnel" in _run([str(installed), "sql", "--list"], tmp_path)
    packages = _run([str(installed.parent / "python"), "-m", "pip", "list", "--format", "freeze"], tmp_path)
    assert "torch" not in {line.split("==")[0] for line in packages.splitlines()}


def _run(command: list[str], folder: Path) -> str:
    """Output of a command that must work, without this checkout on its path."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DATAPREP_STORE")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
