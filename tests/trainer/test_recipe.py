from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.errors import InputError, ManyInputErrors
from trainer.recipe import Recipe
from trainer.recipe_file import load, set_number
from trainer.recipe_text import recipe_text

LEAST = "name: a\ndata:\n  folder: rows\nmodel:\n  path: base\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(InputError) as raised:
        load(written(folder, text))
    error = raised.value
    return [str(each) for each in (error.errors if isinstance(error, ManyInputErrors) else [error])]


def test_every_mistake_names_its_line_and_the_key_that_was_meant(tmp_path: Path) -> None:
    found = mistakes(tmp_path, LEAST + "training:\n  epohcs: 2\n  learning_rate: -1\n  l1: many\nmodell: {}\n")
    assert len(found) == 4
    assert "line 7" in found[0]
    assert 'did you mean "epochs"?' in found[0]
    assert "line 8" in found[1]
    assert "greater than 0, got the number -1" in found[1]
    assert "line 9" in found[2]
    assert '"many"' in found[2]
    assert 'did you mean "model"?' in found[3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no recipe"),
        ("name: a\nmodel: {path: m}\ndata: {}\n", "name a `version` of a store or a `folder`"),
        ("name: a\nmodel: {path: m}\ndata: {version: a@1, folder: d}\n", "not both"),
        (LEAST.replace("name: a", 'name: "../a"'), "a name is letters"),
        ("name: a\ndata: {folder: d}\n", "the key `model` is missing"),
        (LEAST + "monitoring: {to: [wandbb]}\n", "wandb"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in " ".join(mistakes(tmp_path, text))


def test_a_recipe_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="trainer init"):
        load(tmp_path / "none.yaml")


def test_overrides_come_after_the_file(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, LEAST), ["training.l1=0.5", "data.packing=false"])
    assert (loaded.recipe.training.l1, loaded.recipe.data.packing) == (0.5, False)


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
recipes: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True),
        "data": st.one_of(
            st.fixed_dictionaries({"folder": texts, "max_length": st.integers(8, 9999)}),
            st.fixed_dictionaries(
                {
                    "version": texts,
                    "mixture": st.fixed_dictionaries({"weights": st.dictionaries(texts, st.floats(0, 9), min_size=1)}),
                }
            ),
        ),
        "model": st.fixed_dictionaries({"path": texts, "method": st.sampled_from(["full", "lora"])}),
        "training": st.fixed_dictionaries({"epochs": st.sampled_from([0.5, 1.0, 3.0]), "seed": st.integers(0, 99)}),
    }
)


@settings(max_examples=40)
@given(recipes)
def test_a_written_recipe_reads_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    recipe = Recipe.model_validate(values)
    folder = tmp_path_factory.mktemp("recipe")
    back = load(written(folder, recipe_text(recipe))).recipe
    if recipe.data.mixture is None:
        assert back == recipe
    else:  # floats are written with six digits
        assert back.data.mixture is not None
        assert back.data.mixture.weights == pytest.approx(recipe.data.mixture.weights, rel=1e-5)


def test_a_number_is_changed_and_nothing_else(tmp_path: Path) -> None:
    before = LEAST + "training:\n  learning_rate: 1e-4   # measured\n  epochs: 2\n"
    path = written(tmp_path, before)
    set_number(path, ("training", "learning_rate"), 3.16e-5)
    assert path.read_text() == before.replace("1e-4", "3.16e-05")
    assert load(path).recipe.training.learning_rate == 3.16e-5


def test_a_number_that_is_not_in_the_file_is_not_put_anywhere(tmp_path: Path) -> None:
    path = written(tmp_path, LEAST)
    with pytest.raises(InputError, match=r"training\.learning_rate: 0\.001"):
        set_number(path, ("training", "learning_rate"), 1e-3)
    assert path.read_text() == LEAST
