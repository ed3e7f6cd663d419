"""Several examples in one sequence, without padding and without cutting any: best-fit decreasing.

The longest example first, each into the fullest sequence that it still fits in (Ding et al. 2024, arXiv 2404.10830).
Which documents share a sequence must not matter to the loss: `seq_lengths` tells the collator where each begins, so
that positions begin anew and none attends to another. The alternative, one stream cut every `max_length` tokens, wastes
nothing but cuts examples, and a cut answer teaches never to end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Lengths = npt.NDArray[np.int64]


def pack(table: pa.Table, max_length: int) -> pa.Table:
    """Examples packed into sequences of at most `max_length` tokens; the same table gives the same sequences.

    Args:
        table: with `input_ids` and `labels`, no example longer than `max_length`.
        max_length: tokens of a sequence.

    Returns:
        Columns `input_ids`, `labels` and `seq_lengths` (tokens of each example in the sequence), lists of int32.

    >>> rows = pa.table({"input_ids": [[1], [2, 3], [4]], "labels": [[1], [2, 3], [4]]})
    >>> pack(rows, 3)["input_ids"].to_pylist()
    [[2, 3, 1], [4]]
    """
    sizes = lengths(table)
    order, counts = plan(sizes, max_length)
    taken = table.select(["input_ids", "labels"]).take(pa.array(order)).combine_chunks()
    bounds = np.concatenate([[0], np.cumsum(counts)])
    token_bounds = pa.array(np.concatenate([[0], np.cumsum(sizes[order])])[bounds].astype(np.int32))
    columns = {
        name: pa.ListArray.from_arrays(token_bounds, _flat(taken[name]).cast(pa.int32()))
        for name in ("input_ids", "labels")
    }
    columns["seq_lengths"] = pa.ListArray.from_arrays(
        pa.array(bounds.astype(np.int32)), pa.array(sizes[order].astype(np.int32))
    )
    return pa.table(columns)


def plan(sizes: Lengths, max_length: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices of the examples in the order of the sequences, and how many each sequence has.

    The room that open sequences have left is a set of bits in one integer, so the tightest that fits is found at once:
    a million examples take about two seconds.

    Raises:
        ValueError: an example is longer than `max_length`.
    """
    if len(sizes) and int(sizes.max()) > max_length:
        raise ValueError(f"an example has {int(sizes.max())} tokens, a sequence {max_length}")
    members: list[list[int]] = []
    with_room: dict[int, list[int]] = {}
    rooms = 0
    for index in np.argsort(-sizes, kind="stable").tolist():
        size = int(sizes[index])
        fitting = rooms >> size
        if fitting:
            room = size + (fitting & -fitting).bit_length() - 1
            sequence = with_room[room].pop()
            if not with_room[room]:
                rooms &= ~(1 << room)
            members[sequence].append(index)
        else:
            room, sequence = max_length, len(members)
            members.append([index])
        left = room - size
        with_room.setdefault(left, []).append(sequence)
        rooms |= 1 << left
    order = np.array([index for sequence in members for index in sequence], np.int64)
    return order, np.array([len(sequence) for sequence in members], np.int64)


def lengths(table: pa.Table) -> Lengths:
    """Tokens of each example."""
    return np.asarray(pc.list_value_length(table["input_ids"]).to_numpy(), np.int64)


@dataclass(frozen=True, slots=True)
class Packing:
    """What packing changes.

    Attributes:
        examples, sequences: rows before and after.
        padding: share of a batch's places that are padding when examples stand alone, 0..1.
        packed_padding: the same when they are packed.
        gain: how many times fewer places are computed.
    """

    examples: int
    sequences: int
    padding: float
    packed_padding: float
    gain: float


def packing_numbers(sizes: Lengths, max_length: int, batch_size: int, *, seed: int = 0) -> Packing:
    """Padding in batches of a size, drawn at random, each padded to its longest row; with and without packing.

    >>> packing_numbers(np.array([4, 2, 2, 8]), max_length=8, batch_size=4).padding
    0.5
    """
    order, counts = plan(sizes, max_length)
    ends = np.cumsum(counts)
    totals = np.concatenate([[0], np.cumsum(sizes[order])])
    packed = np.diff(totals[np.concatenate([[0], ends])]) if len(ends) else sizes
    alone_places, packed_places = _places(sizes, batch_size, seed), _places(packed, batch_size, seed)
    tokens = int(sizes.sum())
    return Packing(
        examples=len(sizes),
        sequences=len(packed),
        padding=1 - tokens / alone_places if alone_places else 0.0,
        packed_padding=1 - tokens / packed_places if packed_places else 0.0,
        gain=alone_places / packed_places if packed_places else 1.0,
    )


def _places(sizes: Lengths, batch_size: int, seed: int) -> int:
    """Places of all batches, padding included."""
    shuffled = np.random.default_rng(seed).permutation(sizes)
    batches = [shuffled[start : start + batch_size] for start in range(0, len(shuffled), batch_size)]
    return sum(len(batch) * int(batch.max()) for batch in batches)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    """All values of a column of lists, in order."""
    lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return lists.flatten()
