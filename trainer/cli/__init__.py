"""The `trainer` command: thin over the functions that Python users import.

Commands import what they need when they run, so that `trainer --help` answers at once, with or without torch.
"""

from __future__ import annotations

from importlib.util import find_spec

import typer

from dataprep.cli.help import CommandGroups
from dataprep.errors import InputError
from dataprep.program import Program
from trainer.cli import check, export, find_lr, init, report, runs, train

app = typer.Typer(
    name="trainer",
    cls=CommandGroups,
    help="From a dataset version to a model, without the usual mistakes: rows checked under the tokenizer, a learning "
    "rate that was measured, training that stops in time, runs that can be compared.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
    epilog="\b\nExamples:\n"
    "  trainer init support@latest --model models/base -o recipe.yaml\n"
    "  trainer check recipe.yaml\n"
    "  trainer train recipe.yaml",
)


@app.callback()
def _installed() -> None:
    missing = [name for name in ("torch", "transformers", "trl", "peft", "datasets") if find_spec(name) is None]
    if missing:
        found = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        raise InputError(f"the trainer is not installed ({found}): pip install '.[trainer]' in a checkout of dataprep")


init.register(app)
check.register(app)
find_lr.register(app)
train.register(app)
report.register(app)
runs.register(app)
export.register(app)

program = Program("trainer", app, "finished runs are as they were", "take a smaller batch or model")
main = program.main
