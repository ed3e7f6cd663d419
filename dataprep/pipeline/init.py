"""`dataprep init`: the text of a commented pipeline file for data at hand, which runs as it is.

What the data settles is written as keys, what it only suggests as comments with the reason, so that a person decides by
removing a `#`. All names from the data are quoted: they may hold anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from dataprep.clean.config import CleanConfig
from dataprep.errors import InputError, ManyInputErrors
from dataprep.pairs.config import DedupConfig
from dataprep.pipeline.look import FileLook
from dataprep.pipeline.quoting import escaped, quoted, shortened
from dataprep.pipeline.sources import DataLook, SourceLook, look_at_all
from dataprep.rules.config import RuleConfig
from dataprep.rules.defaults import DEFAULT_RULES, describe
from dataprep.splits.config import SplitConfig

_MAX_COLUMNS: Final = 12
_VALUE_CHARACTERS: Final = 70


def write(data: Sequence[str | Path], *, base: Path = Path(), name: str | None = None) -> str:
    """The text of a pipeline file for some data.

    Args:
        data: files, folders or globs, relative to the current folder.
        base: the folder that the text will be written to; relative paths in it start from there.
        name: the dataset's name; default as in `from_files`.

    Raises:
        InputError: a file cannot be read, or no shape fits its rows (the message says what to write instead);
            ManyInputErrors for several.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "support.jsonl")
    ...     _ = file.write_text('{"prompt": "Hi", "completion": "Hello"}\\n')
    ...     text = write([file])
    >>> text.splitlines()[3]
    'name: "support"'
    """
    found = look_at_all(data, base=Path())
    _refuse_problems(found)
    lines = [*_head(name or found.name), "", *_sources(found, base)]
    for section in (_clean(), _rules(), _dedup(), _splits(found)):
        lines += ["", *section]
    return "\n".join(lines) + "\n"


def _refuse_problems(found: DataLook) -> None:
    """Without a shape there is no file that runs; the error shows the shortest one that a person can complete."""
    errors = []
    for source in found.sources:
        problems = [file.problem for file in source.files if file.problem is not None]
        if problems:
            file = f"name: {quoted(found.name)}, sources: [{{path: {quoted(source.paths[0], None)}, …}}]"
            hint = f"{problems[0].hint or 'say how a row becomes a record'}, in a pipeline file of your own: {file}"
            message = problems[0].message + (f" ({len(problems)} such files)" if len(problems) > 1 else "")
            errors.append(InputError(message, file=problems[0].file, key=problems[0].key, hint=hint))
    if errors:
        raise errors[0] if len(errors) == 1 else ManyInputErrors(errors)


def _head(name: str) -> list[str]:
    return [
        "# Written by `dataprep init`; it runs as it is. Lines that begin with `#` are explanations and suggestions.",
        "# `dataprep plan` on this file checks it and shows what each rule would remove.",
        "",
        f"name: {quoted(name, None)}",
    ]


def _sources(found: DataLook, base: Path) -> Iterator[str]:
    yield "sources:"
    for index, source in enumerate(found.sources):
        yield from _source(source, base, before=found.sources[:index])


def _source(source: SourceLook, base: Path, *, before: Sequence[SourceLook]) -> Iterator[str]:
    first = source.files[0]
    yield from (f"  # {line}" for line in _seen(source, before))
    yield f"  - name: {quoted(source.name, None)}  # part of every record's id: keep it, also when files are renamed"
    yield from _path([_from(base, path) for path in source.paths])
    formats = {file.format for file in source.files}
    if len(formats) == 1:
        yield f"    format: {formats.pop()}"
    yield from _shape(source)
    if source.split is not None:
        yield f"    split: {source.split}  # as the file names say; such rows stay in this split"
    if source.split_column is not None:
        yield f"    split_column: {quoted(source.split_column, None)}  # names each row's given split"
    yield from _suggestions(first, source)


def _seen(source: SourceLook, before: Sequence[SourceLook]) -> Iterator[str]:
    first = source.files[0]
    more = f" and {len(source.files) - 1} more" if len(source.files) > 1 else ""
    yield f"Seen in {quoted(first.file.shown)}{more}: {len(first.rows)} rows sampled" + (
        f", {first.n_rejected} unreadable" if first.n_rejected else ""
    )
    like = next((other for other in before if other.mapping == source.mapping), None)
    if like is not None and list(like.files[0].schema.columns) == list(first.schema.columns):
        yield f"Columns and records as in {quoted(like.name)}"
        return
    if source.mapping is not None:
        yield shortened(f"Records: {escaped(source.mapping.describe())}", 400)
    for column in list(first.schema.columns)[:_MAX_COLUMNS]:
        kinds = " or ".join(first.schema.kinds(column)) or "null"
        yield f"  {quoted(column, 40)} ({kinds}), such as {_example(first.rows, column)}"
    if len(first.schema.columns) > _MAX_COLUMNS:
        yield f"  and {len(first.schema.columns) - _MAX_COLUMNS} more columns"


def _example(rows: Sequence[Any], column: str) -> str:
    values = (row.get(column) for row in rows if type(row) is dict)
    value = next((value for value in values if value not in (None, "", [], {})), None)
    if isinstance(value, str):
        return quoted(value, _VALUE_CHARACTERS)
    text = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return escaped(shortened(text, _VALUE_CHARACTERS))


def _from(base: Path, path: str) -> str:
    """The path as it must be written in a file that lies in `base`."""
    if Path(path).is_absolute() or path.startswith("~") or base == Path():
        return path
    return os.path.relpath(path, base)


def _path(paths: Sequence[str]) -> Iterator[str]:
    if len(paths) == 1:
        yield f"    path: {quoted(paths[0], None)}"
    else:
        yield "    path:"
        yield from (f"      - {quoted(path, None)}" for path in paths)


def _shape(source: SourceLook) -> Iterator[str]:
    mapping = source.mapping
    if mapping is None:
        return
    yield f"    shape: {mapping.shape}"
    if mapping.columns:
        columns = ", ".join(f"{part}: {quoted(column, None)}" for part, column in mapping.columns.items())
        yield f"    columns: {{{columns}}}"
    if mapping.label is not None:
        yield f"    label: {quoted(mapping.label, None)}"
    if source.files[0].unsure is not None:
        yield f"    # {escaped(source.files[0].unsure)}: none is used until you choose"


def _suggestions(first: FileLook, source: SourceLook) -> Iterator[str]:
    for item in first.candidates:
        if item.column != source.split_column:
            yield f"    # {item.role}: {quoted(item.column, None)}  # {item.reason}"


def _clean() -> list[str]:
    return [
        "clean:  # what changes text; each change can be seen and undone",
        f"  cleaners: [{', '.join(CleanConfig().cleaners)}]",
    ]


def _rules() -> Iterator[str]:
    yield "rules:"
    yield "  # The default rules apply; `dataprep rules` tells why each is there. Remove the `#` to change a threshold,"
    yield "  # or write `off` in place of the braces to switch the rule off."
    for rule in describe():
        name = rule.name if rule.name != "null" else quoted(rule.name)
        yield f"  # {name}: {_changeable(DEFAULT_RULES[rule.name])}  # {rule.action} where {escaped(rule.condition)}"
    yield "  # A rule of your own:"
    yield '  # very_long: {signal: n_words, op: ">", threshold: 5000, action: hold, because: probably not one answer}'


def _changeable(rule: RuleConfig) -> str:
    if rule.threshold is None or isinstance(rule.threshold, bool):
        return "off"
    shown = quoted(rule.threshold, None) if isinstance(rule.threshold, str) else orjson.dumps(rule.threshold).decode()
    return f"{{threshold: {shown}}}"


def _dedup() -> list[str]:
    config = DedupConfig()
    return [
        "dedup:",
        f"  fields: [{', '.join(config.fields)}]  # what must be equal; [input] drops other answers to a question, too",
    ]


def _splits(found: DataLook) -> Iterator[str]:
    config = SplitConfig()
    given = all(source.split or source.split_column for source in found.sources)
    yield "splits:"
    if given:
        yield "  by: given  # as the sources say; test and validation stay whole, what train shares with them goes"
        return
    yield f"  by: {config.by}  # equal questions, and rows that share a `group`, are never torn apart"
    yield f"  train: {config.train}"
    yield f"  validation: {config.validation}"
    yield f"  test: {config.test}"
