"""Where things lie in a store. No other module builds a path inside it.

versions/<id>/            immutable, published by one rename
refs/<dataset>/           1, 2, 3 … and `candidate`: small files holding version ids; `name` holds the dataset's name
derived/<id>/             what is computed about a version later
cache/<step>/<fingerprint>/
runs/<run>/               run.json, tables of stopped runs
training/<run>/           the trainer's runs (`dataprep.store.training`)
catalog/000123.duckdb     current.duckdb points to the newest
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, unquote

from dataprep.errors import InputError

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Store:
    """Paths of one store. Creating the object touches nothing on disk.

    >>> str(Store(Path("/data/store")).version("ab12"))
    '/data/store/versions/ab12'
    """

    root: Path

    @property
    def versions(self) -> Path:
        """Folder of all versions."""
        return self.root / "versions"

    @property
    def runs(self) -> Path:
        """Folder of all runs."""
        return self.root / "runs"

    @property
    def training(self) -> Path:
        """Folder of all training runs, where a recipe names no other."""
        return self.root / "training"

    @property
    def cache(self) -> Path:
        """Folder of finished steps."""
        return self.root / "cache"

    @property
    def catalog(self) -> Path:
        """Folder of catalog files."""
        return self.root / "catalog"

    @property
    def current_catalog(self) -> Path:
        """The link to the newest catalog file, for any DuckDB client."""
        return self.catalog / "current.duckdb"

    @property
    def refs(self) -> Path:
        """Folder of all datasets' references."""
        return self.root / "refs"

    def version(self, version_id: str) -> Path:
        """Folder of one version."""
        return self.versions / version_id

    def run(self, run_id: str) -> Path:
        """Folder of one run."""
        return self.runs / run_id

    def derived(self, version_id: str) -> Path:
        """Folder of what was computed about a version after it was published."""
        return self.root / "derived" / version_id

    def step(self, step: str, fingerprint: str) -> Path:
        """Folder of one finished step in the cache."""
        return self.cache / step / fingerprint

    def dataset_refs(self, dataset: str) -> Path:
        """Folder of one dataset's references; any name is allowed, so it is encoded."""
        return self.refs / encode_name(dataset)


def check_root(root: Path) -> None:
    """Refuse a path that no store can have: that of a file or below one, too long, or with a backslash in it.

    DuckDB takes a backslash for a separator on every system, and would look for the catalog elsewhere.

    Raises:
        InputError: it is one of these.
    """
    problem = None
    try:
        if not stat.S_ISDIR(root.stat().st_mode):
            problem = "it is not a folder"
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        problem = getattr(error, "strerror", None) or str(error)
    if os.sep != "\\" and "\\" in str(root.absolute()):
        problem = "its path holds a backslash"
    if problem:
        raise InputError(f"no store can be here: {problem}", file=str(root), hint="name another folder by --store")


def encode_name(name: str) -> str:
    """A file name for any dataset name: percent-encoded, and shortened with a digest where a file system would balk.

    >>> encode_name("support"), encode_name("../a b")
    ('support', '..%2Fa%20b')
    """
    encoded = quote(name, safe="")
    if encoded.strip(".") == "":
        encoded = encoded.replace(".", "%2E")
    if len(encoded) > 120:
        encoded = f"{encoded[:80]}~{sha256(name.encode()).hexdigest()[:24]}"
    return encoded


def decode_name(encoded: str) -> str:
    """The name behind an encoded one that was not shortened (a shortened one is kept beside its references)."""
    return unquote(encoded)
