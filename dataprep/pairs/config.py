"""Configuration of what records are compared with: each other, what exists already, and benchmarks."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from dataprep.ingest.config import CsvOptions, Format, Shape, Template
from dataprep.pipeline.base import Config

_VERSION: Final = re.compile(r"(?s).+@(latest|candidate|[0-9]+)|[0-9a-f]{64}")

CONTAINMENT_FLOOR: Final = 0.1
"""Containment from which on a record is noted, so that the threshold can be moved without a look at the text."""

KeyField = Literal["record", "input", "answer", "label", "tools", "system"]

NearField = Literal["input", "answer", "system", "label"]


class NearConfig(Config):
    """When two records that are not copies count as duplicates: by the Jaccard similarity of their word n-grams, and of
    those of their answers alone."""

    action: Literal["drop", "hold", "flag", "none"] = "drop"
    """What happens to all near duplicates but the one that stays; `none`: none are looked for."""
    threshold: Annotated[float, Field(ge=0.5, le=1.0)] = 0.8
    """Exact Jaccard similarity from which on two records are near duplicates. Pairs are stored from 0.1 below it on."""
    fields: Annotated[tuple[NearField, ...], Field(min_length=1)] = ("input", "answer", "label")
    """What is compared: the `input` (all turns before the last answer, without system prompts), the `answer`
    (the last one and what follows), `system` prompts; with `label`, only records of the same label are. Beside other
    text, answers must be as similar alone, too."""
    strip: tuple[str, ...] = ()
    """Texts that are left out where a turn begins with them, word for word: preambles that every record shares."""
    ngram: Annotated[int, Field(ge=1, le=15)] = 5
    """Words in a shingle."""
    short_ngram: Annotated[int, Field(ge=1, le=15)] = 3
    """Words in a shingle of short records."""
    short_below: Annotated[int, Field(ge=1)] = 20
    """Records with fewer words than this are short. Short and long ones are never compared."""
    least_words: Annotated[int, Field(ge=1)] = 5
    """Records with fewer words than this are compared by their exact key only."""
    permutations: Annotated[int, Field(ge=16, le=1024)] = 128
    """Values in a MinHash signature."""
    bands: Annotated[int, Field(ge=1, le=200)] = 21
    """Bands; two records are nominated where all values of one band are equal, and then compared exactly."""
    rows: Annotated[int, Field(ge=1, le=32)] = 6
    """Values in a band. Bands times rows may not exceed the permutations."""

    @model_validator(mode="after")
    def _bands_fit(self) -> NearConfig:
        if self.bands * self.rows > self.permutations:
            raise ValueError(f"{self.bands} bands of {self.rows} rows need {self.bands * self.rows} permutations")
        if self.least_words < max(self.short_ngram, 1) or self.short_below < self.ngram:
            raise ValueError("the shortest record of a class must have at least one shingle")
        return self

    @property
    def on(self) -> bool:
        """Whether near duplicates are looked for."""
        return self.action != "none"

    @property
    def answers_alone(self) -> bool:
        """Whether answers are compared alone as well, because other text is compared beside them."""
        return "answer" in self.fields and not {"input", "system"}.isdisjoint(self.fields)

    @property
    def sketched(self) -> dict[str, Any]:
        """What a record's sketch depends on: all but the threshold and the action."""
        return self.model_dump(mode="json", exclude={"action", "threshold"})

    @property
    def floor(self) -> float:
        """Similarity from which on pairs belong to a version."""
        return round(self.threshold - 0.1, 10)

    def stored(self) -> NearConfig:
        """The same with the threshold that pairs are looked for with: full tenths, so that one within a tenth needs no
        new look at any text.

        >>> [NearConfig(threshold=threshold).stored().threshold for threshold in (0.8, 0.85, 0.9)]
        [0.8, 0.8, 0.9]
        """
        return self.model_copy(update={"threshold": int(round(self.threshold * 1000) // 100) / 10})

    def recall(self, similarity: float) -> float:
        """Chance that two records of a similarity are nominated: 1 - (1 - s^rows)^bands.

        >>> round(NearConfig().recall(0.8), 4), round(NearConfig().recall(0.3), 4)
        (0.9983, 0.0152)
        """
        return float(1.0 - (1.0 - similarity**self.rows) ** self.bands)


class ConflictConfig(Config):
    """What happens to records that say different things to the same input. Looked for after duplicates went."""

    action: Literal["flag", "hold", "keep_best", "none"] = "flag"
    """`hold`: all of them; `keep_best`: those go that say anything else than the record with the best value."""
    by: str | None = None
    """For `keep_best`: the signal that says how good a record is. Of equal ones the first in the stated order stays;
    one without a value is the worst."""
    prefer: Literal["highest", "lowest"] = "highest"
    """Which value of the signal is the best."""

    @model_validator(mode="after")
    def _has_a_signal(self) -> ConflictConfig:
        if self.action == "keep_best" and self.by is None:
            raise ValueError("`action: keep_best` needs `by: <a signal>`")
        return self


class AnswerConfig(Config):
    """How many records may give one and the same answer, whatever they are asked. Looked at after conflicts."""

    most: Annotated[int, Field(ge=1)] | None = None
    """Records with the same answer (after normalisation) that stay, the first in the stated order; null: all."""
    action: Literal["drop", "hold", "flag"] = "drop"
    """What happens to the others."""
    least_words: Annotated[int, Field(ge=0)] = 5
    """Answers with fewer words than this are never too common."""


class DedupConfig(Config):
    """Which records count as copies of each other."""

    exact: bool = True
    """Whether exact duplicates (equal after normalisation) are removed."""
    fields: Annotated[tuple[KeyField | str, ...], Field(min_length=1)] = ("record",)
    """What must be equal: `record` (all turns, tools and label), `input` (everything before the last answer), `answer`,
    `label`, `tools`, `system`, or a column kept in meta as `meta_<name>`."""
    normalize: bool = True
    """Compare after NFKC, case folding and collapsing white space; otherwise byte by byte."""
    action: Literal["drop", "hold", "flag"] = "drop"
    """What happens to all copies but the one that stays."""
    near: NearConfig = NearConfig()
    """Records that are nearly the same."""
    prefixes: Literal["drop", "hold", "flag", "none"] = "drop"
    """What happens to conversations that a longer one begins with, turn by turn (after normalisation, with roles, tool
    calls, tools and label), and that end with an answer."""
    conflicts: ConflictConfig = ConflictConfig()
    """Records that ask the same and answer differently, by text or by label."""
    answers: AnswerConfig = AnswerConfig()
    """Records that answer the same to different prompts."""
    prefer: tuple[str, ...] = ()
    """Sources in order of preference: of two copies that of the earlier source stays. Default: order of sources."""
    against: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """What exists already: versions of the same store (`support@3`, `support@latest`, or a whole id) and data files or
    globs, relative to the pipeline file. Records that are copies or near duplicates of a record there do not stay."""
    against_action: Literal["drop", "hold", "flag"] = "drop"
    """What happens to records that are known from `against`. Those of a given held-out side are only flagged."""


class BenchmarkFile(Config):
    """Benchmark files that must be told how to be read: the keys of a source that say how rows become records."""

    path: str
    """A file, a folder or a glob, relative to the pipeline file; `.gz` and `.zst` too."""
    format: Format = "auto"
    """The file format; detected by content."""
    shape: Shape = "auto"
    """How a row becomes an item; detected from the columns."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Which column plays which part of the shape, where names differ: `{prompt: prompt, completion: solution}`."""
    template: Template | None = None
    """Builds the item from columns by text templates, instead of a shape."""
    encoding: str | None = None
    """The text encoding, where it is not UTF-8 (or UTF-16/32 with a byte-order mark)."""
    csv: CsvOptions = CsvOptions()
    """How CSV files are written."""


class BenchmarkConfig(Config):
    """Which benchmarks no training record may contain."""

    files: tuple[str | BenchmarkFile, ...] = ()
    """Benchmark files: paths or globs relative to the pipeline file, or mappings with `path` and how to read it."""
    action: Literal["drop", "hold", "flag"] = "drop"
    """What happens to a record that contains a benchmark item. Those of a given held-out side are only flagged."""
    ngram: Annotated[int, Field(ge=5, le=50)] = 13
    """Words in an n-gram. Of items without a turn of so many words only exact copies are found, and near duplicates."""
    containment: Annotated[float, Field(ge=CONTAINMENT_FLOOR, le=1.0)] = 0.5
    """Share of an item's n-grams from which on a record contains it: of its question's, or of question and answer's."""
    near: bool = True
    """Whether near duplicates of an item count too, at the threshold for near duplicates among records."""

    @property
    def on(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.files)


def names_version(entry: str) -> bool:
    """Whether an entry of `dedup.against` names a version, and not files.

    >>> [names_version(entry) for entry in ("support@3", "support@latest", "old/*.jsonl", "ab" * 32)]
    [True, True, False, True]
    """
    return _VERSION.fullmatch(entry) is not None
