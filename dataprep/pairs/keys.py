"""Keys of exact duplicates: two records with equal keys are copies of each other.

A key is a 128-bit BLAKE2b over *parts*: each part (a turn, a label, …) is hashed by itself, and the key is the hash of
its parts' digests, each with its field and role. Fixed widths make the framing unambiguous (["ab", "c"] is not
["a", "bc"]), and each text is normalised and hashed once for both keys, which was the price of the alternative, one
hash over length-prefixed texts.

The *record* key says whether two records are the same; the *input* key whether they ask the same, whatever the answer,
which is what a leak between splits is judged on as well. The input key therefore sees less: always normalised, without
roles, without empty turns, so that a question asked as a `text` with a label is the one asked as a `user` turn.

The other keys tell kinds of duplicates apart that are no copies: what is answered, by which label and with which tools
at hand, and how a conversation goes turn by turn, so that one that another begins with is found by equal keys.

50,000 records of two turns, 65 MB: 0.2 CPU s for both keys, of which normalising takes 0.1 and hashing 0.04; the others
add a tenth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, get_args

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from dataprep.digests import DIGEST_BYTES, Digests, digest_array, utf8_buffers
from dataprep.errors import InputError
from dataprep.kernels.blake2b import Spans, blake2b_128, joined
from dataprep.pairs.config import DedupConfig, KeyField
from dataprep.pairs.folding import normalize_texts
from dataprep.record import MISSING_EXTRA, ROLES, Turns

KEY_FIELDS: Final[tuple[str, ...]] = get_args(KeyField)
META_PREFIX: Final = "meta_"
_EMPTY: Final = 0
"""Each byte of what stands for the digest of an empty part, so that emptiness can be seen without the text."""
_SYSTEM: Final = ROLES.index("system")
_ASSISTANT: Final = ROLES.index("assistant")
_WITHOUT_TEXT: Final = ("label", "tools")


@dataclass(frozen=True, slots=True)
class DuplicateKeys:
    """Both keys of a batch of n records: binary(16) arrays, null where there is no text to compare."""

    record: pa.Array
    input: pa.Array


@dataclass(frozen=True, slots=True)
class KindKeys:
    """What tells kinds of duplicates apart, for a batch of n records; binary(16) arrays but for `prefixes`.

    Attributes:
        answer: of what follows the input side, with roles and tool calls, always normalised; null where it is empty.
        label: of the label, always normalised; null without one.
        tools: of the tools' schemas; null without any.
        chain: of the conversation turn by turn, with its tools and label, always normalised; null where the last turn
            is not an answer.
        prefixes: for each record the chain after each answer before its last turn: lists of binary(16).
    """

    answer: pa.Array
    label: pa.Array
    tools: pa.Array
    chain: pa.Array
    prefixes: pa.Array


def record_keys(batch: pa.RecordBatch, config: DedupConfig) -> pa.Array:
    """Key of each record over the fields that `config` names; null where all their text is empty.

    `record` compares turns with their roles and tool calls, tools and label.

    Raises:
        InputError: `dedup.fields` names something that no record has.
    """
    return _Keys(batch).record(config)


def input_keys(batch: pa.RecordBatch) -> pa.Array:
    """Key of each record's input side: all turns before the last assistant turn, or all turns if there is none.

    Null where only system turns have text: records that share a system prompt and have an empty question, or none, do
    not ask the same.
    """
    return _Keys(batch).input()


def duplicate_keys(batch: pa.RecordBatch, config: DedupConfig) -> DuplicateKeys:
    """Both keys, at little more than the price of one.

    >>> from dataprep.record import Record, Turn, build_batch
    >>> def pair(question, answer, line):
    ...     return Record(turns=[Turn("user", question), Turn("assistant", answer)], meta={}, line=line)
    >>> rows = [pair("Why?", "Yes.", 1), pair("why? ", "YES.", 2), pair("Why?", "No.", 3), pair("", "Yes.", 4)]
    >>> keys = duplicate_keys(build_batch("s", rows), DedupConfig())
    >>> keys.record[0] == keys.record[1], keys.record[0] == keys.record[2], keys.input[0] == keys.input[2]
    (True, False, True)
    >>> keys.input[3].is_valid
    False
    """
    return all_keys(batch, config)[0]


def all_keys(batch: pa.RecordBatch, config: DedupConfig) -> tuple[DuplicateKeys, KindKeys]:
    """Every key of a batch, from one hash of each text.

    >>> from dataprep.record import Record, Turn, build_batch
    >>> chat = [Turn("user", "Hi"), Turn("assistant", "Hello."), Turn("user", "Bye"), Turn("assistant", "Bye!")]
    >>> rows = [Record(turns=turns, meta={}, line=1) for turns in (chat, chat[:2], chat[:3])]
    >>> _, kinds = all_keys(build_batch("s", rows), DedupConfig())
    >>> kinds.prefixes[0].as_py() == [kinds.chain[1].as_py()], kinds.chain.null_count
    (True, 1)
    >>> kinds.answer[1] == kinds.answer[2], kinds.label.null_count
    (False, 3)
    """
    keys = _Keys(batch)
    return DuplicateKeys(record=keys.record(config), input=keys.input()), keys.kinds()


class _Parts:
    """Parts of records in the making: frames of 18 bytes (field, role, digest), each belonging to a record."""

    def __init__(self, n_rows: int) -> None:
        self.rows: list[npt.NDArray[np.int64]] = []
        self.frames: list[Digests] = []
        self.has_text = np.zeros(n_rows, np.bool_)

    def add(
        self, field: int, rows: npt.NDArray[np.int64], digests: Digests, roles: npt.NDArray[np.uint8] | int = 0
    ) -> None:
        """Add one part to each of `rows` (ascending; a record may have several)."""
        frames = np.empty((len(rows), 2 + DIGEST_BYTES), np.uint8)
        frames[:, 0] = field
        frames[:, 1] = roles
        frames[:, 2:] = digests
        self.rows.append(rows)
        self.frames.append(frames)

    def keys(self) -> pa.Array:
        """The hash of each record's parts in the order added; null where `has_text` is false."""
        rows = np.concatenate(self.rows)
        frames = np.concatenate(self.frames)
        if len(self.rows) > 1:
            frames = frames[np.argsort(rows, kind="stable")]
        bounds = np.zeros(len(self.has_text) + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=len(self.has_text)) * frames.shape[1], out=bounds[1:])
        return digest_array(blake2b_128(frames.ravel(), bounds), self.has_text)


