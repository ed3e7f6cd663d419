"""Detection: which shape a source's rows have, and which column plays which part.

Decided on names and on kinds of values in a sample of the rows; what the pipeline file says comes first. Conversations
go before dialogues of two sides, those before text: a `messages` list beside a `prompt` holds the prompt, and a `text`
beside `instruction` and `output` is their rendering. A list of turns under a name that is not a conversation's own goes
after the dialogues (`history` beside `prompt` and `completion`). Where two readings stay, nothing is guessed: the error
says which line to write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn, cast

from dataprep.errors import InputError, ManyInputErrors
from dataprep.ingest.config import SourceConfig
from dataprep.ingest.shapes import template as templates
from dataprep.ingest.shapes.conversation import shape_of_keys, turn_keys_of
from dataprep.ingest.shapes.kinds import kind_of, listed, shown
from dataprep.ingest.shapes.mapping import FIELDS, Mapping
from dataprep.ingest.shapes.schema import Schema
from dataprep.ingest.shapes.values import TimeKind, time_kind_of
from dataprep.ingest.shapes.vocabulary import (
    CONVERSATIONS,
    DIALOGUES,
    LABEL_KINDS,
    LABEL_NAMES,
    PART_NAMES,
    PREFERENCE_NAMES,
    SHAPES,
    ShapeName,
    kinds_for,
)

_TURN_SAMPLE = 50
_PART_OF_CONVERSATION = {"messages": "messages", "sharegpt": "messages", "utterances": "turns"}


def detect(rows: Sequence[Any], source: SourceConfig, *, shown: str) -> Mapping:
    """Find how the rows of a source become records.

    Args:
        rows: a sample of parsed rows, some hundred of them.
        source: the source's configuration; every part of it that is given is taken as it is.
        shown: the file or source as the user named it, for errors.

    >>> detect([{"text": "hi", "category": "greeting"}], SourceConfig(path="a.csv"), shown="a.csv").describe()
    "text_label: text from 'text'; label from 'category'; other columns are kept in meta"

    Raises:
        InputError: no shape fits, or more than one; a configured column does not exist. The columns seen and the line
            to write are in the message. Several such mistakes at once are ManyInputErrors.
    """
    return _Detection(rows, source, shown).mapping()


class _Detection:
    """One look at a sample: the schema, and the questions asked of it."""

    def __init__(self, rows: Sequence[Any], source: SourceConfig, file: str) -> None:
        self.rows = rows
        self.source = source
        self.file = file
        self.schema = Schema.of(rows)

    def mapping(self) -> Mapping:
        """The mapping, or an InputError."""
        if not self.rows:
            raise InputError("has no rows to detect a shape from", file=self.file)
        if self.source.shape == "text_label_pair" or self._are_pairs():
            return self._pair()
        if not self.schema.n_objects:
            self._fail_without_objects()
        self._check_columns()
        if self.source.template is not None:
            return self._template()
        if self.source.shape != "auto":
            return self._named_shape(self.source.shape)
        return (
            self._conversation(known=True)
            or self._dialogue()
            or self._conversation(known=False)
            or self._text()
            or self._fail_undecided()
        )

    # --- what the user wrote -------------------------------------------------------------------------------------

    def _check_columns(self) -> None:
        """Every configured column must exist, and every part must be one."""
        errors: list[InputError] = []
        parts = tuple(PART_NAMES) if self.source.shape == "auto" else SHAPES[self.source.shape].all
        for key, column in self._configured():
            part = key.removeprefix("columns.")
            if key != part and part not in parts:
                errors.append(self._unknown_part(key, part, parts))
            elif column not in self.schema.columns:
                errors.append(self._unknown_column(key, column))
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ManyInputErrors(errors)

    def _configured(self) -> Iterator[tuple[str, str]]:
        for part, column in self.source.columns.items():
            yield f"columns.{part}", column
        for name in FIELDS:
            column = getattr(self.source, name)
            if column is not None:
                yield name, column
        for part, text in self._templates().items():
            key = f"template.{part}"
            for column in templates.columns_of(text, key=key):
                yield key, column

    def _unknown_part(self, key: str, part: str, parts: tuple[str, ...]) -> InputError:
        close = get_close_matches(part, parts, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"the parts are {', '.join(parts)}"
        which = "any shape" if self.source.shape == "auto" else f"shape {self.source.shape}"
        return InputError(f"{shown(part)} is no part of {which}", file=self.file, key=key, hint=hint)

    def _unknown_column(self, key: str, column: str) -> InputError:
        close = self.schema.closest(column)
        message = f"there is no column {shown(column)}; columns seen: {self.schema.describe()}"
        hint = f"did you mean {shown(close)}?" if close is not None else "name one of the columns seen"
        return InputError(message, file=self.file, key=key, hint=hint)

    def _templates(self) -> dict[str, str]:
        if self.source.template is None:
            return {}
        given = {part: getattr(self.source.template, part) for part in templates.TEMPLATE_ROLES}
        return {part: text for part, text in given.items() if text is not None}

    def _template(self) -> Mapping:
        return self._mapping("template", {})

    def _named_shape(self, shape: str) -> Mapping:
        """The shape that the user named; what is missing for it is an error."""
        if shape in CONVERSATIONS:
            part = _PART_OF_CONVERSATION[shape]
            column = self._part(part, required_by=shape)
            columns = {part: column}
            return self._mapping(shape, columns, keys=self._turn_keys(column))
        columns = {part: self._part(part, required_by=shape) for part in SHAPES[shape].required}
        mapping = self._mapping(shape, columns)
        if shape == "text_label" and mapping.label is None:
            message = f"shape text_label needs a column for its label; columns seen: {self.schema.describe()}"
            raise InputError(message, file=self.file, key="label", hint="write `label: <column>`")
        return mapping

    def _part(self, part: str, *, required_by: str) -> str:
        """The column of a part that must have one."""
        found = self._columns_for(part)
        if len(found) == 1:
            return found[0]
        if found:
            self._fail_ambiguous(part, found)
        what = "list of turns" if required_by in CONVERSATIONS else "text column"
        message = f"shape {required_by} needs a {what} for its {part}; columns seen: {self.schema.describe()}"
        raise InputError(message, file=self.file, key="shape", hint=f"write `columns: {{{part}: <column>}}`")

    # --- reading the columns -------------------------------------------------------------------------------------

    def _columns_for(self, part: str) -> list[str]:
        """Candidates for a part: the one the user named, else the one with the part's own name, else all synonyms."""
        if part in self.source.columns:
            return [self.source.columns[part]]
        own, *others = PART_NAMES[part]
        for names in ([own], others):
            kinds = kinds_for(part)
            found = [column for column in self.schema.find(names) if self.schema.holds(column, kinds)]
            found = [column for column in found if column not in self.source.columns.values()]
            if found:
                return found
        return []

    def _are_pairs(self) -> bool:
        lists = [row for row in self.rows if type(row) in (list, tuple)]
        fitting = [
            row for row in lists if len(row) == 2 and kind_of(row[0]) == "text" and kind_of(row[1]) in LABEL_KINDS
        ]
        return 2 * len(fitting) > len(self.rows) and self.source.shape == "auto"

    def _pair(self) -> Mapping:
        named = [key for key, _ in self._configured()]
        if named:
            message = "rows are [text, label] arrays and have no columns to name"
            raise InputError(message, file=self.file, key=named[0], hint="leave the key out")
        return Mapping("text_label_pair", split=self.source.split)

    def _conversation(self, *, known: bool) -> Mapping | None:
        """A column that holds lists of turns: one that the user named, or of a known name, or of any other."""
        if self.source.columns.keys() - {"messages", "turns", "system", "tools"}:
            return None
        candidates = [self.source.columns[part] for part in ("messages", "turns") if part in self.source.columns]
        if not candidates:
            usual = self.schema.find(PART_NAMES["messages"] + PART_NAMES["turns"])
            others = {*PREFERENCE_NAMES, "prompt", "completion"}
            rest = [name for name in self.schema.columns if name.casefold() not in others and name not in usual]
            candidates = usual if known else rest
        keys = {column: self._turn_keys(column) for column in candidates}
        found = {column: pair for column, pair in keys.items() if pair is not None}
        if len(found) > 1:
            self._fail_ambiguous("messages", list(found))
        for column, pair in found.items():
            shape = shape_of_keys(pair)
            return self._mapping(shape, {_PART_OF_CONVERSATION[shape]: column}, keys=pair)
        return None

    def _turn_keys(self, column: str) -> tuple[str, str] | None:
        """The turn keys that most of a column's first values have."""
        values = [row[column] for row in self.rows if type(row) is dict and row.get(column)][:_TURN_SAMPLE]
        found = [keys for keys in map(turn_keys_of, values) if keys is not None]
        if not found or 2 * len(found) < len(values):
            return None
        return max(sorted(set(found)), key=found.count)

    def _dialogue(self) -> Mapping | None:
        """A shape of two sides. Of several, one that is led by a column of the part's own name wins (`instruction`)."""
        complete: dict[str, dict[str, list[str]]] = {}
        for shape in DIALOGUES:
            if self._excluded(shape):
                continue
            candidates = {part: self._columns_for(part) for part in SHAPES[shape].required}
            if all(candidates.values()) and len({tuple(columns) for columns in candidates.values()}) > 1:
                complete[shape] = candidates
        if len(complete) > 1:
            led = {shape: found for shape, found in complete.items() if self._leads(SHAPES[shape].required[0], found)}
            complete = led or complete
        if len(complete) > 1:
            self._fail_two_shapes(complete)
        for shape, candidates in complete.items():
            for part, columns in candidates.items():
                if len(columns) > 1:
                    self._fail_ambiguous(part, columns)
            return self._mapping(shape, {part: columns[0] for part, columns in candidates.items()})
        return None

    def _leads(self, part: str, candidates: dict[str, list[str]]) -> bool:
        column = candidates[part][0]
        return part in self.source.columns or column.strip().casefold() == part

    def _excluded(self, shape: str) -> bool:
        """Whether the user named a part that the shape does not have."""
        return bool(self.source.columns.keys() - set(SHAPES[shape].all))

    def _text(self) -> Mapping | None:
        """Documents, with a label where the user or a clear name gives one."""
        if self._excluded("text"):
            return None
        columns = self._columns_for("text")
        if len(columns) > 1:
            self._fail_ambiguous("text", columns)
        if not columns:
            return None
        label = self.source.label or self._label(columns[0])
        return self._mapping("text_label" if label is not None else "text", {"text": columns[0]}, label=label)

    def _label(self, text: str) -> str | None:
        """The column clearly named as a label; `label` itself goes before the others."""
        taken = {text, *(column for _, column in self._configured())}
        for names in (LABEL_NAMES[:1], LABEL_NAMES[1:]):
            found = [
                column
                for column in self.schema.find(names)
                if column not in taken and self.schema.holds(column, LABEL_KINDS)
            ]
            if len(found) > 1:
                message = f"{listed(found)} could each be the label; columns seen: {self.schema.describe()}"
                choices = ", ".join(f"`label: {shown(column)}`" for column in found)
                hint = f"write {choices}, or `shape: text` for none"
                raise InputError(message, file=self.file, key="label", hint=hint)
            if found:
                return found[0]
        return None

    def _are_tools(self, column: str) -> bool:
        """Whether a column called `tools` holds JSON; in other data it may hold hammers."""
        texts = [row[column].strip() for row in self.rows if type(row) is dict and type(row.get(column)) is str]
        return all(text[:1] in ("", "[", "{") for text in texts)

    def _time_kind(self) -> TimeKind | None:
        if self.source.time is None:
            return None
        values = [row.get(self.source.time) for row in self.rows if type(row) is dict]
        kinds = [time_kind_of(value) for value in values if value is not None and value != ""]
        return "number" if kinds.count("number") > kinds.count("iso") else "iso"

    def _mapping(
        self,
        shape: str,
        columns: dict[str, str],
        *,
        keys: tuple[str, str] | None = None,
        label: str | None = None,
    ) -> Mapping:
        """The mapping with optional parts and fields filled in, parts in the order of reading."""
        source = self.source
        optional = SHAPES[shape].optional if shape in SHAPES else ()
        for part in optional:
            found = [column for column in self._columns_for(part) if column not in columns.values()]
            if found and (part != "tools" or part in source.columns or self._are_tools(found[0])):
                columns[part] = found[0]
        order = ("system", "instruction", "input", "output", *columns)
        if label is None:
            label = source.label or (self._label(columns["text"]) if source.shape == "text_label" else None)
        return Mapping(
            shape=cast(ShapeName, shape),
            columns={part: columns[part] for part in dict.fromkeys(order) if part in columns},
            named=tuple(part for part in columns if part in source.columns),
            template=self._templates(),
            turn_keys=keys,
            id=source.id,
            label=label,
            group=source.group,
            time=source.time,
            time_kind=self._time_kind(),
            split_column=source.split_column,
            split=source.split,
        )

    # --- errors --------------------------------------------------------------------------------------------------

    def _fail_ambiguous(self, part: str, columns: list[str]) -> NoReturn:
        message = f"{listed(columns)} could each be the {part}; columns seen: {self.schema.describe()}"
        raise InputError(
            message, file=self.file, key="columns", hint=f"write `columns: {{{part}: {shown(columns[0])}}}`"
        )

    def _fail_two_shapes(self, shapes: dict[str, Any]) -> NoReturn:
        message = f"rows fit more than one shape ({', '.join(shapes)}); columns seen: {self.schema.describe()}"
        hint = " or ".join(f"`shape: {shape}`" for shape in shapes)
        raise InputError(message, file=self.file, key="shape", hint=f"write {hint}")

    def _fail_without_objects(self) -> NoReturn:
        kinds = sorted({kind_of(row) for row in self.rows})
        message = f"expected objects with columns or [text, label] arrays, got {' or '.join(kinds)}"
        hint = 'turn each row into an object such as {"text": …}; `format: text` reads plain lines'
        raise InputError(message, file=self.file, hint=hint)

    def _fail_undecided(self) -> NoReturn:
        message = f"no shape fits; columns seen: {self.schema.describe()}"
        preferred = self.schema.find(PREFERENCE_NAMES[:1])
        if preferred and self.schema.find(("prompt",)):
            hint = (
                f"preference data: write `columns: {{completion: {shown(preferred[0])}}}` to use the preferred answers"
            )
        else:
            hint = (
                "name the columns, as in `columns: {prompt: <column>, completion: <column>}` or "
                "`columns: {text: <column>}`, or write a `template:`"
            )
        raise InputError(message, file=self.file, key="shape", hint=hint)
