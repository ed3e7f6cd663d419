"""Which rows of a file stay: sketch all, nominate by bands; then, row by row, compare what was nominated, and write.

The second pass decides about a batch of rows as soon as it is read, because a row is compared only with earlier ones
that stay. So the rows need not be read a third time to be written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from dataprep.dedup.arrow import arrow_texts
from dataprep.dedup.engine import Compared, Engine, Sketched
from dataprep.dedup.scratch import KeyTable, ShingleSets
from dataprep.dedup.texts import Ints, Kept, TextBatch, Texts
from dataprep.errors import InputError

T = TypeVar("T")
R = TypeVar("R")
Rows = TypeVar("Rows")
Rows_co = TypeVar("Rows_co", covariant=True)

Sizes = npt.NDArray[np.uint8]

_AHEAD: Final = 2
"""Batches per worker that are read before they are wanted."""


class Source(Protocol[Rows_co]):
    """A file that can be gone through twice."""

    def batches(self) -> Iterator[TextBatch]:
        """The texts of all rows, in order."""
        ...

    def rows(self) -> Iterator[tuple[TextBatch, Rows_co]]:
        """The same texts, perhaps in other batches, with the rows as they are."""
        ...


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of n rows.

    Attributes:
        partner: row that stays instead of each; -1 for rows that stay: shape (n,).
        similarity: exact Jaccard similarity with it, 1 for rows that stay: shape (n,).
        exact: whether a row that goes is the same as its partner, word for word: shape (n,).
        earlier, later, pair_similarity: pairs at or above the floor that were found on the way, rows: shape (p,).
        ngrams: words in a shingle of each row: shape (n,).
        boilerplate: size and first row of large buckets, largest first.
        compared, uncompared: pairs that bands nominated.
    """

    partner: Ints
    similarity: npt.NDArray[np.float64]
    exact: npt.NDArray[np.bool_]
    earlier: Ints
    later: Ints
    pair_similarity: npt.NDArray[np.float64]
    ngrams: npt.NDArray[np.uint8]
    boilerplate: list[tuple[int, int]]
    compared: int
    uncompared: int

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """Which rows stay: shape (n,)."""
        return self.partner < 0


def decide(
    source: Source[Rows],
    engine: Engine,
    write: Callable[[Rows, Kept], None],
    *,
    bands: int,
    workers: int,
    folder: Path,
    in_memory: int,
    shown: str = "",
    on_sketched: Callable[[Sketched], None] | None = None,
) -> Decision:
    """Decide about all rows of a source.

    Args:
        source: where texts are.
        engine: who looks at them.
        write: called with the rows of each batch, in order, and which of them stay.
        bands: of its sketches.
        workers: threads.
        folder: where scratch files may be.
        in_memory: bytes of keys, and of shingle sets, beyond which these go to scratch files.
        shown: the source's name, for errors.
        on_sketched: called with the sketches of each batch, in order.

    Raises:
        InputError: the second time there are more rows, or fewer.
    """
    identities, ngrams = [np.empty((0, 2), np.uint64)], [np.empty(0, np.uint8)]
    ahead = workers * _AHEAD
    with ThreadPoolExecutor(workers) as pool:
        with closing(KeyTable(bands, folder, in_memory)) as keys:
            for sketched in _in_order(pool, engine.sketch, source.batches(), ahead):
                keys.append(sketched.keys)
                identities.append(sketched.identity)
                ngrams.append(sketched.ngrams)
                if on_sketched is not None:
                    on_sketched(sketched)
            ngram = np.concatenate(ngrams)
            first = engine.firsts(np.concatenate(identities), ngram)
            identities.clear()
            cells = np.flatnonzero((ngram > 0) & (first == np.arange(len(first))))
            candidates, buckets, large = engine.nominate(keys, cells)
        candidate_rows = cells[candidates]
        sizes = ngram[candidate_rows]
        comparison = engine.comparison(buckets, sizes)
        begun = 0
        with closing(ShingleSets(len(candidate_rows), folder, in_memory)) as sets:
            tasks = _second_pass(source, len(first), candidate_rows, sizes, shown)
            for task, found in _in_order(pool, lambda task: (task, task.sets(engine)), tasks, ahead):
                kept = first[task.start : task.end] == np.arange(task.start, task.end)
                for some in found:
                    sets.append(*some)
                if found:
                    staying = comparison.go_on(begun + len(task.chosen), sets)
                    sets.forget(begun, staying)
                    kept[task.chosen] &= staying
                    begun += len(task.chosen)
                write(task.rows, kept)
    boilerplate = [(size, int(cells[cell])) for size, cell in large]
    return _decision(first, candidate_rows, comparison.result(), ngram, boilerplate)


