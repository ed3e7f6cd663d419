"""examples/overfit: long training learns rows by heart; early stopping and dropout help, and the reports say so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.docs.reading import ROOT

pytestmark = pytest.mark.slow


def test_early_stopping_ends_overfitting_and_dropout_delays_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples/overfit"))
    import overfit

    found = {name: rest for name, *rest in overfit.overfit(tmp_path)}
    for name in ("conversations", "model", "overfit"):
        sys.modules.pop(name, None)
    assert set(found) == set(overfit.VARIANTS)
    stopped, best_step, best_loss, _ = found["default"]
    all_steps, _, _, last_loss = found["no-early-stopping"]
    assert best_step < stopped < all_steps
    assert last_loss > best_loss + 0.05  # what the last weights would have cost
    assert found["dropout"][1] > best_step
    assert found["dropout-no-early-stopping"][3] < last_loss
    report = (tmp_path / "no-early-stopping.html").read_text(encoding="utf-8")
    assert f"overfitting since step {best_step}" in report
