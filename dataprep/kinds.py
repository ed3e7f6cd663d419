"""Duplicates that are no copies: beginnings of longer conversations, conflicts, and answers that are too common.

Each is told apart from the others by its rule in the ledger and its kind in `pairs`, and each looks only at what the
ones before left in. A record goes because of one that its own kind leaves in, and a given held-out side stays whole.
All of it is arithmetic on the numbers of the gathered table, linear in the records: a set of
k records gives at most k verdicts, k pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from dataprep.duplicates import by_preference
from dataprep.errors import InputError
from dataprep.pairs.config import AnswerConfig, ConflictConfig
from dataprep.signals import signal_columns
from dataprep.splits.alike import Alike
from dataprep.splits.members import Flags, Members
from dataprep.sqlfiles import quote_identifier, read_sql

Ints = npt.NDArray[np.int64]

_TEST, _VALIDATION, _TRAIN = range(3)
_ABSENT: Final = -1
_TYPES: Final = {
    "row": pl.Int64,
    "partner": pl.Int64,
    "rule": pl.String,
    "action": pl.String,
    "value": pl.Float64,
    "threshold": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class _Sets:
    """Lines of records still in, each in a set: m lines in the stated order, sets numbered from 0 on.

    Attributes:
        row: row numbers.
        place: their places among the members.
        number: the set of each line.
        other: another column of the lines.
        must_stay: whether the record is given to be held out.
        side: 0 for test, 1 for validation, 2 for train and those that are not pinned.
    """

    row: Ints
    place: Ints
    number: Ints
    other: npt.NDArray[Any]
    must_stay: Flags
    side: npt.NDArray[np.int8]

    @classmethod
    def load(
        cls, con: duckdb.DuckDBPyConnection, members: Members, preference: Sequence[int], name: str, **values: Any
    ) -> _Sets:
        """The lines that a statement gives (row, number, other, rank), of those that are members."""
        frame = con.sql(read_sql(f"steps/{name}"), params=values or None).pl()
        row = frame["row"].to_numpy()
        place = np.searchsorted(members.row, row)
        here = np.flatnonzero(np.append(members.row, _ABSENT)[place] == row)
        here = here[by_preference(members, preference, place[here], frame["rank"].to_numpy()[here])]
        row, place, number = row[here], place[here], frame["number"].to_numpy()[here]
        side = members.side[place]
        number = np.unique(number, return_inverse=True)[1]
        other = frame["other"].to_numpy()[here]
        return cls(row, place, number, other, members.given[place] & (side < _TRAIN), side)

    def __len__(self) -> int:
        return len(self.row)

    def any(self, chosen: Flags) -> Flags:
        """Whether any of the chosen lines is in the set of each line."""
        found = np.zeros(len(self), np.bool_)
        found[self.number[chosen]] = True
        return np.asarray(found[self.number])

    def first(self, chosen: Flags) -> Ints:
        """The first chosen line of the set of each line; -1 where none is."""
        found = np.full(len(self), _ABSENT)
        lines = np.flatnonzero(chosen)[::-1]
        found[self.number[lines]] = lines  # the first of each set is assigned last
        return np.asarray(found[self.number])


def check_conflicts(config: ConflictConfig) -> None:
    """Find a signal that there is none of.

    Raises:
        InputError: with the signals that there are.
    """
    known = signal_columns()
    if config.by is not None and config.by not in known:
        raise InputError(
            f"there is no signal {config.by!r} to keep the best by",
            key="dedup.conflicts.by",
            hint=f"name one of {', '.join(sorted(known))}",
        )


def remove_prefixes(
    con: duckdb.DuckDBPyConnection, members: Members, preference: Sequence[int], action: str, position: int
) -> tuple[Alike, int]:
    """Add verdicts on conversations that a longer one begins with.

    Whether a record has a longer one does not depend on what goes: the longest of those that are in has none itself, so
    it stays. The partner is the first in the stated order of those that stay. One that stands in for near duplicates
    is only flagged: these are not in the longer one.

    Args:
        con: holds `verdicts`, `fate`, `pairs` and the view `prefixes`.
        members: records still in.
        preference: place of each source, smaller for those that are preferred.
        action: what happens to the shorter ones; `none`: they only belong on the side of the longer ones.
        position: where this rule stands in the order.

    Returns:
        Pairs of which both stay (they belong on one side of the splits), and how many records go.
    """
    lines = _Sets.load(con, members, preference, "prefix_lines")
    whole = lines.other.astype(np.bool_)
    shorter = whole & lines.any(~whole)
    held_out = np.full(len(lines), _TRAIN)
    np.minimum.at(held_out, lines.number, np.where(~whole & lines.must_stay, lines.side, _TRAIN))
    held_out = held_out[lines.number]
    leaks = shorter & (lines.side == _TRAIN) & (held_out < _TRAIN) & (action != "none")
    needed = con.sql("select distinct partner from fate where rule = 'near_duplicate'").pl()["partner"].to_numpy()
    stays_in = lines.must_stay | np.isin(lines.row, needed)
    goes = leaks | (shorter & ~stays_in & (action in ("drop", "hold")))
    gone = np.zeros(len(members), np.bool_)
    gone[lines.place[goes]] = True
    stays = ~gone[lines.place]
    partner = lines.first(~whole & stays)
    if action != "none":
        rule = np.where(held_out == _TEST, "leaks_into_test", "leaks_into_validation").astype(object)
        rule[~leaks] = "prefix_of_longer"
        actions = np.where(stays_in, "flag", action).astype(object)
        actions[leaks] = "drop"
        _add(con, lines, np.flatnonzero(shorter), partner, "prefix", rule, actions, position)
    centre = lines.first(shorter & stays)
    edges = np.flatnonzero(~whole & stays & (centre >= 0))
    rows, whole_records = lines.row[edges], np.ones(len(edges), np.bool_)
    alike = Alike(lines.row[centre[edges]], rows, np.full(len(edges), np.nan), whole_records, ~whole_records)
    return alike, int(goes.sum())


def settle_conflicts(
    con: duckdb.DuckDBPyConnection, config: ConflictConfig, members: Members, preference: Sequence[int], position: int
) -> int:
    """Add verdicts on records that ask the same and answer differently.

    Where one of them is given to be held out, all are flagged: those of the train side leak, and go for that.

    Args:
        con: holds `verdicts`, `pairs` and the views `rows` and `signals`.
        config: what happens to them.
        members: records still in.
        preference: place of each source, smaller for those that are preferred.
        position: where this rule stands in the order.

    Returns:
        How many records go.
    """
    if config.action == "none":
        return 0
    lines = _Sets.load(con, members, preference, "conflict_lines")
    every = np.ones(len(lines), np.bool_)
    first = lines.first(every)
    other = lines.first(lines.other != lines.other[first])
    partner = np.where(lines.other == lines.other[first], other, first)
    conflicting = other >= 0
    actions = np.full(len(lines), "hold" if config.action == "hold" else "flag", object)
    values: dict[str, npt.NDArray[np.float64]] = {}
    if config.action == "keep_best":
        value = _signal(con, lines, config)
        best = _best(lines, value, config)
        agrees = lines.other == lines.other[best]
        partner = np.where(agrees, partner, best)
        conflicting &= ~agrees
        actions[~agrees] = "drop"
        values = {"value": value, "threshold": value[best]}
    actions[lines.any(lines.must_stay)] = "flag"
    rule = np.full(len(lines), "conflicting_answer", object)
    _add(con, lines, np.flatnonzero(conflicting), partner, "conflict", rule, actions, position, **values)
    return int((conflicting & (actions != "flag")).sum())


def cap_answers(
    con: duckdb.DuckDBPyConnection, config: AnswerConfig, members: Members, preference: Sequence[int], position: int
) -> int:
    """Add verdicts on records whose answer many others give as well, beyond so many.

    Args:
        con: holds `verdicts`, `fate`, `pairs` and the views `rows` and `signals`.
        config: how many may stay.
        members: records still in.
        preference: place of each source, smaller for those that are preferred.
        position: where this rule stands in the order.

    Returns:
        How many records go.
    """
    if config.most is None:
        return 0
    lines = _Sets.load(con, members, preference, "answer_lines", most=config.most, least_words=config.least_words)
    sizes = np.bincount(lines.number, minlength=1)
    by_set = np.argsort(lines.number, kind="stable")
    before = np.empty(len(lines), np.int64)
    before[by_set] = np.arange(len(lines)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    beyond = np.flatnonzero(before >= config.most)
    actions = np.where(lines.must_stay, "flag", config.action).astype(object)
    rule = np.full(len(lines), "boilerplate_answer", object)
    values = {"value": sizes[lines.number].astype(float), "threshold": np.full(len(lines), float(config.most))}
    partner = lines.first(np.ones(len(lines), np.bool_))
    _add(con, lines, beyond, partner, "answer", rule, actions, position, **values)
    return int((actions[beyond] != "flag").sum())


def _signal(con: duckdb.DuckDBPyConnection, lines: _Sets, config: ConflictConfig) -> npt.NDArray[np.float64]:
    """The signal that `config` names, of each line; NaN for none."""
    check_conflicts(config)
    name = quote_identifier(config.by or "")
    con.register("chosen", pl.DataFrame({"row": lines.row}, schema_overrides={"row": pl.Int64}))
    found = con.sql(f"select row, {name}::double as value from signals semi join chosen using (row) order by row").pl()
    con.unregister("chosen")
    values = found["value"].fill_null(float("nan")).to_numpy()
    return np.asarray(values[np.searchsorted(found["row"].to_numpy(), lines.row)])


def _best(lines: _Sets, value: npt.NDArray[np.float64], config: ConflictConfig) -> Ints:
    """The line with the best value in the set of each line."""
    key = -value if config.prefer == "highest" else value
    key = np.where(np.isnan(value), np.inf, key)
    order = np.lexsort((key, lines.number))
    found = np.full(len(lines), _ABSENT)
    found[lines.number[order][::-1]] = order[::-1]  # the best of each set is assigned last
    return np.asarray(found[lines.number])


def _add(
    con: duckdb.DuckDBPyConnection,
    lines: _Sets,
    chosen: Ints,
    partner: Ints,
    kind: str,
    rule: npt.NDArray[Any],
    action: npt.NDArray[Any],
    position: int,
    **values: npt.NDArray[np.float64],
) -> None:
    """Add a verdict and a pair for each chosen line; `partner` and the others give values for every line."""
    columns = {name: values[name][chosen] for name in values}
    frame = {
        "row": lines.row[chosen],
        "partner": lines.row[partner[chosen]],
        "rule": rule[chosen],
        "action": action[chosen],
        "value": columns.get("value", np.full(len(chosen), np.nan)),
        "threshold": columns.get("threshold", np.full(len(chosen), np.nan)),
        "partner_first": partner[chosen] < chosen,
    }
    con.register("chosen", pl.DataFrame(frame, schema_overrides=_TYPES))
    con.execute(read_sql("steps/kinds"), {"kind": kind, "position": position})
    con.execute(read_sql("steps/kind_pairs"), {"kind": kind})
    con.unregister("chosen")
