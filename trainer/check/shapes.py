"""The shape of a decoder: the few numbers of its configuration from which parameters and memory follow.

Read from the configuration alone, so that memory is known before the weights are loaded, or downloaded. Families are
told apart by `model_type`; one that is not known is taken as Llama-like when its keys are there, which is what nearly
all new ones are. Mixtures of experts differ too much for that: those of `EXPERT_FAMILIES` are known, others are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self

from dataprep.console import one_line
from dataprep.errors import InputError

Norm = Literal["rms", "rms_float32", "layer"]
LinearName = Literal["q", "k", "v", "qkv", "o", "gate", "up", "gate_up", "down"]
_FUSED: Final = frozenset({"gpt2", "gpt_neox", "phi3"})
_UNGATED: Final = frozenset({"gpt2", "gpt_neox"})
_TIED_BY_DEFAULT: Final = frozenset({"gpt2", "gemma", "gemma2", "gemma3", "gemma3_text"})
_QK_NORM: Final = frozenset({"qwen3", "qwen3_moe", "gemma3_text", "gemma3", "olmoe"})
_FOUR_NORMS: Final = frozenset({"gemma2", "gemma3_text", "gemma3"})
_OTHER_NAMES: Final = {
    "hidden_size": ("n_embd",),
    "num_hidden_layers": ("n_layer",),
    "num_attention_heads": ("n_head",),
    "max_position_embeddings": ("n_positions",),
}
_EXPERTS: Final = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
EXPERT_FAMILIES: Final = frozenset({"mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "granitemoe"})
_ADAPTED_EXPERTS: Final = frozenset({"mixtral", "qwen3_moe", "olmoe"})
"""Families in which peft 0.21 puts adapters beside experts and router too for `all-linear`; in others it does not."""


@dataclass(frozen=True)
class Experts:
    """The routed experts of the layers that have any."""

    count: int
    """Of a layer."""
    chosen: int
    """That a token goes to."""
    width: int
    """Of each, between its matrices; all have a gate."""
    layers: int
    """That have experts; the others have an ordinary feed-forward part."""
    shared: int = 0
    """Width of the expert that every token goes to, which has a gate of its own; 0 where there is none."""
    adapted: bool = False
    """Whether adapters on all linear layers stand beside the experts and the router too."""

    def parameters(self, hidden: int) -> int:
        """Of the experts of one layer."""
        return 3 * self.count * self.width * hidden

    def lora_parameters(self, rank: int, hidden: int) -> int:
        """Of the adapters of a layer: gate and up are one tensor, for which peft doubles the rank."""
        if not self.adapted:
            return rank * (hidden + 1) if self.shared else 0
        each = 2 * rank * (hidden + 2 * self.width) + rank * (self.width + hidden)
        return self.count * each + rank * (hidden + self.count) + (rank * (hidden + 1) if self.shared else 0)


@dataclass(frozen=True)
class ModelShape:
    """Numbers of a decoder-only transformer. Sizes count elements, not bytes."""

    family: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    tied: bool
    """Whether the head is the embedding."""
    gated: bool = True
    """Whether the feed-forward part has a gate beside its two matrices."""
    positions: int = 0
    """Rows of a learnt position embedding."""
    fused: bool = False
    """Whether queries, keys and values come from one matrix, and gate and up from one."""
    norm: Norm = "rms"
    """`rms_float32` keeps what it normalised in float32 (Gemma), `layer` has a bias too."""
    norms_per_layer: int = 2
    qk_norm: bool = False
    """Whether queries and keys are normalised a head."""
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    softcap: bool = False
    """Whether attention scores are capped, which no fused attention does: they stand in memory."""
    slow_gelu: bool = False
    """Whether the activation is put together from single operations, each of which keeps its input."""
    experts: Experts | None = None
    """Of a mixture of experts."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """From `config.to_dict()` of transformers, or the `config.json` of a model.

        Of a model with vision the text part is taken. Raises `InputError` for what has no such numbers, and for
        mixtures of experts of an unknown family.

        >>> gpt2 = {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024}
        >>> ModelShape.from_config({**gpt2, "vocab_size": 50257}).parameters
        124439808
        """
        if isinstance(inner := config.get("text_config"), Mapping):
            config = {"model_type": config.get("model_type"), **inner}
        family = str(config.get("model_type") or "unknown")
        hidden, heads = _needed(config, "hidden_size"), _needed(config, "num_attention_heads")
        ungated = family in _UNGATED
        gemma = family.startswith("gemma")
        attention_bias = bool(config.get("attention_bias", family == "gpt_neox"))
        return cls(
            family=family,
            layers=_needed(config, "num_hidden_layers"),
            hidden=hidden,
            heads=heads,
            kv_heads=_whole(config, "num_key_value_heads") or heads,
            head_dim=_whole(config, "head_dim") or hidden // heads,
            intermediate=_whole(config, "intermediate_size") or _whole(config, "n_inner") or 4 * hidden,
            vocabulary=_needed(config, "vocab_size"),
            tied=bool(config.get("tie_word_embeddings", family in _TIED_BY_DEFAULT)),
            gated=not ungated,
            fused=family in _FUSED,
            positions=_needed(config, "max_position_embeddings") if family == "gpt2" else 0,
            norm="layer" if ungated else "rms_float32" if gemma else "rms",
            norms_per_layer=4 if family in _FOUR_NORMS else 2,
            qk_norm=family in _QK_NORM,
            qkv_bias=attention_bias or family in ("gpt2", "qwen2") or (family == "qwen2_moe" and _qkv_bias(config)),
            output_bias=attention_bias or family == "gpt2",
            mlp_bias=ungated or bool(config.get("mlp_bias", False)),
            softcap=config.get("attn_logit_softcapping") is not None,
            slow_gelu=config.get("activation_function", config.get("hidden_act")) == "gelu_new",
            experts=_experts(config, family),
        )

    @property
    def around_experts(self) -> ModelShape:
        """What a layer with experts is without them: the shared one, if any, is its feed-forward part."""
        return self if self.experts is None else replace(self, intermediate=self.experts.shared, experts=None)

    @property
    def layer_kinds(self) -> tuple[tuple[int, ModelShape], ...]:
        """How many layers there are without and with experts, each as a shape without experts."""
        if self.experts is None:
            return ((self.layers, self),)
        without = self.layers - self.experts.layers
        return ((without, replace(self, experts=None)), (self.experts.layers, self.around_experts))

    @property
    def linears(self) -> dict[LinearName, tuple[int, int]]:
        """Inputs and outputs of the matrices of a layer, by what they are for; those of routed experts are not here."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        hidden, inner = self.hidden, self.intermediate
        ahead: dict[LinearName, tuple[int, int]]
        ahead = {"q": (hidden, queries), "k": (hidden, keys), "v": (hidden, keys)}
        widening: dict[LinearName, tuple[int, int]] = {"up": (hidden, inner)}
        if self.gated:
            widening |= {"gate": (hidden, inner)}
        if self.fused:
            ahead = {"qkv": (hidden, queries + 2 * keys)}
            widening = {"gate_up": (hidden, 2 * inner)} if self.gated else widening
        if inner == 0:
            return {**ahead, "o": (queries, hidden)}
        return {**ahead, "o": (queries, hidden), **widening, "down": (inner, hidden)}

    @property
    def linear_parameters(self) -> int:
        """Of the matrices of all layers but routed experts: what is quantised, what adapters always stand beside."""
        return sum(
            layers * sum(inputs * outputs for inputs, outputs in kind.linears.values())
            for layers, kind in self.layer_kinds
        )

    @property
    def expert_parameters(self) -> int:
        """Of routed experts, routers and the gates of shared experts, in all layers."""
        if (of := self.experts) is None:
            return 0
        return of.layers * (of.parameters(self.hidden) + of.count * self.hidden + (self.hidden if of.shared else 0))

    @property
    def embedding_parameters(self) -> int:
        """Of tokens and learnt positions."""
        return (self.vocabulary + self.positions) * self.hidden

    @property
    def head_parameters(self) -> int:
        """Of the head beside the embedding: 0 where they are one."""
        return 0 if self.tied else self.vocabulary * self.hidden

    @property
    def small_parameters(self) -> int:
        """Of norms and biases."""
        width = 2 if self.norm == "layer" else 1
        norms = width * self.hidden * (self.norms_per_layer * self.layers + 1)
        # OLMoE has one norm over all heads, others one that all heads share.
        heads = self.heads + self.kv_heads if self.family == "olmoe" else 2
        per_head = heads * self.head_dim * self.layers if self.qk_norm else 0
        biased = dict.fromkeys(("q", "k", "v", "qkv"), self.qkv_bias) | {"o": self.output_bias}
        biases = sum(
            layers * outputs
            for layers, kind in self.layer_kinds
            for name, (_, outputs) in kind.linears.items()
            if biased.get(name, self.mlp_bias)
        )
        return norms + per_head + biases

    @property
    def parameters(self) -> int:
        """All of them."""
        matrices = self.linear_parameters + self.expert_parameters
        return matrices + self.embedding_parameters + self.head_parameters + self.small_parameters

    def lora_parameters(self, rank: int) -> int:
        """Of adapters beside all linear layers (Hu et al. 2021, arXiv 2106.09685): r(in + out) each.

        >>> ModelShape("llama", 2, 64, 4, 2, 16, 160, 1000, tied=False).lora_parameters(8)
        17920
        """
        found, kinds = 0, self.layer_kinds
        if self.experts is not None:
            found = self.experts.layers * self.experts.lora_parameters(rank, self.hidden)
            if self.experts.adapted:  # peft takes `gate_proj` for that of the experts, in layers without any too
                kinds = tuple((layers, replace(kind, intermediate=0)) for layers, kind in kinds)
        return found + sum(
            layers * sum(rank * (inputs + outputs) for inputs, outputs in kind.linears.values())
            for layers, kind in kinds
        )


