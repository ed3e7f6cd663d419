"""MinHash signatures of all rows as a Parquet file that other tools can read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.dedup.arrow import arrow
from dataprep.dedup.engine import Sketched
from dataprep.dedup.settings import NearSettings

SCHEME: Final = "affine32"
"""datasketch's name of the permutations."""
SEED: Final = 1
HASH: Final = "upper 32 bits of the 64-bit hash of a word n-gram"


@contextmanager
def signature_writer(path: Path | None, settings: NearSettings) -> Iterator[Callable[[Sketched], None] | None]:
    """A function that writes the signatures of one batch after another; None where none are wanted.

    Columns: `row`; `ngram`, words in a shingle, 0 for a row that has no signature; `signature`, uint32 values. The
    file's metadata has what it takes to compare them with others: `scheme`, `seed`, `hash`, `permutations`.
    """
    if path is None:
        yield None
        return
    told = {"scheme": SCHEME, "seed": str(SEED), "hash": HASH, "permutations": str(settings.permutations)}
    kind = pa.list_(pa.uint32(), settings.permutations)
    schema = pa.schema([("row", pa.int64()), ("ngram", pa.uint8()), ("signature", kind)], metadata=told)
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=["ngram"]) as writer:
        first = 0

        def write(sketched: Sketched) -> None:
            nonlocal first
            count = len(sketched.ngrams)
            rows = np.arange(first, first + count)
            mask = arrow(sketched.ngrams == 0)
            values = arrow(sketched.signatures.ravel())
            lists = pa.FixedSizeListArray.from_arrays(values, settings.permutations, mask=mask)
            writer.write_table(pa.table([arrow(rows), arrow(sketched.ngrams), lists], schema=schema))
            first += count

        yield write
