"""Which files a source means: paths, folders and globs become a sorted list of regular files.

Nothing is opened here, so nothing can hang: what is no regular file (FIFO, socket, dangling link, folder named
`x.jsonl`) is named in an error. The walk is our own, not `glob.glob`: that follows links in a circle as deep as the
system allows, takes `a[1].jsonl` for a pattern even if such a file exists, and is silent about what it cannot read.
Folders of the Hugging Face kind need no special case: `data/train-00000-of-00001.parquet` is a data file in a folder,
and its name says which split it was given.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path
from typing import Final

from dataprep.errors import InputError
from dataprep.ingest.config import SplitName

DATA_SUFFIXES: Final = frozenset(
    (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".tab", ".parquet", ".pq", ".arrow", ".feather", ".ipc", ".txt")
)
COMPRESSION_SUFFIXES: Final = frozenset((".gz", ".zst", ".zstd"))

_NO_DATA = re.compile(
    r"(readme|license|licence|copying|notice|changelog|citation|dataset_infos?|dataset_dict|state)(\.[a-z]+)*",
    re.IGNORECASE,
)
"""Names of files that accompany data: cards, licences, the bookkeeping of Hugging Face folders."""
_MAGIC = re.compile(r"[*?\[]")
_SPLIT_WORDS: Final[dict[str, SplitName]] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read, as it was when it was found."""

    path: Path
    """The real path, links resolved."""
    shown: str
    """As the user would name it: relative to the base folder where possible, made safe to print."""
    size: int
    """Bytes."""
    mtime_ns: int
    """Time of the last change in nanoseconds."""
    split_hint: SplitName | None = None
    """The split that its name speaks of (`train-00000-of-00001.parquet`, `name_dev.csv`, a folder `test`)."""


