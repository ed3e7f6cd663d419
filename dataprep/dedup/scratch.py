"""What a job must remember about every row, in memory while it is little and in a scratch file beyond that.

A scratch file has no name: it is gone when the job ends, however it ends.
"""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

IN_MEMORY_BYTES: Final = 256_000_000
_WORD: Final = 8


class KeyTable:
    """The keys of all bands of all rows: written batch by batch, read band by band.

    Args:
        bands: how many.
        folder: where there is room for a scratch file.
        in_memory: bytes up to which no file is used.

    >>> table = KeyTable(2, Path(tempfile.gettempdir()), in_memory=0)
    >>> for first in (0, 3): table.append(np.arange(first, first + 6, dtype=np.uint64).reshape(2, 3))
    >>> table.band(1).tolist()
    [3, 4, 5, 6, 7, 8]
    >>> table.close()
    """

    def __init__(self, bands: int, folder: Path, in_memory: int = IN_MEMORY_BYTES) -> None:
        self._bands = bands
        self._folder = folder
        self._left = in_memory
        self._parts: list[Hashes | int] = []  # keys in memory, or the number of rows of a batch in the file
        self._file: IO[bytes] | None = None

    def append(self, keys: Hashes) -> None:
        """Add the keys of some rows: shape (bands, n)."""
        self._left -= keys.nbytes
        if self._left >= 0:
            self._parts.append(keys)
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - for the table's life
        self._file.write(np.ascontiguousarray(keys).data)
        self._parts.append(keys.shape[1])

    def close(self) -> None:
        """Let go of the scratch file."""
        if self._file is not None:
            self._file.close()

    def band(self, band: int) -> Hashes:
        """The keys of one band of all rows."""
        found: list[Hashes] = []
        offset = 0
        for part in self._parts:
            if not isinstance(part, int):
                found.append(part[band])
            elif self._file is not None:
                self._file.seek(offset + band * part * _WORD)
                found.append(np.frombuffer(self._file.read(part * _WORD), np.uint64))
                offset += self._bands * part * _WORD
        return np.concatenate(found) if found else np.empty(0, np.uint64)


class ShingleSets:
    """Shingle sets side by side, in order of candidates, with room for those that are still to come.

    Args:
        count: candidates in all.
        folder: where there is room for a scratch file.
        in_memory: bytes up to which no file is used.

    Attributes:
        offsets: where each set begins, and the end; only as far as sets were added: shape (count + 1,).
        values: of all sets; perhaps a file mapped into memory.

    >>> sets = ShingleSets(3, Path(tempfile.gettempdir()), in_memory=16)
    >>> sets.append(np.array([0, 1, 2]), np.array([5, 6], np.uint64))
    >>> sets.forget(0, np.array([False, True]))
    >>> sets.append(np.array([0, 3]), np.array([7, 8, 9], np.uint64))
    >>> sets.offsets.tolist(), sets.values[:4].tolist()
    ([0, 0, 1, 4], [6, 7, 8, 9])
    >>> sets.close()
    """

    def __init__(self, count: int, folder: Path, in_memory: int = IN_MEMORY_BYTES) -> None:
        self.offsets = np.zeros(count + 1, np.int64)
        self._limit = in_memory // _WORD
        # memory is taken only as far as it is written, but a machine refuses to promise more than it has
        self.values: Hashes = np.empty(min(self._limit, IN_MEMORY_BYTES // _WORD), np.uint64)
        self._folder = folder
        self._count = 0
        self._file: IO[bytes] | None = None
        self._mapped: mmap.mmap | None = None

    def append(self, offsets: npt.NDArray[np.int64], values: Hashes) -> None:
        """Add the sets of some candidates, as `sets_of` gives them."""
        start = int(self.offsets[self._count])
        end = start + len(values)
        if self._file is not None or end > self._limit:
            self._write(start, values, end)
        else:
            if end > len(self.values):
                held, self.values = self.values, np.empty(min(2 * end, self._limit), np.uint64)
                self.values[:start] = held[:start]
            self.values[start:end] = values
        self.offsets[self._count : self._count + len(offsets)] = start + offsets
        self._count += len(offsets) - 1

    def forget(self, first: int, staying: npt.NDArray[np.bool_]) -> None:
        """Empty the sets of the last candidates, from `first` on, that do not stay: nobody is compared with them."""
        if self._file is not None:
            return
        sizes = np.diff(self.offsets[first : self._count + 1])
        start, end = self.offsets[[first, self._count]].tolist()
        left = self.values[start:end][np.repeat(staying, sizes)]
        self.values[start : start + len(left)] = left
        self.offsets[first + 1 : self._count + 1] = start + np.cumsum(sizes * staying)

    def release(self) -> None:
        """Give back the memory that looking at a mapped file has taken; it is read again where it is needed."""
        if self._mapped is not None:
            self._mapped.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        """Let go of the scratch file; arrays that were given stay as they are."""
        if self._file is not None:
            self._file.close()

    def _write(self, start: int, values: Hashes, end: int) -> None:
        """Write sets to the file, and map more of it where they end beyond what is mapped."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - for the sets' life
            self._file.write(self.values[:start].data)
        self._file.seek(start * _WORD)
        self._file.write(values.data)
        self._file.flush()
        if self._mapped is None or end > len(self.values):
            room = 2 * end  # a hole in the file: takes no room on the disk
            self._file.truncate(room * _WORD)
            self._mapped = mmap.mmap(self._file.fileno(), room * _WORD, prot=mmap.PROT_READ)
            self.values = np.frombuffer(self._mapped, np.uint64)
