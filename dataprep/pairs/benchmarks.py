"""Benchmark items, and the index that finds the records which contain one.

A record contains an item where it has the item's *input* (the question) or the item's whole text, question and answer:
exactly, as one of its turns, as its own input or as all of it; or in part, by the share of the item's word n-grams that
it has. N-grams do not run from one turn into the next, in items as in records: what stands at the joint of two turns
depends on how somebody cut a text into turns. System prompts are no part of an item; in a record they count.

13-grams, because two texts hardly ever have 13 words in a row in common without a common source: Brown et al. 2020
("Language Models are Few-Shot Learners", arXiv 2005.14165, appendix C), who let one of them decide and left out those
that are in more than 10 documents, as boilerplate. Half of an item's n-grams rather than one, because one sentence from
a common source is no test item: Chowdhery et al. 2022 (PaLM, arXiv 2204.02311) ask for 70 % of the 8-grams, Lambert
et al. 2024 (Tülu 3, arXiv 2411.15124, section 3.2) for an 8-gram over more than half of the tokens, in one training
instance. Half of the 13-grams are no less tolerant of edits than 70 % of the 8-grams: see
docs/decontamination.md, also for what was measured.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataprep.digests import Digests, utf8_buffers
from dataprep.kernels.blake2b import blake2b_128
from dataprep.kernels.contain import ItemGrams, contained, grams_of, lookup_of, marked_spans, marks_of
from dataprep.pairs.config import CONTAINMENT_FLOOR
from dataprep.pairs.folding import normalize_texts
from dataprep.pairs.near_keys import KeyTexts
from dataprep.pairs.words import Words, words_of
from dataprep.record import ROLES, Turns

COMMON_ITEMS: Final = 10
"""An n-gram or a text that more items than this, and more than `COMMON_PERCENT` of them, have is of none in particular.
Ten, as in Brown et al. 2020."""
COMMON_PERCENT: Final = 1
LEAST_WORDS_OF_TURN: Final = 5
"""Words from which on an item is found as one turn of several. "Yes" and "Thank you very much" are turns of many."""

FOUND_SCHEMA: Final = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("item", pa.int32(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("containment", pa.float64(), nullable=False),
    ]
)
"""Records that have something of an item: which record, the item's number, `exact` or `contains`, and the share of the
item's n-grams that it has, 1 where exact."""

_NOTHING_FOUND: Final = pa.RecordBatch.from_arrays(
    [pa.nulls(0, field.type) for field in FOUND_SCHEMA], schema=FOUND_SCHEMA
)
_SYSTEM: Final = ROLES.index("system")
_SEPARATOR: Final = " "
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Items:
    """Benchmark items as records.

    Attributes:
        names: what people find each item by, `file:line`.
        batch: the records, of RECORD_SCHEMA, in the same order.
    """

    names: tuple[str, ...]
    batch: pa.RecordBatch

    def __len__(self) -> int:
        return len(self.names)

    def texts(self) -> KeyTexts:
        """The turns of all items."""
        return KeyTexts.of(Turns(self.batch["turns"]))


@dataclass(frozen=True, slots=True)
class IndexCounts:
    """What became of k items.

    Attributes:
        items: all of them.
        copies: items that are the same as an earlier one, which stands for them.
        empty: items without a word, which nothing can be found of.
        exact_only: other items without n-grams: too short, or with no other n-grams than common ones.
        common_ngrams: n-grams that were left out because too many items have them.
        common_texts: questions and whole texts that were left out for the same reason.
    """

    items: int
    copies: int
    empty: int
    exact_only: int
    common_ngrams: int
    common_texts: int


