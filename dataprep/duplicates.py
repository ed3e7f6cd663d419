"""Which duplicates go: exact copies and near duplicates of the records that are still in, and what they are pairs of.

The stated order: held-out side first (test, validation), then records of the parent version, preferred sources, the
order of sources, conversations that no other one begins with, record id. So of a conversation and its beginning, where
they are near duplicates, the longer one stays. A given held-out side stays whole: its duplicates among themselves are
only flagged. A record on the train side that is a duplicate of a given held-out one leaks, whatever the action for
others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from dataprep.kernels.greedy import COPY, NEAR, NONE, Choice
from dataprep.pairing import Paired
from dataprep.pairs.choice import Likeness, choose_duplicates
from dataprep.pairs.config import DedupConfig
from dataprep.splits.alike import Alike
from dataprep.splits.members import Flags, Members, Splits, components
from dataprep.sqlfiles import read_sql

Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.integer]

_TEST, _VALIDATION, _TRAIN = range(3)
_TEXTS: Final = {"rule": pl.String, "action": pl.String, "kind": pl.String}
_SHOWN: Final = 3
_PROFILE: Final = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What was found.

    Attributes:
        alike: pairs of records that belong on one side of the splits.
        removed: near duplicates that go.
        profile: how similar these are to the record that stays: lower bounds and counts.
        doubtful: the least similar of them: row, row of the one that stays, similarity.
        chained: records that went because of one that went itself: computed, and 0.
        uncompared: pairs of records of giant buckets that stay and were not compared.
    """

    alike: Alike
    removed: int
    profile: dict[str, int]
    doubtful: list[tuple[int, int, float]]
    chained: int
    uncompared: int

    def describe(self) -> dict[str, Any]:
        """What a run's record says of near duplicates."""
        names = ("removed", "profile", "doubtful", "chained", "uncompared")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Order:
    """The records that have a copy or a near duplicate, the most preferred first: m of all.

    Attributes:
        row: their row numbers.
        copies: number of their set of exact copies, negative for none.
        side: 0 for test, 1 for validation, 2 for train and those that are not pinned.
        given: whether the pin is given by the data or the pipeline file.
        present: whether they are still in.
    """

    row: Ints
    copies: Ints
    side: Splits
    given: Flags
    present: Flags


def stated_order(
    con: duckdb.DuckDBPyConnection, members: Members, preference: Sequence[int], paired: Paired | None
) -> Order:
    """Put the records that have a copy or a near duplicate into the stated order.

    Args:
        con: holds `fate` and the views `rows` and `prefixes`.
        members: all records, by row.
        preference: place of each source, smaller for those that are preferred.
        paired: the near duplicates among all records; None where none are looked for.
    """
    copied = con.sql("select row, copy_set, id_rank as rank from rows where copy_set is not null").pl()
    copies = np.full(len(members), -1)
    copies[copied["row"].to_numpy()] = copied["copy_set"].to_numpy()
    row, rank = (copied["row"].to_numpy(), copied["rank"].to_numpy()) if paired is None else paired.ranks()
    shorter = np.zeros(len(members), np.bool_)
    shorter[con.sql(read_sql("steps/beginnings")).pl()["row"].to_numpy()] = True
    order = by_preference(members, preference, row, rank, shorter[row])
    side = members.side[row]
    row = row[order]
    gone = np.zeros(len(members), np.bool_)
    gone[con.sql("select row from fate").pl()["row"].to_numpy()] = True
    return Order(row, copies[row], side[order], members.given[row], ~gone[row])


def by_preference(
    members: Members, preference: Sequence[int], places: Ints, rank: Ints, shorter: Flags | None = None
) -> Ints:
    """The stated order of some members: indexes into `places`, the most preferred first.

    Args:
        members: the records.
        preference: place of each source, smaller for those that are preferred.
        places: which of the members: shape (m,).
        rank: the place of each of them in order of ids: shape (m,).
        shorter: whether another conversation begins with it, where that matters: shape (m,).
    """
    source = members.source[places]
    last = np.zeros(len(places), np.bool_) if shorter is None else shorter
    keys = (rank, last, source, np.asarray(preference)[source], ~members.in_parent[places], members.side[places])
    return np.asarray(np.lexsort(keys))


