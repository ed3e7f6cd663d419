"""Records that are near duplicates of each other, and what that means for splits: they belong on one side.

Two records are alike where their words are nearly the same: those of the whole records, whatever of them is answer, or
those of their input sides alone (the same question, nearly word for word, with another answer).

Of records with the same words one stands for all in pairs with others. Where that one goes, another takes its place, so
that those which stay are still known to be alike what it was alike.
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
        same: whether all words are the same there, so that b stands for a in pairs with others.
    """

    a: npt.NDArray[np.int64]
    b: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float64]
    whole: Flags
    same: Flags

    @classmethod
    def none(cls) -> Alike:
        """No pairs."""
        nobody, no = np.empty(0, np.int64), np.empty(0, np.bool_)
        return cls(nobody, nobody, np.empty(0), no, no)

    def joined(self, other: Alike) -> Alike:
        """These pairs and others."""
        if not len(other.a):
            return self
        names = ("a", "b", "similarity", "whole", "same")
        return Alike(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))

    def where(self, chosen: Flags | npt.NDArray[np.int64]) -> Alike:
        """Some of the pairs."""
        names = ("a", "b", "similarity", "whole", "same")
        return Alike(*(getattr(self, name)[chosen] for name in names))

    def standing(self, members: Members) -> Alike:
        """The same pairs of members, each record that is none replaced by the first one that is and has its words."""
        place = _places(members, self)
        size = int(max(self.a.max(initial=-1), self.b.max(initial=-1))) + 1
        a, b = self.a.copy(), self.b.copy()
        for whole in (True, False):
            here = (self.whole == whole) & ~np.isnan(self.similarity)
            waiting = np.flatnonzero(here & self.same & (place[0] >= 0) & (place[1] < 0))
            waiting = waiting[np.argsort(self.a[waiting], kind="stable")][::-1]
            stands = np.arange(size)
            stands[self.b[waiting]] = self.a[waiting]  # the first of them is assigned last
            a[here], b[here] = stands[a[here]], stands[b[here]]
        return Alike(a, b, self.similarity, self.whole, self.same).where(a != b)

    def among(self, members: Members) -> npt.NDArray[np.int32]:
        """The pairs of which both are among the members, as their places there: shape (2, q)."""
        place = _places(members, self.standing(members))
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
    alike = alike.standing(members)
    place = _places(members, alike)
    both = Alike(
        np.concatenate([alike.a, alike.b]),
        np.concatenate([alike.b, alike.a]),
        np.tile(alike.similarity, 2),
        np.tile(alike.whole, 2),
        np.tile(alike.same, 2),
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
