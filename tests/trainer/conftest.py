"""One tiny model for all tests, one thread, and nothing from the network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

torch = pytest.importorskip("torch", reason="the trainer is an extra: pip install '.[trainer]'")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    from trainer.models.quiet import quiet

    torch.set_num_threads(1)  # the same bits whatever else this machine does
    quiet()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Llama of about 100,000 parameters."""
    from tests.trainer.tiny import tiny_model

    return tiny_model(tmp_path_factory.mktemp("tiny"))