def displayable(name: str | Path) -> str:
    r"""A file name that is safe to print and to store: no control characters, no bytes that are not text.

    >>> displayable("a\x1b[31m\n.jsonl")
    'a\\x1b[31m\\x0a.jsonl'
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(character if _is_visible(character) else _escaped(character) for character in text)


def _is_visible(character: str) -> bool:
    return not unicodedata.category(character).startswith("C") and character not in "\u2028\u2029"


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def data_suffix(name: str) -> str:
    """The suffix that says what a file holds, in lower case, without that of a compression.

    >>> data_suffix("A.JSONL.gz"), data_suffix("notes")
    ('.jsonl', '')
    """
    path = Path(name.lower())
    if path.suffix in COMPRESSION_SUFFIXES:
        path = path.with_suffix("")
    return path.suffix


def split_hint(relative: str) -> SplitName | None:
    """The split that a file's name, or else the nearest folder below the one the user named, speaks of.

    >>> split_hint("data/train-00000-of-00001.parquet"), split_hint("dev/a.csv"), split_hint("train_test.csv")
    ('train', 'validation', None)
    """
    *folders, name = relative.split("/")
    stem = name.lower()
    while (suffix := Path(stem).suffix) and (suffix in DATA_SUFFIXES or suffix in COMPRESSION_SUFFIXES):
        stem = stem[: -len(suffix)]
    for part in (stem, *reversed(folders)):
        found = {_SPLIT_WORDS[word] for word in re.split(r"[^a-z]+", part.lower()) if word in _SPLIT_WORDS}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def discover(patterns: Sequence[str], *, base: Path, key: str) -> tuple[list[SourceFile], list[str]]:
    """The files that `patterns` mean, sorted by the name shown, each once; and warnings.

    Args:
        patterns: files, folders (taken whole, with all folders below) and globs (`*`, `?`, `[...]`, `**`). What exists
            under a pattern's literal name is that, whatever characters the name has.
        base: the folder that relative patterns start from.
        key: the key of the pipeline file that holds the patterns, for errors.

    Raises:
        InputError: a pattern matches nothing, or something that cannot be read as a file.
    """
    finder = _Finder(base, key)
    for pattern in patterns:
        finder.add(pattern)
    files = sorted(finder.files.values(), key=lambda file: (file.shown, os.fsencode(file.path)))
    return files, finder.warnings()


@dataclass
class _Finder:
    """Files and warnings while patterns are gone through."""

    base: Path
    key: str
    files: dict[str, SourceFile] = field(default_factory=dict)
    _twice: list[str] = field(default_factory=list)
    _skipped: list[str] = field(default_factory=list)
    _folders_passed: list[str] = field(default_factory=list)

    def add(self, pattern: str) -> None:
        if not pattern or "\0" in pattern:
            raise InputError(f"{pattern!a} is not a path", key=self.key)
        path = self.base / Path(pattern).expanduser()
        if _exists(path):
            self._add_named(path)
        elif _MAGIC.search(pattern):
            self._add_matching(path, pattern)
        else:
            hint = "check the path; relative paths start from the pipeline file's folder"
            raise InputError("there is no such file or folder", file=displayable(pattern), key=self.key, hint=hint)

    def warnings(self) -> list[str]:
        """What was left out, in words."""
        told = (
            (self._twice, "named twice, read once"),
            (self._skipped, "skipped, because they do not look like data (name them to read them)"),
            (self._folders_passed, "passed over: folders that a pattern matches (end it with /** to read them whole)"),
        )
        return [f"{_listed(sorted(set(names)))}: {why}" for names, why in told if names]

    def _add_named(self, path: Path) -> None:
        status = self._status(path)
        if not stat.S_ISDIR(status.st_mode):
            self._add_file(path, path.name)
            return
        self._refuse_folder_named_as_file(path)
        before = len(self.files) + len(self._twice)
        self._add_folder(path, path)
        if len(self.files) + len(self._twice) == before:
            hint = "name the files to read, or a glob"
            raise InputError("the folder holds no data files", file=self._shown(path), key=self.key, hint=hint)

    def _add_matching(self, path: Path, pattern: str) -> None:
        parts = path.parts
        n_literal = next(index for index, part in enumerate(parts) if _MAGIC.search(part))
        root = Path(*parts[:n_literal])
        matched = False
        for found in sorted(set(self._matches(root, list(parts[n_literal:]), ())), key=os.fsencode):
            matched = True
            if stat.S_ISDIR(self._status(found).st_mode):
                self._refuse_folder_named_as_file(found)
                self._folders_passed.append(self._shown(found))
            else:
                self._add_file(found, found.relative_to(root).as_posix())
        if not matched:
            hint = f"look at the folder {displayable(root)}; relative patterns start from the pipeline file's folder"
            raise InputError("no file matches", file=displayable(pattern), key=self.key, hint=hint)

    def _matches(self, folder: Path, parts: list[str], above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
        """Paths below `folder` that match the parts of a glob. `above`: the folders on the way, to notice circles."""
        part, rest = parts[0], parts[1:]
        if not _is_folder(folder):
            return
        if part == "**":
            status = folder.stat()
            place = (status.st_dev, status.st_ino)
            self._refuse_circle(folder, place, above)
            if rest:
                yield from self._matches(folder, rest, (*above, place))
            for entry in self._entries(folder):
                if entry.name.startswith("."):
                    continue
                if _is_folder(Path(entry.path)):
                    self._refuse_folder_named_as_file(Path(entry.path))
                    yield from self._matches(Path(entry.path), parts, (*above, place))
                elif not rest:
                    yield Path(entry.path)
            return
        if not _MAGIC.search(part):
            found = folder / part
            if _exists(found):
                yield from self._matches(found, rest, above) if rest else (found,)
            return
        matches = re.compile(translate(part)).fullmatch
        for entry in self._entries(folder):
            hidden = entry.name.startswith(".") and not part.startswith(".")
            if not hidden and matches(entry.name):
                yield from self._matches(Path(entry.path), rest, above) if rest else (Path(entry.path),)

    def _add_folder(self, folder: Path, root: Path, above: tuple[tuple[int, int], ...] = ()) -> None:
        """Every data file below `folder`."""
        status = folder.stat()
        place = (status.st_dev, status.st_ino)
        self._refuse_circle(folder, place, above)
        for entry in self._entries(folder):
            path = Path(entry.path)
            is_data = data_suffix(entry.name) in DATA_SUFFIXES and not _NO_DATA.fullmatch(entry.name)
            if entry.name.startswith((".", "_")):
                self._skipped.append(self._shown(path))
            elif _is_folder(path):
                if is_data:
                    self._refuse_folder_named_as_file(path)
                self._add_folder(path, root, (*above, place))
            elif is_data or entry.is_symlink():
                self._add_file(path, path.relative_to(root).as_posix(), only_data=not is_data)
            else:
                self._skipped.append(self._shown(path))

    def _add_file(self, path: Path, relative: str, *, only_data: bool = False) -> None:
        status = self._status(path)
        if only_data:  # a link that leads somewhere, under a name that is not that of data
            self._skipped.append(self._shown(path))
            return
        shown = self._shown(path)
        if not stat.S_ISREG(status.st_mode):
            kind = next((name for test, name in _KINDS if test(status.st_mode)), "special file")
            raise InputError(f"is a {kind}, not a file that holds data", file=shown, key=self.key, hint="leave it out")
        if not os.access(path, os.R_OK):
            raise InputError("no permission to read it", file=shown, key=self.key, hint="change its permissions")
        real = os.path.realpath(path)
        if real in self.files:
            self._twice.append(shown)
            return
        hint = split_hint(relative)
        self.files[real] = SourceFile(Path(real), shown, status.st_size, status.st_mtime_ns, hint)

    def _status(self, path: Path) -> os.stat_result:
        try:
            return path.stat()
        except FileNotFoundError:
            what, hint = "a link that leads nowhere", "remove the link or restore what it names"
        except PermissionError:
            what, hint = "no permission to look at it", "change the permissions of its folder"
        except OSError as error:
            what, hint = f"cannot be looked at: {error.strerror}", "a link may lead to itself"
        raise InputError(what, file=self._shown(path), key=self.key, hint=hint)

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            message = f"the folder cannot be read: {error.strerror}"
            hint = "change its permissions, or leave it out"
            raise InputError(message, file=self._shown(folder), key=self.key, hint=hint) from None

    def _refuse_circle(self, folder: Path, place: tuple[int, int], above: tuple[tuple[int, int], ...]) -> None:
        if place in above:
            message = "a link that leads back to a folder above it"
            raise InputError(message, file=self._shown(folder), key=self.key, hint="remove the link")

    def _refuse_folder_named_as_file(self, path: Path) -> None:
        if data_suffix(path.name) in DATA_SUFFIXES:
            hint = f"to read what is inside, name {displayable(path.name)}/*"
            raise InputError("is a folder, not a file", file=self._shown(path), key=self.key, hint=hint)

    def _shown(self, path: Path) -> str:
        path = Path(os.path.normpath(path))
        base = Path(os.path.normpath(self.base))
        return displayable(path.relative_to(base) if path.is_relative_to(base) else path)


def _exists(path: Path) -> bool:
    """Whether there is something of this name, be it a link that leads nowhere or in a folder closed to us."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _is_folder(path: Path) -> bool:
    """Whether a path leads to a folder; one that leads nowhere, in a circle or beyond our rights does not."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False


_KINDS: Final = (
    (stat.S_ISFIFO, "FIFO"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
    (stat.S_ISDIR, "folder"),
)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more
