"""Parameters and memory from a configuration alone, against models that exist and tensors that autograd keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.errors import InputError
from trainer.check.batching import propose, smaller_settings, step_of
from trainer.check.compute import needs
from trainer.check.memory import CARDS, Memory, Workload, estimate, smallest_card, usable_bytes
from trainer.check.shapes import ModelShape
from trainer.recipe import Recipe

SIZES = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "intermediate_size",
)
TINY = {
    "vocab_size": 1000,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 160,
    "tie_word_embeddings": False,
}
GPT2 = {"model_type": "gpt2", "vocab_size": 1000, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 128}
LLAMA_7B = {
    "model_type": "llama",
    "vocab_size": 32000,
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
}


def model(family: str, *sizes: int, **more: int) -> dict[str, Any]:
    return {"model_type": family, "tie_word_embeddings": True, **dict(zip(SIZES, sizes, strict=True)), **more}


def moe(family: str, *sizes: int, **more: int) -> dict[str, Any]:
    return model(family, *sizes, **more) | {"tie_word_embeddings": False}


SMOL = ModelShape("llama", 30, 576, 9, 3, 64, 1536, 49152, tied=True)
GIB = 1 << 30


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        # Counted by building each with transformers 5.23.
        ({**TINY, "model_type": "llama"}, 214_336),
        ({**TINY, "model_type": "mistral"}, 214_336),
        ({**TINY, "model_type": "qwen2"}, 214_592),
        ({**TINY, "model_type": "qwen3", "head_dim": 16}, 214_400),
        ({**TINY, "model_type": "gemma2", "head_dim": 32, "tie_word_embeddings": True}, 175_168),
        ({**TINY, "model_type": "gemma3_text", "head_dim": 32, "tie_word_embeddings": True}, 175_296),
        ({**TINY, "model_type": "phi3"}, 214_336),
        ({**TINY, "model_type": "gpt_neox", "num_key_value_heads": None, "attention_bias": True}, 203_328),
        (GPT2, 172_288),
        # Published: Qwen2.5-0.5B, Gemma 2 2B, SmolLM2-135M, Llama 2 7B, GPT-2.
        (model("qwen2", 151936, 896, 24, 14, 2, 4864), 494_032_768),
        (model("gemma2", 256000, 2304, 26, 8, 4, 9216, head_dim=256), 2_614_341_888),
        (model("llama", 49152, 576, 30, 9, 3, 1536), 134_515_008),
        (LLAMA_7B, 6_738_415_616),
        # Mixtral 8x7B, OLMoE 1B-7B, Qwen1.5-MoE-A2.7B, Qwen3-30B-A3B.
        (moe("mixtral", 32000, 4096, 32, 32, 8, 14336, num_local_experts=8, num_experts_per_tok=2), 46_702_792_704),
        (moe("olmoe", 50304, 2048, 16, 16, 16, 1024, num_experts=64, num_experts_per_tok=8), 6_919_161_856),
        (
            moe(
                *("qwen2_moe", 151936, 2048, 24, 16, 16, 5632),
                num_experts=60,
                num_experts_per_tok=4,
                moe_intermediate_size=1408,
                shared_expert_intermediate_size=5632,
            ),
            14_315_784_192,
        ),
        (
            moe(
                *("qwen3_moe", 151936, 2048, 48, 32, 4, 6144),
                num_experts=128,
                num_experts_per_tok=8,
                moe_intermediate_size=768,
                head_dim=128,
            ),
            30_532_122_624,
        ),
        ({**GPT2, "vocab_size": 50257, "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024}, 124_439_808),
    ],
    ids=lambda value: value.get("model_type") if isinstance(value, dict) else f"{value:,}",
)
def test_parameters_follow_from_the_configuration(config: dict[str, Any], parameters: int) -> None:
    assert ModelShape.from_config(config).parameters == parameters


BUILT: dict[str, dict[str, Any]] = {
    "qwen3": {"head_dim": 16, "tie_word_embeddings": True},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen2_moe": {
        "num_experts": 6,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 48,
        "shared_expert_intermediate_size": 96,
    },
    "qwen3_moe": {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 48, "head_dim": 16},
    "olmoe": {"num_experts": 6, "num_experts_per_tok": 2, "eos_token_id": 1},
    "granitemoe": {"num_local_experts": 4, "num_experts_per_tok": 2},
}
KNOWN = "granitemoe, mixtral, olmoe, qwen2_moe, qwen3_moe"
EVERY_SECOND = {"num_hidden_layers": 5, "decoder_sparse_step": 2, "mlp_only_layers": [3]}


@pytest.mark.parametrize(
    ("family", "more"),
    [*((family, {}) for family in BUILT), ("qwen2_moe", EVERY_SECOND), ("qwen3_moe", EVERY_SECOND)],
    ids=[*BUILT, "qwen2_moe, two kinds of layers", "qwen3_moe, two kinds of layers"],
)
def test_a_model_that_can_be_built_has_the_parameters_that_were_counted(family: str, more: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    peft = pytest.importorskip("peft")
    config = transformers.AutoConfig.for_model(family, **{**TINY, **BUILT[family], **more})
    shape = ModelShape.from_config(config.to_dict())
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
        assert shape.parameters == sum(each.numel() for each in model.parameters())
        adapters = peft.LoraConfig(r=8, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
        model = peft.get_peft_model(model, adapters)
    assert shape.lora_parameters(8) == sum(each.numel() for each in model.parameters() if each.requires_grad)


def test_the_text_part_of_a_model_with_vision_is_taken() -> None:
    inner = {**TINY, "model_type": "gemma3_text", "head_dim": 32, "tie_word_embeddings": True}
    assert ModelShape.from_config({"model_type": "gemma3", "text_config": inner}).parameters == 175_296


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "has no `hidden_size`"),
        ({**TINY, "num_hidden_layers": "2"}, "has no `num_hidden_layers`"),
        ({**TINY, "vocab_size": -1}, "has no `vocab_size`"),
        ({**TINY, "model_type": "deepseek_v3", "n_routed_experts": 8}, "how deepseek_v3 lays out its experts"),
        ({**TINY, "model_type": "mixtral", "num_local_experts": 8}, "has no `num_experts_per_tok`"),
    ],
)
def test_what_has_no_such_numbers_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ModelShape.from_config(config)


def test_a_hostile_family_name_is_made_harmless() -> None:
    with pytest.raises(InputError) as caught:
        ModelShape.from_config({"model_type": "\x1b[2Jllama"})
    assert "\x1b" not in str(caught.value)


MEASURED = {
    # Bytes that autograd keeps for a token and layer, by saved-tensor hooks (transformers 5.23, CPU), in the order of
    # LOADS. Batch 2 x 128 tokens, hidden 256, 8 heads of 32, 2 of keys (llama_mha, gpt2, gpt_neox: 8), inner 704
    # (gpt2, gpt_neox: 1,024), no dropout; copies of weights that autocast keeps are taken out.
    "llama": (11048, 20008, 13608, 12468, 18184),
    "llama_mha": (11816, 21544, 14376, 13260, 19720),
    "qwen3": (13008, 22608, 15568, 13788, 19504),
    "gemma3_text": (18793, 26729, 20329, 15861, 21577),
    "gemma2": (25120, 33824, 26656, 22956, 29952),
    "gpt2": (14376, 28720, 15408, 15208, 28848),
    "gpt_neox": (9256, 18480, 9776, 9576, 18608),
    "phi3": (12200, 22312, 13224, 11476, 20392),
    # Mixtral and Granite MoE: 4 experts of 704, of which 2; OLMoE 8 of 704, of which 3; Qwen 8 of 192, of which 3, and
    # a shared one of 320 in Qwen 2. LoRA with bfloat16 under autocast, as training has it, and 240 tokens. The merged
    # copies of experts that LoRA keeps are workspace, and tested below.
    "mixtral": (18828, 35468, 34188, 19404, 33548),
    "qwen2_moe": (16304, 30392, 27568, 15280, 23224),
    "qwen3_moe": (15190, 26844, 24918, 15126, 23644),
    "olmoe": (27446, 51388, 49462, 27382, 48188),
    "granitemoe": (18804, 35448, 34168, 15028, 24824),
}
MEASURED_EXPERTS: dict[str, dict[str, int]] = {
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "granitemoe": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "olmoe": {"num_experts": 8, "num_experts_per_tok": 3},
    "qwen3_moe": {"num_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 192},
    "qwen2_moe": {
        "num_experts": 8,
        "num_experts_per_tok": 3,
        "moe_intermediate_size": 192,
        "shared_expert_intermediate_size": 320,
    },
}
LOADS = {
    "full bfloat16": Workload("full", 128),
    "full float32": Workload("full", 128, weights="float32", compute="float32"),
    "full mixed": Workload("full", 128, weights="float32"),
    "lora bfloat16": Workload("lora", 128, lora_rank=8, lora_dropout=False),
    "lora float32": Workload("lora", 128, weights="float32", compute="float32", lora_rank=8, lora_dropout=False),
}


@pytest.mark.parametrize("index", range(len(LOADS)), ids=list(LOADS))
@pytest.mark.parametrize("family", MEASURED)
def test_activations_are_those_that_autograd_keeps(family: str, index: int) -> None:
    load = list(LOADS.values())[index]
    fused = family in ("gpt2", "gpt_neox")
    config = {
        "model_type": family.removesuffix("_mha"),
        "vocab_size": 512,
        "hidden_size": 256,
        "num_attention_heads": 8,
        "num_key_value_heads": 8 if fused or family == "llama_mha" else 2,
        "intermediate_size": 1024 if fused else 704,
        "max_position_embeddings": 256,
        "hidden_act": "gelu_new" if family == "gpt2" else "silu",
        "attn_logit_softcapping": 50.0 if family == "gemma2" else None,
        **MEASURED_EXPERTS.get(family, {}),
    }
    two, four = (
        estimate(ModelShape.from_config({**config, "num_hidden_layers": layers}), load).activations for layers in (2, 4)
    )
    assert (four - two) / 2 / load.tokens == pytest.approx(MEASURED[family][index], rel=0.065)


def test_full_training_holds_what_is_known_of_it() -> None:
    shape = ModelShape.from_config(LLAMA_7B)
    found = estimate(shape, Workload("full", 1024, weights="float32"))
    assert found.weights + found.gradients + found.optimizer == 16 * shape.parameters
    half = estimate(shape, Workload("full", 1024))
    assert half.weights + half.gradients + half.optimizer == 8 * shape.parameters


def test_four_bits_hold_the_matrices_in_a_quarter_of_bfloat16() -> None:
    shape = ModelShape.from_config(LLAMA_7B)
    four, sixteen = (estimate(shape, Workload(method, 1024)).weights for method in ("lora_4bit", "lora"))
    saved = 2 * shape.linear_parameters * (1 - 4.127 / 16)
    assert sixteen - four == pytest.approx(saved, rel=1e-6)
    # QLoRA (Dettmers et al. 2023) trains 7 B on a card of 8 GB only with short sequences, and on 16 GB with ease.
    assert smallest_card(estimate(shape, Workload("lora_4bit", 512, gradient_checkpointing=True)).total) in (8, 16)


def test_seven_billion_parameters_need_what_practice_says() -> None:
    shape = ModelShape.from_config(LLAMA_7B)
    assert smallest_card(estimate(shape, Workload("lora", 1024, gradient_checkpointing=True)).total) in (16, 24)
    assert smallest_card(estimate(shape, Workload("full", 1024, weights="float32")).total) is None


def test_adapters_beside_experts_cost_a_copy_of_them_unless_activations_are_computed_twice() -> None:
    config = moe("mixtral", 32000, 4096, 32, 32, 8, 14336, num_local_experts=8, num_experts_per_tok=2)
    shape = ModelShape.from_config(config)
    assert shape.experts is not None
    experts = 2 * shape.layers * shape.experts.parameters(shape.hidden)
    kept, again = (estimate(shape, Workload("lora", 512, gradient_checkpointing=each)) for each in (False, True))
    assert kept.workspace > experts > 5 * again.workspace


def test_a_model_that_is_not_known_is_said_to_be_and_nothing_is_refused() -> None:
    recipe = Recipe.model_validate({"name": "a", "data": {"folder": "rows"}, "model": {"path": "base"}})
    found = needs({**TINY, "model_type": "deepseek_v3", "n_routed_experts": 8}, recipe, 256, 100)
    assert found.memory == {}
    assert found.lines() == [
        f"memory is not estimated: how deepseek_v3 lays out its experts is not known here (known are {KNOWN})"
    ]


def test_the_whole_is_the_sum_of_its_parts() -> None:
    assert Memory(1, 2, 3, 4, 5, 6, 7).total == 28


def test_all_logits_at_once_are_what_a_fused_head_saves() -> None:
    load = Workload("lora", 2048, batch_size=4)
    fused, whole = (estimate(SMOL, replace(load, fused_head=fused)).head for fused in (True, False))
    assert whole == 8192 * 49152 * 10
    assert fused < whole / 5


def test_a_card_is_the_smallest_that_holds_it() -> None:
    assert [smallest_card(usable_bytes(card)) for card in CARDS] == list(CARDS)
    assert [smallest_card(usable_bytes(card) + 1) for card in CARDS] == [16, 24, 40, 80, None]
    assert smallest_card(15 * GIB) == 24


loads = st.builds(
    Workload,
    st.sampled_from(["full", "lora", "lora_4bit"]),
    st.sampled_from([64, 512, 2048]),
    st.integers(1, 16),
    st.sampled_from(["bfloat16", "float32"]),
    st.just("bfloat16"),
    st.booleans(),
)


@given(loads)
def test_more_of_anything_never_takes_less(load: Workload) -> None:
    base = estimate(SMOL, load).total
    assert estimate(SMOL, replace(load, batch_size=load.batch_size + 1)).total > base
    assert estimate(SMOL, replace(load, sequence_length=load.sequence_length * 2)).total > base
    assert estimate(replace(SMOL, layers=31), load).total > base
    assert estimate(SMOL, replace(load, gradient_checkpointing=True)).total <= base
    assert estimate(SMOL, replace(load, weights="float32")).total >= base


@given(loads, st.integers(1, 16), st.integers(1, 10_000), st.sampled_from(CARDS))
def test_what_is_proposed_fits_and_is_the_recipes_step(load: Workload, accumulation: int, rows: int, card: int) -> None:
    found = propose(SMOL, load, accumulation=accumulation, rows=rows, card=card)
    if found is None:
        assert estimate(SMOL, replace(load, batch_size=1)).total > usable_bytes(card)
        return
    assert found.memory == estimate(SMOL, replace(load, batch_size=found.batch_size)).total <= usable_bytes(card)
    sequences, wanted = found.batch_size * found.accumulation, load.batch_size * accumulation
    if rows / wanted > 20:
        assert sequences == wanted
    assert sequences <= wanted
    assert sequences == 1 or rows / sequences >= 19
    larger = [each for each in range(found.batch_size + 1, sequences + 1) if sequences % each == 0]
    assert not larger or estimate(SMOL, replace(load, batch_size=larger[0])).total > usable_bytes(card)


def test_a_step_stays_as_the_recipe_has_it_where_the_data_allow_it() -> None:
    assert step_of(8, 1624) == (8, "the recipe's 8 sequences a step, 203 steps an epoch")
    assert step_of(8, 1) == (1, "the data are 1 sequence, so a step has no more")
    assert step_of(64, 400)[0] == 16
    assert "64 sequences a step are 7 steps an epoch, which is few; 16 are 25" in step_of(64, 400)[1]


def test_what_fits_no_card_gets_no_proposal() -> None:
    shape = ModelShape.from_config(LLAMA_7B)
    assert propose(shape, Workload("full", 1024), accumulation=8, rows=1000, card=24) is None


def test_smaller_settings_come_in_order_and_end() -> None:
    said = smaller_settings(
        batch_size=3, accumulation=1, max_length=300, gradient_checkpointing=True, method="lora", lora_rank=64
    )
    assert [line.split(" ")[:2] for line in said] == [
        ["training.batch_size:", "1"],
        ["data.max_length:", "256"],
        ["model.lora.rank:", "8"],
    ]
    assert "training.accumulation: 3" in said[0]
    assert not smaller_settings(
        batch_size=1, accumulation=4, max_length=128, gradient_checkpointing=True, method="lora", lora_rank=8
    )
