"""What a job found, in numbers and in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dataprep.dedup.finding import Decision
from dataprep.dedup.settings import NearSettings

_BOILERPLATE_SHOWN = 10
_STEP = 0.05


@dataclass(frozen=True, slots=True)
class DedupResult:
    """What became of the rows of a file."""

    rows: int
    kept: int
    removed: int
    exact: int
    """Of the removed ones, those that are the same word for word."""
    near: int
    rejected: int
    """Rows that could not be read, in the file of rejects; not among `rows`."""
    short: int
    """Rows of too few words for shingles: compared by their normalised text alone."""
    profile: dict[str, int]
    """Removed rows by exact similarity with the row that stays."""
    chained_share: float
    """Share of the removed rows that are not near enough to a row that stays. Computed; always 0."""
    compared: int
    """Pairs that bands nominated and that were compared."""
    uncompared: int
    """Nominated pairs left out because very many rows of one bucket stay."""
    boilerplate: list[dict[str, int]]
    """Large buckets: `rows` that share a band, and the `first` of them; largest first, at most ten."""
    recall: dict[str, float]
    """Chance that two rows of a similarity are compared."""
    comparing: str
    engine: str
    files: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON-able values."""
        return asdict(self)


def summarize(
    decision: Decision,
    settings: NearSettings,
    *,
    rejected: int,
    comparing: str,
    engine: str,
    files: dict[str, str],
) -> DedupResult:
    """Count what was decided."""
    removed = np.flatnonzero(decision.partner >= 0)
    similarity = decision.similarity[removed]
    exact = int(decision.exact.sum())
    chained = (similarity < settings.threshold) | (decision.partner[decision.partner[removed]] >= 0)
    shown = sorted({settings.threshold, *(value for value in (0.8, 0.85, 0.9, 0.95) if value > settings.threshold)})
    return DedupResult(
        rows=len(decision.partner),
        kept=len(decision.partner) - len(removed),
        removed=len(removed),
        exact=exact,
        near=len(removed) - exact,
        rejected=rejected,
        short=int((decision.ngrams == 0).sum()),
        profile=_profile(similarity, settings.threshold),
        chained_share=float(chained.mean()) if len(removed) else 0.0,
        compared=decision.compared,
        uncompared=decision.uncompared,
        boilerplate=[{"rows": size, "first": first} for size, first in decision.boilerplate[:_BOILERPLATE_SHOWN]],
        recall={f"{value:g}": round(settings.recall(value), 4) for value in shown},
        comparing=comparing,
        engine=engine,
        files=files,
    )


def _profile(similarity: np.ndarray[Any, np.dtype[np.float64]], threshold: float) -> dict[str, int]:
    """Counts in steps of 0.05 from the threshold on, and of 1.0 by itself."""
    whole = similarity >= 1.0
    steps = np.floor(similarity[~whole] / _STEP + 1e-9).astype(np.int64)
    found = {}
    for step in range(int(threshold / _STEP + 1e-9), round(1 / _STEP)):
        found[f"{max(step * _STEP, threshold):.2f}-{(step + 1) * _STEP:.2f}"] = int((steps == step).sum())
    return found | {"1.0": int(whole.sum())}


def summary_lines(result: DedupResult) -> list[str]:
    """The result for people."""
    share = result.removed / result.rows if result.rows else 0.0
    lines = [
        f"rows      {result.rows:>12,}",
        f"kept      {result.kept:>12,}",
        f"removed   {result.removed:>12,}  ({share:.1%}: {result.exact:,} exact, {result.near:,} near)",
    ]
    if result.rejected:
        lines.append(f"rejected  {result.rejected:>12,}  (see {result.files['rejects']})")
    lines += ["", "similarity of what was removed with the row that stays:"]
    lines += [f"  {name:<10}{count:>12,}" for name, count in result.profile.items()]
    lines += [
        f"removed through a chain: {result.chained_share:.1%}",
        "",
        "chance that two rows are compared: "
        + ", ".join(f"{chance:.2%} at {value}" for value, chance in result.recall.items()),
        f"compared {result.compared:,} pairs; not compared: {result.uncompared:,} pairs among very many that stay",
        f"{result.short:,} rows have too few words to be compared but by their normalised text",
    ]
    lines += [
        f"boilerplate: {bucket['rows']:,} rows share what they begin with in row {bucket['first']:,}"
        for bucket in result.boilerplate
    ]
    lines += ["", *(f"{name:<10}{path}" for name, path in result.files.items())]
    return lines
