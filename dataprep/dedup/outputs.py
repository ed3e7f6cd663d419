"""The files that a job leaves: written in a hidden folder beside their places, and put there when all are whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.beside import folder_beside
from dataprep.dedup.arrow import arrow, arrow_texts
from dataprep.dedup.finding import Decision
from dataprep.errors import InputError, MachineError

_COMPRESSION: Final = (".gz", ".zst", ".zstd")
PAIRS_SCHEMA: Final = pa.schema(
    [("row", pa.int64()), ("other", pa.int64()), ("kind", pa.string()), ("similarity", pa.float64())]
)
CLUSTERS_SCHEMA: Final = pa.schema(
    [("row", pa.int64()), ("kept_row", pa.int64()), ("similarity", pa.float64()), ("cluster_size", pa.int64())]
)


@dataclass(frozen=True, slots=True)
class OutputPaths:
    """Where the files of a job go."""

    rows: Path
    pairs: Path
    clusters: Path
    rejects: Path
    signatures: Path | None

    @classmethod
    def beside(cls, output: Path, signatures: Path | None = None) -> OutputPaths:
        """The files beside that of the kept rows.

        >>> OutputPaths.beside(Path("a/clean.jsonl.gz")).pairs.as_posix()
        'a/clean.pairs.parquet'
        """
        stem = output.name
        for suffix in _COMPRESSION:
            stem = stem.removesuffix(suffix)
        stem = Path(stem).stem
        return cls(
            rows=output,
            pairs=output.with_name(f"{stem}.pairs.parquet"),
            clusters=output.with_name(f"{stem}.clusters.parquet"),
            rejects=output.with_name(f"{stem}.rejects.jsonl"),
            signatures=signatures,
        )

    @property
    def every(self) -> tuple[Path, ...]:
        """All of them."""
        some = (self.rows, self.pairs, self.clusters, self.rejects)
        return some if self.signatures is None else (*some, self.signatures)


@contextmanager
def temporary(paths: OutputPaths) -> Iterator[OutputPaths]:
    """Places to write to; what was written there goes to its own at the end, and goes away if there is an error.

    Raises:
        MachineError: the disk is full or cannot be written.
        InputError: the folder cannot be written in.
    """
    try:
        with ExitStack() as held:
            folders: dict[Path, Path] = {}
            for path in paths.every:  # signatures may go to another disk
                if path.parent not in folders:
                    folders[path.parent] = held.enter_context(folder_beside(path))
            rows, pairs, clusters, rejects, *more = (folders[path.parent] / path.name for path in paths.every)
            unfinished = OutputPaths(rows, pairs, clusters, rejects, more[0] if more else None)
            yield unfinished
            for place, path in reversed(list(zip(unfinished.every, paths.every, strict=True))):
                if place.exists():
                    place.replace(path)
                else:
                    path.unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error, PermissionError | NotADirectoryError | FileNotFoundError):
            message = f"cannot be written: {error.strerror}"
            raise InputError(
                message, file=str(paths.rows), key="-o", hint="name a folder that you may write in"
            ) from None
        hint = "make room, then run the same command again"
        raise MachineError(f"writing failed: {error.strerror}", file=str(paths.rows), hint=hint) from error


def write_pairs(decision: Decision, path: Path) -> None:
    """Each row that goes with the one that stays; pairs down to 0.1 below the threshold that were met on the way."""
    gone = np.flatnonzero(decision.partner >= 0)
    met = decision.partner[decision.later] != decision.earlier
    rows = np.concatenate([gone, decision.later[met]])
    others = np.concatenate([decision.partner[gone], decision.earlier[met]])
    similarity = np.concatenate([decision.similarity[gone], decision.pair_similarity[met]])
    exact = np.concatenate([decision.exact[gone], np.zeros(int(met.sum()), np.bool_)])
    order = np.lexsort((others, rows))
    kinds = pa.DictionaryArray.from_arrays(arrow(exact[order].astype(np.int8)), arrow_texts(["near", "exact"]))
    columns = [arrow(rows[order]), arrow(others[order]), kinds.cast(pa.string()), arrow(similarity[order])]
    pq.write_table(pa.Table.from_arrays(columns, schema=PAIRS_SCHEMA), path, compression="zstd")


def write_clusters(decision: Decision, path: Path) -> None:
    """Every row of every set of duplicates, the one that stays included."""
    partner = np.where(decision.partner < 0, np.arange(len(decision.partner)), decision.partner)
    sizes: npt.NDArray[np.int64] = np.bincount(partner, minlength=len(partner))
    rows = np.flatnonzero(sizes[partner] > 1) if len(partner) else np.empty(0, np.int64)
    columns = [rows, partner[rows], decision.similarity[rows], sizes[partner[rows]] if len(rows) else rows]
    pq.write_table(pa.Table.from_arrays(list(map(arrow, columns)), schema=CLUSTERS_SCHEMA), path, compression="zstd")
