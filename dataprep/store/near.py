"""The table `near/` of a version: keys and sketches of its kept records, so that later runs find again what it has.

No text, and nothing that text could be read from; but who holds a text can tell from its sketch whether it, or nearly
it, was there. So `forget` takes a record's whole line out, and what is forgotten is new when it comes again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep.record import SPLITS
from dataprep.store.files import TableWriter, make_folder
from dataprep.store.version import slices

_WHOLE: Final = "whole_"
"""How the columns of whole records begin in the sketches of a part; those of input sides are not kept."""
_COUNT: Final = "whole_words"
"""Left out: what is compared does not depend on it."""


@dataclass(frozen=True, slots=True)
class NearPart:
    """One cached part: the file of its keys, that of its sketches (None where there are none), and its records."""

    keys: Path
    near: Path | None
    records: int


def write_near(fates: Path, parts: Sequence[NearPart], folder: Path) -> None:
    """Write `near/`: record_id, record_key, and where near duplicates are looked for the sketch of each kept record.

    Args:
        fates: Parquet file of record_id, source and fate of all records, in the order of the parts.
        parts: where keys and sketches are.
        folder: of the version's tables.

    Keys are random bits, so the file is written without compression: zstd would take 2 s a million records for 5 %.
    """
    tables = _kept(fates, parts)
    first = next(tables, None)
    if first is None:
        return
    make_folder(folder / "near")
    path = folder / "near" / "near-00000.parquet"
    options = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    with TableWriter(path, first.schema, **options) as writer:
        writer.write(first)
        for table in tables:
            writer.write(table)


def _kept(fates: Path, parts: Sequence[NearPart]) -> Iterator[pa.Table]:
    """The table, part by part; parts without kept records are left out."""
    for part, part_fates in zip(parts, slices(fates, [part.records for part in parts]), strict=True):
        kept = pc.indices_nonzero(pc.is_in(part_fates["fate"].cast(pa.string()), pa.array(SPLITS)))
        if not len(kept):
            continue
        columns = {"record_id": part_fates["record_id"].take(kept)}
        columns["record_key"] = pq.read_table(part.keys, columns=["record_key"])["record_key"].take(kept)
        if part.near is not None:
            names = [name for name in pq.read_schema(part.near).names if name.startswith(_WHOLE) and name != _COUNT]
            sketches = pq.read_table(part.near, columns=names).take(kept)
            columns |= {name: sketches[name] for name in names}
        yield pa.table(columns)
