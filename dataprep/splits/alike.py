"""Records that are near duplicates of each other, and what that means for splits: they belong on one side.

Two records are alike where they are near duplicates as a whole or by their input side alone (the same question, nearly
word for word, with another answer).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.record import SPLITS
from dataprep.splits.members import Flags, Keys, Members

_TRAIN: Final = SPLITS.index("train")


@dataclass(frozen=True, slots=True)
class Alike:
    """Pairs of records that are alike: p of them.

    Attributes:
        a, b: row numbers.
        similarity: exact Jaccard similarity of the whole records, or of their input sides; NaN where one conversation
            begins with the other.
        whole: which of these it is.
    """

    a: npt.NDArray[np.int64]
    b: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float64]
    whole: Flags

    @classmethod
    def none(cls) -> Alike:
        """No pairs."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0, np.bool_))

    def joined(self, other: Alike) -> Alike:
        """These pairs and others."""
        if not len(other.a):
            return self
        names = ("a", "b", "similarity", "whole")
        return Alike(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))

    def where(self, chosen: Flags | npt.NDArray[np.int64]) -> Alike:
        """Some of the pairs."""
        return Alike(self.a[chosen], self.b[chosen], self.similarity[chosen], self.whole[chosen])

    def among(self, members: Members) -> npt.NDArray[np.int32]:
        """The pairs of which both are among the members, as their places there: shape (2, q)."""
        place = _places(members, self)
        return place[:, (place >= 0).all(axis=0)]


def straddling(members: Members, alike: Alike, input_keys: Keys) -> Alike:
    """Records on the train side that are alike a held-out one, each with the nearest such.

    Where the held-out one is given, all that are not held out themselves; else only what the parent version has in
    train: the others can still join the held-out one, or bridge two splits and be held. Of several held-out ones, test
    goes before validation, then the nearest, then the smallest key.

    Args:
        members: records still in.
        alike: pairs.
        input_keys: key of every row, shape (rows, 2).

    Returns:
        Pairs in which `a` has to go and `b` is why: one for each a.
    """
    place = _places(members, alike)
    both = Alike(
        np.concatenate([alike.a, alike.b]),
        np.concatenate([alike.b, alike.a]),
        np.tile(alike.similarity, 2),
        np.tile(alike.whole, 2),
    )
    left, right = np.concatenate([place[0], place[1]]), np.concatenate([place[1], place[0]])
    held_out = members.held_out
    leaks = (left >= 0) & (right >= 0)
    leaks &= (
        ~held_out[left]
        & held_out[right]
        & (members.given[right] | (members.in_parent[left] & (members.pin[left] == _TRAIN)))
    )
    found, side = both.where(leaks), members.side[right[leaks]]
    keys = input_keys[found.b]
    order = np.lexsort((found.whole, keys[:, 1], keys[:, 0], -found.similarity, side, found.a))
    found = found.where(order)
    return found.where(np.unique(found.a, return_index=True)[1])


def _places(members: Members, alike: Alike) -> npt.NDArray[np.int32]:
    """The place of both records of each pair among the members, -1 for those that are not: shape (2, p)."""
    highest = max(int(rows.max(initial=-1)) for rows in (members.row, alike.a, alike.b))
    place = np.full(highest + 1, -1, np.int32)
    place[members.row] = np.arange(len(members), dtype=np.int32)
    return np.stack([place[alike.a], place[alike.b]])
