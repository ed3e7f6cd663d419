"""Which removed and added records are one record, edited at its source: proven by an exact comparison of their texts.

Where ids are digests, an edited row is another record: one goes, one comes. They are taken for one only if the sets of
their word 5-grams have an exact Jaccard similarity of 0.8 or more. Words as signals see them, of all turns but the
system's, because a shared system prompt would make strangers alike; a text of fewer than five words is one shingle, so
that it matches its like only. Sets are of 64-bit hashes: two different shingles agree once in 10^19.

Up to MAX_RECORDS a side, all pairs are judged: prefix filtering leaves none out (`sql/diff/near_matches.sql`). Past
that only records with a sign of kinship are read, and what was not compared is said.
"""

from __future__ import annotations

from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from dataprep.kernels import read_only
from dataprep.kernels.codepoints import CLASSES
from dataprep.kernels.scan import scan
from dataprep.record import ROLES, Turns
from dataprep.sqlfiles import read_sql
from dataprep.store.reading import Version
from dataprep.store.records import read_records

WORDS: Final = 5
"""Words of a shingle."""
MAX_RECORDS: Final = 50_000
"""Records a side whose texts are read."""
MAX_SHINGLES: Final = 20_000_000
"""Shingles a side that are kept: 16 bytes each."""
MAX_PAIRS: Final = 5_000_000
"""Pairs that are compared; records made from one template could nominate all with all."""

_SYSTEM: Final = ROLES.index("system")
_FACTORS: Final = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F], np.uint64
)
"""Odd factors, one for each place in a shingle, so that order counts."""
_OF_SHORT: Final = np.uint64(0xE7037ED1A0B428DB)
"""Sets a shingle of fewer words apart from one of five."""

Numbers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


def near_matches(con: duckdb.DuckDBPyConnection, a: Version, b: Version) -> tuple[pl.DataFrame, list[str]]:
    """Pairs of a removed record of `a` and an added one of `b`, each record in one pair at most, the most alike first.

    Args:
        con: with the tables `causes` and `same_text`.
        a, b: the versions.

    Returns:
        Columns a, b (record ids), similarity (0.8 to 1); and what was not compared, in words.
    """
    removed, notes_a = _candidates(con, "removed")
    added, notes_b = _candidates(con, "added")
    none = pl.DataFrame(schema={"a": pl.String, "b": pl.String, "similarity": pl.Float64})
    if not removed or not added:
        return none, []
    ids_a, complete_a = _register(con, "shingles_a", a, removed)
    ids_b, complete_b = _register(con, "shingles_b", b, added)
    notes = notes_a + notes_b
    if not (complete_a and complete_b):
        notes.append(f"texts past {MAX_SHINGLES:,} word {WORDS}-grams were not compared")
    pairs = con.sql(read_sql("diff/near_matches"), params={"pairs": MAX_PAIRS}).fetchall()
    taken_a: set[int] = set()
    taken_b: set[int] = set()
    chosen = []
    for one, other, similarity in pairs:
        if one not in taken_a and other not in taken_b:
            taken_a.add(one)
            taken_b.add(other)
            chosen.append((ids_a[one], ids_b[other], similarity))
    return pl.DataFrame(chosen, none.schema, orient="row"), notes


def _candidates(con: duckdb.DuckDBPyConnection, kind: str) -> tuple[list[str], list[str]]:
    """Ids of the records to read, and what is left out, in words."""
    found = con.sql(read_sql("diff/unknown"), params={"kind": kind}).pl()
    if found.height <= MAX_RECORDS:
        return found["record_id"].to_list(), []
    chosen = found.filter(pl.col("nominated")).head(MAX_RECORDS)["record_id"].to_list()
    left = found.height - len(chosen)
    note = f"{left:,} {kind} records were not searched for edited rows: {found.height:,} are more than {MAX_RECORDS:,}"
    return chosen, [f"{note}, so only those with a sign of one were read"]


def _register(con: duckdb.DuckDBPyConnection, name: str, version: Version, ids: list[str]) -> tuple[list[str], bool]:
    """Register a table of shingles; returns the ids that its numbers stand for, and whether all were read."""
    read: list[str] = []
    numbers: list[Numbers] = []
    shingles: list[Hashes] = []
    for batch in read_records(version.path, record_ids=ids):
        rows, hashes = word_shingles(Turns(batch["turns"]))
        numbers.append(rows + len(read))
        shingles.append(hashes)
        read += batch["record_id"].to_pylist()
        if sum(map(len, shingles)) > MAX_SHINGLES:
            break
    columns = {
        "number": np.concatenate(numbers) if numbers else np.empty(0, np.int64),
        "shingle": np.concatenate(shingles) if shingles else np.empty(0, np.uint64),
    }
    con.register(name, pa.table(columns))
    return read, len(read) == len(ids)


def word_shingles(turns: Turns) -> tuple[Numbers, Hashes]:
    """The sets of word 5-grams of n records: for each shingle its record (0..n-1) and its hash, no shingle twice.

    Words run over the ends of turns. A record without words has no shingle, one of fewer than five words has one.

    >>> from dataprep.record import TURNS_TYPE
    >>> texts = ["one two three four five six", "one, two, three, four, FIVE!", "", "five"]
    >>> rows, hashes = word_shingles(Turns(pa.array([[{"role": "text", "content": t}] for t in texts], TURNS_TYPE)))
    >>> rows.tolist(), len(set(hashes.tolist()))
    ([0, 0, 1, 3], 3)
    """
    offsets, data = turns.utf8()
    found = scan(read_only(data), read_only(offsets), CLASSES)
    turn_of_word = np.repeat(np.arange(turns.n_turns), np.diff(found.token_offsets))
    spoken = turns.roles[turn_of_word] != _SYSTEM
    words = found.token_hashes[spoken]
    rows = turns.rows[turn_of_word[spoken]]
    sizes = np.bincount(rows, minlength=turns.n_rows)
    starts = np.cumsum(sizes) - sizes
    first = np.flatnonzero(rows[: 1 - WORDS] == rows[WORDS - 1 :]) if len(rows) >= WORDS else np.empty(0, np.int64)
    full = np.zeros(len(first), np.uint64)
    for place, factor in enumerate(_FACTORS):
        full += words[first + place] * factor
    short = np.flatnonzero((sizes > 0) & (sizes < WORDS))
    brief = sizes[short].astype(np.uint64) * _OF_SHORT
    for place, factor in enumerate(_FACTORS[:-1]):
        there = sizes[short] > place
        brief[there] += words[starts[short[there]] + place] * factor
    all_rows = np.concatenate([rows[first], short])
    all_hashes = np.concatenate([full, brief])
    order = np.lexsort((all_hashes, all_rows))
    all_rows, all_hashes = all_rows[order], all_hashes[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (all_rows[1:] != all_rows[:-1]) | (all_hashes[1:] != all_hashes[:-1])
    return all_rows[new], all_hashes[new]
