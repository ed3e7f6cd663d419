"""A pipeline for files that are named without a pipeline file: `dataprep run some.jsonl`.

What it assumes is what `dataprep init` would write down for the same files, so both give the same records and ids. It
is said in `LoadedPipeline.assumed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dataprep.pipeline.load import LoadedPipeline, from_tree
from dataprep.pipeline.sources import look_at_all
from dataprep.pipeline.yaml_tree import Plain, tree_of


def from_files(
    paths: Sequence[str | Path], *, name: str | None = None, overrides: Sequence[str] = ()
) -> LoadedPipeline:
    """The pipeline for some data files, folders or globs, with the defaults.

    Files whose rows become records in the same way are one source. Where at least two files carry a split's word in
    their name (train, dev, validation, test …), one of them train, they are sources of their own with that given split.
    Sources are named by their split or by place, never by file: a source's name is part of its records' identity, and
    a renamed file has the same records.

    Args:
        paths: what to read, relative to the current folder.
        name: the dataset's name; default the file's stem, what several stems have in common, or their folder.
        overrides: `key=value`, as for a pipeline file.

    Raises:
        InputError: a file cannot be read; ManyInputErrors for several mistakes. Rows whose shape cannot be told are
            an error of the run, not of this function: an override may settle them.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "support.jsonl")
    ...     _ = file.write_text('{"prompt": "Hi", "completion": "Hello"}\\n')
    ...     loaded = from_files([file])
    >>> loaded.pipeline.name, loaded.pipeline.source_names
    ('support', ['source1'])
    """
    base = Path()
    found = look_at_all(paths, base=base)
    keys: Plain = {"name": name or found.name, "sources": [source.keys() for source in found.sources]}
    return from_tree(tree_of(keys), base=base, overrides=overrides, assumed=found.assumed)
