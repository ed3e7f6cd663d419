"""The `dataprep` command: thin over the functions that Python users import.

Commands import what they need when they run, so that `dataprep --help` answers at once.
"""

from __future__ import annotations

import os

import typer

from dataprep.cli import clusters, data, dedup, erase, history, keep, lineage, pipeline, queue, run, whatif
from dataprep.cli.help import CommandGroups, examples
from dataprep.program import Program

app = typer.Typer(
    name="dataprep",
    cls=CommandGroups,
    help="From raw rows to a dataset version that can be defended: cleaned, filtered, deduplicated, split without "
    "leakage, explained row by row, queryable in SQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
    epilog=examples("init data/ -o pipeline.yaml", "plan pipeline.yaml", "run pipeline.yaml"),
)
pipeline.register(app)
whatif.register(app)
run.register(app)
dedup.register(app)
pipeline.register_reference(app)
data.register(app)
keep.register(app)
queue.register(app)
history.register(app)
clusters.register(app)
lineage.register(app)
erase.register(app)


# numpy's threads for linear algebra, of which there is none here, take 0.1 CPU s of each command by waiting for it
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
program = Program("dataprep", app, "versions are as they were", "use fewer --workers or a smaller --memory")
main = program.main
