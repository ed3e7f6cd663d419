"""How much memory training takes, before anything is loaded: bytes by what they are for, from a model's shape.

Weights, gradients and optimiser states are counted exactly: 16 bytes a parameter for AdamW in float32 (Rajbhandari et
al. 2020, ZeRO, arXiv 1910.02054), half of it where weights are bfloat16; adapters alone for LoRA; 4.127 bits a weight
for NF4 with double quantisation (Dettmers et al. 2023, QLoRA, arXiv 2305.14314).

Activations are counted operation by operation as Korthikanti et al. 2022 (arXiv 2205.05198) do, but for what the
modules of transformers 5.23 keep: its RMSNorm goes through float32, a gate keeps four wide tensors instead of two,
LoRA keeps its own copy of every input, and fused attention keeps no scores, where the paper's 34·s·b·h + 5·a·s²·b is
for GPT. Against the tensors that autograd really keeps (saved-tensor hooks; Llama, Qwen 3, Gemma, GPT-2, GPT-NeoX,
Phi 3, Mixtral, Qwen 2 and 3 MoE, OLMoE, Granite MoE; full and LoRA; bfloat16, float32 and mixed) the counts are within
6 %, mostly within 1 %.

Experts keep what the tokens that are sent to them need, one share for each expert that a token goes to, and count in
full as weights. Adapters beside experts are merged into a copy of them before each product (peft 0.21), and the copies
of all layers are kept: as many bytes again as the experts. Four bits quantise linear layers, which experts are not.

The head is TRL 1.16's fused one: it projects 4,096 positions on 32,768 tokens of the vocabulary at a time and never
holds all logits. What a GPU's library takes for itself, and what the allocator cannot use, are assumptions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from trainer.check.shapes import Experts, ModelShape

Method = Literal["full", "lora", "lora_4bit"]
Dtype = Literal["float32", "bfloat16"]
Card = Literal[8, 16, 24, 40, 80]

CARDS: Final[tuple[Card, ...]] = (8, 16, 24, 40, 80)
"""Sizes of GPUs that are sold, in GB."""
USABLE_SHARE: Final = 0.92
"""Of a card's GiB: a T4 of 16 GB shows 14.7, an H100 of 80 GB 79.6, and a little must stay free."""
FRAMEWORK_BYTES: Final = 800 << 20
"""Assumed: CUDA's context, the matrix library's workspace, kernels."""
FRAGMENTS: Final = 0.08
"""Assumed: what the allocator holds and cannot hand out, as a share of all that comes and goes."""
_GIB: Final = 1 << 30
_BYTES: Final[dict[Dtype, int]] = {"float32": 4, "bfloat16": 2}
_NF4_BYTES: Final = 4.127 / 8
_HEAD_POSITIONS, _HEAD_TOKENS = 4096, 32768
_SCORE_BYTES: Final = 9
"""Bytes for each attention score where they stand in memory: scaled, capped, softmax in float32."""


@dataclass(frozen=True)
class Workload:
    """How the model is trained, as far as memory depends on it."""

    method: Method
    sequence_length: int
    """Tokens of a sequence: `max_length` with packing."""
    batch_size: int = 1
    weights: Dtype = "bfloat16"
    """What the weights are held in. For 4 bits: what is not quantised."""
    compute: Dtype = "bfloat16"
    """What is computed in; float32 weights with bfloat16 here are mixed precision."""
    gradient_checkpointing: bool = False
    lora_rank: int = 16
    lora_dropout: bool = True
    fused_head: bool = True
    """Whether logits are computed in pieces, as TRL's head does."""

    @property
    def mixed(self) -> bool:
        """Whether float32 weights are cast to bfloat16 to compute."""
        return (self.weights, self.compute) == ("float32", "bfloat16")

    @property
    def tokens(self) -> int:
        """Of a batch."""
        return self.sequence_length * self.batch_size


@dataclass(frozen=True)
class Memory:
    """Bytes at the highest point of a step, by what they are for."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    head: int
    """Pieces of logits, their gradients, and sums for the head's own gradient."""
    workspace: int
    """What comes and goes: gradients of activations, dequantised or cast weights, fragments."""
    framework: int

    @property
    def total(self) -> int:
        """All of it."""
        held = self.weights + self.gradients + self.optimizer
        return held + self.activations + self.head + self.workspace + self.framework


def estimate(shape: ModelShape, load: Workload) -> Memory:
    """Bytes at the highest point of an optimiser step on one device.

    >>> llama = ModelShape("llama", 32, 4096, 32, 32, 128, 11008, 32000, tied=False)
    >>> llama.parameters
    6738415616
    >>> for method in ("full", "lora", "lora_4bit"):
    ...     print(method, round(estimate(llama, Workload(method, 1024)).total / 2**30))
    full 58
    lora 22
    lora_4bit 13
    """
    trained = shape.parameters if load.method == "full" else shape.lora_parameters(load.lora_rank)
    # Adapters are float32 beside weights of any kind (peft's `autocast_adapter_dtype`), so are their states.
    held = _BYTES[load.weights] if load.method == "full" else 4
    norm, entry = _norm_bytes(shape, load), _BYTES[load.compute] * shape.hidden
    layers = [(count, _layer_bytes(kind, load)) for count, kind in shape.layer_kinds]
    if shape.experts is not None:
        count, around = layers[-1]
        layers[-1] = (count, around + _expert_bytes(shape.experts, shape.hidden, load))
    if load.gradient_checkpointing:
        kept = shape.layers * entry + max(layer for count, layer in layers if count)
    else:
        kept = sum(count * layer for count, layer in layers)
    activations = load.tokens * (kept + norm + entry)
    head, workspace = _head_bytes(shape, load), _workspace_bytes(shape, load)
    return Memory(
        weights=_weight_bytes(shape, load),
        gradients=held * trained,
        optimizer=2 * held * trained,
        activations=activations,
        head=head,
        workspace=workspace + int(FRAGMENTS * (activations + head + workspace)),
        framework=FRAMEWORK_BYTES,
    )


def smallest_card(needed: int) -> Card | None:
    """The smallest usual card, in GB, that holds so many bytes; None where none does.

    >>> smallest_card(5 * 2**30), smallest_card(int(14.8 * 2**30)), smallest_card(100 * 2**30)
    (8, 24, None)
    """
    return next((card for card in CARDS if needed <= usable_bytes(card)), None)


def usable_bytes(card: float) -> int:
    """What of a card of so many GB can be used, in bytes."""
    return int(card * USABLE_SHARE * _GIB)


def memory_text(needed: int) -> str:
    """Bytes as people compare them with a card.

    >>> memory_text(23_700_000_000), memory_text(300_000_000)
    ('22.1 GiB', '286 MiB')
    """
    return f"{needed / _GIB:.1f} GiB" if needed >= _GIB else f"{needed / (1 << 20):.0f} MiB"


def _weight_bytes(shape: ModelShape, load: Workload) -> int:
    size = _BYTES[load.weights]
    if load.method == "full":
        return size * shape.parameters
    adapters = 4 * shape.lora_parameters(load.lora_rank)
    if load.method == "lora":
        return size * shape.parameters + adapters
    rest = shape.parameters - shape.linear_parameters
    return int(_NF4_BYTES * shape.linear_parameters) + size * rest + adapters


def _norm_bytes(shape: ModelShape, load: Workload, width: int | None = None) -> int:
    """What one norm keeps for a token. A frozen weight needs no normalised input for its own gradient."""
    width = width or shape.hidden
    size = 4 if load.mixed else _BYTES[load.compute]
    if shape.norm == "layer":
        return size * width
    if load.method != "full":
        return 4 * width
    return 4 * width + (4 if shape.norm == "rms_float32" else size) * width


