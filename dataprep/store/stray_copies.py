"""What holds a record's text outside of versions: the cache, what runs wrote beside their tables, derived and training.

The cache can be made again, so a step goes whole unless it can be shown not to hold the record: each of its tables has
ids or digests and none of them is the record's, or it has nothing but numbers and keys. `derived/` and `training/`
cannot be made again at will: there, rows of Parquet and JSON Lines files that name the record go, and other files that
name it are reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep.console import clip, one_line
from dataprep.errors import InputError
from dataprep.store import inventory
from dataprep.store.erase import BAD_FILE, Marks, names_line, replace_rows
from dataprep.store.files import write_atomically
from dataprep.store.layout import Store

LEFT_OUT: Final = "(left out: it quoted a forgotten record)"
_SHOWN: Final = 40
"""Columns of a value that our messages quote at most."""
_ID_COLUMNS: Final = ("record_id", "digest", "content_digest")
_READABLE: Final = frozenset({".json", ".jsonl", ".html", ".md", ".txt", ".csv", ".tsv", ".log", ".yaml", ".yml"})
"""Files beside tables that are looked through for a record's id; weights of models are not."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The ids and digests (hex) by which a record, or a reject, is told in any table."""

    record_ids: frozenset[str]
    digests: frozenset[str]

    def among(self, column: pa.ChunkedArray) -> bool:
        """Whether a column of ids, or of digests as text or bytes, has one of them."""
        if pa.types.is_binary(column.type) or pa.types.is_fixed_size_binary(column.type):
            known = pa.array([bytes.fromhex(digest) for digest in sorted(self.digests)], pa.binary())
            return bool(pc.any(pc.is_in(column.cast(pa.binary()), value_set=known)).as_py())
        names = pa.array(sorted(self.record_ids | self.digests), pa.string())
        return bool(pc.any(pc.is_in(column.cast(pa.string()), value_set=names)).as_py())


def cached_steps(store: Store, identity: Identity) -> list[Path]:
    """Folders of the cache that hold a record, or that cannot be shown not to.

    >>> cached_steps(Store(Path("no-such-store")), Identity(frozenset(), frozenset()))
    []
    """
    steps = [step for family in _folders(store.cache) for step in _folders(family)]
    return [step for step in steps if _may_hold(step, identity)]


def files_beside(store: Store, version_ids: Sequence[str]) -> Iterator[Path]:
    """Files of `training/`, and of what was derived from the versions."""
    for folder in (store.root / "training", *(store.derived(version_id) for version_id in version_ids)):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                yield path


def take_out(path: Path, marks: Marks) -> bool:
    """Take a record's rows out of a file beside the versions; whether there were any.

    Raises:
        MachineError: the disk is full or cannot be written.
    """
    try:
        return replace_rows(path, marks)
    except pa.ArrowInvalid:  # not Parquet, whatever its name says: `names_record` looks at its bytes
        return False


def names_record(path: Path, record_ids: frozenset[str]) -> bool:
    """Whether a readable file has a record's id in it, in other places than where `take_out` finds it."""
    if path.suffix not in _READABLE:
        return False
    wanted = [record_id.encode() for record_id in record_ids]
    with path.open("rb") as lines:
        others = (line for line in lines if path.suffix != ".jsonl" or not names_line(line, record_ids))
        return any(record_id in line for line in others for record_id in wanted)


def trained_on(store: Store, version_ids: Sequence[str]) -> list[str]:
    """Training runs whose JSON files name one of the versions."""
    found = []
    for run in _folders(store.root / "training"):
        texts = (path.read_bytes() for path in sorted(run.rglob("*.json")) if path.is_file())
        if any(version_id.encode() in text for text in texts for version_id in version_ids):
            found.append(run.name)
    return found


def without_quotes(value: Any, quoted: Sequence[str]) -> Any:
    """A JSON value in which every text that quotes one of these is replaced.

    >>> without_quotes({"notes": ["no 'gold' in test", "2 goldfish"]}, ["gold"])
    {'notes': ['(left out: it quoted a forgotten record)', '2 goldfish']}
    """
    if isinstance(value, dict):
        return {key: without_quotes(each, quoted) for key, each in value.items()}
    if isinstance(value, list):
        return [without_quotes(each, quoted) for each in value]
    if isinstance(value, str) and any(_quotes(value, text) for text in quoted):
        return LEFT_OUT
    return value


def clear_messages(folder: Path, quoted: Sequence[str]) -> None:
    """Replace what a run's own words quote: its message and the files beside its record.

    Raises:
        MachineError: the disk is full or cannot be written.
    """
    for path in sorted(folder.glob("*.json")):
        try:
            value = inventory.read_json(path)
        except InputError:
            continue  # cut off by a killed run: nobody reads it
        if path.name == inventory.RUN_RECORD:
            left = value | without_quotes({name: value[name] for name in ("message",) if name in value}, quoted)
        else:
            left = without_quotes(value, quoted)
        if left != value:
            write_atomically(path, orjson.dumps(left, option=orjson.OPT_INDENT_2))


def _quotes(text: str, quoted: str) -> bool:
    shown = clip(one_line(quoted), _SHOWN).removesuffix("…")
    return any(re.search(rf"(?<!\w){re.escape(each)}(?!\w)", text) for each in {quoted, shown} if each)


def _may_hold(step: Path, identity: Identity) -> bool:
    identified = False
    texts = False
    for path in sorted(item for item in step.rglob("*") if item.is_file()):
        if path.suffix != ".parquet":
            texts |= path.suffix != ".json"
            continue
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        if "reason" in names and BAD_FILE in file.read(["reason"])["reason"].to_pylist():
            return True  # the beginning of a whole file, whose rows nobody could tell apart
        columns = [name for name in _ID_COLUMNS if name in names]
        identified |= bool(columns)
        for batch in file.iter_batches(columns=columns) if columns else ():
            if any(identity.among(pa.chunked_array([batch[name]])) for name in columns):
                return True
        texts |= any(_is_text(field.type) for field in file.schema_arrow)
    return texts and not identified


def _is_text(kind: pa.DataType) -> bool:
    """Whether values of a type can carry text; keys are binary of a fixed size."""
    plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return not (plain or pa.types.is_fixed_size_binary(kind) or pa.types.is_null(kind))


def _folders(parent: Path) -> list[Path]:
    return sorted(item for item in parent.iterdir() if item.is_dir()) if parent.is_dir() else []
