"""The texts of a batch of rows as they lie in Arrow's buffers: no text is copied, none becomes a Python object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.dedup.arrow import arrow

Ints = npt.NDArray[np.int64]
Kept = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Texts:
    """m texts of n rows.

    Attributes:
        starts, ends: where each text lies in `data`: shape (m,).
        data: UTF-8.
        rows: row of each text, rising: shape (m,); None where each row has one.
    """

    starts: Ints
    ends: Ints
    data: npt.NDArray[np.uint8]
    rows: Ints | None = None

    @classmethod
    def of(cls, column: pa.Array, rows: Ints | None = None) -> Texts:
        """The texts of an array of strings or bytes; a null is an empty text.

        >>> texts = Texts.of(pa.array(["one", None, "two"])[1:])
        >>> [texts.data[start:end].tobytes() for start, end in zip(texts.starts, texts.ends)]
        [b'', b'two']
        """
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if not any(is_kind(column.type) for is_kind in _FLAT):
            column = column.cast(pa.large_binary())
        wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
        _, offset_buffer, data_buffer = column.buffers()
        if len(column) == 0 or offset_buffer is None:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8), rows)
        stored = np.frombuffer(offset_buffer, np.int64 if wide else np.int32)
        offsets: Ints = stored[column.offset : column.offset + len(column) + 1].astype(np.int64)
        data = np.empty(0, np.uint8) if data_buffer is None else np.frombuffer(data_buffer, np.uint8)
        starts: Ints = offsets[:-1]
        ends: Ints = offsets[1:]
        if column.null_count:
            ends = np.where(column.is_valid().to_numpy(zero_copy_only=False), ends, starts)
        return cls(starts, ends, data, rows)

    def slice(self, first: int, last: int) -> Texts:
        """The texts of the rows `first` to `last`, which count from 0 again."""
        if self.rows is None:
            return replace(self, starts=self.starts[first:last], ends=self.ends[first:last])
        begin, end = np.searchsorted(self.rows, (first, last)).tolist()
        return Texts(self.starts[begin:end], self.ends[begin:end], self.data, self.rows[begin:end] - first)

    def take(self, chosen: Ints) -> Texts:
        """The texts of some rows (ascending), numbered anew."""
        if self.rows is None:
            return replace(self, starts=self.starts[chosen], ends=self.ends[chosen])
        places = np.searchsorted(chosen, self.rows)
        places[places == len(chosen)] = 0
        texts = np.flatnonzero(chosen[places] == self.rows) if len(chosen) else np.empty(0, np.int64)
        return Texts(self.starts[texts], self.ends[texts], self.data, places[texts])


_FLAT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)


@dataclass(frozen=True, slots=True)
class TextBatch:
    """What is compared of n rows.

    Attributes:
        n_rows: n.
        parts: their texts, in the order in which they are read.
        labels: of each row, if rows of different labels are not compared.
    """

    n_rows: int
    parts: Sequence[Texts]
    labels: pa.Array | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes of all texts."""
        return sum(int((part.ends - part.starts).sum()) for part in self.parts)

    def slice(self, first: int, last: int) -> TextBatch:
        """The rows `first` to `last`."""
        labels = None if self.labels is None else self.labels[first:last]
        return TextBatch(last - first, [part.slice(first, last) for part in self.parts], labels)

    def take(self, chosen: Ints) -> TextBatch:
        """Some rows, ascending."""
        labels = None if self.labels is None else self.labels.take(arrow(chosen))
        return TextBatch(len(chosen), [part.take(chosen) for part in self.parts], labels)

    def blocks(self, most_bytes: int) -> Iterator[TextBatch]:
        """The same rows in batches of about so many bytes."""
        sizes = np.zeros(self.n_rows + 1, np.int64)
        for part in self.parts:
            lengths = part.ends - part.starts
            if part.rows is None:
                sizes[1:] += lengths
            else:
                sizes[1:] += np.bincount(part.rows, lengths, self.n_rows).astype(np.int64)
        np.cumsum(sizes, out=sizes)
        first = 0
        while first < self.n_rows:
            last = int(np.searchsorted(sizes, sizes[first] + most_bytes, "right")) - 1
            last = min(max(last, first + 1), self.n_rows)
            yield self.slice(first, last)
            first = last

    def texts_of(self, row: int) -> list[bytes]:
        """The texts of one row."""
        found = []
        for part in self.parts:
            first, last = (row, row + 1) if part.rows is None else np.searchsorted(part.rows, (row, row + 1)).tolist()
            found += [part.data[part.starts[text] : part.ends[text]].tobytes() for text in range(first, last)]
        return found
