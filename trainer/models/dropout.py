"""Dropout inside a model: every family names it otherwise, and a name that a family does not know is ignored silently.

So the names that a configuration has are set before the weights are loaded, and afterwards the modules are looked at:
what counts is a `Dropout` layer, or an attention layer that applies the number itself.
"""

from __future__ import annotations

from typing import Any, Final

from dataprep.errors import InputError

NAMES: Final = (
    "attention_dropout",  # Llama, Mistral, Qwen, Gemma, Phi, OPT, GPT-NeoX, Falcon
    "attn_pdrop",  # GPT-2, GPT-J
    "resid_pdrop",  # GPT-2, GPT-J, Phi
    "embd_pdrop",
    "hidden_dropout",  # GPT-NeoX, Falcon, Bloom
    "dropout",  # OPT
    "residual_dropout",
    "embedding_dropout",
)
"""What model families call dropout in their configuration."""


def set_dropout(config: Any, share: float) -> list[str]:
    """Set every dropout that a model configuration has; returns their names.

    Args:
        config: a transformers configuration.
        share: of values that are zeroed, 0 to 1.

    Raises:
        InputError: this family has none.
    """
    text = config.get_text_config()
    names = [name for name in NAMES if isinstance(getattr(text, name, None), int | float)]
    if not names:
        hint = (
            "leave `model.dropout` out; LoRA has a dropout of its own (`model.lora.dropout`), and there is weight decay"
        )
        raise InputError(f"models of the family {text.model_type} have no dropout", key="model.dropout", hint=hint)
    for name in names:
        setattr(text, name, share)
    return names


def modules_with(model: Any, share: float) -> list[str]:
    """The modules of a loaded model that really drop this share: dropout layers, and layers that apply it themselves.

    Raises:
        InputError: there is none, so that the setting would do nothing.
    """
    from torch.nn import Dropout

    found = []
    for name, module in model.named_modules():
        own = module.p if isinstance(module, Dropout) else next(_applied(module), None)
        if own is not None and abs(own - share) < 1e-12:
            found.append(name)
    if not found:
        hint = "leave `model.dropout` out for this model"
        raise InputError("no module of this model applies the dropout that was set", key="model.dropout", hint=hint)
    return found


def _applied(module: Any) -> Any:
    """Numbers that a layer gives to its attention function, where it holds them itself."""
    for name in NAMES:
        value = module.__dict__.get(name)
        if isinstance(value, float | int) and not isinstance(value, bool):
            yield float(value)
