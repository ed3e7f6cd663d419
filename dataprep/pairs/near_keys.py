"""Sketches for near duplicates as a table beside the records: what the set side finds pairs in without any text.

Each record is sketched twice: by the fields that the pipeline names, and by its input side alone, on which leaks
between splits are judged (the same question, another answer). The second is null where it would be the first once more.

Of whole records, answers are compared alone as well where there is other text beside them. They need no sketches: what
is not alike as a whole is no duplicate, so the whole nominates.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.digests import utf8_buffers
from dataprep.kernels.minhash import Sketches
from dataprep.kernels.scan import Scan
from dataprep.pairs.config import NearConfig
from dataprep.pairs.folding import normalize_text
from dataprep.pairs.sketches import Sketcher, sets_of
from dataprep.pairs.words import Words, words_of
from dataprep.record import ROLES, Turns

SIDES: Final = ("whole", "input")
"""What is sketched: the record by `near.fields`, and its input side."""
_ASSISTANT: Final = ROLES.index("assistant")
_SYSTEM: Final = ROLES.index("system")
_MIX: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIX_2: Final = np.uint64(0xBF58_476D_1CE4_E5B9)
_SHIFT: Final = np.uint64(29)


Sets = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]


@dataclass(frozen=True, slots=True)
class KeyTexts:
    """The texts of n records with m turns, as flat arrays.

    Attributes:
        offsets, data: UTF-8 of the turns: shape (m + 1,).
        row_offsets: index of each record's first turn, and the end: shape (n + 1,).
        roles: index into ROLES of each turn: shape (m,).
        input_ends: turn at which each record's input side ends: shape (n,).
        scanned: the scan of the texts, where there is one.
    """

    offsets: npt.NDArray[np.int32]
    data: npt.NDArray[np.uint8]
    row_offsets: npt.NDArray[np.int64]
    roles: npt.NDArray[np.uint8]
    input_ends: npt.NDArray[np.int64]
    scanned: Scan | None = None

    @classmethod
    def of(cls, turns: Turns) -> KeyTexts:
        """All turns of a batch."""
        offsets, data = turns.utf8()
        ends = turns.row_offsets[1:].copy()
        answers = np.flatnonzero(turns.roles == _ASSISTANT)
        ends[turns.rows[answers]] = answers  # the last assignment to a record wins
        return cls(offsets, data, turns.row_offsets, turns.roles, ends)


class NearKeys:
    """Sketches batches of records as a configuration says."""

    def __init__(self, config: NearConfig) -> None:
        self._config = config
        self._sketcher = Sketcher(config)
        self._preambles = [_hashes(text) for text in config.strip]

    def table(self, texts: KeyTexts, labels: pa.Array, calls: npt.NDArray[np.uint64] | None = None) -> pa.RecordBatch:
        """The sketches of n records: for each side the columns words, ngram, identity and one key a band.

        Records are compared as whole ones only where their labels, tool calls and short answers are equal: "yes" and
        "no" to one long question are next to the same words, and no duplicates. Where answers are compared alone, two
        have one identity only if the same words are their answers.

        Args:
            texts: of the records.
            labels: of the records: shape (n,), null for none.
            calls: a number for the tool calls of each record, as `call_seeds` gives it: shape (n,).
        """
        words = self._words(texts)
        whole, inputs = self._chosen(texts, "whole"), self._chosen(texts, "input")
        seeds = _label_seeds(labels) if "label" in self._config.fields else np.zeros(len(labels), np.uint64)
        in_input, answers = _in_input(texts), _in_answer(texts)
        if "answer" in self._config.fields:
            seeds ^= self._answer_seeds(texts, words, answers)
        if calls is not None:
            seeds ^= calls
        if np.array_equal(whole & in_input, inputs):  # then the input side is how the whole begins
            found = self._sketcher.sketch(words.where(whole), texts.row_offsets, texts.input_ends, seeds)
        else:
            found = (
                self._sketcher.sketch(words.where(whole), texts.row_offsets, seeds=seeds)[0],
                self._sketcher.sketch(words.where(inputs), texts.row_offsets)[0],
            )
        if self._config.answers_alone:
            found[0].identity[:] ^= _answer_places(texts, words.where(whole), answers)[:, None]
        same = (found[0].identity == found[1].identity).all(axis=1)
        columns: dict[str, pa.Array] = {}
        for side, sketches, absent in zip(SIDES, found, (None, same), strict=True):
            columns |= _columns(side, sketches, absent)
        return pa.RecordBatch.from_pydict(columns)

    def side_words(self, texts: KeyTexts, side: str) -> Words:
        """The words of one side of each record, for its shingle set."""
        return self._words(texts).where(self._chosen(texts, side))

    def side_sets(self, texts: KeyTexts, side: str, sizes: npt.NDArray[np.uint8]) -> Sets:
        """The shingle sets of one side of each record, side by side; `sizes` are the words in a shingle of each."""
        return sets_of(self.side_words(texts, side), texts.row_offsets, sizes)

    def answer_sets(self, texts: KeyTexts) -> Sets:
        """The shingle sets of the answers alone, side by side: runs of as many words as short records have.

        Answers are compared by these whatever their length, so that there is no border between classes at which two
        answers that differ by a word would have nothing in common.
        """
        words = self._words(texts).where(_in_answer(texts))
        sizes = np.full(len(texts.input_ends), self._config.short_ngram, np.uint8)
        return sets_of(words, texts.row_offsets, sizes)

    def _answer_seeds(self, texts: KeyTexts, words: Words, answers: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
        """A number for each answer that is too short for shingles, 0 for the others: shape (n,)."""
        sizes = np.append(0, np.cumsum(np.where(answers, words.ends - words.starts, 0)))
        counts = np.diff(sizes[texts.row_offsets])
        short = (counts < self._config.least_words) & (texts.input_ends < texts.row_offsets[1:])
        chosen = answers & np.repeat(short, np.diff(texts.row_offsets))
        identity = self._sketcher.sketch(words.where(chosen), texts.row_offsets)[0].identity
        return np.where(short, identity[:, 0], np.uint64(0))

    def _words(self, texts: KeyTexts) -> Words:
        words = words_of(texts.offsets, texts.data, texts.scanned)
        for preamble in self._preambles:
            words.starts[_begins(words, preamble)] += len(preamble)
        return words

    def _chosen(self, texts: KeyTexts, side: str) -> npt.NDArray[np.bool_]:
        """Turns whose words count: shape (m,)."""
        in_input, system = _in_input(texts), texts.roles == _SYSTEM
        if side == "input":
            return np.asarray(in_input & ~system)
        fields = self._config.fields
        chosen = np.zeros(len(texts.roles), np.bool_)
        if "input" in fields:
            chosen |= in_input & ~system
        if "answer" in fields:
            chosen |= _in_answer(texts)
        if "system" in fields:
            chosen |= system
        return chosen


def column_names(side: str, bands: int) -> list[str]:
    """The columns of one side, keys of bands last.

    >>> column_names("input", 2)
    ['input_words', 'input_ngram', 'input_identity', 'input_band_00', 'input_band_01']
    """
    return [f"{side}_{name}" for name in ("words", "ngram", "identity", *map(band_name, range(bands)))]


def band_name(band: int) -> str:
    """The column of one band's keys, less its side."""
    return f"band_{band:02d}"


