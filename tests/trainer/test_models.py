from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from dataprep.errors import InputError
from trainer.models.load import computes_in_bfloat16, load, load_config, load_tokenizer
from trainer.models.resolve import resolve
from trainer.recipe import ModelConfig


def config(**values: Any) -> ModelConfig:
    return ModelConfig.model_validate({"path": "m", "method": "full"} | values)


def test_a_folder_is_named_relative_to_the_recipe(tiny: Path) -> None:
    assert resolve(tiny.name, tiny.parent) == tiny


def test_a_folder_without_a_model_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"config\.json is missing"):
        resolve("empty", tmp_path)


def test_a_name_that_is_not_in_the_cache_says_both_ways(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        resolve("nobody/nothing", tmp_path)
    assert "name a folder" in str(raised.value)
    assert "--allow-download" in str(raised.value)


def test_nothing_is_fetched_offline_even_if_it_was_allowed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without HF_HUB_OFFLINE"):
        resolve("nobody/nothing", tmp_path, allow_download=True)


def test_a_download_without_a_network_says_that_it_is_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def fail(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("no snapshot folder") from ConnectionError("Name or service not known")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(InputError, match="cannot be reached") as raised:
        resolve("nobody/nothing", tmp_path, allow_download=True)
    assert "check the network" in str(raised.value)
    assert "check the name" not in str(raised.value)


@pytest.mark.parametrize(
    ("family", "said"),
    [("BertConfig", "encoder-only"), ("T5Config", "an encoder with a decoder"), ("ViTConfig", "does not generate")],
)
def test_what_cannot_write_text_is_refused_with_the_reason(tmp_path: Path, family: str, said: str) -> None:
    import transformers

    getattr(transformers, family)().save_pretrained(tmp_path)
    with pytest.raises(InputError, match=said):
        load_config(tmp_path, config())


def test_remote_code_does_not_run_unless_the_recipe_says_so(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "remote")
    told = json.loads((folder / "config.json").read_text())
    told |= {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.Own"}}
    (folder / "config.json").write_text(json.dumps(told))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(InputError, match="remote_code: true"):
        load_config(folder, config())
    assert not (tmp_path / "ran").exists()


def test_padding_is_never_the_end_of_text(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "padless")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["pad_token"] = settings["eos_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer, notes = load_tokenizer(folder, config(), tmp_path)
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    assert "so that the end of text is learnt" in notes[0]
    loaded = load(folder, config(), tmp_path, seed=0)
    assert loaded.model.get_input_embeddings().num_embeddings >= len(tokenizer)


def save_family(folder: Path, tiny: Path, family: str) -> Path:
    import transformers

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 512}
    if family == "GPT2":
        sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "vocab_size": 512}
    if family == "OPT":
        sizes |= {"ffn_dim": 32, "word_embed_proj_dim": 32, "max_position_embeddings": 64}
    else:
        sizes |= {"intermediate_size": 32} if family != "GPT2" else {}
        sizes |= {"num_key_value_heads": 2} if family in ("Qwen2", "Mistral") else {}
    model = getattr(transformers, f"{family}ForCausalLM" if family != "GPT2" else "GPT2LMHeadModel")
    model(getattr(transformers, f"{family}Config")(**sizes)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny / name, folder / name)
    return folder


@pytest.mark.parametrize("family", ["Llama", "GPT2", "OPT", "Qwen2", "Mistral", "GPTNeoX"])
def test_dropout_is_where_it_should_be_in_every_family(tiny: Path, tmp_path: Path, family: str) -> None:
    folder = save_family(tmp_path / family, tiny, family)
    loaded = load(folder, config(dropout=0.3), tmp_path, seed=0)
    assert any("dropout 0.3 in" in note for note in loaded.notes)
    ids = torch.arange(10)[None]
    loaded.model.train()
    torch.manual_seed(0)
    first = loaded.model(ids).logits
    assert not torch.equal(first, loaded.model(ids).logits)
    loaded.model.eval()
    assert torch.equal(loaded.model(ids).logits, loaded.model(ids).logits)


def test_a_family_without_dropout_says_so(tiny: Path, tmp_path: Path) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    folder = tmp_path / "mamba"
    MambaForCausalLM(MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=512)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny / name, folder / name)
    with pytest.raises(InputError, match="have no dropout"):
        load(folder, config(dropout=0.1), tmp_path, seed=0)


@pytest.mark.parametrize(("target", "said"), [("lm_head", "is the head"), ("q_projj", "its linear modules are")])
def test_adapters_that_would_train_nothing_are_refused(tiny: Path, target: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load(tiny, config(method="lora", lora={"targets": (target,)}), tiny, seed=0)


def test_adapters_are_drawn_from_the_seed(tiny: Path) -> None:
    models = [load(tiny, config(method="lora"), tiny, seed=seed).model for seed in (1, 1, 2)]
    states = [torch.cat([each.flatten() for each in model.parameters() if each.requires_grad]) for model in models]
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_bfloat16_is_chosen_where_the_hardware_has_it_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for capable, chosen in (({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capable: found)
        assert computes_in_bfloat16("auto")[0] is chosen
        assert computes_in_bfloat16("float32") == (False, "computes in float32 on the processor")
        assert computes_in_bfloat16("bfloat16")[0] is True
    assert "no instructions for it" in computes_in_bfloat16("bfloat16")[1]
