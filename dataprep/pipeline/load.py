"""Reading a pipeline file: every mistake at once, each with its line and what to do.

The steps are: bytes to a tree with lines, overrides into the tree, the shorthands of the file written out (`off`, empty
sections, a default rule of which only one key is changed), the models' own validation, mistakes translated back.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from dataprep.errors import InputError, ManyInputErrors
from dataprep.pipeline import overrides as override_texts
from dataprep.pipeline.base import KeyPath
from dataprep.pipeline.mistakes import Places, explain
from dataprep.pipeline.models import Pipeline
from dataprep.pipeline.shorthand import write_out
from dataprep.pipeline.yaml_tree import MAX_BYTES, Node, parse

_SECTIONS = frozenset(Pipeline.model_fields)


@dataclass(frozen=True)
class LoadedPipeline:
    """A validated pipeline and where it came from.

    Attributes:
        pipeline: the pipeline.
        path: its file as the user named it; None for a run without a pipeline file.
        base: the folder against which relative paths of sources and of `store` are taken.
        overrides: the overrides that were applied.
        assumed: for a run without a pipeline file, what was assumed, one sentence each.
    """

    pipeline: Pipeline
    path: Path | None
    base: Path
    overrides: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    _places: Places | None = None

    @property
    def store(self) -> Path | None:
        """The store that the pipeline file names, as a path from here; None where it names none."""
        return None if self.pipeline.store is None else self.base / self.pipeline.store

    def mistake(self, path: KeyPath, message: str, hint: str | None = None) -> InputError:
        """An InputError about a key of this pipeline, with file and line, for what only later steps can know.

        Args:
            path: the keys that lead there, such as `("rules", "too_short", "signal")`.
            message: what is wrong, in one sentence.
            hint: what to do next.
        """
        places = self._places or Places(Node({}), None)
        return places.mistake(path, message, hint)

    @contextmanager
    def locating(self) -> Iterator[None]:
        """Inside, mistakes that later steps find in this pipeline get the file and line that their key stands in.

        Steps name the key alone: they see the pipeline and not its file.
        """
        try:
            yield
        except InputError as error:
            for mistake in error.errors if isinstance(error, ManyInputErrors) else [error]:
                self._locate(mistake)
            raise

    def _locate(self, mistake: InputError) -> None:
        path = self._key_path(mistake.key or "")
        if self.path is None or mistake.line is not None or path is None:
            return
        message = mistake.message if mistake.file is None else f"{mistake.file}: {mistake.message}"
        place = self.mistake(path, message)
        mistake.message, mistake.file, mistake.line = place.message, place.file, place.line

    def _key_path(self, key: str) -> KeyPath | None:
        """The place that a dotted key means; sources stand in it by name. None where it is no key of the file."""
        for index, name in enumerate(self.pipeline.source_names):
            if key.startswith(f"sources.{name}."):
                return ("sources", index, *key.removeprefix(f"sources.{name}.").split("."))
        parts = key.split(".")
        return tuple(parts) if parts[0] in _SECTIONS else None


def load(path: Path, overrides: Sequence[str] = ()) -> LoadedPipeline:
    """Read and validate a pipeline file.

    Args:
        path: the YAML (or JSON) file.
        overrides: `rules.too_short.threshold=20`, applied in order over the file's values.

    Raises:
        InputError: the file cannot be read, or has a mistake; ManyInputErrors where it has several.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "p.yaml")
    ...     _ = file.write_text("name: support\\nsources: [{path: a.jsonl}]\\nrules: {too_short: off}\\n")
    ...     load(file, ["splits.seed=7"]).pipeline.splits.seed
    7
    """
    name = os.fspath(path)
    root, mistakes = parse(_read(path), file=name)
    if not isinstance(root.value, dict):
        what = "empty" if root.value is None else "not a mapping of keys to values"
        hint = "begin with `name:` and `sources:`; `dataprep init DATA` writes a pipeline file that works"
        raise InputError(f"the pipeline file is {what}", file=name, hint=hint)
    return _checked(root, mistakes, path=Path(path), base=Path(path).parent, overrides=overrides)


def from_tree(root: Node, *, base: Path, overrides: Sequence[str], assumed: Sequence[str]) -> LoadedPipeline:
    """Validate a pipeline that a program put together instead of a person; see `dataprep.pipeline.files`."""
    return _checked(root, [], path=None, base=base, overrides=overrides, assumed=assumed)


def _read(path: Path) -> str:
    name = os.fspath(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError("not a file", file=name, hint="name the pipeline file itself")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        hint = "check the name, or write one with `dataprep init DATA`"
        raise InputError("no such file", file=name, hint=hint) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=name) from None
    if len(data) > MAX_BYTES:
        raise InputError(f"larger than {MAX_BYTES:,} bytes; is it a data file?", file=name)
    if data[:4] in (b"PAR1", b"\x28\xb5\x2f\xfd") or data[:2] == b"\x1f\x8b":
        hint = "name a data file on the command line, or in `sources` of a pipeline file"
        raise InputError("a data file where a pipeline file is expected", file=name, hint=hint)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError("encoded in UTF-16; a pipeline file is UTF-8", file=name, hint="save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        raise InputError(message, file=name, line=line, hint="save the file as UTF-8") from None


def _checked(
    root: Node,
    mistakes: list[InputError],
    *,
    path: Path | None,
    base: Path,
    overrides: Sequence[str],
    assumed: Sequence[str] = (),
) -> LoadedPipeline:
    for override in overrides:
        try:
            mistakes += override_texts.apply(root, override)
        except InputError as error:
            mistakes.append(error)
    places = Places(root, None if path is None else os.fspath(path))
    mistakes += write_out(root, places)
    pipeline, found = _validated(root, places)
    mistakes += found
    if mistakes or pipeline is None:
        mistakes.sort(key=lambda mistake: (mistake.line is None, mistake.line or 0))
        raise mistakes[0] if len(mistakes) == 1 else ManyInputErrors(mistakes)
    return LoadedPipeline(pipeline, path, base, tuple(overrides), tuple(assumed), places)


def _validated(root: Node, places: Places) -> tuple[Pipeline | None, list[InputError]]:
    """The pipeline, or all mistakes: those of each section, and those between the sections that have none."""
    try:
        return _validate(root), []
    except ValidationError as error:
        mistakes = explain(error, places)
        spoiled = {str(detail["loc"][0]) for detail in error.errors(include_url=False) if detail["loc"]}
    if spoiled and "sources" not in spoiled and isinstance(root.value, dict):
        sound = {key: node for key, node in root.value.items() if key not in spoiled and key in _SECTIONS}
        sound.setdefault("name", Node("unnamed"))
        try:
            _validate(Node(sound, key_lines=root.key_lines))
        except ValidationError as error:
            mistakes += explain(error, places)
    return None, mistakes


def _validate(root: Node) -> Pipeline:
    """Strict, and through JSON: strict Python validation would want tuples and model instances."""
    return Pipeline.model_validate_json(json.dumps(root.plain()), strict=True)
