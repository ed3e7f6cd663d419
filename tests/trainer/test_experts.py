"""Mixtures of experts are checked, trained and exported like other models, also where their memory is not known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.trainer.tiny import tiny_tokenizer
from trainer.check.run import check
from trainer.export import export
from trainer.recipe_file import LoadedRecipe, load
from trainer.runs.folder import RunFolder
from trainer.start import start
from trainer.train import train

FAMILIES = {
    "mixtral": {"num_local_experts": 4},
    "deepseek_v3": {
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "n_group": 2,
        "topk_group": 1,
        "first_k_dense_replace": 1,
        "moe_intermediate_size": 16,
        "kv_lora_rank": 8,
        "q_lora_rank": 8,
        "v_head_dim": 8,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
    },
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rows and a model of each family."""
    from transformers import AutoConfig, AutoModelForCausalLM

    folder, tokenizer = tmp_path_factory.mktemp("experts"), tiny_tokenizer()
    rows = [{"prompt": f"my card number {n} is gone", "completion": f"about card {n % 6}"} for n in range(60)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ends = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    sizes = {"vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4}
    for family, more in FAMILIES.items():
        config = AutoConfig.for_model(family, **sizes, **heads, **ends, **more)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder / family)
        tokenizer.save_pretrained(folder / family)
    return folder


def recipe(place: Path, family: str, *overrides: str) -> LoadedRecipe:
    path = place / f"{family}.yaml"
    start(str(place / "rows.jsonl"), str(place / family), path, store="store", method="lora", force=True)
    fast = ("training.max_steps=4", "training.batch_size=2", "training.validations=2", "model.dtype=float32")
    return load(path, [f"name={family}", f"runs={family}-runs", *fast, *overrides])


def test_adapters_beside_experts_are_trained_without_dropout_which_is_said(place: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    made = train(recipe(place, "mixtral", "training.learning_rate=3e-3"))
    notes = RunFolder.open(made.run).record["model"]["notes"]
    assert "adapters have no dropout: beside experts there can be none (not 0.05)" in notes
    losses = [line["validation_loss"] for line in RunFolder.open(made.run).metrics() if "validation_loss" in line]
    assert losses[-1] < losses[0]
    export(made.run, tmp_path / "model")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "model").config.model_type == "mixtral"


def test_where_memory_is_not_known_the_rest_is_checked_and_trained(place: Path) -> None:
    loaded = recipe(place, "deepseek_v3", "model.method=full")
    lines = check(loaded, samples=0).needs.lines()
    assert lines[0].startswith("memory is not estimated: how deepseek_v3 lays out its experts is not known here")
    assert lines[1].startswith("the run takes")
    assert train(loaded).fitted.steps == 4
