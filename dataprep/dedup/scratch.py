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
    """Shingle sets side by side, in order of rows.

    Args:
        folder: where there is room for a scratch file.
        in_memory: bytes up to which no file is used.
    """

    def __init__(self, folder: Path, in_memory: int = IN_MEMORY_BYTES) -> None:
        self._folder = folder
        self._left = in_memory
        self._sizes: list[npt.NDArray[np.int64]] = [np.zeros(1, np.int64)]
        self._held: list[Hashes] = []
        self._file: IO[bytes] | None = None
        self._mapped: mmap.mmap | None = None

    def append(self, offsets: npt.NDArray[np.int64], values: Hashes) -> None:
        """Add the sets of some rows, as `sets_of` gives them."""
        self._sizes.append(np.diff(offsets))
        self._left -= values.nbytes
        if self._left < 0 and self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - for the table's life
            for held in self._held:
                self._file.write(held.data)
            self._held.clear()
        if self._file is None:
            self._held.append(values)
        else:
            self._file.write(values.data)

    def arrays(self) -> tuple[npt.NDArray[np.int64], Hashes]:
        """Offsets, shape (n + 1,), and all values; the latter perhaps a file mapped into memory."""
        offsets = np.cumsum(np.concatenate(self._sizes))
        if self._file is None:
            return offsets, np.concatenate(self._held) if self._held else np.empty(0, np.uint64)
        self._file.flush()
        self._mapped = mmap.mmap(self._file.fileno(), 0, prot=mmap.PROT_READ)
        return offsets, np.frombuffer(self._mapped, np.uint64)

    def close(self) -> None:
        """Let go of the scratch file; arrays that were given stay as they are."""
        if self._file is not None:
            self._file.close()

    def release(self) -> None:
        """Give back the memory that looking at a mapped file has taken; it is read again where it is needed."""
        if self._mapped is not None:
            self._mapped.madvise(mmap.MADV_DONTNEED)