class _Keys:
    """A batch with the digests of its parts, each computed when first asked for."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self.turns = Turns(batch["turns"])
        self._columns: dict[tuple[str, bool], Digests] = {}
        self._with_extras: dict[bool, Digests] = {}

    def record(self, config: DedupConfig) -> pa.Array:
        parts = _Parts(self.batch.num_rows)
        textless = all(name in _WITHOUT_TEXT or name.startswith(META_PREFIX) for name in config.fields)
        for index, name in enumerate(config.fields):
            if name in ("record", "input", "answer", "system"):
                self._add_turns(parts, index, name, normalized=config.normalize)
            if name in ("record", "label", "tools"):
                for column in ("tools", "label") if name == "record" else (name,):
                    self._add_column(parts, index, column, config.normalize, decides=textless)
            elif name.startswith(META_PREFIX):
                digests = self._meta(name.removeprefix(META_PREFIX), normalized=config.normalize)
                self._add_digests(parts, index, digests, decides=textless)
            elif name not in KEY_FIELDS:
                raise InputError(
                    f"there is no field {name!r} to compare",
                    key="dedup.fields",
                    hint=f"name {', '.join(KEY_FIELDS)}, or another column as {META_PREFIX}{name}",
                )
        return parts.keys()

    def input(self) -> pa.Array:
        parts = _Parts(self.batch.num_rows)
        self._add_turns(parts, 0, "input", normalized=True)
        return parts.keys()

    def kinds(self) -> KindKeys:
        answers = _Parts(self.batch.num_rows)
        self._add_turns(answers, 0, "after_input", normalized=True)
        label, tools = self._column("label", True), self._column("tools", True)
        chain, prefixes = self._chains(label, tools)
        return KindKeys(
            answer=answers.keys(),
            label=digest_array(label, np.asarray(label.any(axis=1))),
            tools=digest_array(tools, np.asarray(tools.any(axis=1))),
            chain=chain,
            prefixes=prefixes,
        )

    def _chains(self, label: Digests, tools: Digests) -> tuple[pa.Array, pa.Array]:
        """Columns `chain` and `prefixes` of `KindKeys`.

        A chain is the hash of the chain before the turn, the turn's role and its digest; it begins with the hash of
        tools and label. One call of the kernel hashes a turn of every record that has so many.
        """
        turns = self.turns
        digests = self._turn_digests(normalized=True)
        sizes = np.diff(turns.row_offsets)
        by_size = np.argsort(-sizes, kind="stable")
        frames = np.zeros((len(sizes), 2 * DIGEST_BYTES + 1), np.uint8)
        frames[:, :DIGEST_BYTES] = blake2b_128(*_rows(np.concatenate([tools, label], axis=1)[by_size]))
        chains = np.empty((turns.n_turns, DIGEST_BYTES), np.uint8)
        counts = np.searchsorted(-sizes[by_size], -np.arange(1, int(sizes.max(initial=0)) + 1), side="right")
        starts = turns.row_offsets[:-1][by_size]
        for depth, count in enumerate(counts.tolist()):  # records with more turns than this
            places = starts[:count] + depth
            frames[:count, DIGEST_BYTES] = turns.roles[places]
            frames[:count, DIGEST_BYTES + 1 :] = digests[places]
            after = blake2b_128(*_rows(frames[:count]))
            frames[:count, :DIGEST_BYTES] = after
            chains[places] = after
        last = turns.row_offsets[1:] - 1
        is_last = np.zeros(turns.n_turns, np.bool_)
        is_last[last[sizes > 0]] = True
        answered = turns.roles == _ASSISTANT
        ends = np.zeros((len(sizes), DIGEST_BYTES), np.uint8)
        ends[sizes > 0] = chains[last[sizes > 0]]
        whole = np.zeros(len(sizes), np.bool_)
        whole[sizes > 0] = answered[last[sizes > 0]]
        inside = answered & ~is_last
        bounds = np.zeros(len(sizes) + 1, np.int32)
        np.cumsum(np.bincount(turns.rows[inside], minlength=len(sizes)), out=bounds[1:])
        return digest_array(ends, whole), pa.ListArray.from_arrays(pa.array(bounds), digest_array(chains[inside]))

    # -- which turns belong to a field --

    @cached_property
    def last_answer(self) -> npt.NDArray[np.int64]:
        """Turn index of each record's last assistant turn; the end of the record where there is none. Shape (n,)."""
        last = self.turns.row_offsets[1:].copy()
        answers = np.flatnonzero(self.turns.roles == _ASSISTANT)
        last[self.turns.rows[answers]] = answers  # the last assignment to a record wins
        return last

    def _add_turns(self, parts: _Parts, field: int, name: str, *, normalized: bool) -> None:
        rows, roles = self.turns.rows, self.turns.roles
        place = np.arange(self.turns.n_turns)
        match name:
            case "record":
                chosen = np.ones(len(rows), np.bool_)
            case "input":
                chosen = place < self.last_answer[rows]
            case "answer":
                chosen = place == self.last_answer[rows]
            case "after_input":
                chosen = place >= self.last_answer[rows]
            case _:
                chosen = roles == _SYSTEM
        digests = self._text_digests(normalized) if name == "input" else self._turn_digests(normalized)
        filled = chosen & digests.any(axis=1)
        if name == "input":
            parts.has_text[rows[filled & (roles != _SYSTEM)]] = True
            parts.add(field, rows[filled], digests[filled])
        else:
            parts.has_text[rows[filled]] = True
            parts.add(field, rows[chosen], digests[chosen], roles[chosen])

    # -- other columns --

    def _add_column(self, parts: _Parts, field: int, column: str, normalized: bool, *, decides: bool) -> None:
        """`tools` is JSON, where case means something: compared as it is, always."""
        self._add_digests(parts, field, self._column(column, normalized), decides=decides)

    def _column(self, column: str, normalized: bool) -> Digests:
        name = column, normalized and column != "tools"
        if name not in self._columns:
            buffers = utf8_buffers(self.batch[column])
            self._columns[name] = _normalized_digests(*buffers) if name[1] else _raw_digests(*buffers)
        return self._columns[name]

    def _add_digests(self, parts: _Parts, field: int, digests: Digests, *, decides: bool) -> None:
        rows = np.arange(self.batch.num_rows)
        if decides:
            parts.has_text |= digests.any(axis=1)
        parts.add(field, rows, digests)

    def _meta(self, name: str, *, normalized: bool) -> Digests:
        """Digests of one key of `meta`; what is no text is compared as JSON."""
        texts: list[str | None] = []
        for meta in self.batch["meta"].to_pylist():
            value: Any = orjson.loads(meta).get(name)
            texts.append(
                value
                if value is None or isinstance(value, str)
                else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
            )
        column = utf8_buffers(pa.array(texts, pa.string()))
        return _normalized_digests(*column) if normalized else _raw_digests(*column)

    # -- digests of turns --

    @cached_property
    def _normalized(self) -> Digests:
        return _normalized_digests(*self.turns.utf8())

    @cached_property
    def _raw(self) -> Digests:
        return _raw_digests(*self.turns.utf8())

    def _text_digests(self, normalized: bool) -> Digests:
        return self._normalized if normalized else self._raw

    def _turn_digests(self, normalized: bool) -> Digests:
        """Digests of contents together with what else the turn carries, tool calls above all."""
        if normalized not in self._with_extras:
            self._with_extras[normalized] = self._carrying_extras(self._text_digests(normalized))
        return self._with_extras[normalized]

    def _carrying_extras(self, digests: Digests) -> Digests:
        extras = self.turns.extras
        carrying = pc.fill_null(pc.not_equal(extras, MISSING_EXTRA), False).to_numpy(zero_copy_only=False)
        if not carrying.any():
            return digests
        offsets, data = utf8_buffers(extras.filter(pa.array(carrying)))
        digests = digests.copy()
        own = digests[carrying]
        pieces: list[Spans] = [(own.ravel(), np.arange(len(own) + 1) * DIGEST_BYTES), (data, offsets)]
        digests[carrying] = blake2b_128(*joined(pieces))
        return digests


def _raw_digests(offsets: npt.NDArray[np.int32], data: npt.NDArray[np.uint8]) -> Digests:
    """Digest of each text as it is. Shape (m, 16)."""
    return _digests(data, offsets)


def _normalized_digests(offsets: npt.NDArray[np.int32], data: npt.NDArray[np.uint8]) -> Digests:
    """Digest of each text's normalised copy. Shape (m, 16)."""
    texts = normalize_texts(offsets, data)
    digests = _digests(texts.data, texts.bounds)
    if texts.contextual:
        copies = list(texts.contextual.values())
        bounds = np.cumsum([0, *map(len, copies)])
        digests[list(texts.contextual)] = _digests(np.frombuffer(b"".join(copies), np.uint8), bounds)
    return digests


def _digests(data: npt.NDArray[np.uint8], bounds: npt.NDArray[np.integer]) -> Digests:
    digests = blake2b_128(data, bounds)
    digests[np.diff(bounds) == 0] = _EMPTY
    return digests


def _rows(table: npt.NDArray[np.uint8]) -> Spans:
    """The rows of a table as messages."""
    return np.ascontiguousarray(table).ravel(), np.arange(len(table) + 1) * table.shape[1]
