"""A base model that changed under a run is noticed, also where only samples of its weights are read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dataprep.errors import InputError
from trainer.export import export
from trainer.models.fingerprint import fingerprint
from trainer.recipe_file import LoadedRecipe, load
from trainer.runs.folder import RunFolder
from trainer.start import start
from trainer.train import train


def change_one_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = load_file(path)
    name = sorted(weights)[3]
    save_file(weights | {name: weights[name] * 1.01}, path, metadata={"format": "pt"})


@pytest.fixture
def base(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be changed."""
    return shutil.copytree(tiny, tmp_path / "base")


@pytest.mark.parametrize(("whole_bytes", "kind"), [(1 << 30, "all"), (0, "sampled")])
def test_other_weights_and_another_configuration_have_another_fingerprint(
    base: Path, whole_bytes: int, kind: str
) -> None:
    found = [fingerprint(base, whole_bytes=whole_bytes)]
    assert found[0].startswith(f"{kind}:")
    (base / "README.md").write_text("not of the model")
    assert fingerprint(base, whole_bytes=whole_bytes) == found[0]
    change_one_tensor(base)
    found.append(fingerprint(base, whole_bytes=whole_bytes))
    told = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(told | {"rope_theta": 5.0}))
    found.append(fingerprint(base, whole_bytes=whole_bytes))
    assert len(set(found)) == 3


def recipe(base: Path) -> LoadedRecipe:
    rows = base.parent / "rows.jsonl"
    lines = (json.dumps({"prompt": f"card {number}", "completion": f"lost {number % 5}"}) for number in range(60))
    rows.write_text("\n".join(lines) + "\n")
    path = base.parent / "recipe.yaml"
    start(str(rows), str(base), path, store="store", method="lora", force=True)
    return load(path, ("training.max_steps=3", "training.batch_size=2", "model.dtype=float32"))


def test_a_run_does_not_go_on_with_another_base_model(base: Path) -> None:
    made = train(recipe(base))
    run = RunFolder.open(made.run)
    assert run.record["model"]["fingerprint"] == fingerprint(base)
    run.update(state="interrupted")
    change_one_tensor(base)
    with pytest.raises(InputError, match=f"not the one that {made.run.name} began with") as caught:
        train(recipe(base))
    assert "--fresh" in str(caught.value)
    assert train(recipe(base), fresh=True).run != made.run


def test_adapters_are_not_merged_into_another_base_model(base: Path, tmp_path: Path) -> None:
    made = train(recipe(base))
    change_one_tensor(base)
    with pytest.raises(InputError, match="has changed since"):
        export(made.run, tmp_path / "model")
