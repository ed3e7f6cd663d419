"""Is a version still what was published? Every file's digest against the manifest, and nothing beside them.

Parquet alone does not say: DuckDB and pyarrow read a flipped bit in an uncompressed page silently wrong.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from dataprep.errors import InputError
from dataprep.store import inventory
from dataprep.store.layout import Store
from dataprep.store.names import display, resolve
from dataprep.store.tombstones import PENDING, forgotten_counts, tombstones

ProblemKind = Literal["missing", "size", "changed", "undeclared", "unreadable", "manifest", "rows", "forgetting"]

_UNDECLARED_ALLOWED: Final = frozenset({inventory.MANIFEST})
_THREADS: Final = 2
"""SHA-256 runs at about 1.5 GB/s a core without the interpreter lock; more threads wait for the disk."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it was published.

    Attributes:
        file: path inside the version's folder.
        kind: stable name of the problem.
        detail: the problem in words.
    """

    file: str
    kind: ProblemKind
    detail: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked and what was found.

    Attributes:
        data: the version's name for people.
        version_id: its id.
        files: files checked.
        bytes: bytes read.
        problems: by file; empty where all is as it was published, but for what was forgotten.
        forgotten: records whose text was erased since.
    """

    data: str
    version_id: str
    files: int
    bytes: int
    problems: tuple[Problem, ...]
    forgotten: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


def verify(store: Store, data: str) -> Verification:
    """Check one version's files against its manifest.

    Raises:
        InputError: no version has that name.
    """
    reference = resolve(store, data)
    folder = store.version(reference.version_id)
    try:
        manifest = inventory.read_json(folder / inventory.MANIFEST)
        declared: dict[str, dict[str, Any]] = {entry["path"]: entry for entry in manifest["files"]}
        named: str = manifest["version_id"]
    except (InputError, KeyError, TypeError) as error:
        problem = Problem(inventory.MANIFEST, "manifest", f"the manifest cannot be read: {error}")
        return Verification(display(reference), reference.version_id, 0, 0, (problem,))
    problems = []
    if named != reference.version_id:
        problems.append(Problem(inventory.MANIFEST, "manifest", f"the manifest is that of another version, {named!r}"))
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda entry: _check(folder, entry), declared.values())
        problems += [problem for problem in found if problem is not None]
    if (folder / PENDING).is_dir():
        problems.append(Problem(PENDING, "forgetting", "a forget was cut off here; run it again, and it will finish"))
    problems += _missing_rows(manifest)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if PurePosixPath(name).parts[0] == PENDING:
            continue
        if not path.is_dir() and name not in declared and name not in _UNDECLARED_ALLOWED:
            problems.append(Problem(name, "undeclared", "the manifest does not name this file"))
    size = sum(int(entry["bytes"]) for entry in declared.values())
    ordered = tuple(sorted(problems, key=lambda problem: (problem.file, problem.kind)))
    forgotten = len(tombstones(manifest))
    return Verification(display(reference), reference.version_id, len(declared), size, ordered, forgotten)


def _missing_rows(manifest: dict[str, Any]) -> list[Problem]:
    """Splits whose files have not as many rows as were counted, less those that were forgotten since."""
    counted: dict[str, int] = manifest.get("counts", {}).get("splits", {})
    forgotten = forgotten_counts(manifest)
    rows = dict.fromkeys(counted, 0)
    for entry in manifest["files"]:
        path = PurePosixPath(entry["path"])
        split = path.name.rsplit("-", 3)[0]
        if path.parts[0] == "data" and split in rows:
            rows[split] += int(entry.get("rows", 0))
    return [
        Problem(
            f"data/{split}",
            "rows",
            f"{rows[split]:,} rows; {counted[split]:,} were published and {forgotten[split]:,} forgotten since",
        )
        for split in counted
        if rows[split] != counted[split] - forgotten[split]
    ]


def _check(folder: Path, entry: dict[str, Any]) -> Problem | None:
    name: str = entry["path"]
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts:
        return Problem(name, "manifest", "the manifest names a file outside the version")
    path = folder / name
    if not path.is_file():
        return Problem(name, "missing", "the file is gone")
    size = path.stat().st_size
    if size != entry["bytes"]:
        return Problem(name, "size", f"{size:,} bytes instead of {entry['bytes']:,}")
    try:
        with path.open("rb") as handle:
            digest = file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        return Problem(name, "unreadable", error.strerror or str(error))
    if digest != entry["sha256"]:
        return Problem(name, "changed", f"SHA-256 {digest[:12]}… instead of {entry['sha256'][:12]}…")
    return None
