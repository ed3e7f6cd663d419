"""One GPU, one command, no network: tokens a second of a Llama of 1.2 B parameters, and the share of the GPU's peak.

Two things are measured with a model from a configuration, all weights trained, computed in bfloat16:

- packed rows of 2048 tokens, four documents each: tokens a second, and which share of the device's peak that is;
- short rows with our defaults beside TRL's own.

Share of peak: 6 operations a parameter and token (2 forward, 4 backward), the input embedding left out, which is only
looked up (Chowdhery et al. 2022, arXiv 2204.02311, appendix B); attention is not counted, so the share is a little
higher in truth.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from bench.training.models import Shape, llama, parameters, tokenizer_of
from bench.training.required import Figure
from bench.training.speed import Speed, examples_of, ours, trls
from bench.training.texts import short_rows

SHARE_AIM: Final = 40.0
RATIO_AIM: Final = 3.0
LARGE: Final = Shape(hidden=2048, layers=16, heads=32, key_heads=8, feed_forward=8192)
VOCABULARY: Final = 32_000
PEAKS: Final = {
    "B200": 2250.0,
    "H200": 989.0,
    "H100 PCIe": 756.0,
    "H100": 989.0,
    "A100": 312.0,
    "L40S": 362.0,
    "L4": 121.0,
    "RTX 4090": 165.0,
}
"""Dense bfloat16 with float32 sums, in 10¹² operations a second, by the makers' data sheets; the first name that a
device's own contains counts."""
_DOCUMENTS_IN_A_ROW: Final = 4


def main(arguments: Sequence[str]) -> bool:
    """Measure; whether the aims were reached."""
    options = _options(arguments)
    from trainer.models.quiet import quiet

    quiet()
    import torch

    if not torch.cuda.is_available():
        print("skipped: there is no GPU at hand; on a machine with one: python -m bench.training gpu")
        return True
    name = torch.cuda.get_device_name()
    peak = options.peak or peak_of(name)
    print(f"{name}, torch {torch.__version__}, " + (f"peak {peak:,.0f} TFLOP/s" if peak else "peak unknown: --peak"))
    return measure(
        LARGE, VOCABULARY, device="cuda", peak=peak, rows=options.rows, steps=options.steps, batch=options.batch
    )


def measure(
    shape: Shape,
    vocabulary: int,
    *,
    device: str,
    peak: float | None,
    rows: int,
    steps: int,
    batch: int = 8,
    length: int = 2048,
) -> bool:
    """Both measurements, printed; whether the aims were reached.

    Args:
        shape: of the model.
        vocabulary: rows of its embedding.
        device: to train on.
        peak: of the device in 10¹² operations a second; None leaves the share out.
        rows: short ones.
        steps: of long packed rows.
        batch: packed rows a step.
        length: tokens of a packed row.
    """
    short = short_rows(rows)
    tokenizer = tokenizer_of([text for row in short for text in (row.prompt, row.completion)], min(vocabulary, 4000))
    model = llama(shape, tokenizer, vocabulary=vocabulary, device=device)
    total, counted = parameters(model), counted_parameters(model)
    del model
    print(f"a Llama of {total / 1e9:.2f} B parameters")
    figures = []

    long = documents(len(tokenizer), steps * batch * _DOCUMENTS_IN_A_ROW, length // _DOCUMENTS_IN_A_ROW)
    settings: dict[str, Any] = {"max_length": length, "device": device, "vocabulary": vocabulary, "batch_size": batch}
    ours(shape, tokenizer, long.slice(0, 2 * batch * _DOCUMENTS_IN_A_ROW), row_length=length, **settings)
    packed = ours(shape, tokenizer, long, row_length=length, **settings)
    print(f"  packed rows of {length:,} tokens: {packed}", flush=True)
    if peak is not None:
        share = 100 * share_of_peak(packed, counted, peak)
        figures.append(Figure("share of the GPU's peak on packed rows", share, "at least", SHARE_AIM, "%"))

    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as folder:
        examples = examples_of(short, tokenizer, Path(folder))
    both: dict[str, Any] = {"device": device, "vocabulary": vocabulary}
    trls(shape, tokenizer, short[: max(16, rows // 16)], **both)
    mine, theirs = ours(shape, tokenizer, examples, **both), trls(shape, tokenizer, short, **both)
    print(f"  ours on short rows           {mine}\n  TRL's defaults on short rows {theirs}")
    figures.append(
        Figure(
            "trained tokens a second over TRL's defaults", theirs.seconds / mine.seconds, "at least", RATIO_AIM, "times"
        )
    )
    print(*figures, sep="\n")
    return all(figure.met for figure in figures)


def documents(vocabulary: int, count: int, length: int) -> pa.Table:
    """Examples of random tokens, all of them trained on but the first of each: what the words are costs nothing."""
    tokens = np.random.default_rng(0).integers(4, vocabulary, size=(count, length), dtype=np.int32)
    return pa.table({"input_ids": _lists(tokens), "labels": _lists(tokens)})


def _lists(rows: np.ndarray[tuple[int, int], np.dtype[np.int32]]) -> pa.Array:
    bounds = np.arange(0, rows.size + 1, rows.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(bounds), pa.array(rows.ravel()))


def counted_parameters(model: Any) -> int:
    """Parameters that every token is multiplied with: all but the input embedding, where the head is another."""
    looked_up = 0 if model.config.tie_word_embeddings else model.get_input_embeddings().weight.numel()
    return parameters(model) - int(looked_up)


def share_of_peak(speed: Speed, parameter_count: int, peak: float) -> float:
    """Share in 0..1 of the device's operations that the model's arithmetic used.

    >>> share_of_peak(Speed(tokens=100_000, trained_tokens=0, seconds=10.0, steps=1), 1_000_000_000, 300.0)
    0.2
    """
    return 6 * parameter_count * speed.tokens / speed.seconds / (peak * 1e12)


def peak_of(name: str) -> float | None:
    """Of a device by its name, in 10¹² operations a second; None for one that is not known.

    >>> peak_of("NVIDIA H100 80GB HBM3"), peak_of("NVIDIA H100 PCIe"), peak_of("NVIDIA L40S"), peak_of("GeForce")
    (989.0, 756.0, 362.0, None)
    """
    return next((peak for known, peak in PEAKS.items() if known in name), None)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.training gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--peak", type=float, help="of the device in TFLOP/s, where it is not in the table")
    parser.add_argument("--rows", type=int, default=4096, help="short rows")
    parser.add_argument("--steps", type=int, default=30, help="of packed rows")
    parser.add_argument("--batch", type=int, default=8, help="packed rows of 2048 tokens a step")
    return parser.parse_args(list(arguments))