def _layer_bytes(shape: ModelShape, load: Workload) -> int:
    """What a layer keeps of a token from forward to backward.

    Queries, keys, values and the result for attention; in and out of the activation; inputs of the matrices.
    """
    size = _BYTES[load.compute]
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    norms = shape.norms_per_layer * _norm_bytes(shape, load)
    if shape.qk_norm:
        norms += _norm_bytes(shape, load, queries + keys)
    attention = size * (2 * queries + 2 * keys)
    if shape.fused and not shape.positions:
        # Rotated queries and keys are new, and the values hold on to the one tensor that all three came from.
        attention += size * (queries + keys)
    if shape.softcap:
        attention += _SCORE_BYTES * shape.heads * load.sequence_length
    # The gate keeps its input, its output and what it is multiplied by; GPT-2's activation four intermediate results.
    wide = 3 if shape.gated else 4 if shape.slow_gelu else 1
    feed_forward = size * wide * shape.intermediate
    return norms + attention + feed_forward + _input_bytes(shape, load)


def _expert_bytes(experts: Experts, hidden: int, load: Workload) -> int:
    """What routed experts keep of a token.

    For each that it goes to: gate and up, the activation, and the output, which is weighted; where they are trained the
    inputs of both products too. Autocast does not know the grouped product: it is computed in what weights are held in.
    """
    size = 4 if load.mixed else _BYTES[load.compute]
    trained = load.method == "full" or experts.adapted
    each = 3 * experts.width + hidden + (experts.width + hidden if trained else 0)
    scores = 16 * experts.count + 30 * experts.chosen  # float32 scores, and 64-bit numbers of experts and their order
    # The router's input, where no matrix beside it keeps the same; and the shared expert's output, for its gate.
    beside = int(trained and (load.mixed or load.method != "full")) + int(experts.shared > 0)
    return experts.chosen * size * each + scores + beside * _BYTES[load.compute] * hidden


def _input_bytes(shape: ModelShape, load: Workload) -> int:
    """Inputs that a layer's matrices, or the adapters beside them, keep of a token."""
    size, sizes = _BYTES[load.compute], shape.linears
    # One tensor goes into q, k and v, another into gate and up; that of o is the result of attention.
    shared = size * (2 * shape.hidden + shape.intermediate)
    if load.method == "full":
        if not load.mixed:
            return shared
        # Autocast casts what comes from a norm for each matrix anew.
        return size * (
            sum(width for name, (width, _) in sizes.items() if name not in ("o", "down")) + shape.intermediate
        )
    low = size * load.lora_rank * len(sizes)
    if load.compute == "float32" and not load.lora_dropout:
        return shared + low
    # Adapters are float32: each makes a copy, which the matrix product casts back to what it computes in, and keeps.
    return low + sum((size + int(load.lora_dropout)) * width for width, _ in sizes.values())


def _head_bytes(shape: ModelShape, load: Workload) -> int:
    size, hidden = _BYTES[load.compute], shape.hidden
    if not load.fused_head:
        # Logits, the same in float32 for the loss, and their gradient.
        return load.tokens * shape.vocabulary * (size + 4 + 4)
    piece = min(load.tokens, _HEAD_POSITIONS) * min(shape.vocabulary, _HEAD_TOKENS) * 4
    own_gradient = 4 * shape.vocabulary * hidden if load.method == "full" else 0
    return piece + own_gradient + load.tokens * hidden * (4 + size)


def _workspace_bytes(shape: ModelShape, load: Workload) -> int:
    size = _BYTES[load.compute]
    wide = max(kind.intermediate for layers, kind in shape.layer_kinds if layers)
    widest = max(3 * wide, 2 * shape.hidden + 2 * shape.heads * shape.head_dim)
    space = 0
    if (of := shape.experts) is not None:
        widest = max(widest, 3 * of.chosen * of.width)
        if load.method != "full" and of.adapted:
            # Merged copies of all layers, or of one at a time, and for one the difference and the copy's gradient.
            copies = 1 if load.gradient_checkpointing else of.layers
            space = (_BYTES[load.weights] * (copies + 1) + 4) * of.parameters(shape.hidden)
    space += size * load.tokens * widest
    if load.method == "lora_4bit":
        return space + size * max(inputs * outputs for inputs, outputs in shape.linears.values())
    # Autocast keeps a bfloat16 copy of every matrix that was used, to the end of the forward pass.
    return space + 2 * (shape.linear_parameters + shape.vocabulary * shape.hidden if load.mixed else 0)
