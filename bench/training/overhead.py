"""Time inside our own listeners as a share of a step: what deciding, counting, alerting and writing cost.

The steps are the smallest that anybody would take with such a model, one row of 256 tokens, where a share is largest;
the listeners cost the same for any batch. Everything between two steps that is ours is counted: what decides whether
to go on, the alerts, the line in the run's folder. What a validation or a checkpoint costs is not, as they are
what somebody asked for; what our listeners add to them is.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from bench.training.models import SMALL, model_folder
from bench.training.required import Figure
from bench.training.texts import short_rows, write_rows

REQUIRED: Final = 2.0
_VOCABULARY: Final = 4000
_LISTENERS: Final = ("measured", "on_step_end", "on_log", "on_evaluate", "on_save")


def main(arguments: Sequence[str]) -> bool:
    """Train for some steps; whether what is required was met. Argument: steps, 40 by default."""
    from trainer.loop import _Watch
    from trainer.models.quiet import quiet
    from trainer.recipe_file import load
    from trainer.runs.folder import RunFolder
    from trainer.start import start
    from trainer.train import train

    quiet()
    steps = int(arguments[0]) if arguments else 40
    rows = short_rows(40 * steps)
    sizes = (
        "training.batch_size=1",
        f"training.max_steps={steps}",
        "training.validations=2",
        "data.validation=0.01",
    )
    seen: list[Any] = []
    with tempfile.TemporaryDirectory(prefix="bench-overhead-") as name, clocked(_Watch, *_LISTENERS) as inside:
        folder = Path(name)
        data = write_rows(folder / "train.jsonl", rows)
        texts = [text for row in rows for text in (row.prompt, row.completion)]
        model = model_folder(folder / "base", SMALL, texts, _VOCABULARY)
        start(str(data), str(model), folder / "recipe.yaml", store="store", method="full")
        with clocked(RunFolder, "log") as written:
            train(load(folder / "recipe.yaml", sizes), on_values=seen.append)
    stepped = [values for values in seen if "loss" in values]
    taken = stepped[1:]  # the first one allocates for all
    tokens = [after["tokens"] - before["tokens"] for before, after in pairwise(stepped)]
    step = sum(size / values["tokens_per_second"] for size, values in zip(tokens, taken, strict=True)) / len(taken)
    ours = sum(map(sum, inside.values())) / steps
    for listener, times in inside.items():
        print(f"  {listener:12} {len(times):4} calls  {1e3 * sum(times) / steps:8.3f} ms a step")
    print(f"  of these {1e3 * sum(written['log']) / steps:.3f} ms a step to write the run's folder")
    print(f"a step takes {1e3 * step:.0f} ms ({sum(tokens) / len(tokens):.0f} tokens)")
    figure = Figure("share of a step in our own listeners", 100 * ours / step, "at most", REQUIRED, "%")
    print(figure)
    return figure.met


@contextmanager
def clocked(owner: type, *names: str) -> Iterator[dict[str, list[float]]]:
    """While this lasts, the seconds of every call of some methods, by name; none may call another.

    >>> with clocked(Path, "is_dir") as seconds:
    ...     _ = Path().is_dir(), Path().is_dir()
    >>> len(seconds["is_dir"])
    2
    """
    seconds: dict[str, list[float]] = {name: [] for name in names}

    def timed(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                seconds[name].append(time.perf_counter() - began)

        return call

    with ExitStack() as held:
        for name in names:
            held.enter_context(patch.object(owner, name, timed(name, getattr(owner, name))))
        yield seconds
