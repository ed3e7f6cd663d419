"""The most that may go wrong with rows before training refuses to go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow.compute as pc

from dataprep.console import counted
from dataprep.errors import RefusedError
from trainer.data.prepared import Prepared
from trainer.recipe import Recipe

_DROPPED: Final = ("dropped_no_answer", "dropped_too_long", "fully_masked")
_CUT: Final = ("cut", "cut_lost_end")


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that is passed.

    Attributes:
        limit: its key below `data.limits`.
        share, allowed: 0..1.
        words: what was found, with the numbers.
        hint: what to do.
    """

    limit: str
    share: float
    allowed: float
    words: str
    hint: str


def check_limits(prepared: Prepared, recipe: Recipe) -> None:
    """Refuse data of which more than the recipe allows is dropped, cut, or held out and asked in train too.

    Raises:
        RefusedError: with the numbers of every limit that is passed, and the next step for the first.
    """
    found = list(excesses(prepared, recipe))
    if found:
        limit, most = found[0].limit, max(each.share for each in found if each.limit == found[0].limit)
        hint = f"{found[0].hint}; or allow it: --set data.limits.{limit}={rounded_up(most):g}"
        raise RefusedError("; ".join(each.words for each in found), key="data.limits", hint=hint)


def excesses(prepared: Prepared, recipe: Recipe) -> Iterator[Excess]:
    """The limits that are passed."""
    limits = recipe.data.limits
    total = len(prepared.outcomes)
    outcomes = np.array(prepared.outcomes["outcome"].to_pylist(), dtype=object)
    dropped = int(np.isin(outcomes, _DROPPED).sum())
    if dropped > limits.dropped * total:
        words = ", ".join(f"{int((outcomes == name).sum()):,} {name}" for name in _DROPPED if (outcomes == name).any())
        too_long = int((outcomes == "dropped_too_long").sum())
        fits = _longer(prepared, int(limits.dropped * total) - (dropped - too_long))
        hint = fits if too_long else "repair the rows without an answer, or drop them by a rule of `dataprep`"
        yield _excess("dropped", dropped, total, limits.dropped, f"cannot be trained on: {words}", hint)
    cut = int(np.isin(outcomes, _CUT).sum())
    if cut > limits.cut * total:
        yield _excess("cut", cut, total, limits.cut, "lose their end", _longer(prepared, int(limits.cut * total)))
    sizes = {"validation": len(prepared.validation)} | prepared.description["compared"]
    for split, overlap in prepared.description["overlap"].items():
        if overlap > limits.overlap * sizes[split]:
            hint = "`trainer check` lists them; let `dataprep run` split the data: it keeps repeated questions together"
            earlier = prepared.overlap.filter(pc.equal(prepared.overlap["split"], split))["other_split"]
            verb = "asks" if overlap == 1 else "ask"
            words = f"of {split} {verb} what {' or '.join(sorted(set(earlier.to_pylist())))} asks"
            yield _excess("overlap", overlap, sizes[split], limits.overlap, words, hint)


def rounded_up(share: float) -> float:
    """A share as a limit that allows it, in thousandths.

    >>> rounded_up(0.02041)
    0.021
    """
    return float(np.ceil(share * 1000) / 1000)


def _excess(limit: str, count: int, total: int, allowed: float, what: str, hint: str) -> Excess:
    share = count / total
    words = f"{counted(count, 'example')} ({share:.1%}) {what}; {allowed:.1%} may (data.limits.{limit})"
    return Excess(limit, share, allowed, words, hint)


def _longer(prepared: Prepared, allowed: int) -> str:
    """The least `max_length` at which no more examples than allowed are too long."""
    sizes = np.sort(prepared.outcomes["tokens"].to_numpy())
    needed = int(sizes[len(sizes) - 1 - max(allowed, 0)])
    return f"the longest has {int(sizes[-1]):,} tokens; few enough are too long with --set data.max_length={needed}"
