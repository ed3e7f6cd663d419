"""Arrow arrays to JSON-like Python values: what the rest of ingest knows, whatever the column's type.

Text types become str, binary is text where it is UTF-8, dates, times and decimals become ISO text, and numbers that
JSON lacks (NaN, the infinities) become text as they do in JSON files. `Array.to_pylist` alone would give datetime,
Decimal and bytes objects, need pandas for nanoseconds, and silently keep the last of two equal field names.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from dataprep.ingest.rows import RowError

_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def unsupported_field(name: str, kind: pa.DataType) -> str | None:
    """Why a column (or a field inside it) cannot become JSON; None if it can.

    >>> unsupported_field("a", pa.list_(pa.struct([("x", pa.int8()), ("x", pa.string())])))
    "column 'a' has two fields named 'x'"
    """
    for part in _parts(kind):
        if pat.is_struct(part):
            names = Counter(field.name for field in part)
            twice = next((key for key, count in names.items() if count > 1), None)
            if twice is not None:
                return f"column {name!a} has two fields named {twice!a}"
        if pat.is_union(part) or pat.is_interval(part):
            return f"column {name!a} is of type {str(part)[:100]}, which has no form in JSON"
    return None


def _parts(kind: pa.DataType) -> Iterator[pa.DataType]:
    """A type and all types inside it."""
    yield kind
    if isinstance(kind, pa.BaseExtensionType):
        yield from _parts(kind.storage_type)
    elif pat.is_dictionary(kind) or pat.is_run_end_encoded(kind):
        yield from _parts(kind.value_type)
    elif pat.is_nested(kind) and not pat.is_union(kind):
        for index in range(kind.num_fields):
            yield from _parts(kind.field(index).type)


def decoded_bytes(array: pa.Array) -> int:
    """Bytes that an array takes once its dictionaries are written out; what a decompression bomb would grow to."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return decoded_bytes(array.storage)
    if pat.is_dictionary(kind):
        values = array.dictionary
        if len(values) == 0 or not _is_bytes_like(values.type):
            return int(array.nbytes)
        lengths = _byte_lengths(values)
        return int(pc.sum(lengths.take(array.indices)).as_py() or 0) + 8 * len(array)
    if pat.is_run_end_encoded(kind):
        return decoded_bytes(pc.run_end_decode(array)) if not _is_bytes_like(kind.value_type) else _ree_bytes(array)
    if pat.is_struct(kind):
        return sum(decoded_bytes(array.field(index)) for index in range(kind.num_fields))
    if pat.is_map(kind) or pat.is_list(kind) or pat.is_large_list(kind):
        offsets = array.offsets
        first, last = offsets[0].as_py(), offsets[-1].as_py()
        children = (array.keys, array.items) if pat.is_map(kind) else (array.values,)
        return 8 * len(array) + sum(decoded_bytes(child.slice(first, last - first)) for child in children)
    return int(array.nbytes)


def _ree_bytes(array: pa.Array) -> int:
    """Decoded size of run-end encoded text: length of each run times its value's."""
    run_ends = np.clip(np.asarray(array.run_ends) - array.offset, 0, len(array))
    lengths = np.asarray(pc.fill_null(_byte_lengths(array.values), 0))
    return int((np.diff(run_ends, prepend=0) * lengths).sum())


def _is_bytes_like(kind: pa.DataType) -> bool:
    return bool(
        pat.is_string(kind)
        or pat.is_large_string(kind)
        or pat.is_string_view(kind)
        or pat.is_binary(kind)
        or pat.is_large_binary(kind)
        or pat.is_binary_view(kind)
    )


def _byte_lengths(values: pa.Array) -> pa.Array:
    return pc.cast(pc.binary_length(values.view(without_text(values.type))), pa.int64())


