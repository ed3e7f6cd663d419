"""What sources some data files would make.

`dataprep run FILE…` and `dataprep init FILE…` rest on the same answer, so that running files and running the pipeline
file written for them give the same records with the same ids. Names of sources are part of that identity; nothing in
them depends on the names or the order of files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import orjson

from dataprep.errors import InputError, ManyInputErrors
from dataprep.ingest.config import SplitName
from dataprep.ingest.discover import COMPRESSION_SUFFIXES, DATA_SUFFIXES, SourceFile, discover
from dataprep.ingest.shapes import Mapping
from dataprep.pipeline.look import FileLook, look_at
from dataprep.pipeline.quoting import quoted

SPLIT_ORDER: Final[tuple[SplitName, ...]] = ("train", "validation", "test")


@dataclass(frozen=True)
class SourceLook:
    """Files whose rows become records in the same way and belong to the same split: one source.

    `paths` are the arguments as given where all files of an argument are in the source, else single files.
    """

    name: str
    paths: tuple[str, ...]
    files: tuple[FileLook, ...]
    split: SplitName | None
    split_column: str | None

    @property
    def mapping(self) -> Mapping | None:
        """How rows become records; None where no file has rows."""
        return self.files[0].mapping

    def keys(self) -> dict[str, Any]:
        """The source as it must stand in a pipeline file, without what is detected again."""
        found: dict[str, Any] = {"name": self.name, "path": list(self.paths) if len(self.paths) > 1 else self.paths[0]}
        shape = "text" if self.files[0].unsure else None
        given = {"shape": shape, "split": self.split, "split_column": self.split_column}
        return found | {key: value for key, value in given.items() if value is not None}


@dataclass(frozen=True)
class DataLook:
    """All files: a name for the dataset, its sources, and in sentences what was assumed."""

    name: str
    sources: tuple[SourceLook, ...]
    assumed: tuple[str, ...]


def look_at_all(data: Sequence[str | Path], *, base: Path) -> DataLook:
    """Look at files, folders and globs.

    Args:
        data: what the user named, relative to `base`.
        base: the folder that relative paths start from.

    Raises:
        InputError: a file cannot be read; ManyInputErrors for several.
    """
    if not data:
        raise InputError("no data files are named", hint="name files, folders or globs")
    names = [_utf8(os.fspath(item)) for item in data]
    files: list[FileLook] = []
    errors: list[InputError] = []
    for argument, found in _each_once(names, base):
        try:
            written = _utf8(_relative(found.path, base)) if found.path != base / names[argument] else names[argument]
            files.append(look_at(found, argument=argument, written=written))
        except InputError as error:
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else ManyInputErrors(errors)
    sources = _sources(files, names)
    return DataLook(_dataset_name(names, files, base), sources, tuple(_assumed(sources)))


def _each_once(names: Sequence[str], base: Path) -> Iterator[tuple[int, SourceFile]]:
    """Each file with the position of the first argument that names it."""
    seen: set[Path] = set()
    for argument, name in enumerate(names):
        for file in discover((name,), base=base, key="path")[0]:
            if file.path not in seen:
                seen.add(file.path)
                yield argument, file


def _relative(path: Path, base: Path) -> str:
    """A real path as it is written in a pipeline file: relative where it lies below the base folder."""
    real = base.resolve()
    return os.fspath(path.relative_to(real) if path.is_relative_to(real) else path)


def _utf8(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = quoted(name.encode(errors="surrogateescape").decode(errors="backslashreplace"))
        hint = "rename the file, or name the folder it lies in"
        raise InputError(f"the file name {shown} is not UTF-8", hint=hint) from None
    return name


def _sources(files: Sequence[FileLook], names: Sequence[str]) -> tuple[SourceLook, ...]:
    """Group files by how their rows become records and by split. Nothing here depends on file names or their order."""
    splits = {file.file.split_hint for file in files if file.file.split_hint is not None}
    use_splits = len(splits) > 1 and "train" in splits
    groups: dict[tuple[int, bytes], list[FileLook]] = {}
    for file in files:
        if file.rows:
            groups.setdefault(_key(file, use_splits), []).append(file)
    ordered = sorted(groups.items())
    without_rows = [file for file in files if not file.rows]
    if without_rows:
        ordered = ordered or [((len(SPLIT_ORDER), b""), [])]
        ordered[-1][1].extend(without_rows)
    orders = [order for (order, _), _ in ordered]
    each_split_once = len(set(orders)) == len(orders) and len(SPLIT_ORDER) not in orders
    sources = []
    for index, ((order, _), members) in enumerate(ordered, 1):
        split = SPLIT_ORDER[order] if order < len(SPLIT_ORDER) else None
        sources.append(
            SourceLook(
                name=split if split is not None and each_split_once else f"source{index}",
                paths=_paths(members, files, names),
                files=tuple(members),
                split=split,
                split_column=None if split is not None else _split_column(members[0]),
            )
        )
    return tuple(sources)


def _key(file: FileLook, use_splits: bool) -> tuple[int, bytes]:
    """What files of one source have in common; sorts given splits first, then by the mapping."""
    mapping = file.mapping.to_dict() if file.mapping is not None else sorted(file.schema.columns)
    split = file.file.split_hint if use_splits else None
    order = len(SPLIT_ORDER) if split is None else SPLIT_ORDER.index(split)
    return order, orjson.dumps((mapping, _split_column(file)), option=orjson.OPT_SORT_KEYS)


def _split_column(file: FileLook) -> str | None:
    certain = [item.column for item in file.candidates if item.role == "split_column" and item.certain]
    return certain[0] if certain else None


def _paths(members: Sequence[FileLook], files: Sequence[FileLook], names: Sequence[str]) -> tuple[str, ...]:
    """The arguments whose files are all members, and the single files of the others."""
    paths: list[str] = []
    for argument in sorted({file.argument for file in members}):
        of_argument = [file for file in files if file.argument == argument]
        chosen = [file for file in of_argument if file in members]
        paths += [names[argument]] if len(chosen) == len(of_argument) else [file.written for file in chosen]
    return tuple(paths)


def _dataset_name(names: Sequence[str], files: Sequence[FileLook], base: Path) -> str:
    """A name for what the user named: one stem, whole words that several stems begin with, else their folder."""
    if len(names) == 1 and ((base / names[0]).is_dir() or len(files) == 1):
        return stem_of(files[0].written if len(files) == 1 and not (base / names[0]).is_dir() else names[0])[:255]
    common = _common_words([stem_of(file.written) for file in files])
    if not common:
        common = Path(os.path.commonpath([file.file.path.parent for file in files])).name
    return common[:255] or "data"


def _common_words(stems: Sequence[str]) -> str:
    """What all stems begin with, cut so that no word is torn.

    >>> _common_words(["banking77_train", "banking77_test"]), _common_words(["part1", "part2"])
    ('banking77', 'part')
    """
    columns = zip(*stems, strict=False)
    length = sum(1 for _ in takewhile(lambda characters: len(set(characters)) == 1, columns))
    while length and any(stem[length - 1 : length + 1].isalpha() and len(stem) > length for stem in stems):
        length -= 1
    return stems[0][:length].rstrip(" ._-")


def stem_of(name: str) -> str:
    """A file's or folder's name without the suffixes of compression and format.

    >>> stem_of("data/t0_train.jsonl.gz"), stem_of("folder.v2/")
    ('t0_train', 'folder.v2')
    """
    path = Path(name)
    for suffixes in (COMPRESSION_SUFFIXES, DATA_SUFFIXES):
        if path.suffix.lower() in suffixes and path.stem:
            path = path.with_suffix("")
    return path.name or path.resolve().name


def _assumed(sources: Sequence[SourceLook]) -> list[str]:
    sentences = []
    for source in sources:
        files = "1 file" if len(source.files) == 1 else f"{len(source.files)} files"
        how = source.mapping.describe() if source.mapping is not None else "to be told"
        sentences.append(f"{source.name} ({files}): {how}")
        if source.files[0].unsure is not None:
            sentences.append(f"{source.name}: {source.files[0].unsure}; none is used, set one with `label`")
        if source.split is not None:
            sentences.append(f"{source.name}: its rows are the given split {source.split}, as the file names say")
        if source.split_column is not None:
            sentences.append(f"{source.name}: the column {quoted(source.split_column)} names each row's given split")
    return sentences