def _columns(side: str, found: Sketches, absent: npt.NDArray[np.bool_] | None) -> dict[str, pa.Array]:
    identity = np.ascontiguousarray(found.identity)
    if absent is None:
        identities = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(identity), [None, pa.py_buffer(identity)])
    else:
        valid = np.packbits(~absent, bitorder="little")
        buffers = [pa.py_buffer(valid), pa.py_buffer(identity)]
        identities = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(identity), buffers)
    values = [pa.array(found.words, mask=absent), pa.array(found.ngrams, mask=absent), identities]
    values += [pa.array(found.keys[band], mask=absent) for band in range(found.keys.shape[0])]
    return dict(zip(column_names(side, found.keys.shape[0]), values, strict=True))


def _in_input(texts: KeyTexts) -> npt.NDArray[np.bool_]:
    """Which turns are on the input side of their record: shape (m,)."""
    sizes = np.diff(texts.row_offsets)
    return np.asarray(np.arange(len(texts.roles)) < np.repeat(texts.input_ends, sizes))


def _in_answer(texts: KeyTexts) -> npt.NDArray[np.bool_]:
    """Which turns are of the answer of their record: shape (m,)."""
    return np.asarray(~_in_input(texts) & (texts.roles != _SYSTEM))


def _answer_places(texts: KeyTexts, words: Words, answers: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """A number for where among its words each record has its answer, 0 for one without: shape (n,).

    The sum of f(end) - f(start) over all turns of the answer, so that it does not matter how these cut a run of words.
    """
    bounds = np.append(0, np.cumsum(words.ends - words.starts))
    before = np.repeat(bounds[texts.row_offsets[:-1]], np.diff(texts.row_offsets))
    spans = _scattered(bounds[1:] - before) - _scattered(bounds[:-1] - before)
    spans[~answers] = 0
    totals = np.append(np.uint64(0), np.cumsum(spans))[texts.row_offsets]
    return np.asarray(totals[1:] - totals[:-1])


def _scattered(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Numbers as 64 well-mixed bits; 0 stays 0."""
    mixed = numbers.astype(np.uint64) * _MIX
    return np.asarray((mixed ^ (mixed >> _SHIFT)) * _MIX_2)


def _label_seeds(labels: pa.Array) -> npt.NDArray[np.uint64]:
    """A number for each label, 0 for none; labels that are equal after normalisation have the same."""
    encoded = labels.dictionary_encode()
    numbers = [_seed(label) for label in encoded.dictionary.to_pylist()]
    codes = encoded.indices.fill_null(len(numbers)).to_numpy(zero_copy_only=False)
    return np.asarray(np.array([*numbers, 0], np.uint64)[codes])


def call_seeds(turns: Turns) -> npt.NDArray[np.uint64]:
    """A number for the tool calls of each record, 0 where it has none: shape (n,)."""
    seeds = np.zeros(turns.n_rows, np.uint64)
    places = np.flatnonzero(turns.calls)
    if len(places):
        rows = turns.rows[places].tolist()
        for row, extra in zip(rows, turns.extras.take(pa.array(places)).to_pylist(), strict=True):
            seeds[row] = _number(int(seeds[row]).to_bytes(8, "little") + extra.encode())
    return seeds


def _seed(label: str) -> int:
    return _number(normalize_text(label).encode())


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _hashes(text: str) -> npt.NDArray[np.uint64]:
    """Word hashes of one text."""
    words = words_of(*utf8_buffers(pa.array([text])))
    return words.hashes[words.starts[0] : words.ends[0]]


def _begins(words: Words, preamble: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Which texts begin with these words: shape (m,)."""
    found = words.ends - words.starts >= max(len(preamble), 1)
    for place, value in enumerate(preamble.tolist()):
        texts = np.flatnonzero(found)
        found[texts] = words.hashes[words.starts[texts] + place] == value
    return found