def without_text(kind: pa.DataType) -> pa.DataType:
    """The same type with binary in place of text: the same buffers without the promise that they are UTF-8.

    >>> without_text(pa.list_(pa.struct([("x", pa.string())])))
    ListType(list<item: struct<x: binary>>)
    """
    if pat.is_string(kind):
        return pa.binary()
    if pat.is_large_string(kind):
        return pa.large_binary()
    if pat.is_string_view(kind):
        return pa.binary_view()
    if isinstance(kind, pa.BaseExtensionType):
        return without_text(kind.storage_type)
    if pat.is_dictionary(kind):
        return pa.dictionary(kind.index_type, without_text(kind.value_type), kind.ordered)
    if pat.is_struct(kind):
        return pa.struct([field.with_type(without_text(field.type)) for field in kind])
    if pat.is_map(kind):
        return pa.map_(without_text(kind.key_type), without_text(kind.item_type), keys_sorted=kind.keys_sorted)
    for is_kind, make in _LISTS:
        if is_kind(kind):
            return make(kind.value_field.with_type(without_text(kind.value_type)))
    if pat.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(without_text(kind.value_type)), kind.list_size)
    return kind


_LISTS: Final = (
    (pat.is_list, pa.list_),
    (pat.is_large_list, pa.large_list),
    (pat.is_list_view, pa.list_view),
    (pat.is_large_list_view, pa.large_list_view),
)


class ValueReader:
    """Turns arrays into Python values.

    Args:
        notes: `nul_removed` is counted here.
        errors: `strict` raises at bytes that are not UTF-8; `backslashreplace` spells them out, to show a bad row.

    >>> import datetime
    >>> day = datetime.datetime(2024, 2, 29, 12, 30)
    >>> ValueReader(Counter()).values(pa.array([{"at": day, "x": [1.5, float("nan")]}, None]))
    [{'at': '2024-02-29T12:30:00', 'x': [1.5, 'NaN']}, None]
    """

    def __init__(self, notes: Counter[str], errors: str = "strict") -> None:
        self._notes = notes
        self._errors = errors

    def values(self, array: pa.Array) -> list[Any]:
        """The values of an array, one per slot, None for null.

        Raises:
            UnicodeDecodeError: text or binary is not UTF-8 (with `errors="strict"`).
            RowError: a map has the same key twice.
        """
        kind = array.type
        if isinstance(kind, pa.BaseExtensionType):
            return self.values(array.storage)
        if pat.is_dictionary(kind):
            return self.values(array.dictionary_decode())
        if pat.is_run_end_encoded(kind):
            return self.values(pc.run_end_decode(array))
        if pat.is_struct(kind):
            return self._structs(array)
        if pat.is_map(kind):
            return self._maps(array)
        if pat.is_list_view(kind) or pat.is_large_list_view(kind):
            starts = np.asarray(array.offsets)
            return self._lists(array, array.values, starts, starts + np.asarray(array.sizes))
        if pat.is_fixed_size_list(kind):
            array = array.cast(pa.large_list(kind.value_type))
            kind = array.type
        if pat.is_list(kind) or pat.is_large_list(kind):
            offsets = np.asarray(array.offsets)
            return self._lists(array, array.values, offsets[:-1], offsets[1:])
        return self._leaves(array)

    def _structs(self, array: pa.StructArray) -> list[Any]:
        names = [field.name.replace("\0", "") for field in array.type]
        columns = [self.values(array.field(index)) for index in range(len(names))]
        rows = zip(*columns, strict=True) if columns else ((),) * len(array)
        structs: list[Any] = [dict(zip(names, row, strict=True)) for row in rows]
        return structs if not array.null_count else _with_nulls(structs, array)

    def _lists(self, array: pa.Array, values: pa.Array, starts: Any, ends: Any) -> list[Any]:
        if not len(array):
            return []
        first, last = int(starts.min()), int(ends.max())
        flat = self.values(values.slice(first, max(last - first, 0)))
        lists: list[Any] = [
            flat[start:end] for start, end in zip((starts - first).tolist(), (ends - first).tolist(), strict=True)
        ]
        return lists if not array.null_count else _with_nulls(lists, array)

    def _maps(self, array: pa.MapArray) -> list[Any]:
        """Maps with text keys become objects, others lists of pairs."""
        offsets = np.asarray(array.offsets)
        keys = self._lists(array, array.keys, offsets[:-1], offsets[1:])
        items = self._lists(array, array.items, offsets[:-1], offsets[1:])
        maps: list[Any] = []
        for some_keys, some_items in zip(keys, items, strict=True):
            if some_keys is None:
                maps.append(None)
            elif all(isinstance(key, str) for key in some_keys):
                maps.append(dict(zip(some_keys, some_items, strict=True)))
                if len(maps[-1]) < len(some_keys):
                    raise RowError("duplicate_key", "a map holds the same key twice")
            else:
                maps.append([list(pair) for pair in zip(some_keys, some_items, strict=True)])
        return maps

    def _leaves(self, array: pa.Array) -> list[Any]:
        kind = array.type
        if _is_bytes_like(kind) or pat.is_fixed_size_binary(kind):
            return self._texts(array)
        if pat.is_floating(kind):
            floats = array.to_pylist()
            finite = np.isfinite(np.asarray(array.cast(pa.float64()).fill_null(0.0))).all()
            return floats if finite else [_number(value) for value in floats]
        if pat.is_timestamp(kind):
            zone = "Z" if kind.tz else ""
            return [text and text + zone for text in _iso(array)]
        if pat.is_date(kind):
            return _iso(array if pat.is_date32(kind) else array.cast(pa.date32()))
        if pat.is_time(kind):
            return [None if value is None else _clock(value, _PER_SECOND[kind.unit]) for value in _integers(array)]
        if pat.is_duration(kind):
            return [None if value is None else _duration(value, _PER_SECOND[kind.unit]) for value in _integers(array)]
        if pat.is_decimal(kind):
            return [None if value is None else format(value, "f") for value in array.to_pylist()]
        plain: list[Any] = array.to_pylist()
        return plain

    def _texts(self, array: pa.Array) -> list[Any]:
        kind = array.type
        is_text = pat.is_string(kind) or pat.is_large_string(kind) or pat.is_string_view(kind)
        if is_text and self._errors == "strict":
            texts: list[Any] = array.to_pylist()
        else:
            raws = array.view(without_text(kind)).to_pylist()
            texts = [None if raw is None else raw.decode("utf-8", self._errors) for raw in raws]
        nuls = sum(text.count("\0") for text in texts if text)
        if nuls:
            self._notes["nul_removed"] += nuls
            texts = [text and text.replace("\0", "") for text in texts]
        return texts


