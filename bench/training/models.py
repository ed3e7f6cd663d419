"""Llamas from a configuration, with a tokenizer trained on the spot: nothing comes from a network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

TEMPLATE: Final = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Shape:
    """What decides how large a Llama is.

    Attributes:
        hidden: width of its layers.
        layers: how many.
        heads, key_heads: of attention, and those of keys and values.
        feed_forward: width inside the feed-forward layers.
        tied: whether the head is the embedding.
    """

    hidden: int
    layers: int
    heads: int
    key_heads: int
    feed_forward: int
    tied: bool = True


SMALL: Final = Shape(hidden=384, layers=8, heads=6, key_heads=6, feed_forward=1536)
"""About 20 M parameters."""


def tokenizer_of(texts: Iterable[str], vocabulary: int) -> Any:
    """A byte-level BPE tokenizer with a ChatML-like template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|end|>", "<|pad|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>", chat_template=TEMPLATE
    )


def llama(shape: Shape, tokenizer: Any, *, vocabulary: int | None = None, device: str = "cpu") -> Any:
    """An untrained Llama in float32, always the same one for one shape and device.

    Args:
        shape: of the model.
        tokenizer: whose tokens it knows.
        vocabulary: rows of its embedding, if more than the tokenizer has.
        device: to make it on.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=max(len(tokenizer), vocabulary or 0),
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        max_position_embeddings=4096,
        tie_word_embeddings=shape.tied,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        use_cache=False,
        attn_implementation="sdpa",
    )
    with torch.device(device):
        return LlamaForCausalLM(config)


def parameters(model: Any) -> int:
    """How many a model has; a head that is the embedding counts once."""
    return sum(each.numel() for each in model.parameters())


def model_folder(folder: Path, shape: Shape, texts: Iterable[str], vocabulary: int) -> Path:
    """A folder with an untrained Llama and its tokenizer; returns it."""
    tokenizer = tokenizer_of(texts, vocabulary)
    llama(shape, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
