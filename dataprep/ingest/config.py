"""Configuration of sources: where rows come from and how they become records."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dataprep.pipeline.base import Config

Format = Literal["auto", "jsonl", "json", "csv", "tsv", "parquet", "arrow", "text"]
Shape = Literal[
    "auto",
    "alpaca",
    "prompt_completion",
    "messages",
    "sharegpt",
    "question_answer",
    "text_label",
    "text_label_pair",
    "utterances",
    "text",
]
SplitName = Literal["train", "validation", "test"]


class Template(Config):
    """Builds the turns of a record from columns: text with `{column}` placeholders, `{{` and `}}` for braces."""

    system: str | None = None
    """Text of the system turn, such as `You answer questions about {product}.`"""
    prompt: str | None = None
    """Text of the user turn, such as `Summarize: {body}`"""
    completion: str | None = None
    """Text of the assistant turn."""
    text: str | None = None
    """Text of a plain document; excludes the other three."""

    @model_validator(mode="after")
    def _one_kind(self) -> Template:
        if self.text is not None and (self.prompt or self.completion or self.system):
            raise ValueError("`text` stands alone; a dialogue template has `prompt` and `completion`")
        if self.text is None and self.prompt is None:
            raise ValueError("a template needs `prompt` (and usually `completion`) or `text`")
        return self


class CsvOptions(Config):
    """How a CSV or TSV file is written. Everything is detected unless given."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """The character between fields; detected among comma, semicolon, tab and bar."""
    quote: Annotated[str, Field(max_length=1)] | None = None
    """The quote character; empty where quotes are literal characters."""
    header: bool | None = None
    """Whether the first row names the columns. Without a header columns are `column1`, `column2`, …"""
    skip_rows: Annotated[int, Field(ge=0)] = 0
    """Rows to leave out before the header (a title line, a first of two header rows)."""
    column_names: tuple[str, ...] | None = None
    """Names for the columns, in place of the file's own header row."""


class SourceConfig(Config):
    """A named set of files in one shape."""

    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """The source's name, part of every record's identity; default `source1`, `source2`, … by position."""
    path: str | tuple[str, ...]
    """A file, a folder, a glob, or a list of them, relative to the pipeline file; `.gz` and `.zst` too."""
    format: Format = "auto"
    """The file format; detected by content."""
    shape: Shape = "auto"
    """How a row becomes a record; detected from the columns."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Which column plays which part of the shape, where names differ: `{completion: response}`. Parts: `instruction`,
    `input`, `output`, `prompt`, `completion`, `system`, `messages`, `question`, `answer`, `text`, `turns`, `tools`."""
    template: Template | None = None
    """Builds the record from columns by text templates, instead of a shape."""
    id: str | None = None
    """The column that identifies a row for the user; must be unique in the whole dataset."""
    on_duplicate_id: Literal["fail", "suffix"] = "fail"
    """What happens when two rows carry the same id: an error naming both, or a suffix for all but the first."""
    label: str | None = None
    """The column that holds the class label."""
    group: str | None = None
    """The column whose equal values must stay in one split (a customer, a document, a dialogue)."""
    time: str | None = None
    """The column with the time of a row, for splits by time. ISO 8601, or numbers that count up."""
    split: SplitName | None = None
    """The split that this source's rows were given by whoever made them."""
    split_column: str | None = None
    """The column that names each row's given split; `dev`, `val` and `valid` mean `validation`."""
    encoding: str | None = None
    """The text encoding of the files, where it is not UTF-8 (or UTF-16/32 with a byte-order mark)."""
    csv: CsvOptions = CsvOptions()
    """How CSV files are written."""
    on_bad_file: Literal["fail", "quarantine"] = "fail"
    """A file that cannot be read: stop, or set the whole file aside as one reject and go on."""

    @model_validator(mode="after")
    def _consistent(self) -> SourceConfig:
        if self.template is not None and (self.shape != "auto" or self.columns):
            raise ValueError("`template` replaces `shape` and `columns`; give one or the other")
        if self.split is not None and self.split_column is not None:
            raise ValueError("give `split` for the whole source or `split_column` for each row, not both")
        return self


class RejectBudget(Config):
    """The most rows of one source that may be rejected before the run stops: the larger of the two."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of the source's rows."""
    rows: Annotated[int, Field(ge=0)] = 10
    """Number of rows."""


class IngestLimits(Config):
    """What ingest accepts before it says no."""

    rejects: RejectBudget = RejectBudget()
    """The budget of rejected rows per source."""
    max_record_bytes: Annotated[int, Field(ge=1_000, le=1_000_000_000)] = 16_000_000
    """A longer record is rejected without being read into memory."""
    max_expansion: Annotated[int, Field(ge=2)] = 1_000
    """A compressed file that grows more than this many times *and* beyond `max_expanded_bytes` is refused."""
    max_expanded_bytes: Annotated[int, Field(ge=1)] = 1_000_000_000
    """See `max_expansion`."""
    max_depth: Annotated[int, Field(ge=1, le=200)] = 100
    """Nesting of JSON values beyond which a row is rejected."""
    max_turns: Annotated[int, Field(ge=1)] = 10_000
    """Turns of one conversation beyond which a row is rejected."""