def _experts(config: Mapping[str, Any], family: str) -> Experts | None:
    """Routed experts, if it has any; which layers have them is Qwen's rule, in whose absence all have."""
    count = max((_whole(config, key) or 1 for key in _EXPERTS), default=1)
    if count == 1 and family not in EXPERT_FAMILIES:
        return None
    if family not in EXPERT_FAMILIES:
        known = ", ".join(sorted(EXPERT_FAMILIES))
        message = f"how {one_line(family)} lays out its experts is not known here (known are {known})"
        raise InputError(message, hint="the memory of a trial run of a few steps says it")
    layers = range(1, _needed(config, "num_hidden_layers") + 1)
    step, dense = _whole(config, "decoder_sparse_step") or 1, config.get("mlp_only_layers") or ()
    sparse = sum(number % step == 0 and number - 1 not in dense for number in layers)
    return Experts(
        count=count,
        chosen=_needed(config, "num_experts_per_tok"),
        width=_whole(config, "moe_intermediate_size") or _needed(config, "intermediate_size"),
        layers=sparse,
        shared=(_whole(config, "shared_expert_intermediate_size") or 0) if family == "qwen2_moe" else 0,
        adapted=family in _ADAPTED_EXPERTS,
    )


def _qkv_bias(config: Mapping[str, Any]) -> bool:
    return bool(config.get("qkv_bias", True))


def _whole(config: Mapping[str, Any], key: str) -> int | None:
    """A positive whole number under any of its names."""
    for name in (key, *_OTHER_NAMES.get(key, ())):
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _needed(config: Mapping[str, Any], key: str) -> int:
    value = _whole(config, key)
    if value is None:
        family = one_line(str(config.get("model_type") or "without a model_type"))
        raise InputError(
            f"the model's configuration ({family}) has no `{key}`, or none that is a positive whole number",
            key=key,
            hint="a decoder's `config.json` has it; encoders and adapters alone are no base to train on",
        )
    return value