def remove_duplicates(
    con: duckdb.DuckDBPyConnection,
    config: DedupConfig,
    order: Order,
    paired: Paired | None,
    records: int,
    position: int,
) -> Duplicates:
    """Add verdicts on duplicates among the records still in, and make the table `pairs` of all records.

    Args:
        con: holds `verdicts`.
        config: what happens to duplicates.
        order: records that have any.
        paired: the near duplicates among all records; None where none are looked for.
        records: number of records.
        position: where these rules stand in the order.
    """
    likeness = Likeness.unknown(records) if paired is None else paired.likeness("whole", records)
    here = order.present
    row, side, given = order.row[here], order.side[here], order.given[here]
    copies = order.copies[here] if config.exact else np.full(len(row), -1)
    must_stay = given & (side < _TRAIN)
    found = choose_duplicates(row, copies, must_stay, likeness, config.near.threshold)
    chosen = np.flatnonzero(found.kind != NONE)
    partner = found.partner[chosen]
    exact = found.kind[chosen] == COPY
    rule = np.where(exact, "exact_duplicate", "near_duplicate").astype(object)
    leaks = given[partner] & (side[partner] < _TRAIN) & (side[chosen] == _TRAIN)
    rule[leaks] = np.where(side[partner][leaks] == _TEST, "leaks_into_test", "leaks_into_validation")
    action = np.where(exact, config.action, config.near.action).astype(object)
    action[must_stay[chosen]] = "flag"
    action[leaks] = "drop"
    verdicts = {
        "row": row[chosen],
        "rule": rule,
        "action": action,
        "kind": np.where(exact, "exact", "near").astype(object),
        "partner": row[partner],
        "similarity": found.similarity[chosen],
    }
    con.register("chosen", pl.DataFrame(verdicts, schema_overrides=_TEXTS))
    con.execute(read_sql("steps/duplicate_verdicts"), {"threshold": config.near.threshold, "position": position})
    con.unregister("chosen")
    edges = np.stack([row[chosen], row[partner]])[:, ~exact]
    near = found.similarity[chosen][~exact]
    con.register("found", _pairs(config, order, likeness, edges, near))
    con.execute("create table pairs as select * from found")
    con.unregister("found")
    goes = (found.kind != NONE) & ~must_stay
    nearly = np.flatnonzero((found.kind == NEAR) & ~must_stay)
    return Duplicates(
        alike=Alike.none() if paired is None else _alike(paired, likeness, edges, near, config.near.threshold),
        removed=len(nearly),
        profile=_profile(found.similarity[nearly]),
        doubtful=_doubtful(row, found, nearly),
        chained=int(goes[partner].sum()),
        uncompared=int(found.uncompared),
    )


def _pairs(
    config: DedupConfig, order: Order, likeness: Likeness, edges: Ints, similarity: npt.NDArray[np.float64]
) -> pl.DataFrame:
    """All pairs: stars of copies, and of records with the same words, and what was verified beside them.

    Args:
        config: the threshold, from which on pairs make clusters.
        order: records with any.
        likeness: all verified pairs.
        edges, similarity: pairs that were verified when it was known which of them stay.
    """
    row = order.row
    position = np.full(len(likeness.cells), -1)
    position[row] = np.arange(len(row))
    exact = _stars(order.copies)
    words = _stars(likeness.cells[row])
    words = words[:, (order.copies[words[0]] != order.copies[words[1]]) | (order.copies[words[0]] < 0)]
    ends = likeness.cells[edges]
    known = np.isin(_codes(ends[0], ends[1]), _codes(likeness.earlier, likeness.later))
    new = (ends[0] != ends[1]) & ~known
    stored = likeness.similarity >= config.near.floor
    near = np.stack([likeness.earlier[stored], likeness.later[stored]]).astype(np.int64)
    pairs = np.sort(np.concatenate([exact, words, position[near], position[edges[:, new]]], axis=1), axis=0)
    values = np.concatenate([np.ones(exact.shape[1] + words.shape[1]), likeness.similarity[stored], similarity[new]])
    close = values >= config.near.threshold
    cluster = components(pairs[0][close], pairs[1][close], len(row))
    kinds = np.where(np.arange(len(values)) < exact.shape[1], "exact", "near").astype(object)
    frame = {
        "a": row[pairs[0]],
        "b": row[pairs[1]],
        "kind": kinds,
        "similarity": values,
        "cluster": np.where(close, row[cluster[pairs[0]]], -1),  # -1 is nobody's row number
    }
    return pl.DataFrame(frame, schema_overrides={"kind": pl.String})