def _with_nulls(values: list[Any], array: pa.Array) -> list[Any]:
    return [value if valid else None for value, valid in zip(values, array.is_valid().to_pylist(), strict=True)]


def _number(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _integers(array: pa.Array) -> list[int | None]:
    values: list[int | None] = (
        array.cast(pa.int64()).to_pylist() if array.type.bit_width == 64 else (array.cast(pa.int32()).to_pylist())
    )
    return values


def _iso(array: pa.Array) -> list[str | None]:
    """ISO 8601 texts of dates and timestamps of any year; fractions of a second only as far as there are any."""
    texts = np.datetime_as_string(array.to_numpy(zero_copy_only=False)).tolist()
    valid = array.is_valid().to_pylist()
    return [(_trimmed(text) if ok else None) for text, ok in zip(texts, valid, strict=True)]


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _clock(value: int, per_second: int) -> str:
    seconds, fraction = divmod(value, per_second)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return _trimmed(f"{text}.{fraction:0{len(str(per_second)) - 1}d}") if fraction else text


def _duration(value: int, per_second: int) -> str:
    """ISO 8601 duration in seconds, such as PT90.5S."""
    seconds, fraction = divmod(abs(value), per_second)
    tail = _trimmed(f".{fraction:0{len(str(per_second)) - 1}d}") if fraction else ""
    return f"{'-' if value < 0 else ''}PT{seconds}{tail}S"
