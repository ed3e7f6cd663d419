"""The corpus of bad input: files of every kind of damage, made rather than stored, and a shell to feed them to.

`Desk` is a folder with a pipeline file, its data and a store, on which commands are run as a user runs them.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from dataprep.store.layout import Store
from dataprep.store.query import sql
from tests.commands import Done, command
from tests.making import pairs

BIDI = "\u202e"
HOSTILE = "a 'b\" *?[x]\n\x1b[31m'; drop table records; --<script>alert(1)</script>|`*_\u202e"
"""Everything a name can try: quotes, globs, a line break, a terminal sequence, SQL, HTML, Markdown, direction."""


def lines(rows: Iterable[Any]) -> bytes:
    """Rows as JSON Lines; bytes among them are lines as they are."""
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def good(count: int = 40, start: int = 0) -> bytes:
    return lines(pairs(count, start=start))


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


def bomb() -> bytes:
    """1.2 GB of spaces in 1.2 MB, as members of gzip one after another, which is quick to make."""
    return gzip.compress(b" " * 10_000_000, 9) * 120


@dataclass(frozen=True)
class Desk:
    """A folder to work in; every command uses its store."""

    folder: Path
    store_name: str = "store"

    @property
    def store(self) -> Path:
        return self.folder / self.store_name

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def pipeline(self, source: dict[str, Any] | list[dict[str, Any]], **keys: Any) -> Path:
        """Write the pipeline file; JSON is YAML."""
        sources = source if isinstance(source, list) else [source]
        return self.write("pipeline.yaml", json.dumps({"name": "bad", "sources": sources, **keys}).encode())

    def command(self, *arguments: str | Path) -> Done:
        """Run a command in this process."""
        return command(*arguments, "--store", self.store)

    def shell(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a command in a process of its own."""
        given = [sys.executable, "-m", "dataprep", *map(str, arguments), "--store", str(self.store)]
        return subprocess.run(given, capture_output=True, check=False, timeout=120, **options)

    def run(
        self,
        source: dict[str, Any] | list[dict[str, Any]],
        *,
        code: int = 0,
        options: tuple[str, ...] = (),
        **keys: Any,
    ) -> Done:
        """`dataprep run pipeline.yaml`, with the exit code checked and what must hold whatever comes of it."""
        done = self.command("run", self.pipeline(source, **keys), *options)
        assert done.code == code, done
        assert "Traceback" not in done.err
        assert "\x1b" not in done.out + done.err
        if code:
            assert "next:" in done.err, done.err
            self.assert_nothing_published()
        else:
            self.assert_conserved()
        return done

    def sql(self, query: str) -> pl.DataFrame:
        return sql(Store(self.store), query)

    def rejects(self) -> list[dict[str, Any]]:
        return self.sql("from rejects order by source, path, line").to_dicts()

    def reasons(self) -> dict[int, str]:
        return {row["line"]: row["reason"] for row in self.rejects()}

    def manifest(self) -> dict[str, Any]:
        """The manifest of the only version."""
        (path,) = self.store.glob("versions/*/manifest.json")
        manifest: dict[str, Any] = json.loads(path.read_bytes())
        return manifest

    def notes(self) -> dict[str, int]:
        """What was normalised, over all files."""
        total: dict[str, int] = {}
        for source in self.manifest()["sources"]:
            for file in source["files"]:
                for note, count in file["notes"].items():
                    total[note] = total.get(note, 0) + count
        return total

    def texts(self) -> list[tuple[str, str]]:
        """Prompt and completion of all kept records, in the order of their rows."""
        version = self.manifest()["version_id"]
        files = sorted((self.store / "versions" / version / "data").glob("*.parquet"))
        data = pl.concat([pl.read_parquet(file, glob=False) for file in files], how="diagonal")
        rows = self.sql("select record_id, row from records order by row")
        joined = rows.join(data, on="record_id").sort("row")
        return list(zip(joined["prompt"], joined["completion"], strict=True))

    def assert_nothing_published(self) -> None:
        assert list(self.store.glob("versions/*")) == []
        assert list(self.store.glob("versions/.*")) == []
        assert list(self.store.glob("refs/*/[!.]*")) == []

    def assert_conserved(self) -> None:
        """Rows = records + rejects, in the manifest, file by file, and in the tables."""
        manifest = self.manifest()
        counts = manifest["counts"]
        files = [file for source in manifest["sources"] for file in source["files"]]
        for file in files:
            assert file["rows"] == file["records"] + file["rejects"]
        for name in ("rows", "records", "rejects"):
            assert sum(file[name] for file in files) == counts[name]
        assert counts["records"] == counts["kept"] + counts["held"] + counts["dropped"]
        found = self.sql(
            "select (select count(*) from records where version is not null), "
            "(select count(*) from rejects where version is not null)"
        ).row(0)
        assert found == (counts["records"], counts["rejects"])


def is_harmless(text: str) -> bool:
    """Whether a terminal shows this text as it is: no escapes, no direction marks."""
    return "\x1b" not in text and BIDI not in text


def is_root() -> bool:
    return os.geteuid() == 0