def _stars(keys: Numbers) -> Ints:
    """The place of the first with a key beside the place of each later one; negative keys are none. Shape (2, s)."""
    places = np.flatnonzero(keys >= 0)
    _, first, number = np.unique(keys[places], return_index=True, return_inverse=True)
    star = np.stack([places[first][number], places])
    return np.asarray(star[:, star[0] != star[1]])


def _codes(one: Numbers, other: Numbers) -> npt.NDArray[np.uint64]:
    """A number for each pair, whichever comes first."""
    low, high = np.minimum(one, other).astype(np.uint64), np.maximum(one, other).astype(np.uint64)
    return np.asarray(low << np.uint64(32) | high)


def _alike(
    paired: Paired, whole: Likeness, edges: Ints, similarity: npt.NDArray[np.float64], threshold: float
) -> Alike:
    """Pairs of records that are near each other as a whole, whatever they answer, or by their input."""
    records = len(whole.cells)
    earlier, later, shared = paired.texts()
    leaky = shared >= threshold  # whatever they answer
    texts = np.stack([earlier[leaky], later[leaky]]).astype(np.int64)
    parts = [(edges, similarity, True, False), (texts, shared[leaky], True, False)]
    for likeness, is_whole in ((whole, True), (paired.likeness("input", records), False)):
        close = likeness.similarity >= threshold
        pairs = np.stack([likeness.earlier[close], likeness.later[close]]).astype(np.int64)
        same = np.flatnonzero((likeness.cells >= 0) & (likeness.cells != np.arange(records)))
        parts.append((pairs, likeness.similarity[close], is_whole, False))
        parts.append((np.stack([same, likeness.cells[same]]), np.ones(len(same)), is_whole, True))
    a, b = np.concatenate([pairs for pairs, *_ in parts], axis=1)
    return Alike(
        a,
        b,
        np.concatenate([values for _, values, *_ in parts]),
        np.concatenate([np.full(len(values), is_whole) for _, values, is_whole, _ in parts]),
        np.concatenate([np.full(len(values), is_same) for _, values, _, is_same in parts]),
    )


def _doubtful(row: Ints, found: Choice, nearly: Ints) -> list[tuple[int, int, float]]:
    """The least similar ones, of different records that stay."""
    ordered = nearly[np.argsort(found.similarity[nearly], kind="stable")]
    least = ordered[np.sort(np.unique(found.partner[ordered], return_index=True)[1])[:_SHOWN]]
    rows = zip(row[least].tolist(), row[found.partner[least]].tolist(), found.similarity[least].tolist(), strict=True)
    return list(rows)


def _profile(similarity: npt.NDArray[np.float64]) -> dict[str, int]:
    """How many there are from each lower bound up to the next.

    >>> _profile(np.array([0.8, 0.84, 1.0]))
    {'0.80': 2, '1.00': 1}
    """
    places = np.searchsorted(_PROFILE, similarity, side="right") - 1
    counts = np.bincount(places, minlength=len(_PROFILE)).tolist()
    return {f"{bound:.2f}": count for bound, count in zip(_PROFILE, counts, strict=True) if count}