@dataclass(frozen=True, slots=True)
class _Task(Generic[Rows]):
    """A batch of the second pass.

    Attributes:
        rows: as they are.
        start, end: their numbers.
        chosen: the candidates among them, by their places in the batch.
        texts: of the candidates.
        sizes: words in a shingle of each.
    """

    rows: Rows
    start: int
    end: int
    chosen: Ints
    texts: TextBatch
    sizes: Sizes

    def sets(self, engine: Engine) -> list[tuple[Ints, npt.NDArray[np.uint64]]]:
        """The shingle sets of the candidates; none where there are no candidates."""
        return engine.sets(self.texts, self.sizes) if len(self.chosen) else []


def rehearse(engine: Engine, bands: int) -> None:
    """Let an engine decide about three short rows, so that what it has to compile is compiled.

    All of it, not one kernel that stands for the others: after an upgrade, or in a container that brings a cache along,
    some of them may be there and others not. Takes 1 ms in a process where that was done before, and no scratch file.

    Raises:
        CompileError: this cannot be done here.
    """
    decide(_Rehearsal(), engine, lambda *_: None, bands=bands, workers=1, folder=Path(), in_memory=1 << 20)


class _Rehearsal:
    """Three rows that share a bucket; the words of one of them must be normalised."""

    def batches(self) -> Iterator[TextBatch]:
        words = [f"word{number}" for number in range(30)]
        rows = [" ".join(words), " ".join([*words, "more"]), " ".join([*words, "stra\N{LATIN SMALL LETTER SHARP S}e"])]
        yield TextBatch(len(rows), [Texts.of(arrow_texts(rows))])

    def rows(self) -> Iterator[tuple[TextBatch, None]]:
        return ((batch, None) for batch in self.batches())


def _second_pass(source: Source[Rows], count: int, candidates: Ints, sizes: Sizes, shown: str) -> Iterator[_Task[Rows]]:
    """The batches of the second pass over so many rows."""
    start = 0
    for batch, rows in source.rows():
        end = start + batch.n_rows
        if end > count:
            break
        here = slice(*np.searchsorted(candidates, (start, end)))
        chosen = candidates[here] - start
        yield _Task(rows, start, end, chosen, batch.take(chosen), sizes[here])
        start = end
    else:
        if start == count:
            return
    raise InputError("changed while it was read", file=shown, hint="run again when nobody writes to it")


def _decision(
    first: Ints,
    rows: Ints,
    found: Compared,
    ngrams: npt.NDArray[np.uint8],
    boilerplate: list[tuple[int, int]],
) -> Decision:
    """What was found about candidates, for all rows: copies follow the first of them."""
    count = len(first)
    partner = np.full(count, -1, np.int64)
    similarity = np.ones(count)
    gone = np.flatnonzero(found.partner >= 0)
    partner[rows[gone]] = rows[found.partner[gone]]
    similarity[rows[gone]] = found.similarity[gone]
    copies = np.flatnonzero(first != np.arange(count))
    exact = np.zeros(count, np.bool_)
    firsts = first[copies]
    exact[copies] = partner[firsts] < 0
    similarity[copies] = similarity[firsts]
    partner[copies] = np.where(partner[firsts] < 0, firsts, partner[firsts])
    return Decision(
        partner=partner,
        similarity=similarity,
        exact=exact,
        earlier=rows[found.earlier],
        later=rows[found.later],
        pair_similarity=found.pair_similarity,
        ngrams=ngrams,
        boilerplate=boilerplate,
        compared=found.compared,
        uncompared=found.uncompared,
    )


def _in_order(pool: ThreadPoolExecutor, work: Callable[[T], R], tasks: Iterable[T], ahead: int) -> Iterator[R]:
    """The results of some tasks, in order; no more than `ahead` are begun before they are wanted."""
    waiting: deque[Future[R]] = deque()
    coming = iter(tasks)
    try:
        waiting.extend(pool.submit(work, task) for task in islice(coming, ahead))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(work, task) for task in islice(coming, 1))
            yield result
    finally:
        for future in waiting:
            future.cancel()
