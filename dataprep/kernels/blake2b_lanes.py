"""The part of BLAKE2b that is written in LLVM's instructions: numba's types of its arguments become machine code.

Apart from `blake2b`, which declares it, because it takes numba at once. Each function gives a signature and a function
that writes the instructions, as numba's `intrinsic` wants them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from llvmlite import ir  # type: ignore[import-untyped]  # llvmlite ships no types
from numba import types
from numba.core import cgutils

from dataprep.kernels.blake2b import BLOCK, IV, LANES

_SCHEDULE: Final = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
    (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
    (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
    (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
    (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
    (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
    (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
    (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
)
"""Which words of the block a round mixes in; rounds 10 and 11 are the first two again."""
_MIXES: Final = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip
"""Which words of the state each of a round's eight mixing steps works on: the columns, then the diagonals."""
_ROUNDS: Final = 12

_INT8 = ir.IntType(8)
_INT32 = ir.IntType(32)
_INT64 = ir.IntType(64)
_LANE_WORDS = ir.VectorType(_INT64, LANES)
_BLOCK_BYTES = ir.VectorType(_INT8, BLOCK)


def compress(state: Any, blocks: Any, counts: Any, lasts: Any) -> Any:
    """One block more in each of the eight lanes, see `blake2b.compress`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = zip(signature.args, arguments, strict=True)
        state_at, blocks_at, counts_at, lasts_at = (
            context.make_array(kind)(context, builder, value).data for kind, value in arrays
        )
        before = [_load(builder, state_at, word * LANES) for word in range(8)]
        message = _message_words(builder, blocks_at)
        mixed = [*before, *(_all_lanes(word) for word in IV)]
        mixed[12] = builder.xor(mixed[12], _load(builder, counts_at, 0))
        mixed[14] = builder.xor(mixed[14], _load(builder, lasts_at, 0))
        for number in range(_ROUNDS):
            order = _SCHEDULE[number % len(_SCHEDULE)]
            for step, places in enumerate(_MIXES):
                _mix(builder, mixed, places, message[order[2 * step]], message[order[2 * step + 1]])
        for word in range(8):
            after = builder.xor(before[word], builder.xor(mixed[word], mixed[word + 8]))
            builder.store(after, _pointer(builder, state_at, word * LANES), align=8)
        return context.get_dummy_value()

    return types.void(state, blocks, counts, lasts), generate


def _mix(builder: Any, mixed: list[Any], places: tuple[int, int, int, int], first: Any, second: Any) -> None:
    """The function G of RFC 7693, section 3.1, on four words of the state."""
    a, b, c, d = places
    for word, (turn_d, turn_b) in ((first, (32, 24)), (second, (16, 63))):
        mixed[a] = builder.add(builder.add(mixed[a], mixed[b]), word)
        mixed[d] = _rotated(builder, builder.xor(mixed[d], mixed[a]), turn_d)
        mixed[c] = builder.add(mixed[c], mixed[d])
        mixed[b] = _rotated(builder, builder.xor(mixed[b], mixed[c]), turn_b)


def _rotated(builder: Any, words: Any, bits: int) -> Any:
    return builder.or_(builder.lshr(words, _all_lanes(bits)), builder.shl(words, _all_lanes(64 - bits)))


def _message_words(builder: Any, blocks_at: Any) -> list[Any]:
    """The 16 words of all blocks, each a vector over the lanes: two transpositions of eight words by eight lanes."""
    words: list[Any] = []
    for half in range(0, BLOCK, BLOCK // 2):
        rows = [_load(builder, blocks_at, lane * BLOCK + half) for lane in range(LANES)]
        for width in (1, 2, 4):  # exchanges squares of this width across the diagonal
            low = _indices(lane if not lane & width else LANES + lane - width for lane in range(LANES))
            high = _indices(lane + width if not lane & width else LANES + lane for lane in range(LANES))
            for place in range(LANES):
                if not place & width:
                    pair = rows[place], rows[place + width]
                    rows[place] = builder.shuffle_vector(*pair, low)
                    rows[place + width] = builder.shuffle_vector(*pair, high)
        words += rows
    return words


def load_block(data: Any, start: Any, size: Any, blocks: Any, at: Any) -> Any:
    """At most 128 bytes copied and filled up with zeros, see `blake2b.load_block`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        target = context.make_array(signature.args[3])(context, builder, arguments[3]).data
        found = builder.load(builder.bitcast(builder.gep(source, [arguments[1]]), _BLOCK_BYTES.as_pointer()), align=1)
        limit = builder.insert_element(
            ir.Constant(_BLOCK_BYTES, ir.Undefined), builder.trunc(arguments[2], _INT8), ir.Constant(_INT32, 0)
        )
        limits = builder.shuffle_vector(limit, limit, _indices([0] * BLOCK))
        inside = builder.icmp_unsigned("<", ir.Constant(_BLOCK_BYTES, list(range(BLOCK))), limits)
        found = builder.select(inside, found, ir.Constant(_BLOCK_BYTES, [0] * BLOCK))
        target = builder.bitcast(builder.gep(target, [arguments[4]]), _BLOCK_BYTES.as_pointer())
        builder.store(found, target, align=1)
        return context.get_dummy_value()

    return types.void(data, start, size, blocks, at), generate


def copy_bytes(data: Any, start: Any, size: Any, out: Any, at: Any) -> Any:
    """Bytes copied, see `blake2b.copy_bytes`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        target = context.make_array(signature.args[3])(context, builder, arguments[3]).data
        source, target = builder.gep(source, [arguments[1]]), builder.gep(target, [arguments[4]])
        memcpy: Any = cgutils.raw_memcpy  # numba's own has no types
        memcpy(builder, target, source, arguments[2], itemsize=1)
        return context.get_dummy_value()

    return types.void(data, start, size, out, at), generate


def _pointer(builder: Any, array_at: Any, index: int) -> Any:
    return builder.bitcast(builder.gep(array_at, [ir.Constant(_INT64, index)]), _LANE_WORDS.as_pointer())


def _load(builder: Any, array_at: Any, index: int) -> Any:
    return builder.load(_pointer(builder, array_at, index), align=8)


def _all_lanes(word: int) -> Any:
    return ir.Constant(_LANE_WORDS, [word] * LANES)


def _indices(places: Iterable[int]) -> Any:
    listed = list(places)
    return ir.Constant(ir.VectorType(_INT32, len(listed)), listed)
