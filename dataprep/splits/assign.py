"""Groups and leaks, and the division into train, validation and test.

A group is everything that must not be torn apart: records with the same input side (the same question with another
answer tells a model the test), and records with the same user-named key, transitively. Given splits are pins: the
held-out side stays whole and the train side gives way. The splits of the parent version are pins that a group shares.
What is not pinned is divided by share or time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.console import clip, one_line
from dataprep.kernels.allocate import allocate, places
from dataprep.record import SPLITS
from dataprep.splits.config import SplitConfig
from dataprep.splits.members import NONE, Codes, Flags, Ints, Keys, Members

_LABEL_WIDTH: Final = 40
"""Columns of a label that a note shows."""
_TRAIN: Final = SPLITS.index("train")


def bridging(members: Members) -> Flags:
    """New records in a group that the parent version has on two sides: wherever they went, they would leak."""
    sides = _pins_of_groups(members, ~members.given)
    torn = (sides & (sides - 1)) != 0
    return np.asarray(torn[members.group] & ~members.in_parent & ~members.given)


def leaking(members: Members) -> Flags:
    """Records on the train side of a group with held-out ones: all where these are given, else what is pinned there."""
    held_out, given = np.zeros((2, int(members.group.max(initial=0)) + 1), np.bool_)
    held_out[members.group[members.held_out]] = True
    given[members.group[members.held_out & members.given]] = True
    gives_way = given[members.group] | (held_out[members.group] & (members.pin == _TRAIN))
    return np.asarray(gives_way & ~members.held_out)


def _pins_of_groups(members: Members, chosen: Flags) -> npt.NDArray[np.uint8]:
    """For each group number a bit for every split that some chosen record is pinned to."""
    sides = np.zeros(int(members.group.max(initial=0)) + 1, np.uint8)
    for split in range(len(SPLITS)):
        sides[members.group[chosen & (members.pin == split)]] |= 1 << split
    return sides


def _numbered(group: Ints) -> tuple[Ints, Ints, npt.NDArray[np.int64]]:
    """The groups that there are, the place of each record's among them, and their sizes.

    As `np.unique` gives them; but groups are rows, so nothing needs to be sorted.
    """
    sizes = np.bincount(group)
    groups = np.flatnonzero(sizes).astype(np.int32)
    return groups, (np.cumsum(sizes > 0, dtype=np.int32) - 1)[group], sizes[groups]


class Division:
    """The splits of all records still in.

    Args:
        members: the records still in, in groups.
        labels: all labels in order.
        input_keys: the key of every node.
        config: shares, seed and whether to stratify.
        mode: the resolved mode: group, time, source or given.

    Attributes:
        split: index into SPLITS for each record, shape (m,).
        notes: what could not be done as asked, in words.
    """

    def __init__(
        self, members: Members, labels: Sequence[str], input_keys: Keys, config: SplitConfig, mode: str
    ) -> None:
        self._members = members
        self._labels = labels
        self._input_keys = input_keys
        self._config = config
        self._shares = np.array([config.train, config.validation, config.test])
        self._groups, self._group_of, self._sizes = _numbered(members.group)
        self._stratum = self._strata()
        self._placed = self._pinned()
        free = np.flatnonzero(self._placed == NONE).astype(np.int64)
        if len(free):
            divided = self._by_time(free) if mode == "time" else self._by_share(free)
            self._placed[free] = divided
        pin = self._members.pin
        self.split: npt.NDArray[np.int8] = np.where(pin == NONE, self._placed[self._group_of], pin).astype(np.int8)
        self.notes = self._notes(mode)

    def _strata(self) -> Codes:
        """The label of each group: the one that most of its records carry, the first in order where several do."""
        label = self._members.label
        strata = np.full(len(self._groups), NONE, np.int32)
        if not self._config.stratify:
            return strata
        labelled = label != NONE
        strata[self._group_of[labelled]] = label[labelled]
        mixed = np.zeros(len(self._groups), np.bool_)
        mixed[self._group_of[labelled & (label != strata[self._group_of])]] = True
        chosen = labelled & mixed[self._group_of]
        if chosen.any():
            pairs, counts = np.unique(np.stack([self._group_of[chosen], label[chosen]]), axis=1, return_counts=True)
            order = np.lexsort((pairs[1], -counts, pairs[0]))[::-1]  # the first of each group is assigned last
            strata[pairs[0][order]] = pairs[1][order]
        return strata

    def _pinned(self) -> npt.NDArray[np.int8]:
        """The split that each group is pinned to: test before validation before train, where records disagree."""
        placed = np.full(len(self._groups), NONE, np.int8)
        for split in (_TRAIN, *(index for index in range(len(SPLITS)) if index != _TRAIN)):
            placed[self._group_of[self._members.pin == split]] = split
        return placed

    def _by_share(self, free: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
        """Stratum by stratum, within it by a hash of the group's key and the seed."""
        keys = self._input_keys[self._groups[free]]
        hashed, strata = places(keys, self._config.seed), self._stratum[free]
        order = np.lexsort((hashed, strata))
        if (hashed[order[1:]] == hashed[order[:-1]]).any():  # then the keys decide, at three times the cost
            order = np.lexsort((keys[:, 1], keys[:, 0], hashed, strata))
        filled = np.bincount(
            self._placed[self._placed != NONE], self._sizes[self._placed != NONE], minlength=len(SPLITS)
        )
        chosen = np.empty(len(free), np.int8)
        chosen[order] = allocate(self._sizes[free][order], self._shares, filled.astype(np.int64))
        return chosen

    def _by_time(self, free: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
        """The oldest groups train, the newest test. Groups of equal time stay together: whole ties are counted."""
        time = self._latest()[free]
        sizes = np.bincount(time, self._sizes[free])
        middle = ((np.cumsum(sizes) - sizes / 2) / sizes.sum())[time]
        train, validation = self._shares[0], self._shares[0] + self._shares[1]
        return np.where(middle <= train, 0, np.where(middle <= validation, 1, 2)).astype(np.int8)

    def _latest(self) -> Codes:
        """Rank of each group's latest time."""
        latest = np.full(len(self._groups), NONE, np.int32)
        np.maximum.at(latest, self._group_of, self._members.time)
        return latest

    # -- what could not be done as asked --

    def _notes(self, mode: str) -> list[str]:
        if mode == "time":
            return self._empty_splits() + self._older_held_out()
        notes = self._straddling()
        if mode == "group":
            notes += self._empty_splits()
            notes += self._absent_labels() if self._config.stratify else []
        return notes

    def _empty_splits(self) -> list[str]:
        return [
            f"nothing in {split}: there are too few groups for a share of {share:g}"
            for index, (split, share) in enumerate(zip(SPLITS, self._shares.tolist(), strict=True))
            if share > 0 and not (self._placed == index).any()
        ]

    def _absent_labels(self) -> list[str]:
        """Labels that a split lacks though it has others, and groups of several labels."""
        notes: list[str] = []
        stratum, labelled = self._stratum, self._stratum != NONE
        records = np.bincount(stratum[labelled], self._sizes[labelled], minlength=len(self._labels))
        strata = int((records > 0).sum())
        for index, (split, share) in enumerate(zip(SPLITS, self._shares.tolist(), strict=True)):
            here = self._placed == index
            if not strata or not here.any():
                continue
            present = np.bincount(stratum[labelled & here], minlength=len(self._labels)) > 0
            absent = np.flatnonzero((records > 0) & ~present)
            if len(absent):
                commonest = absent[np.lexsort((absent, -records[absent]))][:3].tolist()
                shown = ", ".join(
                    f"{clip(one_line(self._labels[code]), _LABEL_WIDTH)} ({int(records[code])})" for code in commonest
                )
                more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
                notes.append(
                    f"{len(absent)} of {strata} labels {'has' if len(absent) == 1 else 'have'} no record in {split} "
                    f"(too few groups for a share of {share:g}): {shown}{more}"
                )
        label = self._members.label
        mixed = len(np.unique(self._group_of[(label != NONE) & (label != stratum[self._group_of])]))
        if mixed:
            held = "1 group holds" if mixed == 1 else f"{mixed} groups hold"
            notes.append(f"{held} more than one label; a group is placed whole, by its commonest label")
        return notes

    def _straddling(self) -> list[str]:
        members = self._members
        sides = _pins_of_groups(members, members.given & members.held_out)
        straddling = int(((sides & (sides - 1)) != 0).sum())
        if not straddling:
            return []
        stand = "1 group stands" if straddling == 1 else f"{straddling} groups stand"
        return [f"{stand} in validation and in test, as given; the held-out side stays whole"]

    def _older_held_out(self) -> list[str]:
        time, train = self._members.time, self.split == _TRAIN
        newest = time[train].max(initial=NONE)
        older = int(((time < newest) & ~train).sum())
        if not older:
            return []
        are = "1 held-out record is" if older == 1 else f"{older} held-out records are"
        return [
            f"{are} older than the newest in train: a group goes by its latest record, so train never sees the future"
        ]
