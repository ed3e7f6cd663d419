"""Loading a model and its tokenizer: refused with a reason where it cannot be fine-tuned, in the numbers of the device.

All weights are trained in float32, with bfloat16 only for what is computed from them, because small updates vanish in
bfloat16; beside adapters the frozen weights can be bfloat16 themselves.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted
from trainer.models.dropout import modules_with, set_dropout
from trainer.recipe import ModelConfig

_PAD: Final = "<|pad|>"


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to be trained.

    Attributes:
        model: a causal language model, or one with adapters.
        tokenizer: a fast tokenizer whose padding token is not its end of text.
        folder: where it came from.
        bfloat16: whether to compute in bfloat16.
        notes: what was decided, in words.
    """

    model: Any
    tokenizer: Any
    folder: Path
    bfloat16: bool
    notes: tuple[str, ...]


def load_tokenizer(folder: Path, config: ModelConfig, base: Path) -> tuple[Any, list[str]]:
    """The tokenizer of a model, with the recipe's template, and notes on what was changed.

    Raises:
        InputError: there is none, or the template's file is missing.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=config.remote_code, use_fast=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"no tokenizer can be loaded: {_first_line(error)}", file=str(folder)) from error
    notes = []
    if config.chat_template is not None:
        path = base / config.chat_template
        try:
            tokenizer.chat_template = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read: {error}", file=str(path), key="model.chat_template") from None
    if tokenizer.pad_token is None or tokenizer.pad_token_id == tokenizer.eos_token_id:
        before = "the end of text" if tokenizer.pad_token is not None else "nothing"
        if tokenizer.unk_token is not None and tokenizer.unk_token_id != tokenizer.eos_token_id:
            tokenizer.pad_token = tokenizer.unk_token
        else:
            tokenizer.add_special_tokens({"pad_token": _PAD})
        notes.append(f"padding was {before}; it is {tokenizer.pad_token} now, so that the end of text is learnt")
    tokenizer.padding_side = "right"
    return tokenizer, notes


def load_config(folder: Path, config: ModelConfig) -> Any:
    """The configuration of a model that can be fine-tuned here.

    Raises:
        InputError: it is encoder-only, an encoder with a decoder, no text model, or needs remote code.
    """
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_MASKED_LM_MAPPING

    try:
        found = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=config.remote_code)
    except (OSError, ValueError, KeyError) as error:
        hint = None
        if "trust_remote_code" in str(error) or "custom code" in str(error):
            hint = "its code would run as you: read it, then set `model.remote_code: true`, or take another model"
        raise InputError(
            f"its configuration cannot be read: {_first_line(error)}", file=str(folder), hint=hint
        ) from error
    kind = found.model_type
    if found.is_encoder_decoder:
        hint = "take a decoder-only model (Llama, Qwen, Mistral, GPT-2 …)"
        raise InputError(f"{quoted(kind)} is an encoder with a decoder", file=str(folder), key="model.path", hint=hint)
    if type(found) in MODEL_FOR_MASKED_LM_MAPPING and not getattr(found, "is_decoder", False):
        hint = "take a decoder-only model (Llama, Qwen, Mistral, GPT-2 …)"
        message = f"{quoted(kind)} is encoder-only: it sees the words that it would have to write, and cannot generate"
        raise InputError(message, file=str(folder), key="model.path", hint=hint)
    if type(found) not in MODEL_FOR_CAUSAL_LM_MAPPING and not getattr(found, "auto_map", None):
        raise InputError(f"{quoted(kind)} does not generate text", file=str(folder), key="model.path")
    return found


def load(folder: Path, config: ModelConfig, base: Path, seed: int) -> Loaded:
    """Load a model for training.

    Args:
        folder: where it lies, see `resolve`.
        config: of the recipe.
        base: what paths in the recipe are relative to.
        seed: of adapters and of rows that are added to the embeddings.

    Raises:
        InputError: it cannot be fine-tuned, or a setting does not fit its family.
    """
    import torch
    from transformers import AutoModelForCausalLM, set_seed

    set_seed(seed)
    settings = load_config(folder, config)
    tokenizer, notes = load_tokenizer(folder, config, base)
    names = [] if config.dropout is None else set_dropout(settings, config.dropout)
    bfloat16, why = computes_in_bfloat16(config.dtype)
    notes.append(why)
    frozen_small = bfloat16 and config.method == "lora"
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            config=settings,
            local_files_only=True,
            trust_remote_code=config.remote_code,
            dtype=torch.bfloat16 if frozen_small else torch.float32,
            attn_implementation="sdpa",
            use_safetensors=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"the model cannot be loaded: {_first_line(error)}", file=str(folder)) from error
    model.config.use_cache = False
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    if names and config.dropout is not None:
        modules = modules_with(model, config.dropout)
        notes.append(f"dropout {config.dropout:g} in {len(modules)} modules, by {', '.join(names)}")
    if config.method == "lora":
        model = with_adapters(model, config)
        if config.lora.dropout and not model.peft_config["default"].lora_dropout:
            notes.append(f"adapters have no dropout: beside experts there can be none (not {config.lora.dropout:g})")
        trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
        notes.append(f"adapters of rank {config.lora.rank} on {_targets(config)}: {trained:,} trained weights")
    return Loaded(model, tokenizer, folder, bfloat16, tuple(notes))


def with_adapters(model: Any, config: ModelConfig) -> Any:
    """The model with low-rank adapters; without dropout where some stand beside experts, as peft knows none there.

    Raises:
        InputError: a target is no module of it, or its head.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    lora = config.lora
    if lora.targets != "all-linear":
        _check_targets(model, lora.targets)
    adapters = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets if lora.targets == "all-linear" else list(lora.targets),
        task_type=TaskType.CAUSAL_LM,
    )
    if _beside_experts(adapters, model):
        adapters.lora_dropout = 0.0
    return get_peft_model(model, adapters)


