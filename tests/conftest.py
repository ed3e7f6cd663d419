"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

# A shared machine may take a second for what takes a millisecond; properties say nothing about time.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

if TYPE_CHECKING:
    from tests.bad_inputs import Desk


def pytest_collection_finish() -> None:
    """Set aside what is loaded by now, which stays to the end: walking through it in every collection took 15 %."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    gc.unfreeze()  # else libraries complain at exit of objects that were never let go


SHARED = Path(os.environ.get("DATAPREP_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The team's folder of real public data; tests that want it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("real public data is not at hand (set DATAPREP_SHARED_DATA to its folder)")
    return SHARED


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A folder to feed bad input to the commands in."""
    from tests.bad_inputs import Desk

    return Desk(tmp_path)
