"""Which columns of a table are compared, and their texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.console import one_line
from dataprep.dedup.texts import TextBatch, Texts
from dataprep.errors import InputError

_CONTENTS: Final = ("content", "value", "text", "utterance", "message")
_SPEAKERS: Final = ("role", "from", "speaker")
_SYSTEM: Final = "system"
_FAR: Final = ("tools",)
"""Parts of a shape that are not compared."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The columns that are compared.

    >>> Compared(("prompt", "answer"), label="kind").describe()
    "comparing 'prompt' and 'answer'; rows of another 'kind' are not compared"
    """

    columns: tuple[str, ...]
    label: str | None = None

    def describe(self) -> str:
        """The same in words."""
        names = " and ".join(repr(one_line(name)) for name in self.columns)
        label = "" if self.label is None else f"; rows of another {one_line(self.label)!r} are not compared"
        return f"comparing {names}{label}"


def named_columns(schema: pa.Schema, names: Sequence[str], shown: str) -> Compared:
    """The columns that the user names.

    Raises:
        InputError: there is no such column, or it holds no text.
    """
    for name in names:
        if name not in schema.names:
            close = get_close_matches(name, schema.names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the columns are {', '.join(map(repr, schema.names))}"
            raise InputError(f"there is no column {name!r}", file=shown, key="--text", hint=hint)
        if schema.names.count(name) > 1:
            raise InputError(f"two columns are named {name!r}", file=shown, key="--text", hint="rename one of them")
        if not holds_text(schema.field(name).type):
            kind = schema.field(name).type
            raise InputError(
                f"column {name!r} holds {kind}, not text", file=shown, key="--text", hint="name a column of text"
            )
    return Compared(tuple(dict.fromkeys(names)))


def detected_columns(rows: Sequence[dict[str, object]], schema: pa.Schema, shown: str) -> Compared:
    """The columns that rows of this shape are made from; their label too, where they have one.

    Raises:
        InputError: no shape fits, so that it is for the user to say which columns are text.
    """
    from dataprep.ingest.config import SourceConfig
    from dataprep.ingest.shapes import detect

    try:
        mapping = detect(rows, SourceConfig(path=shown), shown=shown)
    except InputError as error:
        error.key, error.hint = "--text", "name the columns to compare: --text COLUMN"
        raise
    columns = [column for part, column in mapping.columns.items() if part not in (*_FAR, _SYSTEM)]
    for column in columns:
        if not holds_text(schema.field(column).type):
            hint = "name other columns: --text COLUMN"
            raise InputError(f"{column!r} holds {schema.field(column).type}", file=shown, key="--text", hint=hint)
    return Compared(tuple(columns), mapping.label)


def holds_text(kind: pa.DataType) -> bool:
    """Whether a column of this type is text, or a list of texts or messages."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if _is_list(kind):
        return holds_text(kind.value_type) or (pa.types.is_struct(kind.value_type) and _content(kind.value_type) >= 0)
    return any(
        is_kind(kind)
        for is_kind in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_binary_view,
        )
    )


def text_batch(batch: pa.RecordBatch, compared: Compared) -> TextBatch:
    """What is compared of some rows of a table."""
    parts = [_texts(batch[name], None) for name in compared.columns]
    labels = None if compared.label is None else batch[compared.label]
    return TextBatch(batch.num_rows, parts, labels)


def _texts(column: pa.Array, rows: npt.NDArray[np.int64] | None) -> Texts:
    kind = column.type
    if not _is_list(kind):
        return Texts.of(column, rows)
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        column = column.cast(pa.large_list(kind.value_type))
    sizes = np.diff(column.offsets.to_numpy().astype(np.int64))
    if column.null_count:
        sizes = np.where(column.is_valid().to_numpy(zero_copy_only=False), sizes, 0)
    own = np.arange(len(column)) if rows is None else rows
    values = column.flatten()
    inner = np.repeat(own, sizes)
    if not pa.types.is_struct(values.type):
        return _texts(values, inner)
    contents = values.field(_content(values.type))
    if values.null_count:
        contents = pa.compute.if_else(values.is_valid(), contents, pa.scalar(None, contents.type))
    speaker = next((name for name in _SPEAKERS if values.type.get_field_index(name) >= 0), None)
    if speaker is not None and holds_text(values.type.field(speaker).type):
        said = pa.compute.fill_null(pa.compute.not_equal(values.field(speaker), _SYSTEM), True)
        if not pa.compute.all(said).as_py():
            contents, inner = contents.filter(said), inner[said.to_numpy(zero_copy_only=False)]
    return _texts(contents, inner)


def _content(kind: pa.StructType) -> int:
    """The field of a message that holds what is said; -1 where there is none."""
    found = (kind.get_field_index(name) for name in _CONTENTS)
    return next((place for place in found if place >= 0 and holds_text(kind.field(place).type)), -1)


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )
