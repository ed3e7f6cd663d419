"""Conversations of a folder or file that `datasets` can load, without the network and without running its code.

Loaded into a scratch folder: the library's own cache would keep a copy of the text in the user's home.
"""

from __future__ import annotations

import glob
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from hashlib import blake2b, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from dataprep.console import one_line
from dataprep.errors import InputError
from dataprep.pipeline.quoting import quoted
from dataprep.store.files import file_digest
from trainer.data.conversations import Conversation
from trainer.data.shapes import NotOfShapeError, Row, conversations, detect, used_columns

if TYPE_CHECKING:
    import datasets

_BUILDERS: Final = {
    ".jsonl": "json", ".ndjson": "json", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
    ".txt": "text", ".arrow": "arrow",
}  # fmt: skip
"""Of `datasets`, by the end of a file's name; `.gz` and `.zst` may follow."""
_PACKED: Final = frozenset({".gz", ".zst", ".xz", ".bz2"})
_VALIDATION: Final = ("validation", "valid", "val", "dev", "eval")
_TEST: Final = ("test", "testing", "evaluation")
"""Names of splits that are held out; `datasets` itself gives files the first of each."""
_BATCH: Final = 2_000


class FolderSource:
    """A folder or file of rows.

    Args:
        base: folder that `name` is relative to.
        name: as in the recipe.

    Raises:
        InputError: nothing is there.
    """

    rows = 0
    to_learn_labels = "name the columns `prompt` and `completion`, in place of `text` and `label`"

    def __init__(self, base: Path, name: str) -> None:
        self.path = base / name
        self.file = os.fspath(self.path)
        if not self.path.exists():
            hint = "it is relative to the recipe; a dataset version is named by `version:`"
            raise InputError("there is no such folder or file", file=self.file, key="data.folder", hint=hint)
        self.files: dict[str, list[str]] = {}
        self.notes: list[str] = []
        self.description: dict[str, Any] = {"kind": "folder", "folder": self.file, "digest": self.digest}

    @cached_property
    def digest(self) -> str:
        """Of the files' names and content: names say which split a file belongs to."""
        files = [self.path]
        if self.path.is_dir():
            named = (path.relative_to(self.path) for path in sorted(self.path.rglob("*")) if path.is_file())
            files = [self.path / path for path in named if not any(part.startswith(".") for part in path.parts)]
        total = sha256()
        for path in files:
            total.update(f"{path.relative_to(self.path.parent).as_posix()}\n{file_digest(path)}\n".encode())
        return total.hexdigest()

    def read(self) -> Iterator[list[Conversation]]:
        """All conversations in batches of one split: train, validation, and what else is held out.

        Raises:
            InputError: the rows cannot be read, are in no shape that can be trained on, or there are none.
        """
        import datasets

        with tempfile.TemporaryDirectory(prefix="trainer-rows-") as scratch, _quiet(datasets):
            try:
                loaded = self._load(Path(scratch))
            except (OSError, ValueError, StopIteration, datasets.exceptions.DatasetsError) as error:
                raise self._unreadable(error) from error
            by_split = self._splits(loaded)
            ids = _Ids()
            for split, rows in by_split.items():
                if split in ("train", "validation"):
                    yield from self._batches(rows, split, ids)
                else:
                    yield from self._compared(rows, split)

    def _compared(self, rows: datasets.Dataset, split: str) -> Iterator[list[Conversation]]:
        """Rows that are not trained on: what they look like must not stop training, nor that an id is in train too."""
        try:
            yield from self._batches(rows, split, _Ids())
        except InputError as error:
            self.notes.append(f"{split} cannot be compared with train: {error.message}")

    def _batches(self, rows: datasets.Dataset, split: str, ids: _Ids) -> Iterator[list[Conversation]]:
        shape = detect(rows.column_names, self.file)
        unread = [quoted(name) for name in rows.column_names if name not in used_columns(shape)]
        if shape == "text" and unread and split == "train":
            hint = "to train on an answer too, name the columns `prompt` and `completion`"
            self.notes.append(f"only `text` is trained on, {', '.join(unread[:9])} not: {hint}")
        chosen = rows.select_columns([name for name in rows.column_names if name in used_columns(shape)])
        for start in range(0, len(chosen), _BATCH):
            batch = chosen.select(range(start, min(start + _BATCH, len(chosen)))).to_list()
            numbered = enumerate(batch, start + 1)
            yield conversations(numbered, shape, split=split, file=self.file, ids=ids)

    def _splits(self, loaded: Any) -> dict[str, Any]:
        """Train, validation, and what else is held out, of what was loaded; the rest is not read."""
        found = loaded if isinstance(loaded, dict) else {"train": loaded}
        there = ", ".join(f"{quoted(name)} ({len(rows):,} rows)" for name, rows in found.items()) or "nothing"
        if "train" not in found or not len(found["train"]):
            hint = "call the file train.jsonl, or name it alone in the recipe"
            raise InputError(f"no rows to train on; found: {there}", file=self.file, key="data.folder", hint=hint)
        held_out = [name for name in (*_VALIDATION, *_TEST) if name in found and len(found[name])]
        chosen = {"train": "train"}
        if held_out and held_out[0] in _VALIDATION:
            chosen["validation"] = held_out[0]
        chosen |= {name: name for name in held_out if name not in chosen.values()}
        self.files = {split: self.files[name] for split, name in chosen.items() if name in self.files}
        return {split: found[name] for split, name in chosen.items()}

    def _load(self, scratch: Path) -> Any:
        import datasets

        if self.path.is_dir():
            if (self.path / "dataset_dict.json").is_file() or (self.path / "state.json").is_file():
                return datasets.load_from_disk(self.file)
            builder = datasets.load_dataset_builder(self.file, cache_dir=os.fspath(scratch))
            for split, files in (builder.config.data_files or {}).items():
                self.files[str(split)] = [os.path.relpath(file, self.file) for file in files]
            builder.download_and_prepare()
            return builder.as_dataset()
        self.files = {"train": [self.path.name]}
        ends = [end for end in self.path.suffixes if end not in _PACKED]
        builder = _BUILDERS.get(ends[-1] if ends else "")
        if builder is None:
            known = ", ".join(_BUILDERS)
            raise InputError("a file of unknown kind", file=self.file, key="data.folder", hint=f"known: {known}")
        options = {"sep": "\t"} if ends[-1] == ".tsv" else {}
        # A file name is a pattern to the library: `[1]` would match another file.
        files = glob.escape(self.file)
        return datasets.load_dataset(builder, data_files=files, cache_dir=os.fspath(scratch), **options)

    def _unreadable(self, error: BaseException) -> InputError:
        if "corresponds to no data" in str(error):
            name = str(error).split('"')[1] if '"' in str(error) else "a split"
            hint = "take its file out of the folder: an empty split cannot be loaded"
            return InputError(f"{quoted(name)} has no rows", file=self.file, key="data.folder", hint=hint)
        if isinstance(error, StopIteration):  # what the library makes of a file without a byte
            hint = "take the empty file out, or name the file with rows"
            return InputError("a file has no rows", file=self.file, key="data.folder", hint=hint)
        cause = error.__cause__ or error
        if "cast" in str(cause):
            hint = "make the columns of all splits alike, or put them through `dataprep run`"
            message = "its files do not have the same columns, of the same types"
            return InputError(message, file=self.file, key="data.folder", hint=hint)
        reason = one_line(str(cause).strip().split("\n")[0])[:300] or type(cause).__name__
        hint = "dataprep run FILE reads damaged files, and says which rows it could not read"
        return InputError(f"`datasets` cannot load it: {reason}", file=self.file, key="data.folder", hint=hint)


class _Ids:
    """Ids of rows by their content, so that they stay when rows are added or moved: identical rows are counted.

    Raises NotOfShapeError where a row brings an id that another one has.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, row: Row) -> str:
        given = row.get("record_id")
        if given is not None:
            self._seen[str(given)] += 1
            if self._seen[str(given)] > 1:
                raise NotOfShapeError(f"another row has its `record_id` {quoted(str(given))}")
            return str(given)
        content = orjson.dumps(dict(row), default=str, option=orjson.OPT_SORT_KEYS)
        digest = blake2b(content, digest_size=16, person=b"trainer-row").hexdigest()
        self._seen[digest] += 1
        return digest if self._seen[digest] == 1 else f"{digest}-{self._seen[digest]}"


@contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Without the library's own bars and log lines: what matters comes as an error of ours."""
    shown = not library.are_progress_bars_disabled()
    verbosity = library.logging.get_verbosity()
    library.disable_progress_bars()
    library.logging.set_verbosity(library.logging.CRITICAL)
    try:
        yield
    finally:
        library.logging.set_verbosity(verbosity)
        if shown:
            library.enable_progress_bars()
