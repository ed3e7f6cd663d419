"""The probe: bounded in time whatever the machine, on rows as they are."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import pytest

from tests.trainer.rows import chat, write_rows
from trainer.check.probe import Layout, affordable, layouts_of, probe
from trainer.check.run import check
from trainer.models.load import load as load_model
from trainer.ready import Ready, make_ready
from trainer.recipe_file import LoadedRecipe, load


@pytest.fixture
def asked(tmp_path: Path, tiny: Path) -> LoadedRecipe:
    train = [chat(f"where is my card {n}", f"card {n} " * 9) for n in range(60)]
    write_rows(tmp_path / "data", train=train, validation=[chat(f"and fee {n}", "fee") for n in range(9)])
    recipe = {"name": "a", "data": {"folder": "data"}, "model": {"path": str(tiny)}}
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    return load(tmp_path / "recipe.yaml", ["training.batch_size=2", "training.accumulation=2"])


@pytest.fixture
def ready(asked: LoadedRecipe) -> Ready:
    return make_ready(asked)


def test_a_fast_machine_times_the_recipes_own_steps(asked: LoadedRecipe, ready: Ready) -> None:
    model = load_model(ready.folder, asked.recipe.model, asked.base, 0)
    found = probe(model, asked.recipe, ready.train, ready.validation)
    assert found.whole
    assert found.layout == Layout(2, 2)
    assert max(tokens for tokens, _ in found.steps) > 3 * 200
    assert found.validation is not None
    assert "as in the recipe" in found.text()


def test_a_slow_machine_times_one_small_step_and_stops(asked: LoadedRecipe, ready: Ready) -> None:
    model = load_model(ready.folder, asked.recipe.model, asked.base, 0)
    found = probe(model, asked.recipe, ready.train, ready.validation, clock=count(0, 25.0).__next__)
    assert [tokens for tokens, _ in found.steps] == [64]
    assert found.layout == Layout(1, 1, 64)
    assert "less than the recipe's step" in found.text()


def test_what_is_tried_next_fits_the_time_that_is_left() -> None:
    layouts = layouts_of(8, 4, 1000.0)
    assert affordable(layouts, 1000, 0.01, 1) is None
    for left in (5, 30, 200, 2000):
        layout, steps = affordable(layouts, 1000, 0.01, left) or pytest.fail("something fits")
        assert layout.tokens(1000) * 0.01 * steps < left
    assert layout == Layout(8, 4)


def test_the_time_says_what_is_in_it(asked: LoadedRecipe) -> None:
    checked = check(asked)
    assert checked.needs.time is not None
    assert checked.needs.time.validations == 1 + checked.steps.validations
    said = "\n".join(checked.needs.lines())
    assert f"{checked.needs.time.validations} validations" in said
    assert "drawn at random" in said
    assert "loading and tokenising are not in it" in said
