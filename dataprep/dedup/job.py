"""One job: a file in, the rows that stay out, with what was decided beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar

from dataprep.dedup.engine import Engine
from dataprep.dedup.finding import Source, decide, rehearse
from dataprep.dedup.outputs import OutputPaths, temporary, write_clusters, write_pairs
from dataprep.dedup.settings import NearSettings
from dataprep.dedup.signatures import signature_writer
from dataprep.dedup.summary import DedupResult, summarize
from dataprep.dedup.texts import Kept
from dataprep.errors import InputError
from dataprep.kernels import CompileError

Rows = TypeVar("Rows")
EngineName = Literal["auto", "kernel", "datasketch"]

DEFAULT_MEMORY_BYTES: Final = 1_000_000_000
LEAST_MEMORY_BYTES: Final = 300_000_000
_SHARE: Final = 4
"""Keys and shingle sets may each take this part of the memory before they go to scratch files."""
_MAGIC: Final = {b"PAR1": "parquet", b"ARRO": "arrow", b"\xff\xff\xff\xff": "arrow_stream"}
_SUFFIXES: Final = {
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".feather", ".ipc"),
    "arrow_stream": (".arrow", ".arrows", ".ipc"),
}


class _Source(Source[Rows], Protocol[Rows]):
    """A file of rows."""

    def describe(self) -> str:
        """What is compared."""
        ...

    def writer(self, output: Path, /) -> AbstractContextManager[Callable[[Rows, Kept], None]]:
        """What writes the rows that stay, as they were."""
        ...

    def write_rejects(self, output: Path, /) -> int:
        """Write the rows that could not be read, if there are any; returns how many."""
        ...


def dedup(
    source: str | Path,
    output: str | Path,
    *,
    text: Sequence[str] = (),
    threshold: float = 0.8,
    ngram: int = 5,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    workers: int | None = None,
    engine: EngineName = "auto",
    signatures: str | Path | None = None,
    on_note: Callable[[str], None] | None = None,
) -> DedupResult:
    """Remove near duplicates from a file.

    Of rows that are nearly the same the first one stays. A row goes only if its exact Jaccard similarity with a row
    that stays reaches the threshold. The output never depends on the number of workers or the memory.

    Args:
        source: Parquet, Arrow, JSON Lines, CSV, TSV or plain text, the latter four also as .gz and .zst.
        output: where rows that stay go, in the format of the source. Pairs, clusters and rejects go beside it.
        text: columns to compare; by the shape of the rows if none are named.
        threshold: Jaccard similarity of the sets of word n-grams, 0.5 to 1.
        ngram: words in a shingle.
        memory_bytes: about how much memory may be used; what does not fit goes to scratch files beside the output.
        workers: threads; as many as there are processors if not given.
        engine: `kernel` (compiled), `datasketch` (the reference, slow), `auto` (the first that works).
        signatures: a Parquet file for the MinHash signature of each row.
        on_note: told in words what was assumed.

    Raises:
        InputError: a file, column or number is wrong; the file changes meanwhile; kernels are asked for and cannot be
            compiled.
        RefusedError: more rows cannot be read than `limits.rejects` allows by default.
        MachineError: no room on the disk.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> fox = "the quick brown fox jumps over the lazy dog"
    >>> _ = (folder / "in.txt").write_text("\\n".join([fox, "something else", f"{fox.title()}!"]))
    >>> result = dedup(folder / "in.txt", folder / "out.txt")
    >>> result.kept, (folder / "out.txt").read_text().splitlines()[1:]
    (2, ['something else'])
    """
    settings = NearSettings(threshold=threshold, ngram=ngram)
    note = on_note or (lambda _: None)
    path, target = Path(source), Path(output)
    paths = _checked(path, OutputPaths.beside(target, None if signatures is None else Path(signatures)))
    rows = _open(path, target, text)
    note(rows.describe())
    chosen = _engine(engine, settings, signatures is not None, note)
    with temporary(paths) as unfinished:
        with (
            signature_writer(unfinished.signatures, settings) as on_sketched,
            rows.writer(unfinished.rows) as write,
        ):
            decision = decide(
                rows,
                chosen,
                write,
                bands=settings.bands,
                workers=workers or os.cpu_count() or 1,
                folder=target.parent,
                in_memory=memory_bytes // _SHARE,
                shown=str(source),
                on_sketched=on_sketched,
            )
        write_pairs(decision, unfinished.pairs)
        write_clusters(decision, unfinished.clusters)
        rejected = rows.write_rejects(unfinished.rejects)
    files = {"rows": str(paths.rows), "pairs": str(paths.pairs), "clusters": str(paths.clusters)}
    if rejected:
        files["rejects"] = str(paths.rejects)
    return summarize(decision, settings, rejected=rejected, comparing=rows.describe(), engine=chosen.name, files=files)


def _checked(source: Path, paths: OutputPaths) -> OutputPaths:
    """The same paths, if the source is a file and none of them is the source or another of them.

    Raises:
        InputError: otherwise.
    """
    if not source.exists():
        raise InputError("there is no such file", file=str(source), hint="check the path")
    if not source.is_file():
        raise InputError("is not a file", file=str(source), hint="name one file; a folder's files go one by one")
    seen = {os.path.realpath(source): source}
    for path in paths.every:
        real = os.path.realpath(path)
        if real in seen:
            message = "would be written over the input" if seen[real] == source else "would be written twice"
            raise InputError(message, file=str(path), key="-o", hint="name another file")
        seen[real] = path
        if path.is_dir():
            raise InputError("is a folder", file=str(path), key="-o", hint="name a file in it")
    if not paths.rows.parent.is_dir():
        raise InputError("there is no such folder", file=str(paths.rows.parent), key="-o", hint="make it first")
    return paths


def _open(source: Path, output: Path, text: Sequence[str]) -> _Source[Any]:
    """The file as what its first bytes say it is."""
    shown = str(source)
    kind = _columnar_kind(source, shown)
    if kind is None:
        from dataprep.dedup.lines import open_lines

        try:
            return open_lines(source, output, shown, text)
        except CompileError as error:
            hint = "mend the installation of numba, or make it Parquet or CSV: these are read without"
            raise InputError(error.message, file=shown, hint=hint) from error
    suffix = output.suffix.lower()
    if suffix not in _SUFFIXES[kind]:
        wanted = " or ".join(_SUFFIXES[kind])
        raise InputError(
            f"rows of {kind} are written as {kind}", file=str(output), key="-o", hint=f"end it in {wanted}"
        )
    from dataprep.dedup.tables import ArrowSource, ParquetSource

    if kind == "parquet":
        return ParquetSource(source, shown, text)
    return ArrowSource(source, shown, text, stream=kind == "arrow_stream")


def _columnar_kind(source: Path, shown: str) -> str | None:
    try:
        with source.open("rb") as file:
            return _MAGIC.get(file.read(4))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=shown, hint="check its permissions") from None


def _engine(name: EngineName, settings: NearSettings, signatures: bool, note: Callable[[str], None]) -> Engine:
    """The engine asked for; with `auto` the reference where kernels cannot be compiled, which is said.

    Raises:
        InputError: kernels are asked for and cannot be compiled.
    """
    if name != "datasketch":
        from dataprep.dedup.kernel_engine import KernelEngine

        try:
            engine = KernelEngine(settings, signatures=signatures)
            rehearse(engine, settings.bands)
        except CompileError as error:
            if name == "kernel":
                hint = "leave --engine out, or mend the installation of numba"
                raise InputError(error.message, key="--engine", hint=hint) from error
            note(f"warning: {error.message}; the reference engine takes a hundred times longer")
        else:
            return engine
    from dataprep.dedup.reference_engine import ReferenceEngine

    return ReferenceEngine(settings, signatures=signatures)