class BenchmarkIndex:
    """Finds the records that contain a benchmark item. Never changes once made, so threads may share it.

    Args:
        items: the items.
        ngram: words in an n-gram.

    Attributes:
        digest: of everything that what is found depends on; names of files are no part of it.
        counts: what became of the items.

    >>> from dataprep.record import Record, Turn, build_batch
    >>> def asked(*questions):
    ...     records = [Record([Turn("user", text), Turn("assistant", "4")], meta={}, line=1) for text in questions]
    ...     return build_batch("s", records)
    >>> question = "A train travels 270 miles in 3 hours. How many miles does it travel in one hour at the same rate?"
    >>> index = BenchmarkIndex(Items(("gsm.jsonl:1", "gsm.jsonl:2"), asked(question, "What is 2 + 2?")), ngram=13)
    >>> batch = asked(f"Solve this. {question} Think step by step.", "what is 2+2?", "what is 2 + 2?")
    >>> index.found_in(KeyTexts.of(Turns(batch["turns"]))).to_pylist()
    [{'row': 0, 'item': 0, 'kind': 'contains', 'containment': 1.0}, \
{'row': 2, 'item': 1, 'kind': 'exact', 'containment': 1.0}]
    """

    def __init__(self, items: Items, ngram: int) -> None:
        texts = items.texts()
        words = words_of(texts.offsets, texts.data)
        sides = _Sides.of(texts, words)
        limit = max(COMMON_ITEMS, COMMON_PERCENT * len(sides.distinct) // 100)
        self._ngram = ngram
        self._texts, common_texts = sides.texts(limit)
        self._marks = lookup_of(np.unique(sides.marks()))
        self._grams, common_ngrams = _grams(texts, sides, ngram, limit)
        lacking = self._grams.sizes[sides.distinct] == 0
        empty = int((~sides.filled).sum())
        self.counts = IndexCounts(
            items=len(items),
            copies=len(items) - len(sides.distinct) - empty,
            empty=empty,
            exact_only=int(lacking.sum()),
            common_ngrams=common_ngrams,
            common_texts=common_texts,
        )
        self.digest = self._digest()

    def found_in(self, texts: KeyTexts, words: Words | None = None, *, first_row: int = 0) -> pa.RecordBatch:
        """The records that have something of an item: for each the item that it has most of, as FOUND_SCHEMA.

        Exact copies go before shares of n-grams; of several items the first counts. Shares below CONTAINMENT_FLOOR are
        left out.

        Args:
            texts: of n records.
            words: `words_of` these, all of them, where they are known already.
            first_row: number of the first record.
        """
        if words is None:
            words = words_of(texts.offsets, texts.data, texts.scanned)
        items, shares = contained(words.hashes, words.starts, words.ends, texts.row_offsets, self._ngram, self._grams)
        exact, exact_items = self._exact(texts, words)
        items[exact], shares[exact] = exact_items, 1.0
        rows = np.flatnonzero(shares >= CONTAINMENT_FLOOR)
        if not len(rows):
            return _NOTHING_FOUND
        kinds = pa.array(["contains", "exact"]).take(pa.array(np.isin(rows, exact).astype(np.int8)))
        columns = [pa.array(rows + first_row), pa.array(items[rows]), kinds, pa.array(shares[rows])]
        return pa.RecordBatch.from_arrays(columns, schema=FOUND_SCHEMA)

    def _exact(self, texts: KeyTexts, words: Words) -> tuple[list[int], list[int]]:
        """Records that are an item, or have one as a turn or as their input, and the first item that each has so."""
        spans = marked_spans(
            words.hashes,
            words.starts,
            words.ends,
            _without_system(texts, words),
            texts.row_offsets,
            texts.input_ends,
            LEAST_WORDS_OF_TURN,
            self._marks,
        )
        found: dict[int, int] = {}
        if len(spans):
            for row, digest in zip(spans[:, 0].tolist(), _digests(texts, spans[:, 1:]), strict=True):
                item = self._texts.get(digest.tobytes())
                if item is not None:
                    found[row] = min(item, found.get(row, item))
        return list(found), list(found.values())

    def _digest(self) -> str:
        grams = self._grams
        digest = hashlib.blake2b(f"{self._ngram} {len(self._texts)}\n".encode(), digest_size=16)
        for text, item in self._texts.items():
            digest.update(text + item.to_bytes(8, "little"))
        for part in (grams.lookup.keys, grams.offsets, grams.items, grams.in_input, grams.input_sizes, grams.sizes):
            digest.update(len(part).to_bytes(8, "little") + part.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Sides:
    """The questions and the whole texts of k items.

    Attributes:
        words: of their turns, without those of system prompts.
        spans: first turn and the one after the last of each question, then of each whole text: shape (2 * k, 2).
        digests: of the normalised texts: shape (2 * k, 16).
        filled: items that have a word: shape (k,).
        distinct: items that are filled and not the same as an earlier one, ascending.
    """

    words: Words
    spans: Ints
    digests: Digests
    filled: Bools
    distinct: Ints

    @classmethod
    def of(cls, texts: KeyTexts, words: Words) -> _Sides:
        own = Words(words.hashes, words.starts, _without_system(texts, words))
        firsts, lasts = texts.row_offsets[:-1], texts.row_offsets[1:]
        spans = np.concatenate([np.stack([firsts, ends], axis=1) for ends in (texts.input_ends, lasts)])
        totals = np.append(0, np.cumsum(own.ends - own.starts))
        has_words = totals[spans[:, 1]] > totals[spans[:, 0]]
        digests = _digests(texts, spans)
        digests[~has_words] = 0  # whatever a system prompt that stands alone says
        filled = has_words[len(firsts) :]
        both = np.ascontiguousarray(np.hstack(np.split(digests, 2))).view(np.dtype((np.void, 2 * digests.shape[1])))
        items = np.flatnonzero(filled)
        _, distinct = np.unique(both.ravel()[items], return_index=True)
        return cls(own, spans, digests, filled, items[np.sort(distinct)])

    def marks(self) -> npt.NDArray[np.uint64]:
        """Marks of all sides."""
        return marks_of(self.words.hashes, self.words.starts, self.words.ends, self.spans)

    def texts(self, limit: int) -> tuple[dict[bytes, int], int]:
        """The first item of each side's digest, and how many were left out because more items than `limit` have it."""
        count = len(self.filled)
        items: dict[bytes, dict[int, None]] = {}
        for item in self.distinct.tolist():
            for side in (item, item + count):
                if self.digests[side].any():
                    items.setdefault(self.digests[side].tobytes(), {})[item] = None
        known = {digest: next(iter(having)) for digest, having in items.items() if len(having) <= limit}
        return known, len(items) - len(known)


def _grams(texts: KeyTexts, sides: _Sides, ngram: int, limit: int) -> tuple[ItemGrams, int]:
    """The n-grams of all distinct items but those that more items than `limit` have, and the number of these."""
    count, words = len(sides.filled), sides.words
    keys, items, in_input = grams_of(words.hashes, words.starts, words.ends, texts.row_offsets, texts.input_ends, ngram)
    is_distinct = np.zeros(count, np.bool_)
    is_distinct[sides.distinct] = True
    order = np.lexsort((~in_input, items, keys))
    order = order[is_distinct[items[order]]]
    keys, items, in_input = keys[order], items[order], in_input[order]
    once = np.ones(len(keys), np.bool_)  # of an n-gram that an item has twice, the one in its input if there is one
    once[1:] = (keys[1:] != keys[:-1]) | (items[1:] != items[:-1])
    keys, items, in_input = keys[once], items[once], in_input[once]
    _, places, times = np.unique(keys, return_inverse=True, return_counts=True)
    rare = times[places] <= limit
    keys, items, in_input = keys[rare], items[rare], in_input[rare]
    known, firsts = np.unique(keys, return_index=True)
    grams = ItemGrams(
        lookup=lookup_of(known),
        offsets=np.append(firsts, len(keys)).astype(np.int64),
        items=items,
        in_input=in_input,
        input_sizes=np.bincount(items[in_input], minlength=count).astype(np.int32),
        sizes=np.bincount(items, minlength=count).astype(np.int32),
    )
    return grams, int((times > limit).sum())


def _without_system(texts: KeyTexts, words: Words) -> Ints:
    """Where the words of each turn end, system prompts having none: shape (m,)."""
    return np.where(texts.roles == _SYSTEM, words.starts, words.ends)


def _digests(texts: KeyTexts, spans: Ints) -> Digests:
    """Digests of runs of turns as one normalised text each, runs of several without system prompts: shape (s, 16).

    Args:
        texts: the turns.
        spans: first turn of each run and the one after its last: shape (s, 2).
    """
    sizes = spans[:, 1] - spans[:, 0]
    runs = np.repeat(np.arange(len(spans)), sizes)
    turns = np.arange(len(runs)) + np.repeat(spans[:, 0] - np.append(0, np.cumsum(sizes)[:-1]), sizes)
    chosen = (texts.roles[turns] != _SYSTEM) | (sizes[runs] == 1)
    bounds = np.append(0, np.cumsum(np.bincount(runs[chosen], minlength=len(spans)))).astype(np.int32)
    n_turns = len(texts.offsets) - 1
    contents = pa.StringArray.from_buffers(n_turns, pa.py_buffer(texts.offsets), pa.py_buffer(texts.data))
    lists = pa.ListArray.from_arrays(pa.array(bounds), contents.take(pa.array(turns[chosen])))
    normalized = normalize_texts(*utf8_buffers(pc.binary_join(lists, _SEPARATOR)))
    digests = blake2b_128(normalized.data, normalized.bounds)
    if normalized.contextual:
        copies = list(normalized.contextual.values())
        ends = np.cumsum([0, *map(len, copies)])
        digests[list(normalized.contextual)] = blake2b_128(np.frombuffer(b"".join(copies), np.uint8), ends)
    return digests