def _beside_experts(adapters: Any, model: Any) -> bool:
    """Whether an adapter would stand beside a bare parameter, as experts are: by peft's rule, tried on a copy."""
    from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers

    tried = copy.deepcopy(adapters)
    convert_peft_config_for_transformers(tried, model, None)
    return bool(tried.target_parameters)


def computes_in_bfloat16(dtype: str) -> tuple[bool, str]:
    """Whether to compute in bfloat16 on this machine, and why.

    Where the hardware multiplies matrices in it: on most GPUs of today, and on processors with AVX-512 BF16 or AMX
    (1.6 times faster than float32 on a Llama of 20 M parameters). Elsewhere it is emulated, and slower.

    Raises:
        InputError: it was asked for and the GPU has none.
    """
    import torch

    on_gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if on_gpu else "the processor"
    capable = torch.cpu.get_capabilities()
    has = torch.cuda.is_bf16_supported() if on_gpu else bool(capable.get("avx512_bf16") or capable.get("amx_bf16"))
    if dtype == "bfloat16" and not has:
        if on_gpu:
            raise InputError(f"{device} has no bfloat16", key="model.dtype", hint="leave it out, or write float32")
        return True, "computes in bfloat16 on the processor, as asked: it has no instructions for it, so this is slow"
    chosen = has and dtype != "float32"
    return chosen, f"computes in {'bfloat16' if chosen else 'float32'} on {device}"


def _check_targets(model: Any, targets: tuple[str, ...]) -> None:
    names = {name.rsplit(".", 1)[-1] for name, _ in model.named_modules() if name}
    head = next((name for name, module in model.named_modules() if module is model.get_output_embeddings()), "")
    for target in targets:
        if target == head.rsplit(".", 1)[-1]:
            hint = "leave it out: the loss is computed from its weights directly, so the adapter would never be trained"
            raise InputError(f"{quoted(target)} is the head", key="model.lora.targets", hint=hint)
        if target not in names:
            linear = {name.rsplit(".", 1)[-1] for name, each in model.named_modules() if _is_linear(each)}
            linear -= {head.rsplit(".", 1)[-1]}
            hint = f"its linear modules are {', '.join(sorted(linear))}; or write all-linear"
            raise InputError(f"there is no module {quoted(target)}", key="model.lora.targets", hint=hint)


def _is_linear(module: Any) -> bool:
    return type(module).__name__ in ("Linear", "Conv1D")


def _targets(config: ModelConfig) -> str:
    targets = config.lora.targets
    return "all linear layers" if targets == "all-linear" else ", ".join(targets)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
