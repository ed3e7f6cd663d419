"""Words, shingles and signatures in plain Python and datasketch: what the kernels are held to, and what stands in for
them where they cannot be compiled.

The same 64-bit hashes of the same words as the kernels', bit for bit, from Python's own integers: some 30 kB a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.kernels.codepoints import BLANK, CLASSES, MARK, SOLO
from dataprep.pairs.normal import normalize_text

_ALL_ONES: Final = (1 << 64) - 1
_HASH_SEED: Final = 0x2545_F491_4F6C_DD1D
_MIX: Final = 0x9E37_79B9_7F4A_7C15
_MIX_2: Final = 0xBF58_476D_1CE4_E5B9
_STEP: Final = 0xD6E8_FEB8_6659_FD93


def words_in(text: str) -> Iterator[str]:
    """The words of a text, normalised first: see `kernels.scan`.

    >>> list(words_in("Don't, STRASSE Straße! 你好"))
    ['don', 't', 'strasse', 'strasse', '你', '好']
    """
    word = ""
    solo = False
    for char in normalize_text(text):
        kind = CLASSES[ord(char)]
        if word and (kind <= BLANK or kind == SOLO or (solo and kind != MARK)):
            yield word
            word = ""
        if kind > BLANK:
            solo = solo if word else kind == SOLO
            word += char
    if word:
        yield word


@lru_cache(maxsize=1 << 16)
def word_hash(word: str) -> int:
    """64-bit hash of a word: see `kernels.utf8.hash_span`."""
    raw = bytes(byte | 0x20 if byte < 0x80 else byte for byte in word.encode(errors="surrogatepass"))
    mixed = _HASH_SEED
    for start in range(0, len(raw), 8):
        mixed = (mixed ^ int.from_bytes(raw[start : start + 8], "little")) * _MIX & _ALL_ONES
        mixed ^= mixed >> 32
    mixed = (mixed ^ len(raw)) * _MIX_2 & _ALL_ONES
    return mixed ^ mixed >> 32


def shingle_set(words: Sequence[int], size: int) -> list[int]:
    """The distinct hashes of the runs of `size` words, in order: see `kernels.minhash.shingle`."""
    found: dict[int, None] = {}
    for start in range(len(words) - size + 1):
        rolled = 0
        for word in words[start : start + size]:
            rolled = (rolled * _STEP + word) & _ALL_ONES
        mixed = (rolled ^ rolled >> 32) * _MIX & _ALL_ONES
        found[max(mixed ^ mixed >> 29, 1)] = None
    return list(found)


def signature(shingles: Sequence[int], permutations: int) -> npt.NDArray[np.uint32]:
    """Their MinHash signature, by datasketch, over the upper 32 bits of each."""
    from datasketch import MinHash

    sketch = MinHash(permutations, seed=1, scheme="affine32", hashfunc=int)
    sketch.update_batch([shingle >> 32 for shingle in shingles])
    return np.asarray(sketch.hashvalues, np.uint32)


def jaccard(left: set[int], right: set[int]) -> float:
    """Exact Jaccard similarity of two sets that are not both empty.

    >>> jaccard({1, 2, 3}, {2, 3, 4})
    0.5
    """
    common = len(left & right)
    return common / (len(left) + len(right) - common)
