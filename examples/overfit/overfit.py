"""Overfits on purpose, four times: with and without early stopping, with and without dropout.

Writes the rows, a small untrained model, a run and a report for each, and a table.

    python examples/overfit/overfit.py --output overfitting
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

import conversations
import model

from trainer.models.quiet import quiet
from trainer.page.report import render
from trainer.recipe_file import LoadedRecipe, load
from trainer.runs.folder import RunFolder
from trainer.train import train

HERE = Path(__file__).parent
STOP, DROP = "training.early_stopping.enabled", "model.dropout"
VARIANTS = {
    "default": (),
    "no-early-stopping": (f"{STOP}=false",),
    "dropout": (f"{DROP}=0.2",),
    "dropout-no-early-stopping": (f"{DROP}=0.2", f"{STOP}=false"),
}
"""What each run changes in `recipe.yaml`. Its name is the run's."""

Outcome = tuple[str, int, int, float, float]


def overfit(folder: Path, *overrides: str) -> Iterator[Outcome]:
    """Train all variants; gives name, last step, best step, best and last validation loss of each.

    Args:
        folder: where everything goes.
        overrides: keys of the recipe to change in all of them.
    """
    quiet()
    model.write(folder / "base", conversations.write(folder / "support"))
    recipe = shutil.copy(HERE / "recipe.yaml", folder / "recipe.yaml")
    for name, changes in VARIANTS.items():
        yield _one(folder, name, load(Path(recipe), [f"name={name}", *changes, *overrides]))


def _one(folder: Path, name: str, recipe: LoadedRecipe) -> Outcome:
    done = train(recipe, fresh=True)
    (folder / f"{name}.html").write_text(render(done.run), encoding="utf-8")
    losses = [line["validation_loss"] for line in RunFolder.open(done.run).metrics() if "validation_loss" in line]
    fitted = done.fitted
    return name, fitted.steps, fitted.best_step, fitted.best_validation_loss, losses[-1]


def main() -> None:
    """Run the example and print what came of it."""
    parser = argparse.ArgumentParser(description="Overfits a small model on purpose, four times.")
    parser.add_argument("--output", type=Path, default=Path("overfitting"), help="a folder that is not there yet")
    folder: Path = parser.parse_args().output
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        parser.error(f"{folder} is there already; name another folder with --output")
    print(f"{'run':<28}{'stopped at':>12}{'best step':>12}{'best loss':>12}{'last loss':>12}")
    for name, last, best, best_loss, last_loss in overfit(folder):
        print(f"{name:<28}{last:>12,}{best:>12,}{best_loss:>12.3f}{last_loss:>12.3f}", flush=True)
    print(f"reports: {folder}/*.html")


if __name__ == "__main__":
    main()
