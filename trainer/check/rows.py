"""What a recipe's rows become under its tokenizer: counted before anything is computed.

Everything here is taken from what training would start from, so a number shown is the number trained with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from trainer.data.encode import IGNORED, OUTCOMES
from trainer.data.limits import Excess, excesses
from trainer.data.pack import Packing, lengths, packing_numbers
from trainer.data.prepared import Prepared
from trainer.recipe import Recipe
from trainer.sequences import row_length

_LISTED = 20
"""Records of an overlap that are listed; all of them stand in `Prepared.overlap`."""


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """Examples of a split with one outcome: how many, of how many records, with how many tokens."""

    split: str
    outcome: str
    meaning: str
    records: int
    examples: int
    tokens: int
    trained_tokens: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an example's text, and whether it is trained on."""

    text: str
    trained: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """A real example as the model sees it."""

    record_id: str
    answer: int
    tokens: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class RowsReport:
    """What is known about the rows.

    Attributes:
        data: where they come from.
        records, examples: by split, those left out included.
        outcomes: what became of the examples; their sums are `examples`.
        seen: examples seen in an epoch, and the tokens of these that are trained on.
        lengths: tokens of the examples of train: median, 95 %, longest, and what the recipe allows.
        packing: padding at the recipe's batch size, and what packing gains.
        packs: whether the recipe packs.
        mixture: by group, where the recipe weighs them.
        compared: splits that are held out and were compared, with their examples.
        overlap: by held-out split, examples whose input stands in train or another of them.
        overlap_listed: the first records of them, with the places of both: file and row, or record.
        samples: real examples.
        notes: what was decided that a person should know.
        excesses: limits that are passed.
    """

    data: dict[str, Any]
    records: dict[str, int]
    examples: dict[str, int]
    outcomes: tuple[OutcomeCount, ...]
    seen: dict[str, int]
    lengths: dict[str, int]
    packing: Packing
    packs: bool
    mixture: dict[str, dict[str, float]] | None
    compared: dict[str, int]
    overlap: dict[str, int]
    overlap_listed: tuple[dict[str, Any], ...]
    samples: tuple[Sample, ...]
    notes: tuple[str, ...]
    excesses: tuple[Excess, ...]


def look_at_rows(
    prepared: Prepared, recipe: Recipe, tokenizer: Any, *, samples: int = 3, notes: tuple[str, ...] = ()
) -> RowsReport:
    """Count and show.

    Args:
        prepared: the recipe's data.
        recipe: the recipe.
        tokenizer: that they were prepared with.
        samples: real examples to show, drawn by the recipe's seed.
        notes: of who loaded the tokenizer; these come first.
    """
    about = prepared.description
    sizes = lengths(prepared.train)
    outcomes = tuple(_outcomes(prepared.outcomes))
    by_split = pl.DataFrame(prepared.outcomes.select(["split", "record_id"])).group_by("split").n_unique()
    labels = prepared.train["labels"].combine_chunks().flatten().to_numpy()
    return RowsReport(
        data={key: about[key] for key in ("kind", "dataset", "version", "version_id", "folder") if key in about},
        records=dict(sorted(by_split.rows())),
        examples={
            split: sum(each.examples for each in outcomes if each.split == split) for split in ("train", "validation")
        },
        outcomes=outcomes,
        seen={
            "examples": len(sizes),
            "tokens": int(sizes.sum()),
            "trained_tokens": int(np.count_nonzero(labels != IGNORED)),
        },
        lengths={
            "median": int(np.median(sizes)),
            "95 %": int(np.percentile(sizes, 95)),
            "longest": int(sizes.max()),
            "allowed": recipe.data.max_length,
        },
        packing=packing_numbers(
            sizes,
            row_length(prepared.train, recipe.data.max_length),
            recipe.training.batch_size,
            seed=recipe.training.seed,
        ),
        packs=recipe.data.packing,
        mixture=about["seen_in_an_epoch"],
        overlap=about["overlap"],
        compared={"validation": len(prepared.validation)} | about["compared"],
        overlap_listed=tuple(_listed(prepared)),
        samples=tuple(_samples(prepared.train, tokenizer, samples, recipe.training.seed)),
        notes=(*notes, *about["notes"]),
        excesses=tuple(excesses(prepared, recipe)),
    )


def _outcomes(table: pa.Table) -> Iterator[OutcomeCount]:
    frame = pl.DataFrame(table)
    counted = frame.group_by("split", "outcome").agg(
        pl.col("record_id").n_unique(), pl.len(), pl.col("tokens").cast(pl.Int64).sum(),
        pl.col("trained_tokens").cast(pl.Int64).sum(),
    )  # fmt: skip
    order = list(OUTCOMES)
    for split, outcome, *numbers in sorted(counted.rows(), key=lambda row: (row[0], order.index(row[1]))):
        yield OutcomeCount(split, outcome, OUTCOMES[outcome], *numbers)


def _listed(prepared: Prepared) -> Iterator[dict[str, Any]]:
    files = prepared.description["files"]
    for each in prepared.overlap.slice(0, _LISTED).to_pylist():
        yield each | {
            "place": place(files.get(each["split"], []), each["split"], each["row"], each["record_id"]),
            "other_place": place(
                files.get(each["other_split"], []), each["other_split"], each["other_row"], each["other_record_id"]
            ),
        }


def place(files: list[str], split: str, row: int | None, record_id: str) -> str:
    """Where a person finds a row: by its record in a version, else by its file, or its split where that has several.

    >>> place(["test.jsonl"], "test", 3, "8f3a"), place([], "test", None, "8f3a")
    ('test.jsonl row 3', 'test record 8f3a')
    >>> place(["a/train.csv", "b/train.csv"], "train", 812, "8f3a")
    'train row 812 (of a/train.csv, b/train.csv)'
    """
    if row is None:
        return f"{split} record {record_id}"
    if len(files) == 1:
        return f"{files[0]} row {row}"
    several = f" (of {', '.join(files[:3])}{', …' if len(files) > 3 else ''})" if files else ""
    return f"{split} row {row}{several}"


def _samples(train: pa.Table, tokenizer: Any, count: int, seed: int) -> Iterator[Sample]:
    chosen = np.random.default_rng(seed).choice(len(train), min(count, len(train)), replace=False)
    for example in train.take(pa.array(np.sort(chosen))).to_pylist():
        pieces = tuple(pieces_of(example["input_ids"], example["labels"], tokenizer))
        yield Sample(example["record_id"], example["answer"], len(example["input_ids"]), pieces)


def pieces_of(ids: list[int], labels: list[int], tokenizer: Any) -> Iterator[Piece]:
    """The text of an example in stretches that are, or are not, trained on."""
    trained = np.array(labels) != IGNORED
    borders = [0, *(np.flatnonzero(np.diff(trained)) + 1).tolist(), len(ids)]
    for begin, end in pairwise(borders):
        if begin < end:
            text = tokenizer.decode(ids[begin:end], skip_special_tokens=False, clean_up_tokenization_spaces=False)
            yield Piece(str(text), bool(trained[begin]))
